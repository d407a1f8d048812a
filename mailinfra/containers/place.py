"""Place: where a container runs, under which name and addresses it is found, and which ports it answers on.

Owns the way from ports of daemons to ports of the host. Does not own which ports those are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import Input

from mailinfra.containers.images import ImageSource

INNER_STEP = 10_000
"""Distance between the ports that one daemon listens on for the first address of the host, the second and so
on."""


@dataclass(frozen=True, kw_only=True)
class PublishedPort:
    """A port of the container that the host answers on."""

    internal: int
    """TCP port that the daemon listens on."""

    external: int
    """TCP port of the host."""

    address: str
    """Address of the host, IPv4 or IPv6."""


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """One network that a container is in."""

    network: Input[str]
    """Docker's name of it."""

    name: str | None = None
    """Name under which the others there find the container; None where nobody looks for it."""

    address: str
    """Its own IPv4 address there."""

    address6: str | None = None
    """Its own IPv6 address there, where the network has IPv6."""

    encrypted: bool = True
    """Whether what is said there needs TLS; not where nobody else could listen."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one container runs."""

    stack: str
    """`<project>-<stack>`: the front of every fixed name, and the label that tells whose container it is."""

    alias: str
    """What it is called: its host name, and its name in the network that everybody meets in."""

    image: ImageSource
    """What it runs: an image of ours, or one that answers to the same files and environment."""

    attachments: Sequence[Attachment]
    """The networks that it is in."""

    listen: Sequence[str] = ()
    """Addresses of the host that its ports are published on."""

    def inner_ports(self, ports: Mapping[str, int]) -> dict[str, list[int]]:
        """Return protocol -> the ports inside of the container that stand for its port, one for each address
        in `listen`.

        The docker provider compares published ports position by position, and Docker lists two bindings of
        one inner port in an order of its own: such a container would be replaced at every `up`
        (https://github.com/kreuzwerker/terraform-provider-docker/issues/909). So no inner port is published
        twice.
        """
        return {
            protocol: [port + INNER_STEP * index for index in range(len(self.listen))]
            for protocol, port in ports.items()
        }

    def published(self, inner: Mapping[str, int], outer: Mapping[str, int]) -> list[PublishedPort]:
        """Return what the host answers on, at each address: `inner` and `outer` are protocol -> port."""
        inside = self.inner_ports(inner)
        return [
            PublishedPort(internal=internal, external=external, address=address)
            for protocol, external in outer.items()
            for internal, address in zip(inside[protocol], self.listen, strict=True)
        ]
