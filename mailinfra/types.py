"""The vocabulary: names, addresses, ports and sizes, each a plain function first and then a type.

Owns what a single value may look like. Does not own how values fit together (config/) or where they are
used.
"""

import ipaddress
import re
from collections.abc import Callable
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from mailinfra.addresses import LABEL, alias_address, ascii_domain, email_address, foreign_address

SIZE = re.compile(r"([1-9][0-9]{0,8})([KMG])")
IMAGE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._/:-]*?)(:(?P<tag>[\w][\w.-]{0,127}))?(@sha256:(?P<digest>[0-9a-f]{64}))?"
)
LOCAL_BASE = "mailinfra-base:"
"""How the name of the base image begins that `make` makes on this machine, which no registry has."""

BROADEST_PROXY = {4: 2**24, 6: 2**96}
"""IP version -> most addresses of a subnet whose word is believed: one /8, or one /32."""

MIB = 1024**2
UNITS = {"K": 1024, "M": MIB, "G": 1024 * MIB}


class OnDestroy(StrEnum):
    """What becomes of a data volume when its stack is destroyed."""

    RETAIN = "retain"
    PROTECT = "protect"
    DELETE = "delete"


class Protocol(StrEnum):
    """A way in which the owner of a mailbox may log in."""

    IMAP = "imap"
    POP3 = "pop3"
    SUBMISSION = "submission"


class PasswordPolicy(StrEnum):
    """Who decides a mailbox's password once the mailbox exists."""

    INITIAL = "initial"
    OWNED = "owned"


def ip_address(value: str) -> str:
    """Return an IPv4 or IPv6 address in its usual spelling; raise ValueError for any other text."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("is not an IP address; write one like '192.0.2.1' or '2001:db8::1'") from None


def is_loopback(value: str) -> bool:
    """Return whether a name or an address is whoever looks it up: in a container that is the container."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return value == "localhost"
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def resolver_address(value: str) -> str:
    """Return the address of a DNS server as a container reaches it; raise ValueError for its own loopback."""
    address = ip_address(value)
    if is_loopback(address):
        raise ValueError(
            f"{address} is in Postfix's container the container itself, where no DNS server runs, and mail "
            "from everybody would be put off; write 'resolvers: host', which asks what the host's "
            "/etc/resolv.conf names, on its loopback, too; or let the server listen on the network's gateway "
            "and name that"
        )
    return address


def proxy(value: str) -> str:
    """Return `host`, an address or a subnet that a reverse proxy comes from; raise ValueError for others."""
    if value == "host":
        return value
    if is_loopback(value.partition("/")[0]):
        raise ValueError(
            f"{value} is in webmail's container the container itself, and every visitor would be redirected "
            "in a circle; write 'host' for a proxy on this machine, which reaches the container from the "
            "network's gateway"
        )
    if "/" not in value:
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            raise ValueError(
                "is neither 'host' nor an address nor a subnet; write one of them, like '192.0.2.80' or "
                "'172.18.0.0/16': names are not looked up"
            ) from None
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is not a subnet; write one like '172.18.0.0/16'") from None
    if value.partition("/")[0] != str(network.network_address):
        raise ValueError(f"must be written as the network itself: {str(network)!r}")
    if network.num_addresses > BROADEST_PROXY[network.version]:
        raise ValueError("would believe half the world on who it is; write the proxy's own subnet")
    return str(network)


def within(value: str, network: IPv4Network | IPv6Network) -> bool:
    """Return whether `value` is an IP address inside of `network`; a name is not."""
    try:
        return ipaddress.ip_address(value) in network
    except ValueError:
        return False


def host_name(value: str) -> str:
    """Return an IP address, a full name or a single label of a local network; raise ValueError otherwise."""
    if LABEL.fullmatch(value) and not value.isdigit():
        return value
    try:
        return ip_address(value)
    except ValueError:
        return ascii_domain(value)


def login_name(value: str) -> str:
    """Return a login at somebody else's server; raise ValueError for what password files cannot hold."""
    if not value.isprintable() or any(character.isspace() or character in ":'\"\\" for character in value):
        raise ValueError("holds a space, a colon, a quote or a backslash; use a login name without")
    if not 1 <= len(value) <= 254:
        raise ValueError("must have 1 to 254 characters")
    return value


def size_in_bytes(value: object) -> int:
    """Return the bytes of a size like '50M' (K, M, G: powers of 1024); raise ValueError without a unit."""
    match = SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is not a size; write a whole number and K, M or G, like '50M'")
    return int(match[1]) * UNITS[match[2]]


def size_text(value: int) -> str:
    """Return a size in bytes as a person writes it."""
    unit = next((unit for unit in ("G", "M", "K") if value % UNITS[unit] == 0), None)
    return f"{value // UNITS[unit]}{unit}" if unit else str(value)


def port(value: object) -> int:
    """Return a TCP port; raise ValueError outside of 1 to 65535."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise ValueError("must be a port, a whole number from 1 to 65535")
    return value


def port_or_off(value: object) -> int | None:
    """Return a TCP port, or None for `false`; raise ValueError for anything else."""
    try:
        return None if value is False else port(value)
    except ValueError as error:
        raise ValueError(f"{error}, or false to turn it off") from None


def image_reference(value: str) -> str:
    """Return a container image's reference; raise ValueError where it does not say which image for ever."""
    match = IMAGE.fullmatch(value)
    if match is None:
        raise ValueError("is not an image reference; write one like 'debian:trixie-slim@sha256:…'")
    if not match["digest"]:
        raise ValueError(
            f"has no digest, so a registry may answer with another image tomorrow; write '{value}@sha256:…', "
            f"as `docker buildx imagetools inspect {value}` prints it"
        )
    return value


def _subnet(value: object, version: type[IPv4Network] | type[IPv6Network], least: int, small: str) -> Any:
    example = "192.168.94.0/24" if version is IPv4Network else "fd00:94::/64"
    try:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError
        network = version(value, strict=False)
    except ValueError:
        raise ValueError(
            f"is not a subnet of IPv{version(example).version}; write one like {example!r}"
        ) from None
    if value.partition("/")[0] != str(network.network_address):
        raise ValueError(f"must be written as the network itself: {str(network)!r}")
    if network.num_addresses < least:
        raise ValueError(small)
    return network


def subnet4(value: object) -> IPv4Network:
    """Return an IPv4 network with room for all networks of a stack; raise ValueError for anything else."""
    small = "is too small for four networks of eight addresses each; write a prefix of /27 or shorter"
    network: IPv4Network = _subnet(value, IPv4Network, 32, small)
    return network


def subnet6(value: object) -> IPv6Network:
    """Return an IPv6 network with room for all containers; raise ValueError for anything else."""
    small = "is too small for a gateway and the containers; write a prefix of /125 or shorter"
    network: IPv6Network = _subnet(value, IPv6Network, 8, small)
    return network


# The formats are JSON Schema's where it has one; editors ignore the others, docs/configuration.md names all.
_PORT = {"type": "integer", "minimum": 1, "maximum": 65535, "format": "port"}
_SIZE = {"type": "string", "pattern": f"^{SIZE.pattern}$", "format": "size"}
_SUBNET4 = {"type": "string", "format": "ipv4-subnet", "examples": ["10.94.0.0/24"]}
_SUBNET6 = {"type": "string", "format": "ipv6-subnet", "examples": ["fd00:94::/64"]}


def _text(check: Callable[[str], str], form: str, example: str) -> tuple[AfterValidator, Any]:
    return AfterValidator(check), Field(examples=[example], json_schema_extra={"format": form})


DomainName = Annotated[str, *_text(ascii_domain, "idn-hostname", "example.org")]
HostName = Annotated[str, *_text(host_name, "host", "db.example.org")]
EmailAddress = Annotated[str, *_text(email_address, "idn-email", "alice@example.org")]
AliasAddress = Annotated[str, *_text(alias_address, "idn-email", "sales@example.org")]
ForeignAddress = Annotated[str, *_text(foreign_address, "idn-email", "alice@elsewhere.example")]
ResolverAddress = Annotated[str, *_text(resolver_address, "ip-address", "192.0.2.53")]
Proxy = Annotated[str, *_text(proxy, "proxy", "host")]
LoginName = Annotated[str, AfterValidator(login_name)]
IpAddress = Annotated[str, *_text(ip_address, "ip-address", "192.0.2.80")]
_AS_SIZE = PlainSerializer(size_text, return_type=str, when_used="json")
_OFF = PlainSerializer(lambda port: False if port is None else port, when_used="json")

ByteSize = Annotated[int, BeforeValidator(size_in_bytes), _AS_SIZE, WithJsonSchema(_SIZE)]
FilePath = Annotated[str, Field(min_length=1, json_schema_extra={"format": "path"})]
Port = Annotated[int, PlainValidator(port), WithJsonSchema(_PORT)]
PortOrOff = Annotated[
    int | None, PlainValidator(port_or_off), _OFF, WithJsonSchema({"anyOf": [_PORT, {"const": False}]})
]
Subnet4 = Annotated[IPv4Network, PlainValidator(subnet4), WithJsonSchema(_SUBNET4)]
Subnet6 = Annotated[IPv6Network, PlainValidator(subnet6), WithJsonSchema(_SUBNET6)]
