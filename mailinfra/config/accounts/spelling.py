"""Spelling: which declared name somebody may have meant who wrote another one.

Owns what counts as near. Does not own where a name has to be declared (rules.py).
"""

from collections.abc import Iterable
from difflib import SequenceMatcher

NEAR_DOMAIN, NEAR_NAME = 0.85, 0.75
"""Least likeness, from 0 to 1: a slip in a domain's name, and one in what stands before the @."""


def near_domain(name: str, declared: Iterable[str]) -> str | None:
    """Return the declared domain that `name` is most like; None where it is like none of them."""
    return _best({one: _likeness(name, one, NEAR_DOMAIN) for one in declared})


def near_address(address: str, declared: Iterable[str]) -> str | None:
    """Return the declared address that `address` is most like, in both of its parts."""
    local, _, domain = address.partition("@")
    found = {}
    for one in declared:
        name, _, home = one.partition("@")
        parts = _likeness(local, name, NEAR_NAME), _likeness(domain, home, NEAR_DOMAIN)
        found[one] = min(parts) and sum(parts)
    return _best(found)


def _best(scores: dict[str, float]) -> str | None:
    best = max(scores, key=lambda one: scores[one], default=None)
    return best if best is not None and scores[best] > 0 else None


def _likeness(one: str, other: str, least: float) -> float:
    """Return how like two texts are; 0 where that is less than `least`."""
    matcher = SequenceMatcher(a=one, b=other, autojunk=False)
    if matcher.real_quick_ratio() < least or matcher.quick_ratio() < least:
        return 0
    ratio = matcher.ratio()
    return ratio if ratio >= least else 0
