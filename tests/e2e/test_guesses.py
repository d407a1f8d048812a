"""A stranger guesses passwords over all protocols: how many are checked, and whom he disturbs.

The counter's own rules are tests/unit/test_guesses.py's. Here is what reaches it: each protocol, with its
client's address.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.e2e.guesser import WAYS, WELCOME, checked, guesser
from tests.e2e.stack import Stack
from tests.e2e.stackfile import ALICE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.long]

LIMIT = 20
DIFFERENT, REPEATS = 16, 4
TOO_MANY = "Too many wrong passwords from your address"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What came of the guesses."""

    checked: int
    """Guesses that cost a hash."""

    last: dict[str, str]
    """Protocol -> the answer to one more wrong password."""

    unknown: str
    """The answer to the right password from there, which is in use elsewhere."""

    elsewhere: str
    """The answer to the right password from another address, just before."""

    known: dict[str, str]
    """Protocol -> the answer to the right password from where it was right before the guesses."""

    good: list[str]
    """The answers to many good logins over SMTP in a row."""

    repeated: list[str]
    """The answers to one wrong password, again and again, from a third address."""

    repeats_checked: int
    """How many of those cost a hash."""

    checked_then: int
    """How many did, from that address, after many different ones."""


@pytest.fixture(scope="module")
def stack(second: Stack) -> Iterator[Stack]:
    """A stack where a source has few guesses, so that they are soon used up."""
    limits = {**second.settings.get("limits", {}), "wrongPasswords": LIMIT}
    second.configure({**second.settings, "limits": limits})
    second.up()
    yield second
    second.destroy()


def right(stack: Stack) -> str:
    """Return the password of the one mailbox."""
    return str(stack.outputs()["mailboxes"][ALICE])


@pytest.fixture(scope="module")
def seen(stack: Stack) -> Seen:
    """Guess from addresses over everything at once, twice as often as is checked, then log in."""
    began, password = time.time(), right(stack)
    with (
        guesser(stack) as stranger,
        guesser(stack) as other,
        guesser(stack) as shared,
        ThreadPoolExecutor(8) as pool,
    ):
        tries = [
            (way, f"guess {number} over {way}")
            for number in range(2 * DIFFERENT // len(WAYS))
            for way in WAYS
        ]
        list(pool.map(lambda one: stranger.log_in(one[0], ALICE, one[1]), tries))
        last = {way: stranger.log_in(way, ALICE, f"one more over {way}") for way in WAYS}
        elsewhere = other.log_in("imap", ALICE, password)
        unknown = stranger.log_in("imap", ALICE, password)
        shared.log_in("imap", ALICE, password)
        list(pool.map(lambda one: shared.log_in(one[0], ALICE, one[1]), tries))
        known = {way: shared.log_in(way, ALICE, password) for way in WAYS}
        good = [shared.log_in("smtp", ALICE, password) for _ in range(25)]
        repeated = [other.log_in("imap", ALICE, "an old one") for _ in range(3 * REPEATS)]
        repeats_checked = checked(stack, other.source, ALICE, began)
        list(pool.map(lambda one: other.log_in(one[0], ALICE, one[1]), tries))
        return Seen(
            checked=checked(stack, stranger.source, ALICE, began),
            last=last,
            unknown=unknown,
            elsewhere=elsewhere,
            known=known,
            good=good,
            repeated=repeated,
            repeats_checked=repeats_checked,
            checked_then=checked(stack, other.source, ALICE, began),
        )


def test_a_source_has_a_bounded_number_of_passwords_checked_over_all_protocols(seen: Seen) -> None:
    assert seen.checked == DIFFERENT


@pytest.mark.parametrize("way", WAYS)
def test_what_is_refused_unchecked_says_nothing_of_the_account(seen: Seen, way: str) -> None:
    assert ("Login failed" if way == "webmail" else TOO_MANY) in seen.last[way]
    assert "alice" not in seen.last[way]


def test_the_right_password_is_refused_from_there_while_it_is_in_use_elsewhere(seen: Seen) -> None:
    assert TOO_MANY in seen.unknown
    assert seen.elsewhere == WELCOME


@pytest.mark.parametrize("way", WAYS)
def test_who_has_logged_in_from_an_address_gets_in_beside_a_guesser_there(seen: Seen, way: str) -> None:
    assert seen.known[way] == WELCOME


def test_good_logins_count_against_nobody(seen: Seen) -> None:
    assert set(seen.good) == {WELCOME}


def test_an_old_password_that_comes_again_and_again_counts_once(seen: Seen) -> None:
    assert len(set(seen.repeated)) == 1, "one answer, checked or not"
    assert seen.repeats_checked == 1 + REPEATS
    assert seen.checked_then == 1 + REPEATS + DIFFERENT - 1
