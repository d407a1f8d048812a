"""What an update sets and keeps, and what a refresh finds; told from rows, without a database."""

from dataclasses import replace
from typing import Any

from mailinfra.provider.model import Accounts, Alias, Domain, Mailbox
from mailinfra.provider.outcome import choose_passwords, kept_notes, next_state, renamed_notes
from mailinfra.provider.passwords import Hashing, fingerprint, hash_password
from mailinfra.provider.planning import plan
from mailinfra.provider.records import Found
from mailinfra.provider.refresh import imported, refreshed
from mailinfra.provider.renames import Renames
from mailinfra.provider.state import Inputs, State

ALICE, BOB = "alice@example.test", "bob@example.test"
LIGHT = Hashing(memory_kib=64, iterations=1)
BOBS = hash_password("bobs password", LIGHT)
ACCOUNTS = Accounts(
    domains={"example.test": Domain()},
    mailboxes={ALICE: Mailbox(), BOB: Mailbox(password="owned")},
    aliases={"sales@example.test": Alias(targets=(ALICE,))},
)
FOUND = Found(
    accounts=ACCOUNTS,
    hashes={ALICE: "{ARGON2ID}alices", BOB: BOBS},
    homes={ALICE: "example.test/alice", BOB: "example.test/bob"},
    retired={},
    marked=frozenset(),
)
STATE = State(
    connection={},
    accounts=ACCOUNTS,
    held_passwords={BOB: "bobs password"},
    initial_passwords={ALICE: "made"},
    fingerprints={BOB: fingerprint(BOBS)},
    homes=FOUND.homes,
    retired_homes={},
)
INPUTS = Inputs(connection={}, accounts=ACCOUNTS, passwords={BOB: "bobs password"})


def chosen(
    found: Found = FOUND, *created: str, state: State = STATE, inputs: Inputs = INPUTS
) -> dict[str, str]:
    return choose_passwords(found, created, state, inputs, lambda: "generated")


def with_mailboxes(**changes: Mailbox) -> Inputs:
    named = {f"{name}@example.test": one for name, one in changes.items()}
    return replace(INPUTS, accounts=replace(ACCOUNTS, mailboxes={**ACCOUNTS.mailboxes, **named}))


def without(found: Found, address: str) -> Found:
    """Return the rows after one was deleted by hand."""
    rest = {one: box for one, box in found.accounts.mailboxes.items() if one != address}
    return replace(
        found,
        accounts=replace(found.accounts, mailboxes=rest),
        homes={one: home for one, home in found.homes.items() if one != address},
        hashes={one: stored for one, stored in found.hashes.items() if one != address},
    )


def test_an_update_without_changes_sets_no_password() -> None:
    assert chosen() == {}


def test_an_owned_password_is_set_where_the_row_has_another_one() -> None:
    other = replace(FOUND, hashes={**FOUND.hashes, BOB: hash_password("another", LIGHT)})
    assert chosen(other) == {BOB: "bobs password"}
    unknown = replace(STATE, held_passwords={}, fingerprints={})
    assert chosen(state=unknown) == {}, "the row's hash is one of it already"


def test_a_new_mailbox_takes_a_declared_password_before_a_generated_one() -> None:
    inputs = with_mailboxes(carol=Mailbox())
    assert chosen(FOUND, "carol@example.test", inputs=inputs) == {"carol@example.test": "generated"}
    inputs = replace(inputs, passwords={"carol@example.test": "chosen"})
    assert chosen(FOUND, "carol@example.test", inputs=inputs) == {"carol@example.test": "chosen"}


def test_a_row_that_was_deleted_by_hand_comes_back_with_the_password_that_was_given_out() -> None:
    assert chosen(without(FOUND, ALICE), ALICE) == {ALICE: "made"}


def test_a_reset_makes_a_password_once() -> None:
    again = with_mailboxes(alice=Mailbox(reset="once"))
    assert chosen(inputs=again) == {ALICE: "generated"}
    done = replace(FOUND, accounts=again.accounts)
    assert chosen(done, inputs=again) == {}


def kept(found: Found = FOUND, state: State = STATE, inputs: Inputs = INPUTS, **passwords: str) -> State:
    todo = plan(found=found, wanted=inputs.accounts, managed=state.accounts, lost={})
    named = {f"{name}@example.test": text for name, text in passwords.items()}
    return next_state(state, inputs, todo, named, {BOB: fingerprint(BOBS)})


def test_an_update_without_changes_keeps_the_state_as_it_is() -> None:
    assert kept() == STATE


def test_what_was_generated_for_a_removed_mailbox_is_forgotten() -> None:
    inputs = replace(INPUTS, accounts=replace(ACCOUNTS, mailboxes={BOB: Mailbox(password="owned")}))
    assert kept(inputs=inputs).initial_passwords == {}
    assert kept(inputs=inputs).retired_homes == {"example.test/alice": ALICE}


def test_a_declared_password_that_was_not_set_is_not_held() -> None:
    inputs = replace(INPUTS, passwords={BOB: "bobs password", ALICE: "chosen later"})
    assert kept(inputs=inputs).held_passwords == {BOB: "bobs password"}
    after = kept(inputs=inputs, alice="chosen later")
    assert (after.held_passwords[ALICE], after.initial_passwords) == ("chosen later", {})


def test_rows_that_were_there_before_they_were_declared_are_named_at_most_five() -> None:
    many = {f"u{number}@example.test": Mailbox() for number in range(7)}
    found = replace(FOUND, accounts=Accounts(mailboxes=many))
    (line,) = kept_notes(State(), Accounts(mailboxes=many), found)
    assert line.startswith("7 mailbox(es) were there already")
    assert line.endswith("u4@example.test, ...")
    assert kept_notes(STATE, ACCOUNTS, FOUND) == []


def test_renames_that_were_done_are_said() -> None:
    done = Renames(domains={"a.test": "b.test"}, mailboxes={ALICE: BOB})
    assert renamed_notes(done) == [
        "domain a.test is now b.test, with all its mail",
        f"mailbox {ALICE} is now {BOB}, with its mail",
    ]


def refreshing(found: Found) -> tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]:
    answer = refreshed(STATE, INPUTS, found)
    assert answer.inputs is not None
    return answer.properties, answer.inputs, answer.warnings


def test_a_refresh_of_untouched_rows_finds_nothing() -> None:
    assert refreshing(FOUND)[2] == ()


def test_a_refresh_names_what_was_edited_deleted_and_added() -> None:
    accounts = Accounts(
        domains={"example.test": Domain(catch_all=ALICE), "hand.test": Domain()},
        mailboxes={ALICE: Mailbox(imap=False), "zed@hand.test": Mailbox()},
    )
    homes = {ALICE: "example.test/alice", "zed@hand.test": "hand.test/zed"}
    properties, inputs, warnings = refreshing(replace(FOUND, accounts=accounts, homes=homes))
    assert warnings == (
        "domain example.test: edited by hand (catchAll); the next `up` puts it right",
        f"mailbox {ALICE}: edited by hand (imap); the next `up` puts it right",
        f"mailbox {BOB}: its row was deleted by hand; the next `up` puts it back",
        "alias sales@example.test: its row was deleted by hand; the next `up` puts it back",
        "domain hand.test: nobody declared it; it is left alone unless `undeclared: remove` says so",
        "mailbox zed@hand.test: nobody declared it; it is left alone unless `undeclared: remove` says so",
    )
    assert properties["lostHomes"] == {"example.test/bob": BOB}
    assert properties["undeclaredRows"] == ["domain hand.test", "mailbox zed@hand.test"]
    assert set(inputs["mailboxes"]) == {ALICE}


def test_a_refresh_notices_an_owned_password_that_was_changed_by_hand() -> None:
    changed = replace(FOUND, hashes={**FOUND.hashes, BOB: "{ARGON2ID}other"})
    properties, inputs, warnings = refreshing(changed)
    assert (properties["passwords"], inputs["passwords"]) == ({}, {})
    assert warnings == (f"mailbox {BOB}: its password was changed by hand; the stack decides it",)


def test_an_import_declares_every_row_and_the_hashes_that_the_stack_decides() -> None:
    state = imported({"host": "db"}, FOUND)
    assert state.accounts == ACCOUNTS
    assert state.held_passwords == {BOB: BOBS}
    assert state.fingerprints == {BOB: fingerprint(BOBS)}
    assert state.undeclared_rows == ()
