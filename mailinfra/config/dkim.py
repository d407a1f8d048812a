"""DKIM: the keys that sign what users send, and how far each is in its life.

Owns selectors, states and how the domains publish the keys. Does not own the keys themselves
(mailinfra/components/dkim.py) or the records that name them (mailinfra/components/dns.py).
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from mailinfra.config.model import Mistake, Model

SELECTOR = re.compile(r"(?P<algorithm>rsa|ed25519)-[a-z0-9]([a-z0-9-]*[a-z0-9])?")
"""What a selector looks like: one label of a domain name, which begins with the algorithm of its key."""

LONGEST_SELECTOR = 63

RETIREMENT_DAYS = 7
"""How long a retired key stays in the DNS: as long as mail that it signed may be on its way."""


class KeyState(StrEnum):
    """How far a key is in its life."""

    PUBLISHED = "published"
    SIGNING = "signing"
    RETIRED = "retired"


class KeyRecords(StrEnum):
    """How a domain publishes the keys."""

    TXT = "txt"
    CNAME = "cname"


class DkimConfig(Model):
    """DKIM: what signs the mail of all hosted domains. Each key is made when its line appears; rotation is
    in docs/operations.md."""

    keys: dict[str, Annotated[KeyState, Field(strict=False)]] = Field(
        default={"rsa-1": KeyState.SIGNING, "ed25519-1": KeyState.SIGNING},
        examples=[{"rsa-1": "signing", "rsa-2": "published"}],
    )
    """Selector -> state of its key. A selector begins with its algorithm, `rsa-` or `ed25519-`, and is never
    used again for another key. `published` is in the DNS and does not sign yet; `signing` signs; `retired`
    signs no more, and stays in the DNS for the 7 days in which mail is still on its way. A key whose line is
    removed is gone. By default `rsa-1` and `ed25519-1` sign; without any key (`{}`) nothing does."""

    records: Annotated[KeyRecords | None, Field(strict=False)] = Field(default=None, examples=["cname"])
    """How each domain publishes them: `txt` holds the key itself; with `cname` the domain points to the one
    record below `hostname`, so that a rotation touches a single zone. By default `txt` where the server has
    one domain, and `cname` where it has more."""

    def signing(self) -> list[str]:
        """Return the selectors of the keys that sign, in the order in which they are written."""
        return [selector for selector, state in self.keys.items() if state is KeyState.SIGNING]

    def points(self, domains: int) -> bool:
        """Return whether that many domains point to the host's record, rather than hold the key."""
        return self.records is KeyRecords.CNAME or (self.records is None and domains > 1)

    def contradictions(self) -> Iterator[Mistake]:
        """Return selectors that name no algorithm, and keys that sign in vain or not at all."""
        signing: dict[str, str] = {}
        for selector, state in self.keys.items():
            place = ("keys", selector)
            if not SELECTOR.fullmatch(selector) or len(selector) > LONGEST_SELECTOR:
                reason = (
                    "is not a selector; it begins with the algorithm of its key, goes on with a-z, 0-9 and "
                    f"-, and has at most {LONGEST_SELECTOR} characters: write one like 'rsa-2' or "
                    "'ed25519-2026'"
                )
                yield Mistake(place=place, reason=reason, given=selector)
                continue
            if state is not KeyState.SIGNING:
                continue
            kind = algorithm(selector)
            if kind in signing:
                reason = (
                    f"signs with {kind.upper()} as {signing[kind]!r} does, and a second signature of a kind "
                    "proves nothing more; let one of them be 'published' or 'retired'"
                )
                yield Mistake(place=place, reason=reason)
            signing.setdefault(kind, selector)
        if self.keys and not signing:
            reason = (
                "hold no key that is 'signing', and mail would leave unsigned; let one sign, or write {} "
                "where a smarthost signs"
            )
            yield Mistake(place=("keys",), reason=reason)
        elif set(signing) == {"ed25519"}:
            reason = (
                f"sign with {signing['ed25519']!r} alone, and many receivers verify RSA only: to them this "
                "mail is unsigned; let an RSA key sign, too"
            )
            yield Mistake(place=("keys",), reason=reason)


def algorithm(selector: str) -> str:
    """Return the algorithm that a selector names, `rsa` or `ed25519`; raise ValueError without one."""
    match = SELECTOR.fullmatch(selector)
    if match is None:
        raise ValueError(f"{selector!r} names no algorithm")
    return match["algorithm"]
