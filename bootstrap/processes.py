"""Processes: who runs on this machine, read from the kernel's own tables.

Owns how a process is told from another one of the same number, and which ones a dead engine left behind.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from bootstrap.machine import Machine

PLUGIN = re.compile(
    r"(?:.*/)?pulumi-(?:resource|language)-[a-z-]+|bootstrap\.providers\.[a-z]+|mailinfra\.provider"
)
"""An argument that only a plugin, or the program that a language plugin runs, is started with."""

ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")
END_SECONDS = 3.0
LISTENS = "0A"
"""The kernel's word for a socket that waits for connections: include/net/tcp_states.h."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process of a dead engine."""

    pid: int
    """Its number."""

    name: str
    """What it is, as a person knows it."""


def began(machine: Machine, pid: int) -> float | None:
    """Return when the process began, in seconds since 1970; None where there is none, or only its remains."""
    try:
        fields = (machine.system / "proc" / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = re.search(r"^btime (\d+)", (machine.system / "proc/stat").read_text(), re.M)
    except OSError:
        return None
    if not boot or fields[0] in "ZX":
        return None
    return int(boot[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")


def command(machine: Machine, pid: int) -> str:
    """Return the name of the program that a process runs; empty where there is none."""
    try:
        return (machine.system / "proc" / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def left_behind(machine: Machine) -> list[Process]:
    """Return the plugins and programs of this project whose engine is gone.

    Only those count that run in this project's folder and were told the address of an engine where nobody
    listens any more: nothing can reach them, and they would go on with what they had begun.
    """
    found = []
    for folder in sorted((machine.system / "proc").glob("[0-9]*")):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            inside = (folder / "cwd").resolve(strict=True) == machine.project.resolve()
        except OSError:
            continue
        named = next((word for word in words if PLUGIN.fullmatch(word) or "pulumi-language-" in word), "")
        engines = {int(match[1]) for match in map(ADDRESS.fullmatch, words) if match}
        if not (inside and named and engines):
            continue
        # As that process sees the network: it may be in a container's.
        if engines.isdisjoint(port for _, port, _ in listeners(folder / "net")):
            found.append(Process(pid=int(folder.name), name=_plain(named)))
    return found


def end(process: Process) -> None:
    """End a process and what it started: politely, then not."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            # A plugin leads a group of its own; whoever does not is ended alone.
            if os.getpgid(process.pid) == process.pid:
                os.killpg(process.pid, sign)
            else:
                os.kill(process.pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            if not _runs(process.pid):
                return
            time.sleep(0.05)


def listeners(tables: Path) -> Iterator[tuple[str, int, str]]:
    """Return address, port and inode of each TCP socket that waits for connections, from /proc/net."""
    for table, width in (("tcp", 4), ("tcp6", 16)):
        try:
            lines = (tables / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for words in map(str.split, lines):
            if len(words) > 9 and words[3] == LISTENS:
                digits, _, port = words[1].partition(":")
                # Each group of four bytes is a number in the machine's own order.
                raw = b"".join(
                    int(digits[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, width * 2, 8)
                )
                yield str(IPv4Address(raw) if width == 4 else IPv6Address(raw)), int(port, 16), words[9]


def owner(machine: Machine, inode: str) -> str:
    """Return program and number of the process that holds a socket; empty where this user cannot see it."""
    for folder in (machine.system / "proc").glob("[0-9]*"):
        try:
            for link in (folder / "fd").iterdir():
                if os.readlink(link) == f"socket:[{inode}]":
                    pid = int(folder.name)
                    return f"{command(machine, pid) or 'a program'} (process {pid})"
        except OSError:
            continue
    return ""


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _plain(word: str) -> str:
    return word.rpartition("/")[2] if "/" in word else word
