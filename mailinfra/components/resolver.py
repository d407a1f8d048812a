"""Resolver: answers the questions of Postfix and the filter to the DNS, and remembers the answers;
where it asks the DNS itself, also those of who renews the certificate.

Owns the container and the rendered configuration. Does not own which servers it asks and what it verifies
(`resolvers` and `dnssec` in the form), nor what Postfix makes of an answer that was verified.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi import ComponentResource, Output, ResourceOptions

from mailinfra.components.handles import Peer
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.place import Place
from mailinfra.containers.rendering import rendered
from mailinfra.containers.service import Health, Service, ServiceArgs, after
from mailinfra.types import Dnssec
from mailinfra.user_ids import RESOLVER

PORTS: Mapping[str, int] = {"dns": 53}
"""Protocol -> the port that it listens on."""

MEMORY_MIB = 192
"""Ten at rest; under a flood of names with answers of 60 kB, 60 to 100."""

TEMPLATES = ("unbound.conf",)
"""Files below configs/resolver/, the same as below /etc/unbound/."""


@dataclass(frozen=True, kw_only=True)
class ResolverArgs:
    """Whom the resolver answers, and whom it asks."""

    place: Place
    """Where it runs."""

    inner: str
    """Its own address in the network `inner`."""

    clients: str
    """Subnet of those that it answers."""

    certificate: tuple[str, str] | None = None
    """Its own address in the network `front`, and that of who renews the certificate, whom alone it answers
    there; None where that one asks Docker."""

    resolvers: Sequence[str] | None = ()
    """DNS servers that it asks; without any it asks Docker, which asks the host's own. None for the DNS
    itself, from its root on."""

    dnssec: Dnssec = Dnssec.OFF
    """What it makes of signatures."""


class Resolver(ComponentResource):
    """The DNS server of Postfix and the filter."""

    peer: Peer
    """How they reach it: by its address; known once it is healthy."""

    front: Output[str] | None
    """The address for who renews the certificate, known then, too."""

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
        self.front = after(args.certificate[0], service.id_when_healthy) if args.certificate else None
        self.register_outputs({"host": service.host})


def values(args: ResolverArgs) -> dict[str, Any]:
    """Return what the template may ask for."""
    return {
        "ports": PORTS,
        "inner": args.inner,
        "clients": args.clients,
        "certificate": args.certificate,
        "resolvers": args.resolvers,
        # The DNS itself is reached over IPv4 from everywhere; most containers have no IPv6 to reach it by.
        "ipv6": any(":" in address for address in args.resolvers or ()),
        "dnssec": args.dnssec,
    }
