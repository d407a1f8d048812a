"""Handles: what one component needs to know of another one.

Owns how a neighbour is reached, how a daemon logs in to the database and what it shows to clients. Does not
own where a container runs (containers/place.py), nor what a daemon makes of these values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi import Input, Output

SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
"""The public certificate authorities, in every image."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a daemon shows to whoever connects."""

    certificate: Input[str]
    """PEM of its certificate, the intermediate ones after it."""

    key: Input[str] = field(repr=False)
    """PEM of the certificate's private key; becomes a file of its own."""

    ca: Input[str]
    """PEM of the CA that signed it; empty where a public one did."""


@dataclass(frozen=True, kw_only=True)
class Peer:
    """How a neighbour is reached."""

    host: Input[str]
    """Its name; known once it is healthy."""

    ports: Mapping[str, int]
    """Protocol -> the TCP port that it listens on."""

    ca: Input[str]
    """PEM of the CA that signed its certificate; empty for the public ones."""

    certified: str = ""
    """The name that it is asked for, and that its certificate holds; empty where there is no TLS."""

    encrypted: bool = True
    """Whether it is spoken to inside TLS, and held to its name; network.py says where not."""

    def address(self) -> dict[str, Any]:
        """Return what a template may ask for that only says where the neighbour is."""
        return {"host": self.host, "ports": self.ports}

    def known(self) -> dict[str, Any]:
        """Return that, and the name that it is held to."""
        return {**self.address(), "certified": self.certified}

    def values(self, ca_path: str) -> dict[str, Any]:
        """Return what a template may ask for; `ca_path` is where the CA's file lies, if there is one."""
        return {**self.known(), "ca_file": ca_file(self.ca, ca_path), "encrypted": self.encrypted}


@dataclass(frozen=True, kw_only=True)
class ReportsWay:
    """How the filter's reports to other domains leave: IPv4 addresses in the network `inner`."""

    taker: str
    """Postfix's."""

    sender: str
    """The filter's."""

    resolver: str
    """The DNS server's that says who gets them."""


@dataclass(frozen=True, kw_only=True)
class DatabaseLogin:
    """How a daemon logs in to a database of its own, always over TLS."""

    host: Input[str]
    """Name of the MySQL server; known once it is healthy."""

    port: Input[int]
    """TCP port there."""

    name: str
    """Name of the database."""

    user: Input[str]
    """User of the one service; known once it has its rights."""

    password: Input[str] = field(repr=False)
    """That user's password; becomes a file of its own."""

    ca: Input[str]
    """PEM of the CA that signed the server's certificate; empty where none is known."""

    def values(self, ca_path: str) -> dict[str, Any]:
        """Return what a template that holds no secret may ask for; `ca_path` as for a Peer."""
        return {
            "host": self.host,
            "port": self.port,
            "name": self.name,
            "user": self.user,
            "ca_file": ca_file(self.ca, ca_path),
        }


def ca_file(pem: Input[str], path: str) -> Input[str]:
    """Return where to look for the CA: `path` where `pem` names one, else the public ones."""
    return _made_of(pem, lambda text: path if text else SYSTEM_CA)


def filled(pem: Input[str]) -> Input[str]:
    """Return `pem`, or a line break in place of nothing: an upload without content is refused."""
    return _made_of(pem, lambda text: text or "\n")


def _made_of(value: Input[str], make: Callable[[str], str]) -> Input[str]:
    """Return what `make` makes of `value`: at once where that is known."""
    return make(value) if isinstance(value, str) else Output.all(value).apply(lambda known: make(known[0]))
