"""Passwords of mailboxes: which are accepted, how they are stored, and that none is ever shown."""

import re

import pytest

from mailinfra import hashes
from mailinfra.provider import passwords
from mailinfra.provider.passwords import Hashing

ARGON = "$argon2id$v=19$m=65536,t=3,p=1$RmLSeYCr45SE84sqJqv/wA$jGB2u2M9TjZckWR+McZwJredi3Tzqlx3+cipgEcE4BI"
BCRYPT = "$2y$05$" + "a" * 53
SHA512 = "$6$rounds=5000$saltsalt$" + "b" * 86
PBKDF2 = "{PBKDF2}$1$0123456789abcdef$5000$" + "c" * 40
LIGHT = Hashing(memory_kib=64, iterations=1, parallelism=1)


def test_a_generated_password_has_letters_digits_and_two_signs_that_every_client_can_send() -> None:
    made = {passwords.generate() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20}", password) for password in made)


def test_a_stored_hash_has_exactly_one_prefix_and_the_declared_cost() -> None:
    stored = passwords.hash_password("secret", Hashing(memory_kib=128, iterations=2, parallelism=1))
    assert re.fullmatch(r"\{ARGON2ID\}\$argon2id\$v=19\$m=128,t=2,p=1\$[^$]+\$[^$]+", stored)
    assert hashes.fault(stored) is None


def test_the_same_password_twice_gets_another_salt() -> None:
    assert passwords.hash_password("secret", LIGHT) != passwords.hash_password("secret", LIGHT)


def test_a_password_matches_its_own_hash_and_no_other() -> None:
    stored = passwords.hash_password("secret", LIGHT)
    assert passwords.matches(stored, "secret")
    assert not passwords.matches(stored, "Secret")
    assert not passwords.matches("{BLF-CRYPT}" + BCRYPT, "secret")
    assert not passwords.matches("{ARGON2ID}nonsense", "secret")


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        (ARGON, "{ARGON2ID}" + ARGON),
        ("{ARGON2ID}" + ARGON, "{ARGON2ID}" + ARGON),
        (BCRYPT, "{BLF-CRYPT}" + BCRYPT),
        ("{BLF-CRYPT}" + BCRYPT, "{BLF-CRYPT}" + BCRYPT),
        (SHA512, "{SHA512-CRYPT}" + SHA512),
        (PBKDF2, PBKDF2),
    ],
)
def test_a_salted_hash_from_elsewhere_is_accepted_and_stored_with_one_prefix(
    declared: str, stored: str
) -> None:
    assert hashes.fault(declared) is None
    assert passwords.hash_all({"a": declared}, LIGHT) == {"a": stored}
    assert passwords.matches(stored, declared)


@pytest.mark.parametrize(
    ("declared", "reason"),
    [
        ("", "is empty"),
        ("line\nend", "control character"),
        ("{SHA}hunter2", "scheme SHA.*unsalted SHA-1, which is too weak; declare a hash of ARGON2I,"),
        ("{SSHA}aaaa", "scheme SSHA"),
        ("{MD5}aaaa", "scheme MD5"),
        ("{ARGON2ID}{ARGON2ID}" + ARGON, "more than one scheme prefix.*keep exactly one"),
        ("{ARGON2ID}$argon2id$v=19$m=65536,t=3,p={ARGON2ID}" + ARGON, "more than one scheme prefix"),
        (ARGON[:-30], "not a well-formed ARGON2ID hash; copy it again, whole"),
        ("{BLF-CRYPT}$2y$05$short", "not a well-formed BLF-CRYPT hash"),
        (ARGON.replace("65536", "262144"), "needs more than 65536 KiB"),
    ],
)
def test_a_password_that_would_never_work_is_refused_without_quoting_it(declared: str, reason: str) -> None:
    fault = hashes.fault(declared)
    assert fault is not None
    assert re.search(reason, fault)
    assert not declared or declared not in fault


def test_a_brace_alone_makes_no_hash() -> None:
    assert hashes.fault("{this is a pass phrase}") is None
    assert not hashes.is_hash("{this is a pass phrase}")


def test_a_doubled_prefix_is_repaired_where_a_whole_hash_is_left() -> None:
    whole = "{ARGON2ID}" + ARGON
    assert hashes.repaired("{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=" + whole) == whole
    assert hashes.repaired("{ARGON2ID}" + whole) == whole
    assert hashes.repaired(whole) is None
    assert hashes.repaired("{ARGON2ID}{ARGON2ID}$argon2id$v=19") is None


def test_a_fingerprint_tells_hashes_apart_and_reveals_none() -> None:
    first, second = (passwords.hash_password("secret", LIGHT) for _ in range(2))
    assert passwords.fingerprint(first) == passwords.fingerprint(first) != passwords.fingerprint(second)
    assert len(passwords.fingerprint(first)) == 16
