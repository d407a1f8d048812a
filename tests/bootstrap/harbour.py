"""A Docker and a Pulumi of a test's own: programs that answer from files and note what they are asked.

Owns what they answer. Does not own the machine around them (conftest.py).
"""

import json
from typing import Any

import pytest

from bootstrap import health, repair
from bootstrap.engine import Engine
from bootstrap.pulumi_cli import Pulumi
from bootstrap.record import CONTAINER, NETWORK, USER, VOLUME
from tests.bootstrap.conftest import World

DOCKER = """cd {folder}
case "$*" in
  "ps --quiet --no-trunc --all --filter label=mailinfra.stack=mailinfra-dev") cat ours ;;
  "ps --quiet --no-trunc") cat running ;;
  inspect*) for id in "$@"; do if [ -e "$id.json" ]; then cat "$id.json"; fi; done ;;
  "network ls"*) cat *.network 2>/dev/null || true ;;
  "network rm"*) rm -f "$3.network" ;;
  rm*) rm -f "$4.json" ;;
  "volume ls"*) cat volumes ;;
  "volume rm in-use"*) echo "volume is in use" >&2; exit 1 ;;
  "image ls"*) cat images ;;
  run*) if [ -e looked ]; then cat looked; rm looked; fi ;;
  logs*) echo "fatal: no such table" ;;
  start*|restart*|unpause*) if [ -e "$2.well" ]; then cp "$2.well" "$2.json"; fi ;;
esac
"""
PULUMI = """case "$1 $2" in
  "stack export") cat {folder}/state.json ;;
  "stack import") cp "$6" {folder}/imported.json ;;
  "stack output") echo "{{}}" ;;
  "preview --json") echo '{{"steps": []}}' ;;
  "up --yes") . {folder}/update ;;
esac
"""


def urn(token: str, name: str) -> str:
    return f"urn:pulumi:dev::mailinfra::mailinfra:index:MailServer${token}::{name}"


def resource(token: str, name: str, identity: str, **more: Any) -> dict[str, Any]:
    return {"type": token, "urn": urn(token, name), "id": identity, "custom": True, "inputs": {}, **more}


def daemon(
    service: str, identity: str, declared: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Return the container of a daemon, as the state has it; `declared` are further inputs."""
    inputs = {"labels": [{"label": "mailinfra.service", "value": service}], **(declared or {})}
    return resource(CONTAINER, f"mail-{service}", identity, inputs=inputs, **more)


def user(name: str) -> dict[str, Any]:
    return resource(USER, f"{name}-user", f"{name}@10.0.0.3", inputs={"user": name})


class Harbour:
    """What Docker has and what the state knows, for stack `dev`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.folder = world.folder / "docker"
        self.folder.mkdir()
        for name in ("ours", "running", "volumes", "images"):
            (self.folder / name).write_text("")
        world.program("docker", DOCKER.format(folder=self.folder))
        program = world.program("pulumi", PULUMI.format(folder=self.folder))
        self.pulumi = Pulumi(
            machine=world.machine(PULUMI_BACKEND_URL=f"file://{world.folder}/state"),
            engine=Engine(program=program, version="3.259.0"),
        )
        self.state()
        self.updates("true")

    def updates(self, script: str) -> None:
        """Have Pulumi do this when it updates."""
        (self.folder / "update").write_text(f"{script}\n")

    def container(
        self,
        identity: str,
        service: str,
        *,
        status: str = "running",
        health: str = "healthy",
        serves: bool = True,
        comes_back: bool = False,
        stack: str = "dev",
        ports: dict[str, str] | None = None,
        later: str = "",
        networks: dict[str, str] | None = None,
        host: dict[str, Any] | None = None,
    ) -> None:
        """Give Docker a container; `comes_back` is whether it is healthy once it is started.

        With `later` it only lies ready as that file: an update can put it in its place.
        """
        described = {
            "Id": identity,
            "Name": f"/mail-{service}-{identity}",
            "Config": {
                "Labels": {"mailinfra.service": service, "mailinfra.stack": f"mailinfra-{stack}"},
                "Healthcheck": {"Test": ["CMD", "true"]} if serves else None,
            },
            "State": {
                "Status": status,
                "StartedAt": "2026-05-04T03:02:01.000000001Z",
                "Health": {"Status": health, "Log": [{"Output": "no answer on 24"}]} if serves else None,
            },
            "NetworkSettings": {
                "Ports": {
                    "25/tcp": [
                        {"HostIp": address, "HostPort": port} for address, port in (ports or {}).items()
                    ]
                },
                "Networks": {
                    network: {"IPAMConfig": {"IPv4Address": address}}
                    for network, address in (networks or {}).items()
                },
            },
            "HostConfig": host or {},
        }
        (self.folder / (later or f"{identity}.json")).write_text(json.dumps(described) + "\n")
        if later:
            return
        described["State"] |= {"Status": "running", "Health": {"Status": "healthy", "Log": []}}  # type: ignore[operator]
        if comes_back:
            (self.folder / f"{identity}.well").write_text(json.dumps(described) + "\n")
        if stack == "dev":
            self.add("ours", identity)
        if status == "running":
            self.add("running", identity)

    def add(self, kind: str, line: str) -> None:
        """Add a line to what Docker lists."""
        with (self.folder / kind).open("a") as file:
            file.write(f"{line}\n")

    def network(self, identity: str) -> None:
        """Give Docker a network of the stack."""
        self.add(f"{identity}.network", f"{identity} mail-network-{identity}")

    def state(self, *resources: dict[str, Any], begun: dict[str, dict[str, Any]] | None = None) -> None:
        """Write the state; `begun` is what was under way: kind -> resource."""
        operations = [{"type": kind, "resource": each} for kind, each in (begun or {}).items()]
        deployment = {"resources": list(resources), "pending_operations": operations}
        (self.folder / "state.json").write_text(json.dumps({"version": 3, "deployment": deployment}))

    @property
    def imported(self) -> dict[str, Any]:
        """The deployment that was made the state."""
        found: dict[str, Any] = json.loads((self.folder / "imported.json").read_text())["deployment"]
        return found

    @property
    def touched(self) -> list[str]:
        """Every call that changes anything."""
        looks = (
            "ps",
            "inspect",
            "network ls",
            "volume ls",
            "volume inspect",
            "image ls",
            "image inspect",
            "logs",
            "stack export",
        )
        return [call for call in self.world.calls if not call.split(" ", 1)[1].startswith(looks)]


MYSQL, DOVECOT, POSTFIX = daemon("mysql", "a1"), daemon("dovecot", "b2"), daemon("postfix", "c3")
NET = resource(NETWORK, "mail-network", "f0")
MAIL = resource(
    VOLUME,
    "mail-dovecot-mail",
    "mailinfra-dev-mail",
    retainOnDelete=True,
    outputs={"name": "mailinfra-dev-mail"},
)
FILES = resource(VOLUME, "mail-dovecot-etc", "mailinfra-dev-dovecot-etc-dovecot-0123456789abcdef")


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody wait long for a daemon to recover."""
    monkeypatch.setattr(repair, "RECOVER_SECONDS", 0.2)
    monkeypatch.setattr(health, "POLL_SECONDS", 0.05)


def whole(harbour: Harbour) -> None:
    """Give Docker everything that the state of a healthy server knows."""
    harbour.container("a1", "mysql")
    harbour.container("b2", "dovecot")
    harbour.container("c3", "postfix")
    harbour.network("f0")
    harbour.add("volumes", str(MAIL["id"]))
    harbour.add("volumes", str(FILES["id"]))
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES)
