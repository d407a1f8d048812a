"""A machine of a test's own: its folders, its programs and its network are all made up."""

import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.machine import Machine
from bootstrap.report import Report

ORDINARY = ("sh", "cat", "mkdir", "sleep", "touch", "echo", "rm", "tar", "env", "cp")
"""What every system has; nothing else of the real machine is on a test's PATH."""

PLUGINS = {"docker": "5.2.0", "mysql": "3.3.3", "random": "4.21.4", "tls": "5.6.2"}


class World:
    """The outside world of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.home = folder / "home"
        self.project = folder / "project"
        self.output = io.StringIO()
        self.asked: list[str] = []
        for path in (self.bin, self.home, self.project, folder / "ordinary"):
            path.mkdir()
        for name in ORDINARY:
            if found := shutil.which(name):
                (folder / "ordinary" / name).symlink_to(found)
        (self.project / "requirements.txt").write_text(
            "pip==26.3 \\\n    --hash=sha256:00\npulumi==3.259.0\n"
        )
        (self.project / "Pulumi.dev.yaml").write_text("config: {}\n")
        (self.project / "Pulumi.offline.yaml").write_text("base: mailinfra-base:trixie\n")

    def program(self, name: str, script: str = "", folder: Path | None = None) -> Path:
        """Put a program on PATH that notes how it was called and then runs `script`."""
        path = (folder or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.folder}/calls\n{script}\n')
        path.chmod(0o755)
        return path

    @property
    def calls(self) -> list[str]:
        """How the programs were called, in order."""
        notes = self.folder / "calls"
        return notes.read_text().splitlines() if notes.exists() else []

    @property
    def said(self) -> str:
        """What a person has read."""
        return self.output.getvalue()

    def machine(self, *, root: bool = True, online: bool = False, **env: str) -> Machine:
        """Return the machine; `online` is whether web sites answer."""

        def reaches(url: str) -> bool:
            self.asked.append(url)
            return online

        return Machine(
            project=self.project,
            env={"HOME": str(self.home), "PATH": f"{self.bin}:{self.folder}/ordinary", **env},
            report=Report(self.output),
            is_root=root,
            python=str(self.bin / "python3"),
            system=self.folder / "system",
            reaches=reaches,
        )

    def with_packages(self) -> None:
        """Give the project a virtual environment that holds what is locked."""
        venv = self.project / ".venv"
        self.program("python", f"echo {venv}/lib/python3.11/site-packages", folder=venv / "bin")
        for name, version in PLUGINS.items():
            package = venv / f"lib/python3.11/site-packages/pulumi_{name}"
            package.mkdir(parents=True)
            (package / "pulumi-plugin.json").write_text(f'{{"resource": true, "version": "{version}"}}')


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def real_python() -> str:
    return sys.executable


@pytest.fixture
def short_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Pretend that a disk has only so many bytes left."""

    def pretend(free: int) -> None:
        usage = shutil.disk_usage(os.sep)._replace(free=free)
        monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    return pretend
