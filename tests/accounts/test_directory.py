"""Accounts as rows: what each `up` writes, and what it never touches."""

import re
from typing import Any

import pytest

from mailinfra.provider import directory, passwords
from mailinfra.provider.errors import ProviderError
from tests.accounts.desk import Desk, mailbox

pytestmark = pytest.mark.accounts

ALICE, BOB, SALES = "alice@example.test", "bob@example.test", "sales@example.test"


def log_in(desk: Desk, address: str, password: str) -> bool:
    """Return whether the row's hash, as Dovecot reads it, is one of this password."""
    return passwords.matches(desk.column("password", address), password)


def written_rows(desk: Desk) -> int:
    """Return how many rows of accounts this database's server has written in all; what triggers note is left
    out."""
    counters = desk.sql(
        "SELECT SUM(count_insert + count_update + count_delete) FROM "
        "performance_schema.table_io_waits_summary_by_table "
        f"WHERE object_schema = '{desk.database}' "
        "AND object_name NOT IN ('alembic_version', 'account_revision', 'account_changes')"
    )
    return int(counters[0][0])


def test_a_new_mailbox_gets_a_generated_password_that_fits_its_hash(desk: Desk) -> None:
    state = desk.up(mailboxes={ALICE: mailbox()})
    password = state["initialPasswords"][ALICE]
    assert re.fullmatch(r"[A-Za-z0-9_-]{20}", password)
    assert re.fullmatch(r"\{ARGON2ID\}\$argon2id\$v=19\$m=8192,t=1,p=1\$.*", desk.column("password", ALICE))
    assert log_in(desk, ALICE, password)


def test_a_second_up_writes_nothing_and_keeps_every_hash(desk: Desk) -> None:
    declared: dict[str, Any] = {
        "mailboxes": {ALICE: mailbox(), BOB: mailbox(password="owned")},
        "aliases": {SALES: {"targets": [ALICE, "x@elsewhere.test"], "maySend": True}},
        "passwords": {BOB: "bobs password"},
    }
    desk.up(**declared)
    hashes, rows = desk.sql("SELECT id, password FROM users"), written_rows(desk)
    assert desk.changes(**declared) == {}
    directory.update(desk.state, desk.inputs(**declared), preview=False)
    assert desk.sql("SELECT id, password FROM users") == hashes
    assert written_rows(desk) == rows


def test_a_change_of_one_mailbox_writes_one_row(desk: Desk) -> None:
    people = {f"u{number}@example.test": mailbox() for number in range(30)}
    desk.up(mailboxes=people)
    before = written_rows(desk)
    changed = {**people, "u5@example.test": mailbox(enabled=False)}
    assert desk.changes(mailboxes=changed) == {'mailboxes["u5@example.test"].enabled': "update"}
    desk.up(mailboxes=changed)
    assert written_rows(desk) == before + 1
    assert desk.column("enabled", "u5@example.test") == 0


def test_the_order_in_the_stack_file_means_nothing(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox(), BOB: mailbox()}, aliases={SALES: {"targets": [ALICE, BOB]}})
    assert (
        desk.changes(mailboxes={BOB: mailbox(), ALICE: mailbox()}, aliases={SALES: {"targets": [BOB, ALICE]}})
        == {}
    )


def test_a_preview_connects_to_nothing(desk: Desk) -> None:
    inputs = desk.inputs(mailboxes={ALICE: mailbox()}) | {"connection": desk.connection | {"port": 1.0}}
    directory.check(inputs)
    directory.diff({}, inputs)
    directory.create(inputs, preview=True)
    directory.update(desk.up(mailboxes={ALICE: mailbox()}), inputs, preview=True)
    with pytest.raises(ProviderError, match="start the server, or correct host and port"):
        directory.create(inputs, preview=False)


def test_an_initial_password_that_its_owner_changed_is_never_undone(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()}, passwords={ALICE: "first"})
    owners = passwords.hash_password("owners choice", passwords.Hashing(memory_kib=64, iterations=1))
    desk.sql(f"UPDATE users SET password = '{owners}'")
    desk.refresh()
    assert desk.changes(mailboxes={ALICE: mailbox()}, passwords={ALICE: "first"}) == {}
    desk.up(mailboxes={ALICE: mailbox(description="new")}, passwords={ALICE: "first"})
    assert desk.column("password", ALICE) == owners


def test_a_changed_declaration_of_an_initial_password_does_nothing_and_says_so(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()}, passwords={ALICE: "first"})
    assert desk.changes(mailboxes={ALICE: mailbox()}, passwords={ALICE: "second"}) == {}
    assert any(ALICE in note and "does nothing" in note and "reset" in note for note in desk.notes)
    assert "second" not in " ".join(desk.notes)
    desk.up(mailboxes={ALICE: mailbox(description="new")}, passwords={ALICE: "second"})
    assert log_in(desk, ALICE, "first")
    assert desk.changes(mailboxes={ALICE: mailbox(description="new")}, passwords={ALICE: "second"}) == {}
    assert desk.notes, "it is said again as long as it is so"


def test_a_password_that_is_declared_for_an_existing_mailbox_is_not_taken_in_silence(desk: Desk) -> None:
    first = desk.up(mailboxes={ALICE: mailbox()})["initialPasswords"][ALICE]
    chosen: dict[str, Any] = {"mailboxes": {ALICE: mailbox()}, "passwords": {ALICE: "chosen"}}
    assert desk.changes(**chosen) == {}
    assert any(ALICE in note and "does nothing" in note for note in desk.notes)
    assert log_in(desk, ALICE, first)
    desk.up(mailboxes={ALICE: mailbox(reset="once")}, passwords={ALICE: "chosen"})
    assert log_in(desk, ALICE, "chosen")
    assert desk.changes(mailboxes={ALICE: mailbox(reset="once")}, passwords={ALICE: "chosen"}) == {}
    assert desk.notes == []


def test_nothing_is_said_of_a_declared_password_that_a_destroy_left_in_force(desk: Desk) -> None:
    declared: dict[str, Any] = {
        "mailboxes": {ALICE: mailbox(), BOB: mailbox()},
        "passwords": {ALICE: "first"},
    }
    desk.up(**declared)
    desk.destroy()
    desk.up(**declared)
    assert (desk.changes(**declared), desk.notes) == ({}, [])
    desk.refresh()
    assert (desk.changes(**declared), desk.notes) == ({}, [])
    desk.changes(**{**declared, "passwords": {ALICE: "second", BOB: "chosen"}})
    assert ["does nothing" in note for note in desk.notes] == [True, True], "both are another one for sure"


def test_a_reset_sets_the_password_once(desk: Desk) -> None:
    first = desk.up(mailboxes={ALICE: mailbox()})["initialPasswords"][ALICE]
    again = mailbox(reset="2026-11-22, forgotten")
    second = desk.up(mailboxes={ALICE: again})["initialPasswords"][ALICE]
    assert second != first
    assert log_in(desk, ALICE, second)
    stored = desk.column("password", ALICE)
    desk.up(mailboxes={ALICE: again | {"description": "changed"}})
    assert desk.column("password", ALICE) == stored, "the same text resets nothing twice"
    desk.destroy()
    desk.up(mailboxes={ALICE: again})
    assert desk.column("password", ALICE) == stored, "not even after a destroy"


def test_a_reset_takes_a_declared_password_before_it_makes_one(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()})
    state = desk.up(mailboxes={ALICE: mailbox(reset="once")}, passwords={ALICE: "declared"})
    assert log_in(desk, ALICE, "declared")
    assert ALICE not in state["initialPasswords"], "what was generated holds no longer"


def test_an_owned_password_follows_the_stack(desk: Desk) -> None:
    owned = {BOB: mailbox(password="owned")}
    desk.up(mailboxes=owned, passwords={BOB: "first"})
    assert desk.changes(mailboxes=owned, passwords={BOB: "second"}) == {f'passwords["{BOB}"]': "update"}
    desk.up(mailboxes=owned, passwords={BOB: "second"})
    assert log_in(desk, BOB, "second")


def test_an_owned_password_that_was_changed_by_hand_is_put_right(desk: Desk) -> None:
    owned = {BOB: mailbox(password="owned")}
    desk.up(mailboxes=owned, passwords={BOB: "first"})
    desk.sql("UPDATE users SET password = '{ARGON2ID}other'")
    desk.refresh()
    assert any(BOB in note and "password was changed by hand" in note for note in desk.notes)
    assert desk.changes(mailboxes=owned, passwords={BOB: "first"}) == {f'passwords["{BOB}"]': "add"}
    desk.up(mailboxes=owned, passwords={BOB: "first"})
    assert log_in(desk, BOB, "first")


def test_a_password_becomes_owned_and_its_owners_again_by_the_policy_alone(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()})
    state = desk.up(mailboxes={ALICE: mailbox(password="owned")}, passwords={ALICE: "the stacks"})
    assert log_in(desk, ALICE, "the stacks")
    assert state["initialPasswords"] == {}
    stored = desk.column("password", ALICE)
    desk.up(mailboxes={ALICE: mailbox()}, passwords={ALICE: "the stacks"})
    assert (desk.column("password", ALICE), desk.column("password_policy", ALICE)) == (stored, "initial")


def test_a_hash_from_elsewhere_is_stored_as_it_is(desk: Desk) -> None:
    bare = "$2y$05$" + "a" * 53
    desk.up(mailboxes={ALICE: mailbox(), BOB: mailbox()}, passwords={ALICE: bare, BOB: "{BLF-CRYPT}" + bare})
    assert desk.column("password", ALICE) == desk.column("password", BOB) == "{BLF-CRYPT}" + bare


def test_destroy_leaves_the_rows_and_the_next_up_finds_accounts_and_passwords_again(desk: Desk) -> None:
    declared: dict[str, Any] = {
        "mailboxes": {ALICE: mailbox(), BOB: mailbox(password="owned")},
        "passwords": {BOB: "bobs password"},
    }
    desk.up(**declared)
    rows = desk.sql("SELECT id, userid, password FROM users ORDER BY id")
    desk.destroy()
    assert any("stay in the database" in note for note in desk.notes)
    state = desk.up(**declared)
    assert desk.sql("SELECT id, userid, password FROM users ORDER BY id") == rows
    assert state["initialPasswords"] == {}, "nobody knows it any more, so none is claimed"
    assert any(ALICE in note and "keep their passwords" in note for note in desk.notes)


def test_a_removed_mailbox_loses_its_row_and_the_preview_says_where_the_mail_stays(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox(), BOB: mailbox()})
    foretold = directory.update(desk.state, desk.inputs(mailboxes={ALICE: mailbox()}), preview=True)
    assert foretold.notes == (
        f"mailbox {BOB} is removed: logins end; its mail stays in /mail/example.test/bob",
    )
    desk.up(mailboxes={ALICE: mailbox()})
    assert desk.column("id", BOB) is None
    assert desk.sql("SELECT home FROM retired_homes") == [("example.test/bob",)]


def test_an_address_that_is_added_again_begins_empty(desk: Desk) -> None:
    for number in (1, 2, 3):
        desk.up(mailboxes={BOB: mailbox()})
        assert desk.column("home", BOB) == "example.test/bob" + ("" if number == 1 else f".{number}")
        desk.up()
    desk.up(mailboxes={BOB: mailbox()})
    assert any("begins empty" in note and "reuseMail" in note for note in desk.notes)


def test_an_address_that_is_added_again_gets_the_newest_old_mail_where_that_is_said(desk: Desk) -> None:
    for _ in range(2):
        desk.up(mailboxes={BOB: mailbox()})
        desk.up()
    desk.up(mailboxes={BOB: mailbox(reuseMail=True)})
    assert desk.column("home", BOB) == "example.test/bob.2"
    assert any("gets the old mail in /mail/example.test/bob.2" in note for note in desk.notes)


def test_a_renamed_mailbox_keeps_mail_password_and_id(desk: Desk) -> None:
    state = desk.up(mailboxes={ALICE: mailbox()})
    row = desk.sql("SELECT id, password, home FROM users")
    new = "alice.smith@example.test"
    desk.up(mailboxes={new: mailbox(renamedFrom=ALICE)})
    assert desk.sql("SELECT id, password, home FROM users") == row
    assert desk.column("userid", new) == "alice.smith"
    assert any(f"mailbox {ALICE} is now {new}" in note for note in desk.notes)
    assert desk.state["initialPasswords"] == {new: state["initialPasswords"][ALICE]}
    desk.refresh()
    assert desk.changes(mailboxes={new: mailbox(renamedFrom=ALICE)}) == {}, "the statement may stay"
    desk.up(mailboxes={new: mailbox(renamedFrom=ALICE), "x@example.test": mailbox()})
    assert desk.sql("SELECT COUNT(*) FROM users") == [(2,)]


def test_a_renamed_mailbox_with_an_owned_password_is_not_hashed_again(desk: Desk) -> None:
    desk.up(mailboxes={BOB: mailbox(password="owned")}, passwords={BOB: "bobs password"})
    stored = desk.column("password", BOB)
    new = "robert@example.test"
    owned = {new: mailbox(password="owned", renamedFrom=BOB)}
    desk.up(mailboxes=owned, passwords={new: "bobs password"})
    assert desk.column("password", new) == stored
    assert desk.changes(mailboxes=owned, passwords={new: "bobs password"}) == {}


def test_a_rename_onto_a_name_that_has_a_row_is_refused_and_loses_nobody(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()})
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('smith', 'example.test', 'x')")
    with pytest.raises(ProviderError, match=f"cannot rename mailbox {ALICE} to smith@example.test"):
        desk.up(mailboxes={"smith@example.test": mailbox(renamedFrom=ALICE)})
    assert desk.sql("SELECT COUNT(*) FROM users") == [(2,)]


def test_a_renamed_person_goes_on_receiving_mail_to_the_old_address_without_a_gap(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()})
    row = desk.sql("SELECT id, password, home FROM users")
    new = "smith@example.test"
    declared: dict[str, Any] = {
        "mailboxes": {new: mailbox(renamedFrom=ALICE)},
        "aliases": {ALICE: {"targets": [new], "maySend": True}},
    }
    desk.up(**declared)
    assert desk.sql("SELECT id, password, home FROM users") == row
    assert desk.sql("SELECT name, target FROM aliases") == [("alice", new)]
    assert desk.refresh()["undeclaredRows"] == []
    assert (desk.changes(**declared), desk.notes) == ({}, [])


def test_a_renamed_domain_may_stay_as_an_alias_of_the_new_one(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()})
    row = desk.sql("SELECT id, password, home FROM users")
    declared: dict[str, Any] = {
        "domains": {"new.test": {"renamedFrom": "example.test"}, "example.test": {"aliasOf": "new.test"}},
        "mailboxes": {"alice@new.test": mailbox()},
    }
    desk.up(**declared)
    assert desk.sql("SELECT id, password, home FROM users") == row
    assert desk.sql("SELECT name, alias_of FROM domains ORDER BY name") == [
        ("example.test", "new.test"),
        ("new.test", None),
    ]
    desk.refresh()
    assert (desk.changes(**declared), desk.notes) == ({}, [])


def test_undeclared_rows_follow_a_rename_and_are_named(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()})
    desk.sql("INSERT INTO domains (name, catch_all) VALUES ('hand.test', 'alice@example.test')")
    for target in (ALICE, "x@else.test"):
        desk.sql(f"INSERT INTO aliases (name, domain, target) VALUES ('info', 'hand.test', '{target}')")
    new = "smith@example.test"
    desk.up(mailboxes={new: mailbox(renamedFrom=ALICE)})
    assert desk.sql("SELECT target FROM aliases ORDER BY target") == [(new,), ("x@else.test",)]
    assert desk.sql("SELECT catch_all FROM domains WHERE name = 'hand.test'") == [(new,)]
    for row in ("alias info@hand.test", "domain hand.test"):
        assert f"{row}, which nobody declared, leads to {new} from now on, by its new name" in desk.notes
    desk.up(
        domains={"new.test": {"renamedFrom": "example.test"}},
        mailboxes={"smith@new.test": mailbox()},
    )
    assert desk.sql("SELECT target FROM aliases ORDER BY target") == [("smith@new.test",), ("x@else.test",)]
    assert desk.sql("SELECT catch_all FROM domains WHERE name = 'hand.test'") == [("smith@new.test",)]
    desk.up(domains={"new.test": {}})
    assert any("leads to smith@new.test, which is gone" in note for note in desk.notes)


def test_an_undeclared_alias_never_takes_the_mail_of_a_new_mailbox(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()})
    desk.sql(
        "INSERT INTO aliases (name, domain, target) VALUES ('sales', 'example.test', 'alice@example.test')"
    )
    with pytest.raises(ProviderError, match=f"alias {SALES} takes all mail to {SALES}"):
        desk.up(mailboxes={ALICE: mailbox(), SALES: mailbox()})
    assert desk.column("id", SALES) is None
    desk.refresh()
    desk.up(mailboxes={ALICE: mailbox(), SALES: mailbox()}, undeclared="remove")
    assert desk.sql("SELECT COUNT(*) FROM aliases") == [(0,)]
    desk.sql(
        "INSERT INTO aliases (name, domain, target) VALUES ('sales', 'example.test', 'alice@example.test')"
    )
    desk.refresh()
    assert any(f"alias {SALES}, which nobody declared, takes all mail" in note for note in desk.notes)


def test_a_row_that_was_deleted_by_hand_is_renamed_with_its_mail_and_password(desk: Desk) -> None:
    password = desk.up(mailboxes={ALICE: mailbox()})["initialPasswords"][ALICE]
    desk.sql("DELETE FROM users")
    new = "smith@example.test"
    desk.up(mailboxes={new: mailbox(renamedFrom=ALICE)})
    assert desk.column("home", new) == "example.test/alice"
    assert log_in(desk, new, password)
    assert any("comes back with its mail and the password that was given out" in note for note in desk.notes)


def test_whoever_gets_the_former_address_of_a_renamed_mailbox_gets_none_of_its_mail(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox()})
    new = "smith@example.test"
    desk.up(mailboxes={new: mailbox(renamedFrom=ALICE)})
    desk.up(mailboxes={new: mailbox(), ALICE: mailbox()})
    assert desk.column("home", new) == "example.test/alice"
    assert desk.column("home", ALICE) == "example.test/alice.2"


def test_a_renamed_domain_takes_all_its_mailboxes_and_aliases_along(desk: Desk) -> None:
    desk.up(
        domains={"example.test": {}, "other.test": {"aliasOf": "example.test"}},
        mailboxes={ALICE: mailbox()},
        aliases={SALES: {"targets": [ALICE]}},
    )
    row = desk.sql("SELECT id, password, home FROM users")
    desk.up(
        domains={"new.test": {"renamedFrom": "example.test"}, "other.test": {"aliasOf": "new.test"}},
        mailboxes={"alice@new.test": mailbox()},
        aliases={"sales@new.test": {"targets": ["alice@new.test"]}},
    )
    assert desk.sql("SELECT id, password, home FROM users") == row
    assert desk.sql("SELECT name, domain, target FROM aliases") == [("sales", "new.test", "alice@new.test")]
    assert desk.sql("SELECT name, alias_of FROM domains ORDER BY name") == [
        ("new.test", None),
        ("other.test", "new.test"),
    ]


@pytest.mark.parametrize("former", [ALICE, "alice@new.test"])
def test_a_mailbox_that_is_renamed_together_with_its_domain_keeps_its_mail(desk: Desk, former: str) -> None:
    desk.up(mailboxes={ALICE: mailbox()})
    row = desk.sql("SELECT id, password, home FROM users")
    moved = {"new.test": {"renamedFrom": "example.test"}}
    desk.up(domains=moved, mailboxes={"smith@new.test": mailbox(renamedFrom=former)})
    assert desk.sql("SELECT id, password, home FROM users") == row
    assert desk.sql("SELECT userid, domain FROM users") == [("smith", "new.test")]
    assert desk.sql("SELECT home FROM retired_homes") == []


def test_mail_of_earlier_mailboxes_moves_along_with_their_domain(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox(), BOB: mailbox()})
    desk.up()
    moved = {"new.test": {"renamedFrom": "example.test"}}
    desk.up(domains=moved, mailboxes={"alice@new.test": mailbox(reuseMail=True)})
    assert desk.column("home", "alice@new.test") == "example.test/alice"
    assert desk.state["retiredHomes"] == {"example.test/bob": "bob@new.test"}
    desk.up(domains=moved, deleteMail={"bob@new.test": True})
    assert desk.sql("SELECT home FROM retired_homes WHERE delete_mail") == [("example.test/bob",)]


def test_a_preview_refuses_a_rename_that_the_update_refuses_too(desk: Desk) -> None:
    desk.up(mailboxes={ALICE: mailbox(), BOB: mailbox()})
    wanted = desk.inputs(mailboxes={ALICE: mailbox(renamedFrom=BOB)})
    for preview in (True, False):
        with pytest.raises(ProviderError, match=f"cannot rename mailbox {BOB} to {ALICE}"):
            directory.update(desk.state, wanted, preview=preview)


def test_no_answer_but_the_state_of_initial_passwords_holds_a_password_or_hash(desk: Desk) -> None:
    state = desk.up(
        mailboxes={ALICE: mailbox(), BOB: mailbox(password="owned")}, passwords={BOB: "bobs password"}
    )
    hidden = {"passwords", "initialPasswords", "connection"}
    shown = repr({name: value for name, value in state.items() if name not in hidden}) + " ".join(desk.notes)
    assert "argon2" not in shown
    for secret in ("bobs password", state["initialPasswords"][ALICE], desk.column("password", ALICE)):
        assert secret not in shown
