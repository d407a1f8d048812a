"""Yard: a private checkout with a state of its own, in which `make` is called as a person calls it.

Owns the stack that is interrupted and how it is looked at. Does not own who is killed when (moments.py).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import yaml
from docker.models.containers import Container

from bootstrap.checks import OTHER_STACK
from mailinfra.containers import labels
from tests.canaries import Random
from tests.e2e.ground import addresses
from tests.e2e.stackfile import PROTOCOLS, ROOT, free_ports, suitable
from tests.state_secrets import in_state

INTERRUPTED = "interrupted"
STACK = os.environ.get(OTHER_STACK, INTERRUPTED)
"""Two runs that are beside each other have one each."""

FULL_NAME = f"mailinfra-{STACK}"
CHECKOUT = (
    *("Pulumi.yaml", "__main__.py", "Makefile", "requirements.txt", "pyproject.toml"),
    *("mailinfra", "configs", "images", "plugins", "bootstrap"),
)
SUBNET = list(addresses.unused(4)[3].subnets(prefixlen_diff=1))[STACK != INTERRUPTED]
"""Beside those of the end-to-end tests, and half as large: the other half is the other run's."""

PORTS = range(21000, 23500) if STACK == INTERRUPTED else range(23500, 26000)
"""Apart from those of the other run, of the end-to-end tests, and of the recordings of providers."""

DATA = ("mail", "mysql", "queue")
DAEMONS = {"mysql", "dovecot", "postfix", "webmail"}
UP_SECONDS = 540
"""More than any recovery takes on two slow processors."""


class MakeError(AssertionError):
    """`make` ended otherwise than it should; the message is the end of what a person read."""

    def __init__(self, what: str, printed: str) -> None:
        super().__init__("\n".join([what, *printed.splitlines()[-80:]]))


class Yard:
    """One checkout, one state, one stack."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.project = folder, folder / "mailinfra"
        self.project.mkdir(parents=True, exist_ok=True)
        ignored = shutil.ignore_patterns("__pycache__")
        for name in CHECKOUT:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self.project / name, ignore=ignored, dirs_exist_ok=True)
            else:
                shutil.copy2(ROOT / name, self.project / name)
        if not (self.project / ".venv").exists():
            (self.project / ".venv").symlink_to(sys.prefix)
        self.data_home = folder / "data/mailinfra"
        self.state = self.data_home / "state"
        left = ("MAKE", "MFLAGS", "PULUMI_BACKEND", "PULUMI_CONFIG_PASSPHRASE")
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(left)},
            "PULUMI_CREDENTIALS_PATH": str(folder / "credentials"),
            "XDG_DATA_HOME": str(folder / "data"),
            "PYTHON": sys.executable,
        }
        self.docker = docker.from_env(timeout=120)
        self.file = self.project / f"Pulumi.{STACK}.yaml"
        if not self.file.exists():
            self.configure(settings())
        self.heard: list[str] = []
        """What every `make` has said that came to its end."""

        self._seen: tuple[int, ...] = ()
        self._read: dict[str, Any] = {}

    def configure(self, wanted: dict[str, Any]) -> None:
        """Write the stack's settings."""
        content = yaml.safe_load(self.file.read_text()) if self.file.exists() else {}
        self.file.write_text(yaml.safe_dump({**content, "config": {"mailinfra:server": wanted}}))

    @property
    def settings(self) -> dict[str, Any]:
        """The settings in the stack file."""
        found: dict[str, Any] = yaml.safe_load(self.file.read_text())["config"]["mailinfra:server"]
        return found

    def begin(self, *words: str, said: Path | None = None) -> subprocess.Popen[bytes]:
        """Start `make` and return at once; what it says goes to the file `said`.

        Not through a pipe: a plugin that outlives its engine would hold that open.
        """
        with (said or Path(os.devnull)).open("wb") as file:
            return subprocess.Popen(
                ["make", *words, f"STACK={STACK}"],
                cwd=self.project,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def make(self, *words: str, status: int = 0, seconds: float = UP_SECONDS, typed: str = "") -> str:
        """Return what a person reads of one `make`; fail when it ends with another status or not at all."""
        try:
            done = subprocess.run(
                ["make", *words, f"STACK={STACK}"],
                cwd=self.project,
                env=self.environment,
                input=typed,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as late:
            said = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout
            raise MakeError(f"make {' '.join(words)} did not end in {seconds} s", said or "") from None
        self.heard.append(done.stdout)
        if done.returncode != status:
            raise MakeError(f"make {' '.join(words)} ended with {done.returncode}", done.stdout)
        assert "Traceback" not in done.stdout, f"a person would read\n{done.stdout}"
        return done.stdout

    def up(self) -> str:
        """Return what one plain `make up` says, after which all daemons run and are healthy."""
        said = self.make("up")
        assert self.healthy() == DAEMONS, f"{self.healthy()} are healthy after\n{said}"
        assert not self.unknown(), f"{self.unknown()} are left beside the stack's own after\n{said}"
        return said

    def pulumi(self, *words: str, seconds: float = 120, typed: str = "") -> str:
        """Return what Pulumi says on the stack."""
        done = subprocess.run(
            ["pulumi", "--non-interactive", "--color=never", *words, "--stack", STACK],
            cwd=self.project,
            env={
                **self.environment,
                "PULUMI_BACKEND_URL": self.state.as_uri(),
                "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.data_home / "passphrase"),
            },
            input=typed,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            raise MakeError(f"pulumi {words[0]} ended with {done.returncode}", done.stdout + done.stderr)
        return done.stdout

    @property
    def checkpoint(self) -> dict[str, Any]:
        """The state as it stands on the disk at this moment; empty while there is none."""
        path = self.state / f".pulumi/stacks/mailinfra/{STACK}.json"
        try:
            there = path.stat()
            seen = (there.st_ino, there.st_mtime_ns, there.st_size)
            if seen != self._seen:  # whoever waits for a moment asks a hundred times a second
                self._read = json.loads(path.read_text())["checkpoint"].get("latest") or {}
                self._seen = seen
        except (FileNotFoundError, ValueError):
            return {}
        return self._read

    def containers(self) -> dict[str, Container]:
        """Return daemon -> its container, running or not."""
        return {
            one.labels[labels.SERVICE]: one
            for one in self.labelled()
            if one.attrs["Config"].get("Healthcheck")
        }

    def healthy(self) -> set[str]:
        """Return the daemons that run and prove their health."""
        return {
            name
            for name, one in self.containers().items()
            if one.attrs["State"].get("Health", {}).get("Status") == "healthy"
        }

    def unknown(self) -> list[str]:
        """Return containers and networks of the stack that its state does not know."""
        known = {each.get("id") for each in self.checkpoint.get("resources", [])}
        label = {"label": f"{labels.STACK}={FULL_NAME}"}
        there = [*self.labelled(), *self.docker.networks.list(filters=dict(label))]
        return [str(one.attrs["Name"]) for one in there if one.id not in known]

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets included."""
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", "--show-secrets"))
        return found

    def secrets(self) -> dict[str, str | bytes]:
        """Return what it is -> the secret, of all that the stack has now."""
        found = in_state(self.pulumi("stack", "export", "--show-secrets"))
        return {**found, "passphrase": Random((self.data_home / "passphrase").read_text().strip())}

    def data(self) -> list[str]:
        """Return the names of the volumes that hold data."""
        names = [str(volume.id) for volume in self.docker.volumes.list()]
        return sorted(one for one in names if one in {f"{FULL_NAME}-{kind}" for kind in DATA})

    def forget(self) -> None:
        """Lose the state, as a disk does."""
        shutil.rmtree(self.state, ignore_errors=True)

    def remove(self) -> None:
        """Remove everything of the stack from Docker, data and all."""
        for container in self.labelled():
            container.remove(force=True, v=True)
        for network in self.docker.networks.list(filters={"label": f"{labels.STACK}={FULL_NAME}"}):
            network.remove()
        for volume in self.docker.volumes.list():
            if str(volume.id).startswith(f"{FULL_NAME}-"):
                volume.remove(force=True)

    def labelled(self) -> Sequence[Container]:
        label = {"label": f"{labels.STACK}={FULL_NAME}"}
        return self.docker.containers.list(all=True, filters=dict(label), ignore_removed=True)


def settings() -> dict[str, Any]:
    """Return the stack's settings: small, on loopback, with data that outlives a destroy."""
    return {
        **suitable(),
        "listen": ["127.0.0.1"],
        "ports": free_ports([*PROTOCOLS, "webmail", "webmailRedirect", "database"], PORTS),
        "network": {"subnet": str(SUBNET)},
        "accounts": {
            "domains": [{"name": "example.test"}],
            "mailboxes": [{"address": "alice@example.test"}, {"address": "bob@example.test"}],
        },
    }


@contextmanager
def yard(folder: Path) -> Iterator[Yard]:
    """Give a yard whose stack is gone afterwards, whatever happened."""
    made = Yard(folder)
    made.remove()
    try:
        yield made
    finally:
        made.remove()
