"""Declared passwords that are easy to guess: named when they are set, and never quoted.

Owns the measure and the words. Does not own which passwords are set (outcome.py).
"""

import re
from collections.abc import Collection, Mapping

from mailinfra.hashes import clear_text, is_hash
from mailinfra.provider.model import Mailbox

STRONG = 3
"""zxcvbn's score from which on some hundred million guesses do not find a password."""

LONGEST = 72
"""Characters that zxcvbn looks at; whatever follows makes a password only stronger."""

MOST = 500
"""Passwords that are measured in one update: each takes milliseconds, in the preview too."""


def weak_password_lines(chosen: Mapping[str, str], mailboxes: Mapping[str, Mailbox]) -> list[str]:
    """Return a line for each password of `chosen` that is easy to guess; hashes are not known to be."""
    measured = [address for address, text in sorted(chosen.items()) if not is_hash(text)]
    lines = [
        f"mailbox {address}: its declared password is easy to guess; declare a longer one, of several words"
        for address in measured[:MOST]
        if is_weak(clear_text(chosen[address]), known_words(address, mailboxes[address]))
    ]
    more = len(measured) - MOST
    return [*lines, *([f"{more} more declared passwords were not measured"] if more > 0 else [])]


def is_weak(password: str, words: Collection[str]) -> bool:
    """Return whether somebody who knows `words` finds `password` soon."""
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # publishes no types

    return bool(zxcvbn(password[:LONGEST], user_inputs=list(words))["score"] < STRONG)


def known_words(address: str, mailbox: Mailbox) -> list[str]:
    """Return what a stranger knows of a mailbox's owner."""
    texts = " ".join((address, mailbox.display_name, mailbox.description)).lower()
    return sorted({address, *(word for word in re.findall(r"\w+", texts) if len(word) > 2)})
