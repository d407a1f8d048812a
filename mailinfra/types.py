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

import idna
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# All of RFC 5321's dot-atom for others; for aliases not what Postfix takes for a detail or a route (+ % !),
# for mailboxes not what Dovecot's tools take for a pattern either. Postfix refuses a hyphen at the front.
_NAMES = r"a-z0-9_#$&'/=^`{|}~-"
_NOT_IN_NAMES = {
    "%": "Postfix refuses a '%' in it as a route to another server; leave it out",
    "!": "Postfix refuses a '!' in it as a route to another server; leave it out",
    "*": "Dovecot's tools take a '*' in it for any name; declare it as an alias of a plainer one",
    "?": "Dovecot's tools take a '?' in it for any letter; declare it as an alias of a plainer one",
}
LOCAL_PART = re.compile(rf"(?!-)[{_NAMES}]+(\.[{_NAMES}]+)*")
ALIAS_LOCAL_PART = re.compile(rf"(?!-)[*?{_NAMES}]+(\.[*?{_NAMES}]+)*")
FOREIGN_LOCAL_PART = re.compile(rf"[!%+*?{_NAMES}]+(\.[!%+*?{_NAMES}]+)*")
SIZE = re.compile(r"([1-9][0-9]{0,8})([KMG])")
IMAGE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._/:-]*?)(:(?P<tag>[\w][\w.-]{0,127}))?(@sha256:(?P<digest>[0-9a-f]{64}))?"
)
LENGTHS = {
    "display_name": 200,
    "description": 200,
    "claimant": 20,
    "reset": 100,
}
"""Characters that each text of a mailbox may have; the columns of the database hold as many."""

NAMED = re.compile(r"[^<>]*<\s*([^<>\s]+@[^<>\s]+)\s*>\s*")
"""An address as mail programs show it: `Alice <alice@example.org>`."""

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


def lower_case(value: str) -> str:
    """Return `value` unchanged; raise ValueError if a lookup in lower case would miss it."""
    if value != value.lower():
        raise ValueError(f"must be lower case; write {value.lower()!r}")
    return value


def _lower_case_only(value: str, check: Callable[[str], str]) -> str:
    """Return `value`; raise ValueError where it is in upper case, with a remedy that `check` takes."""
    if value != value.lower():
        check(value.lower())  # what is wrong apart from the case comes first
        lower_case(value)
    return value


def ascii_domain(value: str) -> str:
    """Return a domain in its ASCII form (A-labels), however it was written; raise ValueError if it is
    none."""
    _lower_case_only(value, ascii_domain)
    try:
        name = value if value.isascii() else idna.encode(value).decode("ascii")
        for label in name.split("."):
            if label.startswith("xn--"):
                idna.decode(label)
    except idna.IDNAError as error:
        raise ValueError(f"is no international domain name ({error}); correct it") from None
    labels = name.split(".")
    if len(labels) < 2:
        raise ValueError("is no full domain name; write it with its parent, like 'mail.example.org'")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(
            "is no domain name; write labels of letters, digits and inner hyphens, each at most 63 "
            "characters and 253 in all, with a dot between them and none at the end"
        )
    return name


def _address(value: str, local_part: re.Pattern[str], rule: str) -> str:
    local, at, domain = value.rpartition("@")
    if not at or not local:
        raise ValueError("is no mail address; write it as 'name@domain'")
    if named := NAMED.fullmatch(value):
        inner = _address(named[1].lower(), local_part, rule)
        raise ValueError(f"has a name around the address; write {inner!r}")
    _lower_case_only(value, lambda lower: _address(lower, local_part, rule))
    if len(local) > 64:
        raise ValueError(f"has {len(local)} characters before the @; at most 64 are allowed, shorten it")
    if not local_part.fullmatch(local):
        raise ValueError(rule)
    try:
        address = f"{local}@{ascii_domain(domain)}"
    except ValueError as error:
        raise ValueError(f"its domain {domain!r} {error}") from None
    if len(address) > 254:
        raise ValueError(f"has {len(address)} characters; at most 254 are allowed, shorten it")
    return address


def email_address(value: str) -> str:
    """Return the address of a mailbox of ours, its domain in ASCII form; raise ValueError if nobody could log
    in with it."""
    return _our_address(value, LOCAL_PART, "has a name that a daemon could not log in with", "#$&'/=^_`{|}~")


def alias_address(value: str) -> str:
    """Return an address of ours that may be an alias, its domain in ASCII form; raise ValueError if no mail
    could reach it."""
    return _our_address(value, ALIAS_LOCAL_PART, "has a name that mail does not reach", "#$&'*/=?^_`{|}~")


def _our_address(value: str, local_part: re.Pattern[str], fault: str, also: str) -> str:
    local = value.rpartition("@")[0]
    if "+" in local:
        short = local.partition("+")[0]
        raise ValueError(
            f"holds a '+', which separates a detail from the name; declare {short!r}, which receives them all"
        )
    for character, reason in _NOT_IN_NAMES.items():
        if character in local and character not in also:
            raise ValueError(f"{fault}: {reason}")
    return _address(value, local_part, f"{fault}; use a-z, 0-9, {also}, '-' (not first) and single dots")


def foreign_address(value: str) -> str:
    """Return an address on somebody else's server; raise ValueError if mail could not be sent there."""
    return _address(
        value,
        FOREIGN_LOCAL_PART,
        "has a name that mail is not forwarded to; use a-z, 0-9, !#$%&'*+-/=?^_`{|}~ and single dots",
    )


def ip_address(value: str) -> str:
    """Return an IPv4 or IPv6 address in its usual spelling; raise ValueError if it is none."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("is no IP address; write one like '192.0.2.1' or '2001:db8::1'") from None


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
        raise ValueError("is no size; write a whole number and K, M or G, like '50M'")
    return int(match[1]) * UNITS[match[2]]


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
    """Return a container image's reference; raise ValueError where it does not say which version."""
    match = IMAGE.fullmatch(value)
    if match is None:
        raise ValueError("is no image reference; write one like 'debian:trixie-slim@sha256:…'")
    if not match["digest"] and match["tag"] in (None, "latest"):
        raise ValueError(
            "names no version, so it would change by itself; write a tag other than 'latest', or a digest"
        )
    return value


def _subnet(value: object, version: type[IPv4Network] | type[IPv6Network]) -> Any:
    example = "192.168.94.0/24" if version is IPv4Network else "fd00:94::/64"
    try:
        if not isinstance(value, str) or "/" not in value:
            raise ValueError
        network = version(value, strict=False)
    except ValueError:
        raise ValueError(
            f"is no subnet of IPv{version(example).version}; write one like {example!r}"
        ) from None
    if value.partition("/")[0] != str(network.network_address):
        raise ValueError(f"must be written as the network itself: {str(network)!r}")
    if network.num_addresses < 8:
        raise ValueError("is too small for a gateway and four containers; write a prefix of /29 or shorter")
    return network


def subnet4(value: object) -> IPv4Network:
    """Return an IPv4 network with room for all containers; raise ValueError if it is none."""
    network: IPv4Network = _subnet(value, IPv4Network)
    return network


def subnet6(value: object) -> IPv6Network:
    """Return an IPv6 network with room for all containers; raise ValueError if it is none."""
    network: IPv6Network = _subnet(value, IPv6Network)
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
LoginName = Annotated[str, AfterValidator(login_name)]
IpAddress = Annotated[str, *_text(ip_address, "ip-address", "192.0.2.80")]
ByteSize = Annotated[int, BeforeValidator(size_in_bytes), WithJsonSchema(_SIZE)]
FilePath = Annotated[str, Field(min_length=1, json_schema_extra={"format": "path"})]
Port = Annotated[int, PlainValidator(port), WithJsonSchema(_PORT)]
PortOrOff = Annotated[
    int | None, PlainValidator(port_or_off), WithJsonSchema({"anyOf": [_PORT, {"const": False}]})
]
Subnet4 = Annotated[IPv4Network, PlainValidator(subnet4), WithJsonSchema(_SUBNET4)]
Subnet6 = Annotated[IPv6Network, PlainValidator(subnet6), WithJsonSchema(_SUBNET6)]
