"""The containers of the proving ground: some outside, some joined to the stack's network while it exists.

Owns the networks and containers that carry the label of the tests. Does not own what runs in them (image/)
or the stack's own containers (stack.py).
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import EndpointConfig, IPAMConfig, IPAMPool

from tests.e2e.ground import addresses
from tests.e2e.ground.mail import Received
from tests.e2e.ground.zones import zones

LABEL = "mailinfra.e2e"
IMAGE = "mailinfra-e2e-ground"
RELAY_PORT = 1080

PUBLISHED: dict[str, Any] = {
    "relay.py": {f"{RELAY_PORT}/tcp": ("127.0.0.1", None)},
    "names.py": {f"53/{protocol}": (addresses.HOST_OUTSIDE, 53) for protocol in ("tcp", "udp")},
}
"""Program -> its ports on the host: relays for the tests, names for the stack's containers."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """One container of the ground."""

    program: str
    """File in image/ that it runs."""

    address: str
    """Its IPv4 address."""

    address6: str | None = None
    """Its IPv6 address, where it needs one."""

    environment: dict[str, str]
    """What the program is told."""


def outside() -> dict[str, Role]:
    """Return name -> container for everything that reaches the stack through its published ports only."""
    known = json.dumps(zones())
    return {
        "outside": Role(
            program="relay.py",
            address=addresses.CLIENT_OUTSIDE,
            address6=addresses.CLIENT_OUTSIDE6,
            environment={},
        ),
        "names": Role(program="names.py", address=addresses.NAME_SERVER, environment={"ZONES": known}),
    }


def neighbours() -> dict[str, Role]:
    """Return name -> container for everything that lives in the stack's network."""
    found = {
        "stranger": Role(
            program="relay.py", address=addresses.STRANGER, address6=addresses.STRANGER6, environment={}
        ),
    }
    for peer, (address, address6) in addresses.PEERS.items():
        environment = {"NAME": f"{peer}.peer.test", "TLS": "no" if peer == "plain" else "yes"}
        found[peer] = Role(program="peer.py", address=address, address6=address6, environment=environment)
    return found


class World:
    """Everything around the stack."""

    def __init__(self, base: str) -> None:
        self.docker = docker.from_env(timeout=300)
        self.remove()
        self.image = self._image(base)
        pools = [IPAMPool(subnet=str(subnet)) for subnet in (addresses.OUTSIDE, addresses.OUTSIDE6)]
        self.outside: Network = self.docker.networks.create(
            f"{IMAGE}-outside", enable_ipv6=True, labels={LABEL: "yes"}, ipam=IPAMConfig(pool_configs=pools)
        )
        for name, role in outside().items():
            self._start(name, self.outside.name, role)

    def _image(self, base: str) -> str:
        folder = Path(__file__).parent / "image"
        image, _ = self.docker.images.build(
            path=str(folder), tag=f"{IMAGE}:latest", buildargs={"BASE": base}, labels={LABEL: "yes"}, rm=True
        )
        return str(image.id)

    def _start(self, name: str, network: str | None, role: Role) -> Container:
        endpoint = EndpointConfig("1.41", ipv4_address=role.address, ipv6_address=role.address6)
        container: Container = self.docker.containers.create(
            self.image,
            [f"/ground/{role.program}"],
            name=f"{IMAGE}-{name}",
            hostname=name,
            environment=role.environment,
            labels={LABEL: "yes"},
            network=network,
            networking_config={str(network): endpoint},
            ports=PUBLISHED.get(role.program, {}),
        )
        container.start()
        deadline = time.monotonic() + 20
        while b"ready" not in container.logs().splitlines():
            assert time.monotonic() < deadline, f"{name} does not start: {container.logs().decode()}"
            time.sleep(0.1)
        return container

    def join(self, network: str) -> None:
        """Start the neighbours in the stack's network; those of an earlier network are gone with it."""
        for name, role in neighbours().items():
            self._start(name, network, role)

    def visit(self, network: str, address: str) -> int:
        """Start one more client in any network; return the loopback port that leads through it."""
        self._start("visitor", network, Role(program="relay.py", address=address, environment={}))
        return self.relay("visitor")

    def part(self) -> None:
        """Remove that client, so that its network can be destroyed."""
        for container in self._containers("visitor"):
            container.remove(force=True, v=True)

    def leave(self) -> None:
        """Remove the neighbours, so that the stack's network can be destroyed."""
        for name in neighbours():
            for container in self._containers(name):
                container.remove(force=True, v=True)

    def remove(self) -> None:
        """Remove all containers and networks of the tests, those of an interrupted run too."""
        for container in self.docker.containers.list(all=True, filters={"label": f"{LABEL}=yes"}):
            container.remove(force=True, v=True)
        for network in self.docker.networks.list(filters={"label": f"{LABEL}=yes"}):
            network.remove()

    def _containers(self, name: str) -> list[Container]:
        listed = self.docker.containers.list(all=True, filters={"label": f"{LABEL}=yes"})
        return [container for container in listed if container.name == f"{IMAGE}-{name}"]

    def container(self, name: str) -> Container:
        """Return one container of the ground by its role."""
        (container,) = self._containers(name)
        return container

    def relay(self, name: str) -> int:
        """Return the loopback port on which the vantage point `name` takes connections."""
        container = self.container(name)
        container.reload()
        ports: Any = container.ports
        return int(ports[f"{RELAY_PORT}/tcp"][0]["HostPort"])

    def kill(self, victim: Container) -> None:
        """End a container's first process at once, as a crash does: `docker kill` would keep it down."""
        victim.reload()
        self.docker.containers.run(
            self.image,
            ["-c", f"import os; os.kill({victim.attrs['State']['Pid']}, 9)"],
            labels={LABEL: "yes"},
            pid_mode="host",
            network_mode="none",
            remove=True,
        )

    def hold(self, volume: str) -> None:
        """Keep a volume in memory mounted: what Docker copies into it is gone when nobody uses it."""
        self.docker.containers.run(
            self.image,
            ["-c", "import signal; signal.pause()"],
            name=f"{IMAGE}-holder",
            labels={LABEL: "yes"},
            network_mode="none",
            volumes={volume: {"bind": "/held", "mode": "rw"}},
            detach=True,
        )

    def own(self, folder: Path, user: int) -> None:
        """Give a folder of this machine to a user and group, which a person who runs tests may not."""
        self.docker.containers.run(
            self.image,
            ["-c", f"import os; os.chown('/given', {user}, {user})"],
            labels={LABEL: "yes"},
            network_mode="none",
            volumes={str(folder): {"bind": "/given", "mode": "rw"}},
            remove=True,
        )

    def release(self) -> None:
        """Let go of the volume that is held."""
        self.container("holder").remove(force=True)

    def received(self, peer: str) -> Iterator[Received]:
        """Yield every message that a peer has taken since it was started."""
        for line in self.container(peer).logs().decode().splitlines():
            if line.startswith("{"):
                yield Received.parse(line)
