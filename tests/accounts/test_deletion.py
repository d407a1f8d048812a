"""Mail of former mailboxes: marked for deletion where that was said, and nowhere else."""

import re
from pathlib import Path
from typing import Any

import pytest

from mailinfra.provider import directory
from tests.accounts.desk import Desk, mailbox

pytestmark = pytest.mark.accounts

ALICE, ANNA, BOB = "alice@example.test", "anna@example.test", "bob@example.test"
CONFIGURATION = Path(__file__).parents[2] / "configs" / "dovecot" / "ext" / "sql.conf.ext"


def to_delete(desk: Desk) -> dict[str, str]:
    """Return key -> address, as Dovecot is told whose mail it has to delete."""
    text = CONFIGURATION.read_text().replace("\\\n", "")
    (question,) = re.findall(r"sql_table = (.*) AS deletions", text)
    return dict(desk.sql(f"SELECT home, address FROM {question} AS deletions"))


def removed(desk: Desk, *addresses: str, **declared: Any) -> None:
    """Declare some mailboxes, and then none of them."""
    desk.up(mailboxes={address: mailbox() for address in addresses})
    desk.up(**declared)


def test_of_two_removed_mailboxes_the_listed_one_loses_its_mail(desk: Desk) -> None:
    removed(desk, ANNA, BOB, deleteMail={ANNA: True})
    assert to_delete(desk) == {"example.test:anna": ANNA}
    assert desk.state["retiredHomes"] == {"example.test/bob": BOB}
    assert desk.notes == [
        f"mailbox {ANNA} is removed; its mail in /mail/example.test/anna is deleted: deleteMail names it",
        f"mailbox {BOB} is removed; its mail stays in /mail/example.test/bob",
    ]


def test_a_mailbox_that_was_removed_earlier_loses_its_mail_once_its_address_is_listed(desk: Desk) -> None:
    for _ in range(2):
        removed(desk, ANNA, BOB)
    assert to_delete(desk) == {}
    assert desk.changes(deleteMail={ANNA: True}) == {f'deleteMail["{ANNA}"]': "add"}
    foretold = directory.update(desk.state, desk.inputs(deleteMail={ANNA: True}), preview=True)
    desk.up(deleteMail={ANNA: True})
    assert to_delete(desk) == {"example.test:anna": ANNA, "example.test:anna.2": ANNA}
    assert tuple(desk.notes) == foretold.notes, "a preview says what is done"
    assert len(desk.notes) == 2


def test_a_second_up_marks_nothing_twice_and_a_refresh_finds_nothing(desk: Desk) -> None:
    removed(desk, ANNA, BOB, deleteMail={ANNA: True})
    state = desk.state
    assert desk.refresh() == state
    assert desk.notes == []
    assert desk.changes(deleteMail={ANNA: True}) == {}
    assert directory.update(state, desk.inputs(deleteMail={ANNA: True}), preview=False).notes == ()


def test_an_address_that_is_taken_off_the_list_takes_no_mark_back(desk: Desk) -> None:
    removed(desk, ANNA, deleteMail={ANNA: True})
    desk.up()
    assert to_delete(desk) == {"example.test:anna": ANNA}


def test_a_mark_that_was_taken_back_by_hand_is_found_and_put_right(desk: Desk) -> None:
    removed(desk, ANNA, deleteMail={ANNA: True})
    desk.sql("UPDATE retired_homes SET delete_mail = 0")
    desk.refresh()
    assert desk.changes(deleteMail={ANNA: True}) == {f'deleteMail["{ANNA}"]': "update"}
    desk.up(deleteMail={ANNA: True})
    assert to_delete(desk) == {"example.test:anna": ANNA}


@pytest.mark.parametrize("reuse", [False, True])
def test_whoever_gets_the_address_begins_in_a_folder_of_its_own_whatever_reuse_says(
    desk: Desk, reuse: bool
) -> None:
    removed(desk, ANNA, deleteMail={ANNA: True})
    desk.up(mailboxes={ANNA: mailbox(**({"reuseMail": True} if reuse else {}))})
    assert desk.column("home", ANNA) == "example.test/anna.2"
    assert to_delete(desk) == {"example.test:anna": ANNA}
    assert any("begins empty" in note and "was deleted, as deleteMail said" in note for note in desk.notes)


def test_mail_that_was_kept_is_reused_beside_mail_that_was_deleted(desk: Desk) -> None:
    removed(desk, ANNA, deleteMail={ANNA: True})
    removed(desk, ANNA)
    desk.up(mailboxes={ANNA: mailbox(reuseMail=True)})
    assert desk.column("home", ANNA) == "example.test/anna.2"
    assert desk.state["retiredHomes"] == {}


def test_a_folder_that_a_renamed_mailbox_took_along_is_never_marked(desk: Desk) -> None:
    desk.up(mailboxes={ANNA: mailbox()})
    desk.up(mailboxes={ALICE: mailbox(renamedFrom=ANNA)})
    desk.up(mailboxes={ALICE: mailbox()}, deleteMail={ANNA: True})
    assert desk.column("home", ALICE) == "example.test/anna"
    assert to_delete(desk) == {}
    desk.up(deleteMail={ALICE: True})
    assert to_delete(desk) == {"example.test:anna": ALICE}


def test_a_folder_that_a_row_made_by_hand_has_again_is_neither_marked_nor_retired(desk: Desk) -> None:
    removed(desk, ANNA)
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('anna', 'example.test', 'x')")
    desk.up(deleteMail={ANNA: True})
    assert to_delete(desk) == {}
    desk.sql("DELETE FROM users")
    assert to_delete(desk) == {}, "whoever deleted the row by hand did not speak of mail"


def test_mail_that_is_marked_stays_while_a_row_made_by_hand_has_its_folder(desk: Desk) -> None:
    removed(desk, ANNA, deleteMail={ANNA: True})
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('anna', 'example.test', 'x')")
    assert to_delete(desk) == {}


@pytest.mark.parametrize("listed", [False, True])
def test_a_row_made_by_hand_in_a_retired_folder_is_removed_as_the_list_says_now(
    desk: Desk, listed: bool
) -> None:
    removed(desk, ANNA, deleteMail={ANNA: True})
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('anna', 'example.test', 'x')")
    desk.refresh()
    desk.up(undeclared="remove", deleteMail={ANNA: True} if listed else {})
    assert to_delete(desk) == ({"example.test:anna": ANNA} if listed else {})
    assert desk.state["retiredHomes"] == ({} if listed else {"example.test/anna": ANNA})


def test_rows_that_nobody_declared_lose_their_mail_where_they_are_listed(desk: Desk) -> None:
    desk.sql("INSERT INTO domains (name) VALUES ('hand.test')")
    for name in ("zed", "zoe"):
        desk.sql(f"INSERT INTO users (userid, domain, password) VALUES ('{name}', 'hand.test', 'x')")
    desk.up(deleteMail={"zed@hand.test": True})
    assert to_delete(desk) == {}, "its row is still there"
    desk.up(deleteMail={"zed@hand.test": True}, undeclared="remove")
    assert to_delete(desk) == {"hand.test:zed": "zed@hand.test"}


def test_a_mailbox_of_a_domain_that_is_gone_loses_its_mail_too(desk: Desk) -> None:
    desk.up(domains={"example.test": {}, "gone.test": {}}, mailboxes={"eve@gone.test": mailbox()})
    desk.up(deleteMail={"eve@gone.test": True})
    assert desk.sql("SELECT name FROM domains") == [("example.test",)]
    assert to_delete(desk) == {"gone.test:eve": "eve@gone.test"}


def test_a_state_of_an_earlier_version_learns_of_retired_folders(desk: Desk) -> None:
    removed(desk, ANNA, BOB)
    for name in ("retiredHomes", "deleteMail"):
        del desk.state[name]
    assert desk.changes() == {}, "an upgrade alone changes nothing"
    foretold = directory.update(desk.state, desk.inputs(deleteMail={ANNA: True}), preview=True)
    assert any(f"any earlier mailbox {ANNA} is deleted" in note for note in foretold.notes)
    desk.refresh()
    assert desk.state["retiredHomes"] == {"example.test/anna": ANNA, "example.test/bob": BOB}


def test_destroy_and_up_forget_no_mark(desk: Desk) -> None:
    removed(desk, ANNA, BOB, deleteMail={ANNA: True})
    desk.destroy()
    state = desk.up()
    assert to_delete(desk) == {"example.test:anna": ANNA}
    assert state["retiredHomes"] == {"example.test/bob": BOB}


@pytest.mark.parametrize("refreshed", [False, True])
@pytest.mark.parametrize("listed", [False, True])
def test_a_mailbox_that_was_deleted_by_hand_and_then_undeclared_leaves_its_mail_to_nobody(
    desk: Desk, refreshed: bool, listed: bool
) -> None:
    desk.up(mailboxes={ANNA: mailbox(), BOB: mailbox()})
    desk.sql("DELETE FROM users WHERE userid = 'anna'")
    if refreshed:
        desk.refresh()
        assert desk.state["lostHomes"] == {"example.test/anna": ANNA}
    declared: dict[str, Any] = {"mailboxes": {BOB: mailbox()}, "deleteMail": {ANNA: True} if listed else {}}
    assert desk.changes(**declared), "there is something to do, even after a refresh"
    desk.up(**declared)
    assert to_delete(desk) == ({"example.test:anna": ANNA} if listed else {})
    assert desk.state["lostHomes"] == {}
    assert desk.state["retiredHomes"] == ({} if listed else {"example.test/anna": ANNA})
    desk.up(mailboxes={ANNA: mailbox(), BOB: mailbox()})
    assert desk.column("home", ANNA) == "example.test/anna.2", "somebody else has the address now"


def test_a_mailbox_that_was_deleted_by_hand_while_its_domain_was_renamed_gets_its_mail_back(
    desk: Desk,
) -> None:
    desk.up(mailboxes={ANNA: mailbox()})
    desk.sql("DELETE FROM users")
    moved = {"new.test": {"renamedFrom": "example.test"}}
    desk.up(domains=moved, mailboxes={"anna@new.test": mailbox()})
    assert desk.column("home", "anna@new.test") == "example.test/anna"


def test_an_address_that_never_had_mail_is_named_when_it_is_listed(desk: Desk) -> None:
    removed(desk, ANNA)
    foretold = directory.update(desk.state, desk.inputs(deleteMail={"ana@example.test": True}), preview=True)
    desk.up(deleteMail={"ana@example.test": True})
    assert tuple(desk.notes) == foretold.notes
    assert ["ana@example.test, of which no mail is known" in note for note in desk.notes] == [True]
    desk.up(deleteMail={"ana@example.test": True, ANNA: True})
    assert not any("no mail is known" in note for note in desk.notes), "it is said once, and of no other"


def test_the_newest_of_many_earlier_mailboxes_is_reused(desk: Desk) -> None:
    desk.sql(
        "INSERT INTO retired_homes (home, userid, domain, retired_at) VALUES "
        "('example.test/anna', 'anna', 'example.test', '2026-03-01'), "
        "('old.test/anna.3', 'anna', 'example.test', '2026-02-01'), "
        "('old.test/anna.10', 'anna', 'example.test', '2026-01-01')"
    )
    desk.up(mailboxes={ANNA: mailbox(reuseMail=True)})
    assert desk.column("home", ANNA) == "example.test/anna"
    desk.sql("UPDATE retired_homes SET retired_at = '2026-01-01'")
    desk.up()
    desk.sql("DELETE FROM retired_homes WHERE home = 'example.test/anna'")
    desk.up(mailboxes={ANNA: mailbox(reuseMail=True)})
    assert desk.column("home", ANNA) == "old.test/anna.10", "of one second, it is the later number"
