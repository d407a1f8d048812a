"""Networks: the Docker networks of one mail server, who is in which, and with which address.

Owns the names of the containers, too: they find each other by them. Does not own the choice of subnets
(config/network.py), nor what is published on the host.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

import pulumi_docker as docker
from pulumi import Input, Output, ResourceOptions

from mailinfra.config.network import DATABASE, DEPLOYMENT, FRONT, INNER, NetworkConfig
from mailinfra.containers import labels
from mailinfra.containers.images import ImageSource
from mailinfra.containers.place import Attachment, Place

MYSQL, DOVECOT, POSTFIX, WEBMAIL = "mysql", "dovecot", "postfix", "webmail"
RSPAMD, VALKEY, RESOLVER = "rspamd", "valkey", "resolver"
ACME = "acme"
CERTIFICATE = "certificate"
"""In no network."""

GATEWAY = "gateway"
"""The host, and whoever comes through Docker's proxy."""

NUMBERS: Mapping[str, int] = {
    GATEWAY: 1,
    MYSQL: 2,
    DOVECOT: 3,
    POSTFIX: 4,
    WEBMAIL: 5,
    RESOLVER: 6,
    # The smallest network has six addresses. These are where MySQL and the webmail never are.
    ACME: 2,
    RSPAMD: 2,
    VALKEY: 5,
}
"""Who gets which address in a network, counted from its first one. The numbers are part of every stack."""

HOSTS = tuple(NUMBERS)

MEMBERS: Mapping[str, Sequence[str]] = {
    FRONT: (DOVECOT, POSTFIX, WEBMAIL, RESOLVER, ACME),
    INNER: (DOVECOT, POSTFIX, RSPAMD, VALKEY, RESOLVER),
    DATABASE: (MYSQL, DOVECOT, POSTFIX, WEBMAIL),
    DEPLOYMENT: (MYSQL,),
}
"""Network -> who is in it. No container is in two networks that are not internal: that one publishes its
ports and has its default route, so no order of networks decides about either, on any engine. Who is in none
reaches nobody beyond its own network."""

NAMES: Mapping[tuple[str, str], str] = {
    (FRONT, DOVECOT): DOVECOT,
    (FRONT, POSTFIX): POSTFIX,
    (FRONT, WEBMAIL): WEBMAIL,
    (INNER, DOVECOT): f"{DOVECOT}-inner",
    (INNER, RSPAMD): RSPAMD,
    (DATABASE, MYSQL): MYSQL,
}
"""Network and container -> the name that it is found by there. Each name leads to one network alone: Docker
would answer with the addresses of all networks that two containers share, and a daemon listens where it is
meant to be reached."""

UNHEARD = frozenset({INNER})
"""Networks in which TLS would keep nothing from anybody: internal bridges of one machine, in which no
container can hear what others say (none may have CAP_NET_RAW, policy/). The one place that decides so: with
a member on another machine a network leaves this set, and Dovecot wants TLS for LMTP again, and Postfix its
certificate (docs/adr/0019-the-inner-way.md)."""

NO_WAY_OUT = "DefaultGatewayIPv4"
"""Auxiliary address that Docker gives to containers as their default gateway, in place of the bridge
(libnetwork's bridge driver). Nobody has it, so a container answers those in its own network and nobody
beyond: not the Internet, and not a neighbour that routes to a port which is published on loopback. The host
reaches the published port all the same, for it comes from the bridge."""


@dataclass(frozen=True, kw_only=True)
class Networks:
    """Networks with room for each of `HOSTS`."""

    names: Mapping[str, Input[str]]
    """Network -> Docker's name of it; only those that this stack has."""

    parts: Mapping[str, IPv4Network]
    """Network -> its subnet."""

    subnet6: IPv6Network | None
    """The same for IPv6, of the network `front` alone: MySQL's users are tied to IPv4 addresses."""

    def address(self, network: str, host: str) -> str:
        """Return who has which IPv4 address in a network: the gateway, or a container."""
        return addresses(self.parts[network])[host]

    def fronts(self, host: str) -> list[str]:
        """Return the addresses of a container in the network `front`, of each kind."""
        subnets = (self.parts[FRONT], self.subnet6)
        return [addresses(subnet)[host] for subnet in subnets if subnet is not None]

    def place(self, alias: str, stack: str, image: ImageSource, listen: Sequence[str] = ()) -> Place:
        """Return where the container of that name runs; `listen` are the host's addresses for its ports."""
        return Place(
            stack=stack,
            alias=alias,
            image=image,
            attachments=[
                self.attachment(network, alias) for network in self.names if alias in MEMBERS[network]
            ],
            listen=listen,
        )

    def attachment(self, network: str, alias: str) -> Attachment:
        """Return how a container is in a network."""
        subnet6 = self.subnet6 if network == FRONT else None
        return Attachment(
            network=self.names[network],
            name=NAMES.get((network, alias)),
            address=self.address(network, alias),
            address6=addresses(subnet6)[alias] if subnet6 is not None else None,
            encrypted=network not in UNHEARD,
        )


def docker_networks(
    name: str, stack: str, given: NetworkConfig, child: ResourceOptions, *, own_database: bool = True
) -> Networks:
    """Return the networks of one mail server, declared; those of the database only where it is our own."""
    parts = given.parts()
    front = docker.Network(
        name,
        driver="bridge",
        ipv6=given.subnet6 is not None,
        ipam_configs=[
            docker.NetworkIpamConfigArgs(subnet=str(subnet), gateway=addresses(subnet)[GATEWAY])
            for subnet in (parts[FRONT], given.subnet6)
            if subnet is not None
        ],
        labels=_labels(stack, FRONT),
        # Two networks cannot have one subnet: all containers go first, then the network, and they come back.
        opts=ResourceOptions.merge(child, ResourceOptions(delete_before_replace=True)),
    )
    names: dict[str, Input[str]] = {FRONT: front.name}
    for network in (INNER, DATABASE, DEPLOYMENT) if own_database else (INNER,):
        subnet, is_internal = parts[network], network != DEPLOYMENT
        made = docker.Network(
            f"{name}-{network}",
            # By its name it depends on the first one. So all go before one of them comes back: the new part
            # of one may be what was another's.
            name=Output.concat(front.name, f"-{network}"),
            driver="bridge",
            internal=is_internal,
            ipv6=False,
            ipam_configs=[
                docker.NetworkIpamConfigArgs(
                    subnet=str(subnet),
                    gateway=addresses(subnet)[GATEWAY],
                    aux_address=None if is_internal else {NO_WAY_OUT: nobody(subnet)},
                )
            ],
            labels=_labels(stack, network),
            opts=ResourceOptions.merge(child, ResourceOptions(delete_before_replace=True)),
        )
        names[network] = made.name
    return Networks(names=names, parts=parts, subnet6=given.subnet6)


def addresses(subnet: IPv4Network | IPv6Network) -> dict[str, str]:
    """Return who has which address in it: the gateway and each container."""
    return {name: str(subnet[number]) for name, number in NUMBERS.items()}


def nobody(subnet: IPv4Network) -> str:
    """Return an address in it that nobody has: the last one before that of everybody."""
    return str(subnet[-2])


def _labels(stack: str, network: str) -> list[docker.NetworkLabelArgs]:
    return [
        docker.NetworkLabelArgs(label=labels.NETWORK, value=network),
        docker.NetworkLabelArgs(label=labels.STACK, value=stack),
    ]
