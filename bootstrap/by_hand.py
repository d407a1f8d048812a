"""By hand: what Docker was told about a daemon's container, while it ran, that the state does not say.

Owns its networks, its name, and limits and restarts that `docker update` changed: a daemon without its
network can look healthy, and one that does not restart does so until the machine does. Does not own daemons
that do not run (repair.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.health import Daemon
from bootstrap.inventory import Container
from bootstrap.record import Resource

MEBIBYTE = 1 << 20
UPDATED = {
    "memory": ("Memory", "--memory", "memory"),
    "memorySwap": ("MemorySwap", "--memory-swap", "memory with swap"),
}
"""Key of the state, in MiB -> Docker's key, in bytes; the option that sets it; what a person calls it."""


@dataclass(frozen=True, kw_only=True)
class Deed:
    """What a hand did, and how it is undone."""

    what: str
    """What is told: `postfix was taken out of network …`."""

    commands: tuple[tuple[str, ...], ...]
    """Words for Docker, in their order, that undo it; none where that is left to a person."""

    anew: bool = False
    """Whether Docker knows no command that undoes it, so that the container is made anew."""

    restarts: bool = False
    """Whether the daemon has to begin anew, as what it listened on is gone."""

    @property
    def is_undone(self) -> bool:
        """Whether the next `make up` undoes it; otherwise that is left to a person."""
        return bool(self.commands) or self.anew


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the state says of a daemon's container."""

    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of each network that it is in -> its address and aliases there."""

    restart: str = ""
    """Docker's restart policy; empty where nothing is declared."""

    limits: Mapping[str, int] = field(default_factory=dict)
    """Docker's key -> bytes."""


def declared(resource: Resource) -> Declared:
    """Read what the state says."""
    inputs: Mapping[str, Any] = resource.get("inputs") or {}
    return Declared(
        networks={str(one["name"]): one for one in inputs.get("networksAdvanced") or []},
        restart=str(inputs.get("restart") or ""),
        limits={
            theirs: int(inputs[ours]) * MEBIBYTE
            for ours, (theirs, _, _) in UPDATED.items()
            if isinstance(inputs.get(ours), int | float)
        },
    )


def deeds(daemon: Daemon, resource: Resource) -> Iterator[Deed]:
    """Return what a hand did to a daemon's container that is there."""
    if daemon.container is None:
        return
    says, there = declared(resource), daemon.container
    for network, place in says.networks.items():
        address = str(place.get("ipv4Address") or "")
        if network not in there.networks:
            yield Deed(
                what=f"{daemon.service} was taken out of network {network}",
                commands=(_connect(daemon, network, place),),
                restarts=True,
            )
        elif address and there.networks[network] not in (address, ""):
            yield Deed(
                what=f"{daemon.service} has {there.networks[network]} in network {network}, not {address}",
                commands=(
                    ("network", "disconnect", network, daemon.identity),
                    _connect(daemon, network, place),
                ),
                restarts=True,
            )
    if says.networks:
        for network in sorted(set(there.networks) - set(says.networks)):
            yield Deed(
                what=f"{daemon.service} was put in network {network}, which nothing declares; "
                f"to take it out: docker network disconnect {network} {there.name}",
                commands=(),
            )
    if says.restart and there.restart != says.restart:
        yield Deed(
            what=f"{daemon.service} was told to restart '{there.restart}', not '{says.restart}'",
            commands=(("update", "--restart", says.restart, daemon.identity),),
        )
    changed = {key: bytes_ for key, bytes_ in says.limits.items() if there.limits.get(key, 0) != bytes_}
    if changed:
        options = [
            word
            for theirs, option, _ in UPDATED.values()
            if theirs in says.limits
            for word in (option, str(says.limits[theirs]))
        ]
        named = ", ".join(
            f"{called} {there.limits.get(key, 0) // MEBIBYTE} MiB in place of {changed[key] // MEBIBYTE}"
            for key, _, called in UPDATED.values()
            if key in changed
        )
        yield Deed(
            what=f"{daemon.service} was given other limits: {named}",
            commands=(("update", *options, daemon.identity),),
        )

    yield from _processors_and_name(daemon, there, resource)


def _processors_and_name(daemon: Daemon, there: Container, resource: Resource) -> Iterator[Deed]:
    if there.processors:
        given = ", ".join(f"{key} {value}" for key, value in sorted(there.processors.items()))
        yield Deed(
            what=f"{daemon.service} was given a part of the processors ({given})", commands=(), anew=True
        )
    name = str((resource.get("outputs") or {}).get("name") or "")
    if name and there.name != name:
        yield Deed(
            what=f"{daemon.service} was renamed to {there.name}",
            commands=(("rename", daemon.identity, name),),
        )


def _connect(daemon: Daemon, network: str, place: Mapping[str, Any]) -> tuple[str, ...]:
    options: list[str] = []
    for key, option in (("ipv4Address", "--ip"), ("ipv6Address", "--ip6")):
        if place.get(key):
            options += [option, str(place[key])]
    for alias in place.get("aliases") or []:
        options += ["--alias", str(alias)]
    return ("network", "connect", *options, network, daemon.identity)
