"""Engine build: the Pulumi engine and its Python language host, from their Go modules.

Both go.mod files under gomodules/ pin what is built, with the checksum of every module. Why two: the
language host of this release is not to be had as a module; the newest one that is works with it
(docs/closed-network.md).
"""

import hashlib
import os
import platform
import re
import shutil
from pathlib import Path

from bootstrap.commands import CommandFailed, ask, run
from bootstrap.golang import NEED, Go, bring_go
from bootstrap.machine import Machine
from bootstrap.problem import Problem
from bootstrap.report import Step

SOURCES = Path(__file__).parent / "gomodules"
SDK = "github.com/pulumi/pulumi/sdk/v3"
VERSION_VARIABLE = f"{SDK}/go/common/version.Version"
BUILD_SECONDS = 1800
"""It takes under four minutes on two cores with an empty cache; half an hour is a machine in trouble."""

PARTS = {
    "cli": ("pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "github.com/pulumi/pulumi/pkg/v3"),
    "language": ("pulumi-language-python", f"{SDK}/python/cmd/pulumi-language-python", SDK),
}
"""Folder under gomodules/ -> program, package, module whose version it carries."""

BUILD_FLAGS = ("-v", "-trimpath", "-buildvcs=false", "-mod=readonly")

SCRIPTS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
"""Beside the language host: paths in the module of the SDK."""


def pinned(part: str) -> str:
    """Return the version, with its `v`, that `gomodules/<part>/go.mod` requires of the part's own module."""
    module = PARTS[part][2]
    found = re.search(rf"^require {re.escape(module)} (v\S+)", (SOURCES / part / "go.mod").read_text(), re.M)
    if not found:
        raise Problem(
            f"bootstrap/gomodules/{part}/go.mod does not require {module}", "Restore it from the repository"
        )
    return found[1]


def go_minimum() -> tuple[int, int]:
    """Return the oldest Go that both go.mod files accept."""
    texts = [(SOURCES / part / "go.mod").read_text() for part in PARTS]
    found = [match for text in texts for match in re.findall(r"^go (\d+)\.(\d+)", text, re.M)]
    return max((int(major), int(minor)) for major, minor in found)


def built_folder(machine: Machine) -> Path:
    """Return the folder of this build: its name changes with everything that goes into it."""
    state = hashlib.sha256(repr((platform.machine(), PARTS, BUILD_FLAGS, SCRIPTS)).encode())
    for path in sorted(SOURCES.rglob("go.*")):
        state.update(path.read_bytes())
    return machine.cache / f"engine-{pinned('cli').removeprefix('v')}-{state.hexdigest()[:12]}"


def build_engine(machine: Machine) -> Path:
    """Return the folder with the built programs; build them unless an earlier run did."""
    folder = built_folder(machine)
    if folder.exists():
        return folder
    go = bring_go(machine, go_minimum())
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    unfinished.mkdir(parents=True)
    try:
        with machine.report.step(NEED, "building from Go modules (some minutes, once)") as step:
            for part in PARTS:
                compile_part(machine, go, part, unfinished, step)
            copy_scripts(go, unfinished)
        unfinished.rename(folder)
    except CommandFailed as failure:
        raise Problem(
            f"the Pulumi engine can be neither downloaded nor built: {failure.last}",
            f"Install Pulumi {pinned('cli')} yourself and put it on PATH; see {machine.log('engine-cli')}",
        ) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if go.scratch:
            shutil.rmtree(go.scratch, ignore_errors=True)
    return folder


def compile_part(machine: Machine, go: Go, part: str, target: Path, step: Step) -> None:
    """Compile one program into `target`, with the pinned version in it."""
    program, package, _ = PARTS[part]
    compiled = 0

    def tell(line: str) -> None:
        nonlocal compiled
        if line.startswith("go: downloading"):
            step.tell(f"{program}: {line.removeprefix('go: ')}")
        else:
            compiled += 1
            step.tell(f"{program}: {compiled} packages compiled, {line}")

    flags = f"-s -w -X {VERSION_VARIABLE}={pinned(part)}"
    run(
        [go.program, "build", *BUILD_FLAGS, "-ldflags", flags, "-o", target / program, package],
        env=go.env,
        cwd=SOURCES / part,
        timeout_seconds=BUILD_SECONDS,
        log=machine.log(f"engine-{part}"),
        tell=tell,
    )


def copy_scripts(go: Go, target: Path) -> None:
    """Copy the scripts that the language host starts programs and dynamic providers with."""
    asked = ask(
        [go.program, "list", "-m", "-mod=readonly", "-f", "{{.Dir}}", SDK],
        env=go.env,
        cwd=SOURCES / "language",
        timeout_seconds=60,
    )
    for script in SCRIPTS:
        source = Path(asked.text) / script
        if not asked.good or not source.exists():
            raise CommandFailed(f"the module {SDK} has no {script}", None, asked.error.splitlines())
        copy = Path(shutil.copy(source, target))
        copy.chmod(0o755)
