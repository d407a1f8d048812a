"""Inventory: what Docker really has of one stack, found by the label that every part of it carries.

Owns what is asked and how it is read. Does not own what should be there (record.py) or what follows from it
(repair.py).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.commands import Answer, ask
from bootstrap.machine import Machine
from bootstrap.problem import Problem

PROJECT = "mailinfra"
STACK_LABEL = "mailinfra.stack"
SERVICE_LABEL = "mailinfra.service"
ASK_SECONDS = 60
"""A machine at work answers late."""

CPUS = ("NanoCpus", "CpuQuota", "CpuShares", "CpusetCpus")
"""Docker's keys of what `docker update` gives a container of the processors; nothing of ours declares one."""

WORDS = 10
"""Lines of a container's log that are shown."""


def full_name(stack: str) -> str:
    """Return what the stack's parts are labelled with and its volumes' names begin with."""
    return f"{PROJECT}-{stack}"


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container, as Docker describes it."""

    identity: str
    """Docker's id."""

    name: str
    """Docker's name, without the slash."""

    service: str
    """What it is for: mysql, dovecot, postfix, webmail."""

    stack: str
    """Whose it is, as `<project>-<stack>`; empty for a container that is not ours."""

    serves: bool
    """Whether it is a daemon; the others only fill volumes and never start."""

    status: str
    """created, running, paused, restarting, exited or dead."""

    health: str
    """starting, healthy or unhealthy; empty where nothing tells."""

    said: str
    """What the newest health check said."""

    image: str
    """Docker's id of the image that it runs."""

    user: str
    """Whom its first process runs as, as it was declared; empty for root."""

    since: str
    """When it began to run, in UTC."""

    published: tuple[tuple[str, int], ...]
    """Address and port of each that it holds on the host now."""

    networks: Mapping[str, str] = field(default_factory=dict)
    """Name of each network that it is in -> the IPv4 address that it was given there; empty for any."""

    restart: str = ""
    """When Docker starts it again: `unless-stopped` and the like."""

    limits: Mapping[str, int] = field(default_factory=dict)
    """Docker's key -> bytes that it may have: Memory, MemorySwap; 0 for as much as there is."""

    processors: Mapping[str, str] = field(default_factory=dict)
    """Docker's key -> what limits it on the processors; nothing where it may have them all."""

    @property
    def runs_well(self) -> bool:
        """Whether it runs and proves its health."""
        return self.status == "running" and self.health in ("healthy", "")

    @property
    def condition(self) -> str:
        """How it is, in a word."""
        if self.status == "running":
            return self.health or "running"
        return {"exited": "stopped", "created": "not started"}.get(self.status, self.status)


def containers(machine: Machine, stack: str) -> list[Container]:
    """Return every container of the stack, running or not."""
    return sorted(
        _containers(machine, "--all", "--filter", f"label={STACK_LABEL}={full_name(stack)}"),
        key=lambda container: (container.service, container.name),
    )


def running_anywhere(machine: Machine) -> list[Container]:
    """Return every running container, whosever it is."""
    return list(_containers(machine))


def networks(machine: Machine, stack: str) -> dict[str, str]:
    """Return id -> name of each network of the stack."""
    words = ["network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}"]
    said = _listed(machine, *words, "--filter", f"label={STACK_LABEL}={full_name(stack)}")
    return {line.split()[0]: line.split()[1] for line in said.splitlines() if len(line.split()) == 2}


def volumes(machine: Machine, stack: str) -> list[str]:
    """Return the names of all volumes that begin with the stack's name, data and files alike."""
    words = ["volume", "ls", "--format", "{{.Name}}", "--filter", f"name={full_name(stack)}-"]
    said = _listed(machine, *words)
    return sorted(line for line in said.splitlines() if line.startswith(f"{full_name(stack)}-"))


def holds_files(volume: str, stack: str, services: Sequence[str]) -> bool:
    """Return whether a volume holds rendered files of this stack, which every `up` can make again.

    Such a name ends in the files' hash (containers/config_volumes.py). The name of a data volume never does.
    """
    known = "|".join(map(re.escape, sorted(services))) or "(?!)"
    return bool(re.fullmatch(rf"{re.escape(full_name(stack))}-({known})-[a-z0-9-]+-[0-9a-f]{{16}}", volume))


def images(machine: Machine, wanted: Sequence[str]) -> set[str]:
    """Return those of the wanted images, given by id, that the engine has."""
    words = ["docker", "image", "ls", "--all", "--quiet", "--no-trunc"]
    there = ask(words, env=machine.env, timeout_seconds=ASK_SECONDS)
    return set(wanted) & set(there.text.split()) if there.good else set(wanted)


def last_words(machine: Machine, container: Container) -> list[str]:
    """Return the newest lines of its log, and what its health check said; none of ours logs a secret."""
    said = ask(
        ["docker", "logs", "--tail", str(WORDS), container.identity],
        env=machine.env,
        timeout_seconds=ASK_SECONDS,
    )
    log = [line.rstrip() for line in [*said.text.splitlines(), *said.error.splitlines()] if line.strip()]
    check = [f"health check: {line.strip()}" for line in container.said.splitlines() if line.strip()]
    return [*log[-WORDS:], *check[-2:]]


def _listed(machine: Machine, *words: str) -> str:
    """Return what Docker lists; raise Problem where it does not answer: that is not to have nothing."""
    said = ask(["docker", *words], env=machine.env, timeout_seconds=ASK_SECONDS)
    if not said.good:
        raise _silent(" ".join(words[:2]), said)
    return said.text


def _silent(what: str, said: Answer) -> Problem:
    why = (said.error.splitlines() or [f"it ended with {said.code}"])[-1]
    return Problem(
        f"Docker does not say what it has (docker {what}: {why})", "Run this again once docker ps answers"
    )


def _containers(machine: Machine, *filters: str) -> Iterator[Container]:
    if numbers := _listed(machine, "ps", "--quiet", "--no-trunc", *filters).split():
        words = ["docker", "inspect", "--type", "container", "--format", "{{json .}}", *numbers]
        # One that is gone by now makes this fail, and the other ones are told all the same.
        said = ask(words, env=machine.env, timeout_seconds=ASK_SECONDS)
        if not said.good and "no such" not in said.error.lower():
            raise _silent("inspect", said)
        yield from (_container(json.loads(line)) for line in said.text.splitlines() if line.startswith("{"))


def _container(described: Mapping[str, Any]) -> Container:
    config, state = described["Config"], described["State"]
    host: Mapping[str, Any] = described.get("HostConfig") or {}
    labels: Mapping[str, str] = config.get("Labels") or {}
    health: Mapping[str, Any] = state.get("Health") or {}
    log = health.get("Log") or []
    name = str(described["Name"]).removeprefix("/")
    return Container(
        identity=str(described["Id"]),
        name=name,
        service=labels.get(SERVICE_LABEL, name),
        stack=labels.get(STACK_LABEL, ""),
        serves=bool(config.get("Healthcheck")),
        status=str(state.get("Status", "")),
        health=str(health.get("Status", "")),
        said=str(log[-1].get("Output", "")) if log else "",
        image=str(described.get("Image") or ""),
        user=str(config.get("User") or ""),
        since=str(state.get("StartedAt", ""))[:16].replace("T", " "),
        published=tuple(sorted(set(_published(described)))),
        networks=dict(_networks(described)),
        restart=str((host.get("RestartPolicy") or {}).get("Name") or ""),
        limits={key: int(host.get(key) or 0) for key in ("Memory", "MemorySwap")},
        processors={key: str(host[key]) for key in CPUS if host.get(key)},
    )


def _networks(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = (described.get("NetworkSettings") or {}).get("Networks") or {}
    for network, place in known.items():
        yield str(network), str(((place or {}).get("IPAMConfig") or {}).get("IPv4Address") or "")


def _published(described: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    bound = (described.get("NetworkSettings") or {}).get("Ports") or {}
    for places in bound.values():
        for place in places or []:
            if str(place.get("HostPort", "")).isdigit():
                yield str(place.get("HostIp") or "0.0.0.0"), int(place["HostPort"])  # noqa: S104
