"""Network: the Docker network of one mail server, and who has which address in it.

Owns the names of the containers, too: they find each other by them. Does not own the choice of subnets
(config/network.py), nor what is published on the host.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

import pulumi_docker as docker
from pulumi import Input, ResourceOptions

from mailinfra.config.network import NetworkConfig
from mailinfra.containers import labels
from mailinfra.containers.images import ImageSource
from mailinfra.containers.place import Place

MYSQL, DOVECOT, POSTFIX, WEBMAIL = "mysql", "dovecot", "postfix", "webmail"

HOSTS = ("gateway", MYSQL, DOVECOT, POSTFIX, WEBMAIL)
"""Who gets an address in the subnet, counted from its first one. The order is part of every stack."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network with room for each of `HOSTS`."""

    name: Input[str]
    """Docker's name of it."""

    hosts: Mapping[str, str]
    """The gateway and each container -> IPv4 address."""

    hosts6: Mapping[str, str]
    """The same for IPv6; empty without an IPv6 subnet."""

    @property
    def webmail_addresses(self) -> list[str]:
        """The webmail's own addresses: who sits before it shares them with everybody else there."""
        return [hosts[WEBMAIL] for hosts in (self.hosts, self.hosts6) if hosts]

    def place(self, alias: str, stack: str, image: ImageSource, listen: Sequence[str] = ()) -> Place:
        """Return where the container of that name runs; `listen` are the host's addresses for its ports."""
        # MySQL's users are tied to IPv4 addresses, so it has no other one.
        hosts6 = {} if alias == MYSQL else self.hosts6
        return Place(
            stack=stack,
            alias=alias,
            image=image,
            network=self.name,
            address=self.hosts[alias],
            address6=hosts6.get(alias),
            listen=listen,
        )


def docker_network(name: str, stack: str, given: NetworkConfig, child: ResourceOptions) -> Network:
    """Return the network that a person chose, declared."""
    subnets = [subnet for subnet in (given.subnet, given.subnet6) if subnet is not None]
    network = docker.Network(
        name,
        driver="bridge",
        ipv6=given.subnet6 is not None,
        ipam_configs=[
            docker.NetworkIpamConfigArgs(subnet=str(subnet), gateway=addresses(subnet)["gateway"])
            for subnet in subnets
        ],
        labels=[docker.NetworkLabelArgs(label=labels.STACK, value=stack)],
        # Two networks cannot have one subnet: all containers go first, then the network, and come back.
        opts=ResourceOptions.merge(child, ResourceOptions(delete_before_replace=True)),
    )
    return Network(
        name=network.name,
        hosts=addresses(given.subnet),
        hosts6=addresses(given.subnet6) if given.subnet6 is not None else {},
    )


def addresses(subnet: IPv4Network | IPv6Network) -> dict[str, str]:
    """Return who has which address in it: the gateway and each container."""
    return {name: str(subnet[number]) for number, name in enumerate(HOSTS, start=1)}
