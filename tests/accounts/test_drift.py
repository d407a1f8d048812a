"""Rows that were edited, added or deleted by hand: found, named, and put right or left alone."""

from typing import Any

import pytest

from mailinfra.provider import directory
from tests.accounts.desk import Desk, mailbox
from tests.accounts.test_directory import log_in

pytestmark = pytest.mark.accounts

ALICE, BOB, SALES = "alice@example.test", "bob@example.test", "sales@example.test"
DECLARED: dict[str, Any] = {
    "domains": {"example.test": {"catchAll": ALICE}},
    "mailboxes": {ALICE: mailbox(), BOB: mailbox()},
    "aliases": {SALES: {"targets": [ALICE], "maySend": True}},
}


def test_a_refresh_of_untouched_rows_finds_nothing(desk: Desk) -> None:
    state = desk.up(**DECLARED)
    assert desk.refresh() == state
    assert desk.notes == []


def test_an_edited_row_is_named_with_what_was_edited_and_put_right(desk: Desk) -> None:
    desk.up(**DECLARED)
    desk.sql("UPDATE users SET imap = 0, display_name = 'Mallory' WHERE userid = 'alice'")
    desk.sql("UPDATE domains SET catch_all = 'bob@example.test'")
    desk.sql("UPDATE aliases SET may_send = 0")
    desk.refresh()
    assert desk.notes == [
        "domain example.test: edited by hand (catchAll); the next `up` puts it right",
        f"mailbox {ALICE}: edited by hand (displayName, imap); the next `up` puts it right",
        f"alias {SALES}: edited by hand (maySend); the next `up` puts it right",
    ]
    assert desk.changes(**DECLARED) == {
        'domains["example.test"].catchAll': "update",
        f'mailboxes["{ALICE}"].displayName': "delete",
        f'mailboxes["{ALICE}"].imap': "update",
        f'aliases["{SALES}"].maySend': "update",
    }
    desk.up(**DECLARED)
    assert desk.sql("SELECT imap, display_name FROM users WHERE userid = 'alice'") == [(1, "")]
    assert desk.sql("SELECT catch_all FROM domains") == [(ALICE,)]
    assert desk.refresh()["undeclaredRows"] == []
    assert desk.notes == []


def test_one_row_of_an_alias_that_was_edited_is_found_and_put_right(desk: Desk) -> None:
    declared = {**DECLARED, "aliases": {SALES: {"targets": [ALICE, BOB], "maySend": False}}}
    desk.up(**declared)
    desk.sql(f"UPDATE aliases SET may_send = 1 WHERE target = '{BOB}'")
    desk.refresh()
    assert desk.notes == [f"alias {SALES}: edited by hand (maySend); the next `up` puts it right"]
    assert desk.changes(**declared) == {f'aliases["{SALES}"].maySend': "update"}
    desk.up(**declared)
    assert desk.sql("SELECT DISTINCT may_send FROM aliases") == [(0,)]


def test_a_deleted_mailbox_is_named_and_comes_back_with_password_and_mail(desk: Desk) -> None:
    password = desk.up(**DECLARED)["initialPasswords"][BOB]
    desk.sql("DELETE FROM users WHERE userid = 'bob'")
    desk.refresh()
    assert desk.notes == [f"mailbox {BOB}: its row was deleted by hand; the next `up` puts it back"]
    assert desk.changes(**DECLARED) == {f'mailboxes["{BOB}"]': "add"}
    desk.up(**DECLARED)
    assert log_in(desk, BOB, password)
    assert desk.column("home", BOB) == "example.test/bob"


def test_a_mailbox_that_had_a_folder_of_its_own_comes_back_to_that_folder(desk: Desk) -> None:
    desk.up(mailboxes={BOB: mailbox()})
    renamed = {"robert@example.test": mailbox(renamedFrom=BOB)}
    desk.up(mailboxes=renamed)
    desk.sql("DELETE FROM users")
    desk.refresh()
    desk.up(mailboxes=renamed)
    assert desk.column("home", "robert@example.test") == "example.test/bob"


def test_rows_that_nobody_declared_are_named_and_left_alone(desk: Desk) -> None:
    desk.up(**DECLARED)
    desk.sql("INSERT INTO domains (name) VALUES ('hand.test')")
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('zed', 'hand.test', 'x')")
    desk.sql("INSERT INTO aliases (name, domain, target) VALUES ('info', 'hand.test', 'zed@hand.test')")
    state = desk.refresh()
    assert state["undeclaredRows"] == ["alias info@hand.test", "domain hand.test", "mailbox zed@hand.test"]
    assert all("left alone" in note for note in desk.notes)
    assert len(desk.notes) == 3
    assert desk.changes(**DECLARED) == {}
    desk.up(**{**DECLARED, "aliases": {}})
    assert desk.column("password", "zed@hand.test") == "x"


def test_rows_that_nobody_declared_are_removed_where_the_configuration_says_so(desk: Desk) -> None:
    desk.up(**DECLARED)
    desk.sql("INSERT INTO domains (name) VALUES ('hand.test')")
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('zed', 'hand.test', 'x')")
    desk.refresh()
    declared = {**DECLARED, "undeclared": "remove"}
    assert desk.changes(**declared) == {"undeclared": "update", "undeclaredRows": "update"}
    desk.up(**declared)
    assert desk.sql("SELECT name FROM domains") == [("example.test",)]
    assert desk.sql("SELECT home FROM retired_homes") == [("hand.test/zed",)], "its mail stays"
    assert desk.changes(**declared) == {}


def test_a_row_that_an_update_finds_first_is_named_by_it_and_removed_by_the_next_one(desk: Desk) -> None:
    desk.up(**DECLARED, undeclared="remove")
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('zed', 'example.test', 'x')")
    assert desk.changes(**DECLARED, undeclared="remove") == {}, "nothing is known of it"
    changed = {**DECLARED, "aliases": {}, "undeclared": "remove"}
    foretold = directory.update(desk.state, desk.inputs(**changed), preview=True)
    assert not any("zed" in note for note in foretold.notes)
    desk.up(**changed)
    assert desk.column("password", "zed@example.test") == "x", "no preview could name it"
    assert any("mailbox zed@example.test" in note and "next `up` removes it" in note for note in desk.notes)
    assert desk.changes(**changed) == {"undeclaredRows": "update"}
    foretold = directory.update(desk.state, desk.inputs(**changed), preview=True)
    assert any("mailbox zed@example.test" in note and "is removed" in note for note in foretold.notes)
    desk.up(**changed)
    assert desk.column("password", "zed@example.test") is None
    assert desk.changes(**changed) == {}


def test_rows_that_nobody_declared_are_named_again_though_nothing_changes(desk: Desk) -> None:
    desk.up(**DECLARED)
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('zed', 'example.test', 'x')")
    desk.refresh()
    assert desk.changes(**DECLARED) == {}
    assert [note.startswith("mailbox zed@example.test: nobody declared it") for note in desk.notes] == [True]


def test_a_domain_that_still_holds_undeclared_rows_stays(desk: Desk) -> None:
    desk.up(domains={"example.test": {}, "old.test": {}})
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('zed', 'old.test', 'x')")
    state = desk.up()
    assert state["undeclaredRows"] == ["domain old.test", "mailbox zed@old.test"]


def test_a_target_that_was_added_by_hand_to_a_declared_alias_is_taken_away(desk: Desk) -> None:
    desk.up(**DECLARED)
    desk.sql(
        "INSERT INTO aliases (name, domain, target) VALUES ('sales', 'example.test', 'spy@elsewhere.test')"
    )
    desk.refresh()
    desk.up(**DECLARED)
    assert desk.sql("SELECT target FROM aliases") == [(ALICE,)]


def test_tables_that_are_gone_mean_that_the_resource_is_gone(desk: Desk) -> None:
    desk.up(**DECLARED)
    desk.sql("DROP TABLE alembic_version, aliases, users")
    assert directory.read(desk.database, desk.state, desk.state) is None


def test_an_import_declares_every_row_that_is_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    declared = {**DECLARED, "mailboxes": {ALICE: mailbox(), BOB: mailbox(password="owned")}}
    desk.up(**declared, passwords={BOB: "bobs password"})
    stored = desk.column("password", BOB)
    (tmp_path / "ca.pem").write_text(desk.server.ca)
    monkeypatch.setenv("MAILINFRA_DATABASE_HOST", "127.0.0.1")
    monkeypatch.setenv("MAILINFRA_DATABASE_PORT", str(desk.server.port))
    monkeypatch.setenv("MAILINFRA_DATABASE_USER", "root")
    monkeypatch.setenv("MAILINFRA_DATABASE_PASSWORD", str(desk.connection["password"]))
    monkeypatch.setenv("MAILINFRA_DATABASE_CA_FILE", str(tmp_path / "ca.pem"))
    answer = directory.read(desk.database, {}, {})
    assert answer is not None
    desk.state = answer.properties
    assert directory.check(answer.properties)[1] == [], "what was imported is sound"
    changes = desk.changes(
        **declared,
        passwords={BOB: "bobs password"},
        hashing={"memoryKib": 19456.0, "iterations": 2.0, "parallelism": 1.0},
    )
    assert changes == {f'passwords["{BOB}"]': "update"}, "the hash was known, the password was not"
    desk.up(**declared, passwords={BOB: "bobs password"})
    assert desk.column("password", BOB) == stored
