"""Engine: the `pulumi` command, taken from PATH, downloaded by Pulumi's own SDK, or built.

Owns that choice. Does not own the build (engine_build.py) or the plugins (plugins.py).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from bootstrap.commands import CommandFailed, ask, run
from bootstrap.engine_build import build_engine, built_folder
from bootstrap.golang import NEED
from bootstrap.machine import PULUMI_DOWNLOADS, Machine
from bootstrap.packages import locked_version

DOWNLOAD_SECONDS = 600
INSTALL = """
import socket, sys
socket.setdefaulttimeout(10)
from pulumi.automation import PulumiCommand
PulumiCommand.install(root=sys.argv[1])
"""
"""Pulumi's own installer, at the SDK's version; its download would wait for ever without a timeout."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A Pulumi engine that starts."""

    program: Path
    """The `pulumi` command."""

    version: str
    """Without the `v`."""

    @property
    def folder(self) -> Path:
        """What must be on PATH: the language host stands beside the engine."""
        return self.program.parent


def bring_engine(machine: Machine) -> Engine:
    """Return an engine that is at least as new as the SDK that the lock file names."""
    wanted = locked_version(machine, "pulumi")
    downloaded = machine.cache / f"pulumi-{wanted}"
    note = ""
    if found := machine.find("pulumi"):
        version = version_of(machine, found)
        if numbers(version) >= numbers(wanted):
            machine.report.found(NEED, f"{version} on PATH")
            return Engine(program=found, version=version)
        note = f" ({found} is {version or 'broken'}, older than the SDK)"
    for folder, how in ((downloaded / "bin", "downloaded earlier"), (built_folder(machine), "built earlier")):
        if version := version_of(machine, folder / "pulumi"):
            machine.report.found(NEED, f"{version}, {how}{note}")
            return Engine(program=folder / "pulumi", version=version)
    if download(machine, downloaded, wanted):
        machine.report.found(NEED, f"{wanted}, downloaded from Pulumi{note}")
        return Engine(program=downloaded / "bin/pulumi", version=wanted)
    program = build_engine(machine) / "pulumi"
    machine.report.found(NEED, f"{wanted}, built from its Go modules{note}")
    return Engine(program=program, version=version_of(machine, program))


def download(machine: Machine, target: Path, version: str) -> bool:
    """Return whether Pulumi's installer brought the engine; a failure is only reported."""
    with machine.report.step(NEED, "asking Pulumi's download site"):
        reached = machine.reaches(PULUMI_DOWNLOADS)
    if not reached:
        machine.report.found(NEED, "Pulumi's download site does not answer; going on with the Go modules")
        return False
    try:
        with machine.report.step(NEED, f"downloading {version} from Pulumi") as step:
            run(
                [machine.venv_python, "-c", INSTALL, target],
                env=machine.env,
                timeout_seconds=DOWNLOAD_SECONDS,
                log=machine.log("engine-download"),
                tell=step.tell,
            )
    except CommandFailed:
        log = machine.log("engine-download")
        machine.report.found(NEED, f"Pulumi's download failed ({log}); going on with the Go modules")
        return False
    return True


def version_of(machine: Machine, program: Path) -> str:
    """Return what `pulumi version` says, without the `v`; empty where it does not start."""
    if not program.exists():
        return ""
    env = {**machine.env, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    said = ask([program, "version"], env=env, timeout_seconds=20)
    return said.text.splitlines()[-1].removeprefix("v") if said.good and said.text else ""


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, to compare it by: `3.259.0-dev` is (3, 259, 0)."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()
