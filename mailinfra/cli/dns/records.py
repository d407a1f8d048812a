"""Records as the stack's output `dns_records` has them.

Owns reading that output. Does not own what a record says (components/dns.py).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

REVERSE = (".in-addr.arpa", ".ip6.arpa")
"""How zones end that belong to whoever rents out the address."""


class UnreadableError(Exception):
    """What was given is not the output `dns_records`."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record."""

    zone: str
    name: str
    type: str
    value: str
    ttl: int
    purpose: str
    urgency: str
    priority: int | None = None

    @property
    def whole(self) -> str:
        """The value with its priority before it, as a person reads it."""
        return self.value if self.priority is None else f"{self.priority} {self.value}"

    @property
    def is_reverse(self) -> bool:
        """Whether it stands in somebody else's zone."""
        return self.zone.endswith(REVERSE)


def read(text: str) -> list[Record]:
    """Return the records in a stack's output, as JSON; raise UnreadableError for any other text."""
    remedy = "hand in what `pulumi stack output dns_records --json` prints, of a stack that is up"
    try:
        given = json.loads(text)
    except ValueError:
        raise UnreadableError(f"the records are not JSON; {remedy}") from None
    if not isinstance(given, list):
        raise UnreadableError(f"the records are not a list; {remedy}")
    try:
        return [Record(**each) for each in given]
    except TypeError:
        raise UnreadableError(
            "the records are not those of this version; run `make up` once, and hand in what "
            "`pulumi stack output dns_records --json` prints"
        ) from None


def zones(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return zone -> its records, in order; those of somebody else's zones are not among them."""
    found: dict[str, list[Record]] = {}
    for record in records:
        if not record.is_reverse:
            found.setdefault(record.zone, []).append(record)
    return found
