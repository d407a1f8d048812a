"""One stack of the tests: a private copy of the program, a private state, the real engine.

Owns how the engine is called and what is left of a stack. Does not own what the stack holds (stackfile.py).
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import docker
import yaml
from docker.models.containers import Container

from mailinfra.containers import labels
from tests.e2e.stackfile import ROOT

PROGRAM = ("Pulumi.yaml", "__main__.py", "mailinfra", "configs", "images", "plugins")
PROJECT = "mailinfra"


class EngineError(AssertionError):
    """The engine ended with an error; the message is the end of what it printed."""

    def __init__(self, what: str, printed: str) -> None:
        super().__init__("\n".join([what, *printed.splitlines()[-60:]]))


class Workspace:
    """A copy of the program with a state of its own: no checkout and no state of a person is touched."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "program"
        self.program.mkdir()
        for name in PROGRAM:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, self.program / name, ignore=ignored)
            else:
                shutil.copy2(ROOT / name, self.program / name)
        python = Path(sys.prefix)
        (self.program / ".venv").symlink_to(python)
        self.state = folder / "state"
        self.state.mkdir()
        self.environment = {
            **{key: value for key, value in os.environ.items() if key not in {"ALL_PROXY", "all_proxy"}},
            "PATH": f"{python / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": secrets.token_urlsafe(24),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self.environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)

    def pulumi(self, *arguments: str, seconds: int = 120) -> str:
        """Return what the engine prints; raise EngineError when it fails or does not end in time."""
        command = ["pulumi", "--non-interactive", "--color=never", *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=self.program,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            said = error.stdout.decode() if isinstance(error.stdout, bytes) else error.stdout
            raise EngineError(f"pulumi {arguments[0]} did not end in {seconds} s", said or "") from None
        if done.returncode:
            raise EngineError(f"pulumi {arguments[0]} ended with {done.returncode}", done.stdout)
        return done.stdout


class Stack:
    """One stack in a workspace."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace, self.name = workspace, name
        self.full_name = f"{PROJECT}-{name}"
        self.file = workspace.program / f"Pulumi.{name}.yaml"
        self.docker = docker.from_env(timeout=120)
        workspace.pulumi("stack", "init", name)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings in the stack file, as they are now."""
        found: dict[str, Any] = yaml.safe_load(self.file.read_text())["config"][f"{PROJECT}:server"]
        return found

    def configure(self, settings: dict[str, Any]) -> None:
        """Write new settings; secrets stay."""
        content = yaml.safe_load(self.file.read_text()) or {}
        content.setdefault("config", {})[f"{PROJECT}:server"] = settings
        self.file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))

    def set_secret(self, key: str, value: object) -> None:
        """Write one secret key."""
        text = value if isinstance(value, str) else json.dumps(value)
        self.workspace.pulumi(
            "config", "set", "--stack", self.name, "--secret", f"{PROJECT}:{key}", "--", text
        )

    def remove_secret(self, key: str) -> None:
        """Remove one secret key."""
        self.workspace.pulumi("config", "rm", "--stack", self.name, f"{PROJECT}:{key}")

    def forget(self) -> None:
        """Remove the stack's state and settings, whatever still runs; the name is free again."""
        self.workspace.pulumi("stack", "rm", "--yes", "--force", self.name)

    def up(self, *options: str, seconds: int = 600, settled: bool = True) -> str:
        """Bring the stack up; return what the engine printed.

        What was made is then what was declared: a preview with a refresh is empty, unless somebody has
        meddled with what this update leaves alone (`settled=False`).
        """
        printed = self._run("up", "--yes", "--skip-preview", "--suppress-outputs", *options, seconds=seconds)
        if settled:
            self.stays()
        return printed

    def stays(self) -> None:
        """Fail, with what would change and why, unless an update would find everything as it is declared."""
        self.preview("--refresh", "--expect-no-changes")

    def preview(self, *options: str) -> str:
        """Return what an update would do."""
        return self._run("preview", "--diff", *options, seconds=300)

    def preview_steps(self, *options: str) -> dict[str, str]:
        """Return the last part of each changed resource's URN -> what would happen to it; that it is read is
        nothing."""
        printed = self._run("preview", "--json", *options, seconds=300)
        steps, unchanged = json.loads(printed[printed.index("{") :])["steps"], {"same", "refresh"}
        return {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] not in unchanged}

    def destroy(self) -> str:
        """Take the stack down; return what the engine printed."""
        return self._run("destroy", "--yes", "--skip-preview", seconds=300)

    def outputs(self) -> dict[str, Any]:
        """Return all outputs, secrets included."""
        printed = self.workspace.pulumi("stack", "output", "--json", "--show-secrets", "--stack", self.name)
        found: dict[str, Any] = json.loads(printed[printed.index("{") :])
        return found

    def state(self, *options: str) -> str:
        """Return the whole state as it is stored."""
        return self.workspace.pulumi("stack", "export", "--stack", self.name, *options)

    def _run(self, command: str, *options: str, seconds: int) -> str:
        return self.workspace.pulumi(command, "--stack", self.name, *options, seconds=seconds)

    def all_containers(self) -> dict[str, Container]:
        """Return service -> its container, running or stopped; what only fills volumes has no health."""
        label = {"label": f"{labels.STACK}={self.full_name}"}
        listed = self.docker.containers.list(all=True, filters=dict(label))
        return {one.labels[labels.SERVICE]: one for one in listed if one.attrs["Config"].get("Healthcheck")}

    def containers(self) -> dict[str, Container]:
        """Return service -> its running container."""
        return {name: one for name, one in self.all_containers().items() if one.status == "running"}

    def network(self, which: str) -> str:
        """Return Docker's name of one of the stack's networks: `front`, `inner` and so on."""
        wanted = [f"{labels.STACK}={self.full_name}", f"{labels.NETWORK}={which}"]
        (found,) = self.docker.networks.list(filters={"label": wanted})
        return str(found.name)

    def healthy(self) -> set[str]:
        """Return the services that run and prove their health now."""
        states = {name: one.attrs["State"] for name, one in self.containers().items()}
        return {
            name
            for name, state in states.items()
            if state["Status"] == "running" and state["Health"]["Status"] == "healthy"
        }

    def journals(self, since: float = 0, tail: int | Literal["all"] = 200) -> dict[str, str]:
        """Return service -> the last lines that its container wrote since then, stopped ones included."""
        label = {"label": f"{labels.STACK}={self.full_name}"}
        found = {}
        for one in self.docker.containers.list(all=True, filters=dict(label)):
            lines = one.logs(since=since or None, tail=tail).decode("utf-8", "replace")
            if lines and labels.SERVICE in one.labels:
                found[one.labels[labels.SERVICE]] = lines
        return found

    def volumes(self) -> set[str]:
        """Return Docker's names of all volumes of the stack."""
        return {one.name for one in self.docker.volumes.list() if one.name.startswith(f"{self.full_name}-")}

    def purge(self) -> None:
        """Remove everything of the stack from Docker, whatever the engine knows of it."""
        mine = {"label": f"{labels.STACK}={self.full_name}"}
        for container in self.docker.containers.list(all=True, filters=dict(mine)):
            container.remove(force=True, v=True)
        for network in self.docker.networks.list(filters=dict(mine)):
            network.remove()
        for name in self.volumes():
            self.docker.volumes.get(name).remove(force=True)
