"""Inventory: what Docker really has of one stack, found by the label that every part of it carries.

Owns what is asked and how it is read. Does not own what should be there (record.py) or what follows from it
(repair.py).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.commands import ask
from bootstrap.machine import Machine

PROJECT = "mailinfra"
STACK_LABEL = "mailinfra.stack"
SERVICE_LABEL = "mailinfra.service"
ASK_SECONDS = 20
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
    words = ["docker", "network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}"]
    said = ask(
        [*words, "--filter", f"label={STACK_LABEL}={full_name(stack)}"],
        env=machine.env,
        timeout_seconds=ASK_SECONDS,
    )
    return {line.split()[0]: line.split()[1] for line in said.text.splitlines() if len(line.split()) == 2}


def volumes(machine: Machine, stack: str) -> list[str]:
    """Return the names of all volumes that begin with the stack's name, data and files alike."""
    words = ["docker", "volume", "ls", "--format", "{{.Name}}", "--filter", f"name={full_name(stack)}-"]
    said = ask(words, env=machine.env, timeout_seconds=ASK_SECONDS)
    return sorted(line for line in said.text.splitlines() if line.startswith(f"{full_name(stack)}-"))


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


def _containers(machine: Machine, *filters: str) -> Iterator[Container]:
    listed = ask(
        ["docker", "ps", "--quiet", "--no-trunc", *filters], env=machine.env, timeout_seconds=ASK_SECONDS
    )
    if numbers := listed.text.split():
        words = ["docker", "inspect", "--type", "container", "--format", "{{json .}}", *numbers]
        # One that is gone by now makes this fail, and the other ones are told all the same.
        said = ask(words, env=machine.env, timeout_seconds=ASK_SECONDS)
        yield from (_container(json.loads(line)) for line in said.text.splitlines() if line.startswith("{"))


def _container(described: Mapping[str, Any]) -> Container:
    config, state = described["Config"], described["State"]
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
    )


def _published(described: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    bound = (described.get("NetworkSettings") or {}).get("Ports") or {}
    for places in bound.values():
        for place in places or []:
            if str(place.get("HostPort", "")).isdigit():
                yield str(place.get("HostIp") or "0.0.0.0"), int(place["HostPort"])  # noqa: S104
