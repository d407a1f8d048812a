"""Daemons: what Dovecot, Postfix and the webmail need alike from their neighbours.

Owns the names and meanings of these values. Does not own what a daemon makes of them, nor its container
(service.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi import Input, Output

from mailinfra.containers.images import ImageSource
from mailinfra.containers.service import PublishedPort

SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
"""The public certificate authorities, in every image."""

INNER_STEP = 10_000
"""Distance between the ports that one daemon listens on for the first address of the host, the second and so
on."""


@dataclass(frozen=True, kw_only=True)
class DaemonArgs:
    """What each daemon that reads the database needs."""

    stack: str
    """`<project>-<stack>`: the front of every fixed name."""

    image: ImageSource
    """What it runs: an image of ours, or one that answers to the same files and environment."""

    hostname: str
    """The mail server's name, in greetings and towards other servers; the certificate holds it."""

    network: Input[str]
    """Name of the Docker network shared with the other daemons."""

    address: Input[str]
    """IPv4 address on that network."""

    address6: str | None = None
    """IPv6 address on that network, where it has IPv6."""

    listen: Sequence[str]
    """Addresses of the host that the ports are published on."""

    database_host: Input[str]
    """Name of the MySQL server; known once it is healthy."""

    database_port: Input[int]
    """TCP port of the MySQL server."""

    database_user: Input[str]
    """The daemon's own user there; known once it has its rights."""

    database_password: Input[str]
    """That user's password; becomes a file of its own."""

    database_ca: Input[str]
    """PEM of the CA that signed the MySQL server's certificate; empty where none is known."""

    certificate: Input[str]
    """PEM of the certificate for `hostname`, followed by its chain."""

    key: Input[str]
    """PEM of the certificate's private key; becomes a file of its own."""

    def inner_ports(self, port: int) -> list[int]:
        """Return the ports inside of the container that stand for `port`, one for each address in `listen`.

        The docker provider compares published ports position by position, and Docker lists two bindings of
        one inner port in an order of its own: such a container would be replaced at every `up`
        (https://github.com/kreuzwerker/terraform-provider-docker/issues/909). So no inner port is published
        twice.
        """
        return [port + INNER_STEP * index for index in range(len(self.listen))]

    def published(self, pairs: Mapping[int, int]) -> list[PublishedPort]:
        """Return port of the container -> port of the host, on every address."""
        return [
            PublishedPort(internal=inner, external=external, address=address)
            for internal, external in pairs.items()
            for inner, address in zip(self.inner_ports(internal), self.listen, strict=True)
        ]


def ca_file(pem: str, path: str) -> str:
    """Return where to look for the CA: `path` where `pem` names one, else the public ones."""
    return path if pem else SYSTEM_CA


def filled(pem: Input[str]) -> Output[str]:
    """Return `pem`, or a line break in place of nothing: an upload without content is refused."""
    return Output.from_input(pem).apply(lambda text: text or "\n")
