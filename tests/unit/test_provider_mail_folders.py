"""Folders of mailboxes: nobody gets the mail of another one unless that is said."""

from typing import Any

from mailinfra.provider import directory, mail_folders
from mailinfra.provider.model import Accounts, Mailbox
from mailinfra.provider.planning import Plan, plan
from mailinfra.provider.records import Found, Writes
from mailinfra.provider.state import State, state_from

ANNA, BOB = "anna@example.test", "bob@example.test"
HOME = "example.test/anna"


def found(
    rows: dict[str, str] | None = None, retired: dict[str, str] | None = None, marked: tuple[str, ...] = ()
) -> Found:
    """Return a database with these mailboxes (address -> folder) and retired folders."""
    rows = rows or {}
    accounts = Accounts(mailboxes=dict.fromkeys(rows, Mailbox()))
    return Found(accounts=accounts, hashes={}, homes=rows, retired=retired or {}, marked=frozenset(marked))


def planned(
    database: Found, *addresses: str, lost: dict[str, str], delete_mail: tuple[str, ...] = ()
) -> Plan:
    wanted = Accounts(mailboxes=dict.fromkeys(addresses, Mailbox()))
    return plan(found=database, wanted=wanted, managed=Accounts(), lost=lost, delete_mail=delete_mail)


def chosen(database: Found, address: str = ANNA, *, reuse: bool = False) -> tuple[str, list[str]]:
    taken = {*database.homes.values(), *database.retired}
    return mail_folders.choose(Writes(), database, address, reuse, taken)


def test_a_folder_is_lost_when_a_known_row_is_gone_and_no_other_row_has_it() -> None:
    state = state_from({"mailboxes": {ANNA: {}, BOB: {}}, "homes": {BOB: "example.test/bob.2"}})
    anna = state_from({"mailboxes": {ANNA: {}}})
    assert mail_folders.lost(found(), state) == {HOME: ANNA, "example.test/bob.2": BOB}
    assert mail_folders.lost(found({ANNA: HOME, BOB: "example.test/bob.2"}), state) == {}
    assert mail_folders.lost(found({"smith@example.test": HOME}), anna) == {}
    assert mail_folders.lost(found(retired={HOME: ANNA}), anna) == {}


def test_a_folder_that_a_refresh_found_lost_stays_lost_until_an_update() -> None:
    assert mail_folders.lost(found(), State(lost_homes={HOME: ANNA})) == {HOME: ANNA}


def test_a_lost_folder_of_an_address_that_is_not_declared_any_more_is_retired() -> None:
    todo = planned(found(), lost={HOME: ANNA})
    assert todo.writes.insert["retired_homes"] == [
        {"home": HOME, "userid": "anna", "domain": "example.test", "delete_mail": False}
    ]
    assert todo.retired_homes == {HOME: ANNA}
    assert todo.notes == (
        f"the mail of mailbox {ANNA}, whose row was deleted by hand, stays in /mail/{HOME}",
    )


def test_a_lost_folder_is_marked_where_the_list_names_its_address() -> None:
    todo = planned(found(), lost={HOME: ANNA}, delete_mail=(ANNA,))
    assert todo.writes.insert["retired_homes"][0]["delete_mail"] is True
    assert todo.retired_homes == {}
    assert "is deleted: deleteMail names it" in todo.notes[0]


def test_a_mailbox_that_is_still_declared_gets_its_lost_folder_back() -> None:
    todo = planned(found(), ANNA, lost={"example.test/anna.3": ANNA})
    assert todo.homes == {ANNA: "example.test/anna.3"}
    assert todo.retired_homes == {}
    assert todo.notes == ()


def test_nobody_else_gets_a_lost_folder() -> None:
    todo = planned(found(), ANNA, BOB, lost={HOME: BOB})
    assert todo.homes == {ANNA: "example.test/anna.2", BOB: HOME}


def test_a_preview_names_lost_folders_and_an_update_is_due_until_they_are_retired() -> None:
    state: dict[str, Any] = {
        "undeclared": "keep", "mailboxes": {}, "retiredHomes": {}, "lostHomes": {HOME: ANNA}
    }  # fmt: skip
    inputs: dict[str, Any] = {"undeclared": "keep", "mailboxes": {}}
    assert directory.diff(state, inputs).paths == {"lostHomes": "update"}
    assert directory.update(state, inputs, preview=True).notes == (
        f"the mail of mailbox {ANNA}, whose row was deleted by hand, stays in /mail/{HOME}",
    )
    again = inputs | {"mailboxes": {ANNA: {}}}
    assert directory.diff(state, again).paths == {f'mailboxes["{ANNA}"]': "add"}
    assert directory.update(state, again, preview=True).notes == (
        f"mailbox {ANNA}, whose row was deleted by hand, comes back with its mail and a new password",
    )


def test_the_newest_old_mail_is_reused_whatever_its_folder_is_called() -> None:
    seven = "anna.7@example.test"
    database = found(retired={"example.test/anna.7": seven, "example.test/anna.7.2": seven})
    assert chosen(database, seven, reuse=True)[0] == "example.test/anna.7.2"
    moved = found(retired={"old.test/anna.3": ANNA, HOME: ANNA})
    assert chosen(moved, reuse=True)[0] == HOME, "the database answers oldest first"


def test_a_folder_that_a_row_made_by_hand_has_is_not_reused() -> None:
    database = found({BOB: HOME}, retired={HOME: ANNA})
    assert chosen(database, reuse=True)[0] == "example.test/anna.2"


def test_reuse_is_offered_where_there_is_mail_to_reuse() -> None:
    home, (note,) = chosen(found(retired={HOME: ANNA}))
    assert home == "example.test/anna.2"
    assert "reuseMail" in note
    home, (note,) = chosen(found(retired={"old.test/anna": ANNA}))
    assert home == HOME
    assert "begins empty" in note
    assert "reuseMail" in note


def test_reuse_is_not_offered_where_another_mailbox_has_that_folder() -> None:
    for database in (found({"smith@example.test": HOME}), found(retired={HOME: "smith@example.test"})):
        home, (note,) = chosen(database)
        assert home == "example.test/anna.2"
        assert note == (
            f"mailbox {ANNA} begins empty, in /mail/{home}: /mail/{HOME} holds the mail of another mailbox"
        )


def foretold(state: dict[str, Any], mailbox: dict[str, Any]) -> tuple[str, ...]:
    """Return what a preview says when Anna is added."""
    mailboxes = {**(state.get("mailboxes") or {}), ANNA: mailbox}
    return directory.update(state, {"mailboxes": mailboxes}, preview=True).notes


def test_a_preview_says_how_an_address_that_is_added_again_begins() -> None:
    state: dict[str, Any] = {"mailboxes": {}, "retiredHomes": {HOME: ANNA}}
    assert foretold(state, {}) == (f"mailbox {ANNA} begins empty: {mail_folders.OFFERED}",)
    (line,) = foretold(state, {"reuseMail": True})
    assert "gets the old mail" in line
    renamed: dict[str, Any] = {
        "mailboxes": {BOB: {}},
        "homes": {BOB: HOME},
        "retiredHomes": {},
    }
    assert foretold(renamed, {}) == (
        f"mailbox {ANNA} begins empty: /mail/{HOME} holds the mail of another mailbox",
    )
    assert foretold({"mailboxes": {}, "retiredHomes": {}}, {}) == ()
    assert foretold(state | {"undeclaredRows": [f"mailbox {ANNA}"]}, {}) == (), "its row is there"


def test_a_listed_address_of_which_nothing_is_known_is_named() -> None:
    (line,) = mail_folders.unmet([ANNA, BOB], {BOB})
    assert line.startswith(f"deleteMail names {ANNA}, of which no mail is known here")


def test_a_name_that_is_no_plain_path_has_a_folder_of_its_own_below_its_domain() -> None:
    names = {
        "user/with/slash": "user+2Fwith+2Fslash",
        "o'neil": "o+27neil",
        "r&d": "r+26d",
        "a_b-c.1": "a_b-c.1",
    }
    for local, folder in names.items():
        assert chosen(found(), f"{local}@example.test") == (f"example.test/{folder}", [])
