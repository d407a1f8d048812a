"""Environment: the variables under which `pulumi` is the one that was brought, in make and in a shell."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from bootstrap.engine import Engine
from bootstrap.machine import Machine
from bootstrap.plugins import Plugins
from bootstrap.state import credentials_folder

UNSET = ("ALL_PROXY", "all_proxy")
"""The mysql provider sends even its connection to this machine through such a proxy."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What differs from the environment that make was started in."""

    changes: Mapping[str, str]
    """Variables to set."""

    def over(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return `env` with the changes made."""
        return {name: value for name, value in {**env, **self.changes}.items() if name not in UNSET}

    def shell(self) -> str:
        """Return the changes as lines for a POSIX shell's `eval`."""
        lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(self.changes.items())]
        return "\n".join([*lines, f"unset {' '.join(UNSET)}"])


def compose(machine: Machine, engine: Engine, plugins: Plugins, state: Mapping[str, str]) -> Environment:
    """Return the environment in which plain `pulumi` commands work."""
    changes = {**state, "PATH": search_path(machine, engine), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    if plugins.local:
        # Without this a missing plugin costs seconds of retried downloads at each command.
        changes["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        changes["PULUMI_CREDENTIALS_PATH"] = str(credentials_folder(machine))
        changes["PULUMI_HOME"] = str(plugins.home)
    return Environment(changes=changes)


def search_path(machine: Machine, engine: Engine) -> str:
    """Return PATH with the virtual environment and the engine first.

    The language host that can be built ignores Pulumi.yaml's `virtualenv`: it starts the first python there.
    """
    first = [str(machine.venv / "bin"), str(engine.folder)]
    rest = machine.env.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join([*first, *(folder for folder in rest if folder not in first)])
