"""TLSA: what becomes of mail where port 25 gets another key than the DNS names.

Owns the words, and which edits show another key. Does not own the records (mailinfra/components/dns.py), nor
the asking of the DNS (rotation.py).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.plan.engine import SERVER, Plan, Step
from bootstrap.plan.keys import asks_dns

OWN_KEY = re.compile(r"tls:index/privateKey:PrivateKey::.*-(?P<kind>public|older)-key(-[^:]+)?$")
"""The name in the engine of a key of ours that port 25 shows, whichever generation it is: `older` is the one
for servers that know no other, beside `public`."""

RECORD = "_25._tcp.{host}. 3600 IN TLSA {value}"


@dataclass(frozen=True, kw_only=True)
class Switch:
    """An update after which port 25 shows a key that the stack's records have not named."""

    host: str

    values: Sequence[str]
    """What TLSA says of the new keys; empty where they are made by this very update."""

    is_beside: bool = False
    """Whether what was shown is shown on, and another one to those alone that know none of its kind."""

    @property
    def remedy(self) -> str:
        """What has to be done first where the DNS names the old key."""
        if self.values:
            records = ", ".join(f"`{RECORD.format(host=self.host, value=one)}`" for one in self.values)
            return (
                f"Write {records} beside the old record, wait an hour (its TTL), and run it again; remove "
                "the old one afterwards"
            )
        return (
            f"Remove the records TLSA of _25._tcp.{self.host}, for the new key is made by this update, wait "
            "an hour (their TTL), and run it again; write the new ones afterwards (make dns)"
        )


def unpublished(plan: Plan, named: str | None = None) -> list[str]:
    """Return what to do first where another key takes the place of one that the stack's records name.

    `named` is what the DNS has against it: empty where it has no such records, or the right ones, and then
    there is nothing to do; None where it was not asked.
    """
    found = switch(plan)
    return [] if found is None or named == "" else list(_lines(found, named, asks=asks_dns(plan)))


def switch(plan: Plan) -> Switch | None:
    """Return to which keys port 25 goes; None where those that the stack's records name stay.

    Without any such record, as with a key that acme alone keeps, the DNS may have one all the same: then only
    keys that are made count.
    """
    before = set(_published(plan))
    if plan.is_new:
        return None
    declared: dict[str, Any] = {}
    for step in plan.of(SERVER):
        declared = dict(step.new)
    new = [value for value in declared.get("tlsa") or [] if value not in before] if before else []
    made = [step for step in plan.steps if step.op in {"create", "replace"} and OWN_KEY.search(step.urn)]
    if not new and not made:
        return None
    host = str((plan.declared or {}).get("hostname"))
    return Switch(host=host, values=new, is_beside=not new and _is_beside(plan, made))


def _is_beside(plan: Plan, made: Sequence[Step]) -> bool:
    """Return whether the one key that is made is that for servers that know no other, and is new as a kind:
    all others go on seeing the one that stays. With somebody else's database acme may have shown another one
    than that."""
    if ((plan.declared or {}).get("database") or {}).get("external"):
        return False
    there = {match["kind"] for one in plan.resources if (match := OWN_KEY.search(str(one.get("urn"))))}
    kinds = {match["kind"] for step in made if (match := OWN_KEY.search(step.urn))}
    gone = any(step.op == "delete" and OWN_KEY.search(step.urn) for step in plan.steps)
    return kinds == {"older"} and there == {"public"} and not gone


def _lines(found: Switch, named: str | None, *, asks: bool) -> Iterator[str]:
    if found.is_beside:
        yield "port 25 gets a second key, RSA, for servers that know no other, and shows all others the key"
        yield "of before: where it has a record TLSA, write that of the second key beside it (make dns)"
        if named:
            yield f"asked just now: {named}"
        return
    yield "another key on port 25: where your zone is signed (DNSSEC), servers that look at TLSA send no mail"
    if found.values:
        yield "until the DNS names it. Write this record beside the old one first, wait an hour (its TTL),"
        yield "and run make up then; remove the old one afterwards:"
        yield from (f"  {RECORD.format(host=found.host, value=value)}" for value in found.values)
    else:
        yield "until the DNS names it, and it is made by this very update: remove the record first, wait an"
        yield "hour (its TTL), and write the new one afterwards (make dns)"
    if named:
        yield f"asked just now: {named}"
        yield "make up asks again, and refuses while it is so"
    elif asks:
        yield "make up asks the DNS, and refuses where it has a record and not this one"


def _published(plan: Plan) -> Iterator[str]:
    """Return the values of the records TLSA of the last update."""
    for resource in plan.resources:
        if resource["type"] == SERVER:
            for record in (resource.get("outputs") or {}).get("dns_records") or []:
                if record.get("type") == "TLSA":
                    yield str(record.get("value"))
