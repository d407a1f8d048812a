"""Machine: where this bootstrap runs and what it may touch; the whole outside world of the other modules.

Tests make one of their own: other folders, another PATH, a network that fails or hangs.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.network import answers
from bootstrap.report import Report

PULUMI_DOWNLOADS = "https://get.pulumi.com/"
"""Pulumi's own download site: engine and plugins (pulumi.automation.PulumiCommand.install uses it)."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine, as one user sees it from one checkout."""

    project: Path
    """The checkout: the folder with Pulumi.yaml."""

    env: Mapping[str, str]
    """Environment that commands start with."""

    report: Report
    """Where a person reads what happens."""

    is_root: bool
    """Whether packages may be installed and a daemon be started."""

    python: str = sys.executable
    """The interpreter that runs this, and that the virtual environment is made from."""

    system: Path = Path("/")
    """Root of the file system: apt's sources, /proc, /run."""

    reaches: Callable[[str], bool] = answers
    """Whether a web site answers, within seconds."""

    @property
    def cache(self) -> Path:
        """What can be brought again: tools and the engine."""
        return self._folder("XDG_CACHE_HOME", ".cache")

    @property
    def data(self) -> Path:
        """What cannot: state, passphrase."""
        return self._folder("XDG_DATA_HOME", ".local/share")

    def _folder(self, variable: str, default: str) -> Path:
        # The specification ignores a relative path: https://specifications.freedesktop.org/basedir-spec/latest/
        given = Path(self.env.get(variable, ""))
        base = given if given.is_absolute() else Path(self.env.get("HOME") or Path.home()) / default
        return base / "mailinfra"

    @property
    def venv(self) -> Path:
        """Folder of the project's virtual environment."""
        return self.project / ".venv"

    @property
    def venv_python(self) -> Path:
        """Its interpreter."""
        return self.venv / "bin/python"

    @property
    def pulumi_home(self) -> Path:
        """Pulumi's folder where the local providers are installed: one per checkout, never the user's own."""
        return self.data / "homes" / hashlib.sha256(str(self.project).encode()).hexdigest()[:12]

    def log(self, name: str) -> Path:
        """Return the file that keeps the output of the command called `name`."""
        return self.cache / "logs" / f"{name}.log"

    def find(self, program: str) -> Path | None:
        """Return the program's path, or None where PATH has none."""
        found = shutil.which(program, path=self.env.get("PATH", os.defpath))
        return Path(found) if found else None
