"""Locks: who updates a stack now, and the locks that a killed update left in a state on this machine.

Owns the files that Pulumi's own file backend writes (pkg/backend/diy/lock.go). A lock in any other backend is
Pulumi's to tell.
"""

import json
import socket
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bootstrap import processes
from bootstrap.inventory import PROJECT
from bootstrap.machine import Machine

SLACK_SECONDS = 5.0
"""How much younger than its lock an engine may seem: the kernel counts in ticks, from a rounded start."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """One lock."""

    path: Path
    """Its file."""

    pid: int
    """The engine's process, on its own machine."""

    whose: str
    """Who took it, as `user@machine`."""

    since: str
    """When."""

    stale: bool
    """Whether no process of this machine can be the one that took it."""

    here: bool
    """Whether it was taken on this machine."""


def locks(machine: Machine, stack: str) -> list[Lock]:
    """Return the locks of the stack; none where the state is not a folder of this machine."""
    return [] if (folder := lock_folder(machine, stack)) is None else list(_locks(machine, folder))


def lock_folder(machine: Machine, stack: str) -> Path | None:
    """Return the folder of the stack's locks, or None for a backend that is not a folder."""
    folder = backend_folder(machine)
    return None if folder is None else folder / ".pulumi/locks/organization" / PROJECT / stack


def backend_folder(machine: Machine) -> Path | None:
    """Return the folder where Pulumi keeps states, or None for a backend that is none."""
    backend = machine.env.get("PULUMI_BACKEND_URL", "")
    if not backend.startswith("file://"):
        return None
    where = urllib.parse.unquote(urllib.parse.urlsplit(backend).path or backend.removeprefix("file://"))
    home = machine.env.get("HOME") or str(Path.home())
    if backend.startswith("file://~"):
        where = home + backend.removeprefix("file://~")
    elif backend.startswith("file://."):
        where = str(machine.project / backend.removeprefix("file://"))
    return Path(where)


def _locks(machine: Machine, folder: Path) -> Iterator[Lock]:
    for path in sorted(folder.glob("*.json")):
        try:
            said = json.loads(path.read_text())
        except FileNotFoundError:
            continue  # it was given back meanwhile
        except ValueError:
            said = {}  # its writer was killed while it wrote
        here = said.get("hostname", socket.gethostname()) == socket.gethostname()
        yield Lock(
            path=path,
            pid=int(said.get("pid") or 0),
            whose=f"{said.get('username') or 'somebody'}@{said.get('hostname') or 'this machine'}",
            since=str(said.get("timestamp") or "")[:19].replace("T", " "),
            here=here,
            stale=here and not _holds(machine, said),
        )


def _holds(machine: Machine, said: dict[str, object]) -> bool:
    """Return whether the engine that took the lock still runs: same number, same program, no younger."""
    pid = int(str(said.get("pid") or 0))
    began = processes.began(machine, pid)
    if began is None or not processes.command(machine, pid).startswith("pulumi"):
        return False
    # Go writes nanoseconds, which fromisoformat does not take.
    taken = str(said.get("timestamp") or "")
    seconds, _, rest = taken.partition(".")
    zone = rest.lstrip("0123456789") if rest else ""
    return began <= datetime.fromisoformat(seconds + zone).timestamp() + SLACK_SECONDS
