"""Passwords of mailboxes: made, hashed and recognised; never shown. mailinfra/hashes.py judges declared ones.

Stored is always one scheme prefix and its hash, as Dovecot reads it (`{ARGON2ID}$argon2id$...`): a doubled
prefix is refused by Dovecot as an ordinary wrong password.
"""

import hashlib
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass

from mailinfra.hashes import clear_text, is_hash, stored_form

ALPHABET = string.ascii_letters + string.digits + "-_"
LENGTH = 20
"""Of a generated password: 120 bits."""


@dataclass(frozen=True, kw_only=True)
class Hashing:
    """Cost of one Argon2id hash."""

    memory_kib: int = 19456
    iterations: int = 2
    parallelism: int = 1


def generate() -> str:
    """Return a new password of letters, digits, `-` and `_`."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def hash_password(password: str, hashing: Hashing) -> str:
    """Return `password` hashed with a new salt, as Dovecot reads it."""
    from argon2 import PasswordHasher

    hasher = PasswordHasher(hashing.iterations, hashing.memory_kib, hashing.parallelism)
    return "{ARGON2ID}" + hasher.hash(password)


def hash_all(declared: Mapping[str, str], hashing: Hashing) -> dict[str, str]:
    """Return address -> stored form; on all processors, for Argon2 is slow on purpose."""
    import os
    from concurrent.futures import ThreadPoolExecutor

    def store(item: tuple[str, str]) -> tuple[str, str]:
        address, text = item
        return address, stored_form(text) if is_hash(text) else hash_password(clear_text(text), hashing)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return dict(pool.map(store, declared.items()))


def matches(stored: str, declared: str) -> bool:
    """Return whether the row's `stored` hash is what `declared` asks for."""
    if is_hash(declared):
        return stored == stored_form(declared)
    if not stored.startswith("{ARGON2ID}"):
        return False
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return PasswordHasher().verify(stored.removeprefix("{ARGON2ID}"), clear_text(declared))
    except (Argon2Error, InvalidHashError):
        return False


def fingerprint(stored: str) -> str:
    """Return what tells one stored hash from another and says nothing about the password."""
    return hashlib.sha256(stored.encode()).hexdigest()[:16]
