"""A declared password that is easy to guess is named when it is set, and never quoted."""

from typing import Any

import pytest

from mailinfra.provider import directory
from mailinfra.provider.model import Mailbox
from mailinfra.provider.weak_passwords import MOST, is_weak, known_words, weak_password_lines
from tests.unit.test_hashes import BCRYPT

ALICE = "alice.smith@example.test"


@pytest.mark.parametrize(
    "password",
    ["x", "hunter2", "12345678", "Tr0ub4dour&3", "alice2026", "a" * 100, "passwort"],
)
def test_a_password_that_is_soon_found_is_weak(password: str) -> None:
    assert is_weak(password, known_words(ALICE, Mailbox(display_name="Alice Smith")))


@pytest.mark.parametrize(
    "password", ["correct horse battery staple", "kH7$3-2lP_qqA9xzV0tT", "Grün, ja Grün & Moos!"]
)
def test_a_password_of_several_words_or_many_random_letters_is_not(password: str) -> None:
    assert not is_weak(password, known_words(ALICE, Mailbox()))


def test_a_preview_names_the_mailbox_once_and_never_the_password() -> None:
    inputs: dict[str, Any] = {
        "connection": {},
        "domains": {"example.test": {}},
        "mailboxes": {ALICE: {}},
        "passwords": {ALICE: "hunter2"},
    }
    answer = directory.create(inputs, preview=True)
    assert answer.warnings == (
        f"mailbox {ALICE}: its declared password is easy to guess; declare a longer one, of several words",
    )
    state = {**answer.properties, "initialPasswords": {}}
    assert directory.update(state, inputs, preview=True).warnings == (), "it is set, and was named then"
    assert directory.diff(state, inputs).notes == ()


def test_a_hash_and_a_generated_password_are_not_measured() -> None:
    assert weak_password_lines({ALICE: BCRYPT}, {ALICE: Mailbox()}) == []


def test_a_weak_password_behind_the_mark_of_clear_text_is_named() -> None:
    assert len(weak_password_lines({ALICE: "{PLAIN}hunter2"}, {ALICE: Mailbox()})) == 1


def test_of_very_many_passwords_the_rest_is_counted() -> None:
    mailboxes = {f"u{number}@example.test": Mailbox() for number in range(MOST + 3)}
    lines = weak_password_lines(dict.fromkeys(mailboxes, "x"), mailboxes)
    assert len(lines) == MOST + 1
    assert lines[-1] == "3 more declared passwords were not measured"
