"""Valkey: remembers for the filter what was learned and who has sent how much.

Owns the container, its volume, its password and the rendered configuration. Does not own what is kept in it
(rspamd.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi_docker as docker
from pulumi import ComponentResource, Output, ResourceOptions

from mailinfra.components.handles import Peer
from mailinfra.components.passwords import password
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.durability import learned
from mailinfra.containers.place import Place
from mailinfra.containers.rendering import rendered
from mailinfra.containers.service import Health, Mount, Service, ServiceArgs, after
from mailinfra.types import OnDestroy
from mailinfra.user_ids import VALKEY

PORTS: Mapping[str, int] = {"valkey": 6379}
"""Protocol -> the port that it listens on."""

MAXMEMORY_MIB = 96
"""What it keeps at most. A save writes a copy of what changes meanwhile, hence twice as much for the
container."""

MEMORY_MIB = 2 * MAXMEMORY_MIB


@dataclass(frozen=True, kw_only=True)
class ValkeyArgs:
    """Where Valkey runs."""

    place: Place
    """Where it runs."""

    address: str
    """Its own address in the network `inner`."""

    generation: str = ""
    """Which password it has."""

    on_destroy: OnDestroy = OnDestroy.RETAIN
    """What becomes of what was learned when the stack is destroyed."""


class Valkey(ComponentResource):
    """The filter's memory."""

    peer: Peer
    """How the filter reaches it: by its address; known once it is healthy."""

    password: Output[str]
    """What it lets in; secret."""

    def __init__(self, name: str, args: ValkeyArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Valkey", name, None, opts)
        child = ResourceOptions(parent=self)

        self.password = password(f"{name}-password", child, args.generation)
        data = docker.Volume(
            f"{name}-learned",
            name=f"{args.place.stack}-valkey",  # fixed: what was learned outlives a `destroy`
            opts=ResourceOptions.merge(child, learned(args.on_destroy)),
        )
        service = Service(
            f"{name}-service",
            ServiceArgs(
                place=args.place,
                folders=[
                    Folder(
                        path="/run/secrets",
                        files={
                            "valkey.conf": rendered(
                                "valkey/valkey.conf", {**values(), "password": self.password}
                            )
                        },
                        secret=True,
                    )
                ],
                mounts=[Mount(path="/data", source=data.name)],
                health=Health(command=["healthy"]),
                memory_mib=MEMORY_MIB,
                user=f"{VALKEY}:{VALKEY}",
            ),
            opts=child,
        )
        self.peer = Peer(host=after(args.address, service.id_when_healthy), ports=PORTS, ca="")
        self.register_outputs({"host": service.host, "volume": data.name})


def values() -> dict[str, Any]:
    """Return what the template may ask for, but the password."""
    return {"ports": PORTS, "maxmemory_mib": MAXMEMORY_MIB}
