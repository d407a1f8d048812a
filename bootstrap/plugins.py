"""Provider plugins: docker, mysql, random and tls, at the versions that the installed SDK packages ask for.

Owns where they come from: Pulumi's own download, else the local providers of bootstrap/providers.
The local ones live in a Pulumi home of their own, so that no other project of this user ever meets them.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bootstrap.commands import CommandFailed, run
from bootstrap.engine import Engine
from bootstrap.machine import PULUMI_DOWNLOADS, Machine
from bootstrap.problem import Problem
from bootstrap.providers.install import launcher

NEED = "Provider plugins"
NAMES = ("docker", "mysql", "random", "tls")
INSTALL_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Plugins:
    """Where the provider plugins are."""

    home: Path
    """Pulumi's folder that holds them."""

    local: bool
    """Whether they are the local providers: then nothing can be downloaded and nothing should be tried."""


def bring_plugins(machine: Machine, engine: Engine) -> Plugins:
    """Return where all plugins are, after installing those that are missing."""
    wanted = {name: version_asked_for(machine, name) for name in NAMES}
    listed = ", ".join(f"{name} {version}" for name, version in wanted.items())
    home = user_home(machine)
    own = machine.pulumi_home
    if home != own:
        missing = [name for name in NAMES if not installed(home, name, wanted[name])]
        if not missing:
            machine.report.found(NEED, listed)
            return Plugins(home=home, local=False)
        started_local = all(installed(own, name, wanted[name]) for name in NAMES)
        if not started_local and download(machine, engine, {name: wanted[name] for name in missing}):
            machine.report.found(NEED, f"{listed}, downloaded from Pulumi")
            return Plugins(home=home, local=False)
    missing = [name for name in NAMES if not installed(own, name, wanted[name])]
    for name in missing:
        install_local(machine, engine, name, wanted[name])
    machine.report.found(NEED, f"{listed}: local providers{', installed' if missing else ''}")
    return Plugins(home=own, local=True)


def user_home(machine: Machine) -> Path:
    """Return the folder that Pulumi itself would use."""
    named = machine.env.get("PULUMI_HOME")
    return Path(named) if named else Path(machine.env.get("HOME") or Path.home()) / ".pulumi"


def installed(home: Path, name: str, version: str) -> bool:
    """Return whether this plugin is installed and complete: Pulumi marks an unfinished one."""
    folder = home / "plugins" / f"resource-{name}-v{version}"
    return folder.is_dir() and not folder.with_name(f"{folder.name}.partial").exists()


def version_asked_for(machine: Machine, name: str) -> str:
    """Return the plugin version that the installed SDK package names, which the engine will ask for."""
    found = list(machine.venv.glob(f"lib/python*/site-packages/pulumi_{name}/pulumi-plugin.json"))
    if not found:
        raise Problem(
            f"pulumi_{name} is not installed in {machine.venv}", "Remove .venv and run make up again"
        )
    return str(json.loads(found[0].read_text())["version"])


def download(machine: Machine, engine: Engine, missing: dict[str, str]) -> bool:
    """Return whether Pulumi's own download brought every missing plugin; a failure is only reported."""
    if not machine.reaches(PULUMI_DOWNLOADS):
        machine.report.found(
            NEED, "Pulumi's download site does not answer; going on with the local providers"
        )
        return False
    for name, version in missing.items():
        try:
            with machine.report.step(NEED, f"downloading {name} {version} from Pulumi") as step:
                run(
                    [engine.program, "plugin", "install", "resource", name, version],
                    env=machine.env,
                    timeout_seconds=INSTALL_SECONDS,
                    log=machine.log(f"plugin-{name}"),
                    tell=step.tell,
                )
        except CommandFailed:
            log = machine.log(f"plugin-{name}")
            machine.report.found(
                NEED, f"{name} cannot be downloaded ({log}); going on with the local providers"
            )
            return False
    return True


def install_local(machine: Machine, engine: Engine, name: str, version: str) -> None:
    """Install the local provider `name` as that version of the plugin."""
    with tempfile.TemporaryDirectory() as folder:
        launcher(name, Path(folder), machine.venv_python)
        run(
            [engine.program, "plugin", "install", "resource", name, version, "--file", folder],
            env={**machine.env, "PULUMI_HOME": str(machine.pulumi_home)},
            timeout_seconds=60,
            log=machine.log(f"plugin-{name}"),
        )
