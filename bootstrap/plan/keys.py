"""Keys: what becomes of the DKIM keys, and of the mail that they have signed.

Owns the words, and which edits are faults by themselves. Does not own the asking of the DNS (rotation.py).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.plan.engine import Plan

KEY = re.compile(r"DkimKeys\$tls:index/privateKey:PrivateKey::.*-dkim-(?P<selector>.+)$")
"""The name of a key's resource in the engine."""

DAYS = 7  # RETIREMENT_DAYS, config/dkim.py

SIGNING = "signing"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An edit that would leave mail which nobody can verify."""

    what: str
    remedy: str


def signatures(plan: Plan) -> list[str]:
    """Return what an update means for signatures, line by line; what `make up` refuses among it."""
    if plan.is_new:
        return []
    return [*_moves(plan), *(f"make up refuses: {fault.what}. {fault.remedy}." for fault in _faults(plan))]


def switched(plan: Plan) -> list[str]:
    """Return the selectors of keys that are there, and sign from this update on."""
    before, there = _states(plan.recorded), _known(plan)
    return [
        selector
        for selector, state in _states(plan.declared).items()
        if state == SIGNING and selector in there and before.get(selector, SIGNING) != SIGNING
    ]


def asks_dns(plan: Plan) -> bool:
    """Return whether the settings want the DNS to be asked at all."""
    receiving: Mapping[str, Any] = (plan.declared or {}).get("receiving") or {}
    return receiving.get("checkDomains", True) is not False


def faults(plan: Plan) -> list[Fault]:
    """Return each edit that is wrong whatever the DNS has."""
    if plan.is_new:
        return []
    return list(_faults(plan))


def _faults(plan: Plan) -> Iterator[Fault]:
    before, after, there = _states(plan.recorded), _states(plan.declared), _known(plan)
    # Where filtering goes as a whole, or every key does, that is what is wanted: mail leaves unsigned.
    signs = SIGNING in after.values() and (plan.declared or {}).get("filtering", True) is not False
    for selector, op in _edits(plan):
        if op == "replace":
            yield Fault(
                what=f"another key would take the place of {selector}, and the DNS names the old one",
                remedy=f"Leave {selector} as it is, and publish a key under another selector",
            )
        if op == "delete" and before.get(selector) == SIGNING and signs:
            yield Fault(
                what=f"{selector} signs until now, and mail on its way could not be verified without it",
                remedy=f"Write `{selector}: retired` first, and remove the line {DAYS} days later",
            )
        if op == "create" and after.get(selector) == SIGNING and there:
            yield Fault(
                what=f"{selector} would sign, and has never been in the DNS",
                remedy=f"Write `{selector}: published` first, and `signing` once the DNS has it",
            )


def _moves(plan: Plan) -> Iterator[str]:
    before, after, there = _states(plan.recorded), _states(plan.declared), _known(plan)
    edits = _edits(plan)
    for selector, state in after.items():
        old = before.get(selector)
        if selector not in there:
            if (selector, "create") in edits:
                yield (
                    f"{selector} is made and signs: write its record at once (make dns)"
                    if state == SIGNING
                    else f"{selector} is made: write its record (make dns); it signs once it is 'signing'"
                )
        elif old is not None and old != state:
            yield f"{selector}: {_MEANS[state]}"
    for selector, op in edits:
        if op == "delete":
            yield (
                f"{selector} is gone for good: remove its record from the DNS, and use its name for no other "
                "key"
            )


_MEANS = {
    SIGNING: "signs from now on; make up asks the DNS first whether it has the key",
    "published": "stays in the DNS and does not sign",
    "retired": f"signs no more; leave its record in the DNS for {DAYS} days, and then remove its line here",
}


def _edits(plan: Plan) -> list[tuple[str, str]]:
    """Return selector and kind of step of each key that does not stay as it is."""
    return [(match["selector"], step.op) for step in plan.steps if (match := KEY.search(step.urn))]


def _known(plan: Plan) -> set[str]:
    """Return the selectors of keys that the state has."""
    found = (KEY.search(str(resource.get("urn", ""))) for resource in plan.resources)
    return {match["selector"] for match in found if match}


def _states(settings: Mapping[str, Any] | None) -> dict[str, str]:
    dkim: Mapping[str, Any] = (settings or {}).get("dkim") or {}
    return {str(selector): str(state) for selector, state in (dkim.get("keys") or {}).items()}
