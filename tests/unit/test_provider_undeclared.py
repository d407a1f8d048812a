"""Rows that nobody declared: named at every update, and removed only after they were named."""

from typing import Any

from mailinfra.provider import directory
from mailinfra.provider.model import Accounts, Alias, Domain, Mailbox
from mailinfra.provider.planning import plan
from mailinfra.provider.plugin import capped
from mailinfra.provider.records import Found
from mailinfra.provider.state import Inputs, State, inputs_from, state_from
from mailinfra.provider.undeclared import removable_rows, undeclared_lines

ZED, ZOE = "zed@hand.test", "zoe@hand.test"
ROWS = ["alias info@hand.test", "domain hand.test", f"mailbox {ZED}", f"mailbox {ZOE}"]
FOUND = Found(
    accounts=Accounts(
        domains={"hand.test": Domain()},
        mailboxes={ZED: Mailbox(), ZOE: Mailbox()},
        aliases={"info@hand.test": Alias(targets=(ZED,))},
    ),
    hashes={},
    homes={ZED: "hand.test/zed", ZOE: "hand.test/zoe"},
    retired={},
    marked=frozenset(),
)


def inputs(**changes: Any) -> dict[str, Any]:
    bag: dict[str, Any] = {"connection": {}, "domains": {}, "mailboxes": {}, "undeclared": "keep"}
    return bag | changes


def state(**changes: Any) -> dict[str, Any]:
    return inputs(retiredHomes={}, undeclaredRows=ROWS) | changes


def foretold(**declared: Any) -> list[str]:
    """Return what a preview says of the undeclared rows."""
    return list(directory.update(state(), inputs(**declared), preview=True).notes)


def test_an_update_without_changes_names_each_row_that_nobody_declared() -> None:
    change = directory.diff(state(), inputs())
    assert change.paths == {}
    assert change.notes == tuple(undeclared_lines(ROWS, Inputs()))
    assert "left alone unless `undeclared: remove` says so" in change.notes[0]


def test_rows_are_named_once_in_a_preview_of_another_change() -> None:
    domains: dict[str, Any] = {"example.test": {}}
    assert directory.diff(state(), inputs(domains=domains)).notes == (), "the update itself names them"
    assert foretold(domains=domains) == undeclared_lines(ROWS, Inputs())


def test_very_many_rows_are_counted_and_not_all_named() -> None:
    assert capped(["a line"] * 100) == ["a line"] * 100
    assert capped(["a line"] * 103)[100:] == ["and 3 more rows like these"]


def test_a_preview_names_each_row_that_is_removed_and_what_becomes_of_the_mail() -> None:
    assert foretold(undeclared="remove", deleteMail={ZED: True}) == [
        "alias info@hand.test, which nobody declared, is removed",
        "domain hand.test, which nobody declared, is removed",
        f"mailbox {ZED}, which nobody declared, is removed: logins end; its mail is deleted: "
        "deleteMail names it",
        f"mailbox {ZOE}, which nobody declared, is removed: logins end; its mail stays",
    ]


def test_a_row_that_is_declared_now_is_neither_removed_nor_left_alone() -> None:
    declared: dict[str, Any] = {
        "domains": {"hand.test": {}}, "mailboxes": {ZED: {}}, "aliases": {"info@hand.test": {}}
    }  # fmt: skip
    for undeclared in ("keep", "remove"):
        (line,) = foretold(**declared, undeclared=undeclared)
        assert f"mailbox {ZOE}" in line


def test_a_row_that_a_rename_names_is_neither_removed_nor_left_alone() -> None:
    moved = {"new.test": {"renamedFrom": "hand.test"}}
    renamed = {"max@new.test": {"renamedFrom": ZOE}}
    lines = foretold(domains=moved, mailboxes=renamed, undeclared="remove", deleteMail={"zed@new.test": True})
    assert lines == [
        "domain hand.test: mail to it is refused from then on; to go on receiving it, declare hand.test with "
        "`aliasOf: new.test`",
        "alias info@new.test, which nobody declared, is removed",
        "mailbox zed@new.test, which nobody declared, is removed: logins end; its mail is deleted: "
        "deleteMail names it",
    ]


def test_an_update_removes_the_rows_that_a_preview_could_name_and_no_other() -> None:
    known = State(undeclared_rows=(f"mailbox {ZED}",))
    removable = removable_rows(known, Inputs(undeclared="remove"))
    todo = plan(found=FOUND, wanted=Accounts(), managed=Accounts(), lost={}, removable=removable)
    assert todo.writes.delete == {"users": [{"userid": "zed", "domain": "hand.test"}]}
    assert list(todo.undeclared) == [row for row in ROWS if row != f"mailbox {ZED}"]
    said = undeclared_lines(todo.undeclared, Inputs(undeclared="remove"))
    assert all("the next `up` removes it" in line for line in said)
    assert removable_rows(known, Inputs()) == (), "nothing is removed where rows are kept"


def test_the_update_after_the_one_that_found_a_row_removes_it() -> None:
    remove = inputs(undeclared="remove")
    assert directory.diff(state(undeclared="remove"), remove).paths == {"undeclaredRows": "update"}
    todo = plan(
        found=FOUND,
        wanted=Accounts(),
        managed=Accounts(),
        lost={},
        removable=removable_rows(state_from(state()), inputs_from(remove)),
    )
    assert todo.undeclared == ()
    assert sorted(todo.writes.delete) == ["aliases", "domains", "users"]
