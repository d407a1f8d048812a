"""MTA-STS (RFC 8461): what a domain tells servers that send to it about TLS on port 25.

Owns the text of the policy and the id that its DNS record holds. Does not own who serves the text
(components/roundcube.py), nor the records (components/dns.py).
"""

import hashlib
from enum import StrEnum


class MtaSts(StrEnum):
    """What other servers shall do where they do not reach the MX as the policy says."""

    OFF = "off"
    TESTING = "testing"
    ENFORCE = "enforce"


MAX_AGE = {MtaSts.TESTING: 86_400, MtaSts.ENFORCE: 604_800}
"""Mode -> seconds for which others remember the policy: a day while it is tried, a week when it holds."""


def policy(mode: MtaSts, mx: str, max_age: int | None = None) -> str:
    """Return the text behind `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`, which is the same for every
    domain; raise ValueError for `off`, which has none."""
    if mode is MtaSts.OFF:
        raise ValueError("MTA-STS is off: there is no policy to serve")
    age = MAX_AGE[mode] if max_age is None else max_age
    return f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: {age}\n"


def policy_id(mode: MtaSts, mx: str, max_age: int | None = None) -> str:
    """Return the `id` of the record `_mta-sts.DOMAIN`: up to 32 letters and digits, another one for each
    text."""
    return hashlib.sha256(policy(mode, mx, max_age).encode()).hexdigest()[:32]
