"""Moments: when an update is at a resource, and who takes part in it then.

Owns waiting for the moment and the signal. Does not own what comes of it (the tests).
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.interruptions.yard import Yard

ENGINE, PROGRAM = "engine", "program"
PLUGINS = ("docker", "mysql", "random", "tls", "mailinfra", "python")
VICTIMS = (ENGINE, PROGRAM, *PLUGINS)
"""Who can be killed: the engine, the program, each plugin, the language host among them."""

END_SECONDS = 400

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)


def parents() -> dict[int, int]:
    """Return process -> parent of all that runs."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return found


def descendants(root: int) -> list[int]:
    """Return a process and all that it started, itself first."""
    family = parents()
    found = [root]
    for one in found:
        found += [child for child, parent in family.items() if parent == one]
    return found


def words(pid: int) -> list[str]:
    """Return a process's command line; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def role(pid: int) -> str:
    """Return what a process is in an update; empty for any other."""
    line = words(pid)
    text = " ".join(line)
    if "pulumi-language-python-exec" in text:
        return PROGRAM
    if line and line[0].endswith("/pulumi-language-python"):
        return "python"
    if "mailinfra.provider" in line:
        return "mailinfra"
    if found := re.search(r"pulumi-resource-([a-z]+) |bootstrap\.providers\.([a-z]+)", f"{text} "):
        return found[1] or found[2]
    if (line and line[0].endswith("/pulumi")) or line[:1] == ["pulumi"]:
        return ENGINE
    return ""


def cast(make: subprocess.Popen[bytes]) -> dict[str, int]:
    """Return role -> process of the update that a `make` runs."""
    return {role(pid): pid for pid in reversed(descendants(make.pid)) if role(pid)}


def of_yard(yard: Yard) -> Iterator[tuple[str, int]]:
    """Return every process of an update in this yard, whoever its parent is now."""
    for pid in parents():
        try:
            inside = Path(f"/proc/{pid}/cwd").resolve(strict=True) == yard.project
        except OSError:
            continue
        if inside and (what := role(pid)):
            yield what, pid


def is_at(yard: Yard, urn: str, known: set[str]) -> bool:
    """Return whether an update is at a resource, or just through with one that it did not find there.

    What takes milliseconds is over before anybody can look.
    """
    now = yard.checkpoint
    begun = {operation["resource"]["urn"] for operation in now.get("pending_operations") or []}
    return urn in begun or urn in made(yard) - known


def made(yard: Yard) -> set[str]:
    """Return the URNs of all that is made."""
    return {each["urn"] for each in yard.checkpoint.get("resources") or [] if each.get("id")}


def wait_for(yard: Yard, make: subprocess.Popen[bytes], urn: str, *victims: str) -> tuple[str, int] | None:
    """Return the first victim that is there as soon as the update is at the resource, and its process.

    None if the update ends before, or none of them takes part then.
    """
    known = made(yard)
    while make.poll() is None and not is_at(yard, urn, known):
        time.sleep(0.01)
    while make.poll() is None:
        there = cast(make)
        for victim in victims:
            if victim in there:
                return victim, there[victim]
        if {ENGINE, PROGRAM}.isdisjoint(victims):
            break  # a plugin that is not needed any more, or not yet
    return None


@dataclass(frozen=True, kw_only=True)
class Blow:
    """What came of an update that was to be killed."""

    victim: str
    """Who was hit; empty where nobody was."""

    status: int
    """What `make` ended with."""

    said: str
    """What a person read meanwhile."""


def strike(yard: Yard, urn: str, sign: signal.Signals, *victims: str, command: str = "up") -> Blow:
    """Begin an update, kill the first victim that is there when it is at the resource, wait for the end."""
    said = yard.project.parent / "said"
    make = yard.begin(command, said=said)
    hit = wait_for(yard, make, urn, *victims)
    victim = ""
    if hit:
        with suppress(ProcessLookupError):
            os.kill(hit[1], sign)
            victim = hit[0]
    try:
        status = make.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        make.kill()
        make.wait()
        raise AssertionError(
            f"make {command} goes on for ever after {sign.name} of {victim or 'nobody'}:\n{said.read_text()}"
        ) from None
    text = said.read_text(errors="replace")
    yard.heard.append(text)
    return Blow(victim=victim, status=status, said=text)
