"""Resolver: answers the filter's questions to the DNS, and remembers the answers.

Owns the container and the rendered configuration. Does not own which servers it asks (`resolvers` in the
form), nor whom Postfix asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi import ComponentResource, ResourceOptions

from mailinfra.components.handles import Peer
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.place import Place
from mailinfra.containers.rendering import rendered
from mailinfra.containers.service import Health, Service, ServiceArgs, after
from mailinfra.user_ids import RESOLVER

PORTS: Mapping[str, int] = {"dns": 53}
"""Protocol -> the port that it listens on."""

MEMORY_MIB = 128
TEMPLATES = ("unbound.conf",)
"""Files below configs/resolver/, the same as below /etc/unbound/."""


@dataclass(frozen=True, kw_only=True)
class ResolverArgs:
    """Whom the resolver answers, and whom it asks."""

    place: Place
    """Where it runs."""

    inner: str
    """Its own address in the network `inner`, the only one that it listens on."""

    clients: str
    """Subnet of those that it answers."""

    resolvers: Sequence[str] = ()
    """DNS servers that it asks; without any it asks Docker, which asks the host's own."""


class Resolver(ComponentResource):
    """The filter's DNS server."""

    peer: Peer
    """How the filter reaches it: by its address; known once it is healthy."""

    def __init__(self, name: str, args: ResolverArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Resolver", name, None, opts)
        service = Service(
            f"{name}-service",
            ServiceArgs(
                place=args.place,
                folders=[
                    Folder(
                        path="/etc/unbound",
                        files={path: rendered(f"resolver/{path}", values(args)) for path in TEMPLATES},
                    )
                ],
                health=Health(command=["healthy"]),
                memory_mib=MEMORY_MIB,
                user=f"{RESOLVER}:{RESOLVER}",
            ),
            opts=ResourceOptions(parent=self),
        )
        self.peer = Peer(host=after(args.inner, service.id_when_healthy), ports=PORTS, ca="")
        self.register_outputs({"host": service.host})


def values(args: ResolverArgs) -> dict[str, Any]:
    """Return what the template may ask for."""
    return {"ports": PORTS, "inner": args.inner, "clients": args.clients, "resolvers": args.resolvers}
