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

RESERVED = tuple(ipaddress.ip_network(each) for each in ("0.0.0.0/8", "240.0.0.0/4"))
"""IPv4 addresses that systems refuse to use (RFC 1122, section 3.2.1.3; RFC 1112, section 4)."""

LOOPBACK_NAMES = {
    *("localhost", "localhost4", "localhost6", "ip6-localhost", "ip6-loopback", "loopback"),
    *(f"{name}.localdomain" for name in ("localhost", "localhost4", "localhost6")),
}
"""What a machine is called in its own /etc/hosts, as distributions write it."""

BROADEST_PROXY = {4: 2**24, 6: 2**96}
"""IP version -> most addresses of a subnet whose word is believed: one /8, or one /32."""

MIB = 1024**2
UNITS = {"K": 1024, "M": MIB, "G": 1024 * MIB}


class OnDestroy(StrEnum):
    """What becomes of a data volume when its stack is destroyed."""

    RETAIN = "retain"
    PROTECT = "protect"
    DELETE = "delete"


class Dnssec(StrEnum):
    """What is made of signatures in the DNS."""

    OFF = "off"
    PERMISSIVE = "permissive"
    STRICT = "strict"


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


def machine_address(value: str) -> str:
    """Return an address that a machine may have; raise ValueError for one that no machine ever has."""
    address = ip_address(value)
    if fault := nobodys(address):
        raise ValueError(f"{fault}; write the address of a machine, like '192.0.2.1' or '2001:db8::1'")
    return address


def public_address(value: str) -> str:
    """Return an address at which others reach a machine; raise ValueError for one that means none of them."""
    address = machine_address(value)
    if ipaddress.ip_address(address).is_unspecified:
        raise ValueError(
            "means every address of a machine, and others can connect to none by it; write the addresses one "
            "by one, like '192.0.2.25'"
        )
    return address


def nobodys(value: str) -> str | None:
    """Return why no machine has an IP address; None for one that a machine may have, and for a name."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    if getattr(address, "ipv4_mapped", None):
        return "is an IPv4 address in the spelling of IPv6, which is never on its way"
    if getattr(address, "scope_id", None) or (address.version == 6 and address.is_link_local):
        return "holds on one link alone, and containers have another one"
    if address.is_multicast:
        return "belongs to a group (multicast) and to no machine"
    if any(within(value, each) for each in RESERVED) and not address.is_unspecified:
        return "is reserved, and no machine has it"
    return None


def is_loopback(value: str) -> bool:
    """Return whether a name or an address is whoever looks it up: in a container that is the container."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return value in LOOPBACK_NAMES or value.endswith(".localhost")  # RFC 6761, section 6.3
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def short_text(value: object) -> str:
    """Return a text that may stand for a state of something; raise ValueError for anything else.

    YAML takes a day without quotes for a moment, and Pulumi hands that on: it is the day again.
    """
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else "/"
    text = re.sub(r"^(\d{4}-\d\d-\d\d)[T ]00:00:00( ?\+0000 UTC|Z)$", r"\1", text)
    if not re.fullmatch(r"[A-Za-z0-9._-]{0,40}", text):
        raise ValueError("must be at most 40 letters, digits, dots and dashes; write the date, for example")
    return text


ShortText = Annotated[str, BeforeValidator(short_text)]


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
    return machine_address(value)


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
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError(
                "is neither 'host' nor an address nor a subnet; write one of them, like '192.0.2.80' or "
                "'172.18.0.0/16': names are not looked up"
            ) from None
        return machine_address(value)
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is not a subnet; write one like '172.18.0.0/16'") from None
    if value.partition("/")[0] != str(network.network_address):
        raise ValueError(f"must be written as the network itself: {str(network)!r}")
    if network.num_addresses > BROADEST_PROXY[network.version]:
        raise ValueError("would believe half the world on who it is; write the proxy's own subnet")
    if nobodys(str(network.network_address)):
        raise ValueError("is a subnet of no machines; write one like '172.18.0.0/16'")
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
        ipaddress.ip_address(value)
    except ValueError:
        return ascii_domain(value)
    return ip_address(value) if is_loopback(value) else machine_address(value)


def sender(value: str) -> str:
    """Return an address, or a domain with those below it; raise ValueError for anything else."""
    if "@" in value.removeprefix("@"):
        return foreign_address(value)
    if value.startswith("@"):
        raise ValueError(f"begins with an '@'; write {value.removeprefix('@')!r} for the domain")
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


def off_as_a_word(value: object) -> object:
    """Return `off` for `false`, which is what YAML makes of the word; anything else as it is."""
    return "off" if value is False else value


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
Sender = Annotated[str, *_text(sender, "sender", "friend@example.net")]
ResolverAddress = Annotated[str, *_text(resolver_address, "ip-address", "192.0.2.53")]
Proxy = Annotated[str, *_text(proxy, "proxy", "host")]
LoginName = Annotated[str, AfterValidator(login_name)]
PublicAddress = Annotated[str, *_text(public_address, "ip-address", "192.0.2.25")]
ListenAddress = Annotated[str, *_text(machine_address, "ip-address", "192.0.2.80")]
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
