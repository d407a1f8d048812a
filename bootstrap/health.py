"""Health: whether the daemons of a stack do their work, and their last words where they do not.

Owns waiting for it and how it is told. Does not own what is done about it (repair.py).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bootstrap import inventory
from bootstrap.inventory import Container
from bootstrap.machine import Machine
from bootstrap.record import Record

SETTLE_SECONDS = 60.0
"""How long a daemon that has just begun may take until it says how it is, after Pulumi has waited for it."""

POLL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """One daemon that the state knows."""

    service: str
    """mysql, dovecot, postfix, webmail, and those of the filter."""

    urn: str
    """The URN of its container."""

    identity: str
    """Docker's id of its container, as the state has it."""

    container: Container | None
    """What Docker has by that id."""

    @property
    def runs_well(self) -> bool:
        """Whether it runs and proves its health."""
        return self.container is not None and self.container.runs_well

    @property
    def condition(self) -> str:
        """How it is, in a word."""
        return self.container.condition if self.container else "missing"


def daemons(record: Record, containers: Sequence[Container]) -> list[Daemon]:
    """Return each daemon of the state, with the container that Docker has of it; MySQL first."""
    there = {container.identity: container for container in containers}
    found = [
        Daemon(
            service=service,
            urn=str(resource["urn"]),
            identity=str(resource["id"]),
            container=there.get(str(resource["id"])),
        )
        for resource, service in record.daemons()
    ]
    return sorted(found, key=lambda daemon: (daemon.service != "mysql", daemon.service))


def settled(machine: Machine, stack: str, record: Record, seconds: float) -> list[Daemon]:
    """Return the daemons as soon as none of them is only starting, or when the time is up."""
    deadline = time.monotonic() + seconds
    while True:
        found = daemons(record, inventory.containers(machine, stack))
        if time.monotonic() >= deadline or not any(one.condition == "starting" for one in found):
            return found
        time.sleep(POLL_SECONDS)


def told(machine: Machine, found: Sequence[Daemon]) -> Iterator[str]:
    """Return lines about each daemon that does not run well, with its last words."""
    for daemon in found:
        if not daemon.runs_well:
            yield f"{daemon.service} is {daemon.condition}."
            yield from words(machine, daemon.container)


def words(machine: Machine, container: Container | None) -> Iterator[str]:
    """Return a container's last words as lines under a sentence, and where the rest is."""
    if container is not None and (said := inventory.last_words(machine, container)):
        yield from (f"    {line}" for line in said)
        yield f"    (more: docker logs {container.name})"
