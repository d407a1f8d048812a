"""Renames of domains and mailboxes: a preview and an update read the same statement in the same way."""

from typing import Any

import pytest

from mailinfra.provider import directory
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.model import accounts_from
from mailinfra.provider.renames import Renames, follow, refuse_taken_names, renames_between
from mailinfra.provider.state import state_from
from mailinfra.provider.validation import mistakes

ALICE, ANNA, BOB = "alice@old.test", "anna@old.test", "bob@new.test"
MOVED = {"new.test": {"renamedFrom": "old.test"}}


def state(**changes: Any) -> dict[str, Any]:
    bag: dict[str, Any] = {
        "domains": {"old.test": {}},
        "mailboxes": {ALICE: {}},
        "aliases": {},
        "deleteMail": {},
        "homes": {},
        "retiredHomes": {},
        "undeclaredRows": [],
    }
    return bag | changes


def inputs(**changes: Any) -> dict[str, Any]:
    bag: dict[str, Any] = {"domains": MOVED, "mailboxes": {}, "undeclared": "keep", "connection": {}}
    return bag | changes


def renames(before: dict[str, Any], after: dict[str, Any]) -> Renames:
    return renames_between(accounts_from(before), accounts_from(after))


@pytest.mark.parametrize("former", [ALICE, "alice@new.test"])
def test_a_mailbox_in_a_renamed_domain_is_renamed_from_either_of_its_names(former: str) -> None:
    after = inputs(mailboxes={BOB: {"renamedFrom": former}})
    assert renames(state(), after).now(ALICE) == BOB
    said = directory.update(state(), after, preview=True).notes
    assert said[0] == f"mailbox {ALICE} becomes {BOB}, with its mail and password"
    assert [line.split(":")[0] for line in said[1:]] == ["domain old.test"], "nobody takes mail to it"


@pytest.mark.parametrize("former", [ALICE, "alice@new.test"])
def test_a_mailbox_is_renamed_from_either_name_after_its_domain_was_renamed_long_ago(former: str) -> None:
    before = state(domains={"new.test": {}}, mailboxes={"alice@new.test": {}})
    after = inputs(mailboxes={BOB: {"renamedFrom": former}})
    assert renames(before, after).mailboxes == {"alice@new.test": BOB}


def test_a_mailbox_may_keep_its_old_address_as_an_alias_in_the_same_edit() -> None:
    after = inputs(
        domains={"old.test": {}},
        mailboxes={"smith@old.test": {"renamedFrom": ALICE}},
        aliases={ALICE: {"targets": ["smith@old.test"]}},
    )
    assert mistakes(after) == []
    assert renames(state(), after).mailboxes == {ALICE: "smith@old.test"}
    assert directory.update(state(), after, preview=True).notes == (
        f"mailbox {ALICE} becomes smith@old.test, with its mail and password",
    )
    assert renames(after, after) == Renames(), "the statement may stay"


def test_a_domain_may_keep_its_old_name_as_an_alias_in_the_same_edit() -> None:
    domains = {**MOVED, "old.test": {"aliasOf": "new.test"}}
    after = inputs(domains=domains, mailboxes={"alice@new.test": {}})
    assert mistakes(after) == []
    assert renames(state(), after).domains == {"old.test": "new.test"}
    assert directory.update(state(), after, preview=True).notes == (
        f"mailbox {ALICE} becomes alice@new.test, with its mail and password",
    )
    assert renames(after, after) == Renames(), "the statement may stay"
    refuse_taken_names(accounts_from(after), accounts_from(after), accounts_from(after))


def test_an_old_name_of_a_domain_that_is_still_declared_is_refused() -> None:
    ((path, reason),) = mistakes(inputs(domains={**MOVED, "old.test": {}}))
    assert (path, reason) == (
        'domains["new.test"].renamedFrom',
        "'old.test' is still declared; take it away to rename it",
    )


def test_a_rename_that_was_done_means_nothing() -> None:
    after = inputs(mailboxes={BOB: {"renamedFrom": ALICE}})
    assert renames(after, after) == Renames()
    stays = inputs(mailboxes={"alice@new.test": {"renamedFrom": ALICE}})
    assert renames(state(), stays).mailboxes == {}, "its domain takes it along"
    assert mistakes(stays) == []


@pytest.mark.parametrize("former", [ALICE, "alice@new.test"])
@pytest.mark.parametrize("listed", [ALICE, "alice@new.test"])
def test_mail_that_moves_along_is_deleted_under_neither_name(former: str, listed: str) -> None:
    found = mistakes(inputs(mailboxes={BOB: {"renamedFrom": former}}, deleteMail={listed: True}))
    assert [path for path, _ in found] == [f'deleteMail["{listed}"]']
    assert "its mail moves along" in found[0][1]


def test_a_former_address_that_is_declared_under_its_domains_new_name_is_refused() -> None:
    ((path, reason),) = mistakes(inputs(mailboxes={BOB: {"renamedFrom": ALICE}, "alice@new.test": {}}))
    assert path == f'mailboxes["{BOB}"].renamedFrom'
    assert "which is 'alice@new.test' now, is still declared" in reason


def test_two_mailboxes_that_were_the_same_one_are_refused() -> None:
    both = {BOB: {"renamedFrom": ALICE}, "ben@new.test": {"renamedFrom": "alice@new.test"}}
    ((path, reason),) = mistakes(inputs(mailboxes=both))
    assert path == f'mailboxes["{BOB}"].renamedFrom'
    assert "becomes 'ben@new.test' already" in reason


def test_mail_of_earlier_mailboxes_follows_their_domain_and_no_renamed_mailbox() -> None:
    before = state(retiredHomes={"old.test/anna": ANNA, "old.test/alice.0": ALICE})
    after = inputs(mailboxes={BOB: {"renamedFrom": ALICE}}, deleteMail={"anna@new.test": True})
    followed = follow(state_from(before), renames(before, after))
    assert followed.retired_homes == {
        "old.test/anna": "anna@new.test",
        "old.test/alice.0": "alice@new.test",
    }
    foretold = directory.update(before, after, preview=True)
    assert foretold.properties["retiredHomes"] == {"old.test/alice.0": "alice@new.test"}, "Anna's is deleted"
    assert (
        "the mail of an earlier mailbox anna@new.test in /mail/old.test/anna is deleted: deleteMail names it"
        in foretold.notes
    )


def test_a_mailbox_keeps_its_folder_in_the_state_when_its_domain_is_renamed() -> None:
    followed = follow(state_from(state()), Renames(domains={"old.test": "new.test"}))
    assert followed.homes == {"alice@new.test": "old.test/alice"}


def test_a_preview_refuses_a_rename_that_the_update_would_refuse() -> None:
    before = state(mailboxes={ALICE: {}, ANNA: {}})
    after = inputs(domains={"old.test": {}}, mailboxes={ALICE: {"renamedFrom": ANNA}})
    told = f"cannot rename mailbox {ANNA} to {ALICE}: the new name has a row already"
    with pytest.raises(ProviderError, match=told):
        directory.update(before, after, preview=True)
    with pytest.raises(ProviderError, match=told):
        refuse_taken_names(accounts_from(before), accounts_from(after), accounts_from(before))


def test_a_preview_refuses_a_rename_onto_a_row_that_nobody_declared() -> None:
    before = state(undeclaredRows=["domain new.test"])
    with pytest.raises(ProviderError, match=r"cannot rename domain old\.test to new\.test"):
        directory.update(before, inputs(), preview=True)
    before = state(undeclaredRows=["mailbox bob@old.test"])
    after = inputs(domains={"old.test": {}}, mailboxes={"bob@old.test": {"renamedFrom": ALICE}})
    with pytest.raises(ProviderError, match="cannot rename mailbox"):
        directory.update(before, after, preview=True)
