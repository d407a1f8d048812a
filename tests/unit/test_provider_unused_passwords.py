"""A declared password that does nothing is named, and one that may be in force is not."""

from dataclasses import replace
from typing import Any

import pytest

from mailinfra.provider import directory
from mailinfra.provider.outcome import adopted_passwords
from mailinfra.provider.state import inputs_from, state_from

CAROL = "carol@example.test"
MAILBOX = {"password": "initial"}


def said(before: dict[str, Any], declared: str, **mailbox: Any) -> bool:
    """Return whether a preview says that Carol's declared password does nothing."""
    inputs = {"mailboxes": {CAROL: MAILBOX | mailbox}, "passwords": {CAROL: declared}}
    notes = directory.diff(before, inputs).notes
    assert declared not in " ".join(notes)
    return any(CAROL in note and "does nothing" in note and "`reset`" in note for note in notes)


def state(**known: Any) -> dict[str, Any]:
    return {"mailboxes": {CAROL: MAILBOX}, **known}


def test_a_password_that_is_declared_after_one_was_generated_is_named() -> None:
    generated = state(initialPasswords={CAROL: "generated"})
    assert said(generated, "chosen later")
    assert not said(generated, "generated"), "that one was set"


def test_a_password_that_is_declared_for_an_adopted_mailbox_is_named() -> None:
    assert said(state(adoptedPasswords=[CAROL]), "chosen later")


def test_a_password_that_is_not_the_one_set_at_creation_is_named() -> None:
    assert said(state(passwords={CAROL: "first"}), "second")
    assert not said(state(passwords={CAROL: "first"}), "first")


@pytest.mark.parametrize(
    ("before", "mailbox"),
    [
        ({}, {}),
        ({"mailboxes": {}}, {}),
        (state(), {}),
        (state(initialPasswords={CAROL: "generated"}), {"reset": "once"}),
        (state(initialPasswords={CAROL: "generated"}), {"password": "owned"}),
    ],
    ids=["no state", "a new mailbox", "an imported one", "a reset", "an owned password"],
)
def test_a_password_that_may_be_in_force_is_not_named(
    before: dict[str, Any], mailbox: dict[str, Any]
) -> None:
    assert not said(before, "chosen", **mailbox)


def test_a_renamed_mailbox_takes_what_is_known_of_its_password_along() -> None:
    before = {"mailboxes": {"old@example.test": MAILBOX}, "initialPasswords": {"old@example.test": "made"}}
    assert said(before, "chosen", renamedFrom="old@example.test")


def test_rows_that_came_without_a_declared_password_are_remembered() -> None:
    bare = inputs_from({"mailboxes": {CAROL: MAILBOX}})
    declared = replace(bare, passwords={CAROL: "chosen"})
    new, imported = state_from({}), state_from(state())
    assert adopted_passwords(new, bare, ()) == (CAROL,)
    assert adopted_passwords(new, declared, ()) == (), "it may be the very password of the row"
    assert adopted_passwords(imported, bare, ()) == (), "nothing is known of an import"
    assert adopted_passwords(new, bare, {CAROL}) == (), "it was set here"
    known = replace(imported, adopted_passwords=(CAROL,))
    assert adopted_passwords(known, declared, ()) == (CAROL,), "it still does nothing"
    assert adopted_passwords(known, declared, {CAROL}) == (), "it was reset"
