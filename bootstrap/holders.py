"""Holders: who has a port of this machine, as far as the kernel and Docker tell.

Owns the answer for one address and port. Does not own which ports a stack wants (ports.py).
"""

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from bootstrap import processes
from bootstrap.inventory import Container
from bootstrap.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Held:
    """A port that somebody else has."""

    address: str
    """Where it is wanted."""

    port: int
    """Its number."""

    whose: str
    """Who has it; empty where that cannot be seen."""


def held(
    machine: Machine, address: str, port: int, ours: Sequence[Container], running: Sequence[Container]
) -> Held | None:
    """Return who keeps the stack from listening there, or None where nobody does.

    `ours` are the stack's own containers: what they publish is theirs, and only that. `running` are all.
    """
    own = {identity.identity for identity in ours}
    published = {place for one in ours for place in one.published}
    for container in running:
        if container.identity not in own and any(
            meets(address, port, *place) for place in container.published
        ):
            of = f" of stack {container.stack.partition('-')[2]}" if container.stack else ""
            return Held(address=address, port=port, whose=f"container {container.name}{of}")
    others = [
        inode
        for where, number, inode in processes.listeners(machine.system / "proc/net")
        if meets(address, port, where, number) and (where, number) not in published
    ]
    if others:
        return Held(address=address, port=port, whose=processes.owner(machine, others[0]))
    if is_taken(address, port) and not any(meets(address, port, *place) for place in published):
        return Held(address=address, port=port, whose="")
    return None


def meets(address: str, port: int, other: str, number: int) -> bool:
    """Return whether two sockets cannot both listen: the same port, and one address or all of its kind."""
    if port != number:
        return False
    one, two = ip_address(address), ip_address(other)
    return one.version == two.version and (one == two or one.is_unspecified or two.is_unspecified)


def is_elsewhere(address: str) -> bool:
    """Return whether this machine has no such address, so that nothing can listen there."""
    return _refusal(address, 0) == errno.EADDRNOTAVAIL


def is_taken(address: str, port: int) -> bool:
    """Return whether something listens there; other refusals are Docker's to tell."""
    return _refusal(address, port) == errno.EADDRINUSE


def _refusal(address: str, port: int) -> int | None:
    """Return the number of the error with which the system refuses to listen there; None where it may be."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            return error.errno
    return None
