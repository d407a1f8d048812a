"""What was said in the running test: every client adds its lines, and a failing test shows them.

Owns the masking of credentials. Does not own the daemons' logs (conftest.py).
"""

import base64
import re

LINES: list[str] = []
"""The conversations of the running test, oldest line first."""

_SECRETS = [
    re.compile(r"(?i)^(AUTH \S+ ).+"),
    re.compile(r"(?i)^(PASS ).+"),
    re.compile(r"(?i)^(\S+ LOGIN \S+ ).+"),
]
_LONGEST = 400


def _is_login(line: str) -> bool:
    """Whether a line is the base64 form of a login's three parts, as SASL's PLAIN sends them."""
    try:
        return base64.b64decode(line, validate=True).count(b"\0") == 2
    except ValueError:
        return False


def say(who: str, text: str | bytes) -> None:
    """Add what `who` said, with credentials masked and long lines cut."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    for line in text.splitlines()[:200]:
        for secret in _SECRETS:
            line = secret.sub(r"\1(masked)", line)
        if _is_login(line):
            line = "(masked)"
        LINES.append(f"{who}: {line[:_LONGEST]}")
