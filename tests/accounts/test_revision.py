"""The number that says that an account has changed: whoever writes raises it, in the same transaction."""

from typing import Any

import pytest

from tests.accounts.desk import Desk, mailbox

pytestmark = pytest.mark.accounts

ANNA, BOB, CAROL = "anna@example.test", "bob@example.test", "carol@example.test"


def revision(desk: Desk) -> int:
    """Return the number as it is now."""
    return int(desk.sql("SELECT revision FROM account_revision")[0][0])


def changed(desk: Desk, since: int) -> set[str]:
    """Return whom the changes after a revision were about."""
    rows = desk.sql(f"SELECT CONCAT(userid, '@', domain) FROM account_changes WHERE revision > {since}")
    return {address for (address,) in rows}


@pytest.fixture
def people(desk: Desk) -> dict[str, Any]:
    """Two mailboxes that are there."""
    declared = {ANNA: mailbox(), BOB: mailbox()}
    desk.up(mailboxes=declared)
    return declared


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    "assignment",
    [
        "password = 'another'",
        "enabled = 0",
        "imap = 0",
        "pop3 = 0",
        "submission = 0",
        "receives = 0",
        "home = 'elsewhere/anna'",
    ],
)
def test_a_change_by_hand_raises_it_and_names_the_account(desk: Desk, assignment: str) -> None:
    before = revision(desk)
    desk.sql(f"UPDATE users SET {assignment} WHERE userid = 'anna'")
    assert revision(desk) == before + 1
    assert changed(desk, before) == {ANNA}


@pytest.mark.usefixtures("people")
def test_a_change_that_is_undone_raises_it_twice(desk: Desk) -> None:
    before = revision(desk)
    desk.sql("UPDATE users SET enabled = 0 WHERE userid = 'anna'")
    desk.sql("UPDATE users SET enabled = 1 WHERE userid = 'anna'")
    assert revision(desk) == before + 2


@pytest.mark.usefixtures("people")
def test_a_mailbox_that_is_added_or_deleted_by_hand_is_named(desk: Desk) -> None:
    before = revision(desk)
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('carol', 'example.test', 'x')")
    desk.sql("DELETE FROM users WHERE userid = 'anna'")
    assert changed(desk, before) == {ANNA, CAROL}


@pytest.mark.usefixtures("people")
def test_both_names_of_a_renamed_mailbox_are_named(desk: Desk) -> None:
    before = revision(desk)
    desk.up(mailboxes={CAROL: mailbox(renamedFrom=ANNA), BOB: mailbox()})
    assert changed(desk, before) == {ANNA, CAROL}


@pytest.mark.usefixtures("people")
def test_a_folder_that_is_marked_for_deletion_raises_it(desk: Desk) -> None:
    desk.up(mailboxes={BOB: mailbox()})
    before = revision(desk)
    desk.sql("UPDATE retired_homes SET delete_mail = 1")
    assert changed(desk, before) == {ANNA}


def test_an_update_of_the_stack_names_those_alone_whom_it_changes(desk: Desk, people: dict[str, Any]) -> None:
    before = revision(desk)
    desk.up(mailboxes={**people, ANNA: mailbox(enabled=False)})
    assert changed(desk, before) == {ANNA}


@pytest.mark.usefixtures("people")
def test_what_is_rolled_back_has_not_raised_it(desk: Desk) -> None:
    before = revision(desk)
    with pytest.raises(Exception, match="Duplicate"):
        desk.sql("UPDATE users SET home = 'one/for-both', enabled = 0")
    assert revision(desk) == before
    assert changed(desk, before) == set()


def test_a_trigger_of_somebody_who_is_gone_is_made_anew_before_anything_is_written(
    desk: Desk, people: dict[str, Any]
) -> None:
    body = "FOR EACH ROW UPDATE account_revision SET revision = revision + 1"
    desk.sql("DROP TRIGGER users_update_raises_revision")
    desk.sql(
        "CREATE DEFINER = 'nobody'@'nowhere' TRIGGER users_update_raises_revision AFTER UPDATE ON users "
        + body
    )
    with pytest.raises(Exception, match="definer"):
        desk.sql("UPDATE users SET enabled = 0 WHERE userid = 'bob'")
    before = revision(desk)
    desk.up(mailboxes={**people, ANNA: mailbox(enabled=False)})
    assert changed(desk, before) == {ANNA}


def test_a_row_made_by_hand_has_no_folder_inside_of_another_one(desk: Desk) -> None:
    desk.up(mailboxes={ANNA: mailbox()})
    desk.sql("INSERT INTO users (userid, domain, password) VALUES ('anna/cur', 'example.test', 'x')")
    assert desk.column("home", "anna/cur@example.test") == "example.test/anna+2Fcur"
