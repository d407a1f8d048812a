"""DNS: the records that the domains of a mail server need.

Owns what they are, as data. Does not own a zone: a person, or another program, writes them there.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

TTL = 3600
"""Seconds that a resolver may remember a record; an hour bounds how long a mistake stays."""

MX_PRIORITY = 10
"""Preference of the only MX; room is left on both sides."""


@dataclass(frozen=True, kw_only=True)
class DnsRecord:
    """One record, with the names of common DNS providers' fields."""

    name: str
    """Fully qualified name, without the dot at its end."""

    type: str
    """A, AAAA or MX."""

    value: str
    """Address or name."""

    ttl: int = TTL
    """Seconds."""

    priority: int | None = None
    """Preference of an MX; the lower one is tried first."""

    def output(self) -> dict[str, Any]:
        """Return the record as a stack output: `{name, type, ttl, value, priority?}`."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def dns_records(hostname: str, addresses: Sequence[str], domains: Sequence[str]) -> list[DnsRecord]:
    """Return an address record for the host and each of its addresses, and an MX for each domain, in this
    order."""
    hosts = [
        DnsRecord(name=hostname, type="A" if ipaddress.ip_address(one).version == 4 else "AAAA", value=one)
        for one in addresses
    ]
    exchangers = [
        DnsRecord(name=domain, type="MX", value=hostname, priority=MX_PRIORITY) for domain in sorted(domains)
    ]
    return hosts + exchangers
