"""Previews: the changed entries and no other, told without a database."""

from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from mailinfra.provider import directory, rights, schema
from mailinfra.provider.difference import differences, join

CONNECTION = {"host": "127.0.0.1", "port": 3306.0, "database": "mail"}
PEOPLE = {f"u{number}@example.org": {"enabled": True, "password": "initial"} for number in range(100)}


def inputs(**changes: Any) -> dict[str, Any]:
    bag: dict[str, Any] = {
        "connection": CONNECTION,
        "domains": {"example.org": {}},
        "mailboxes": PEOPLE,
        "aliases": {},
        "passwords": {},
        "undeclared": "keep",
        "hashing": {},
    }
    return bag | changes


def state(**changes: Any) -> dict[str, Any]:
    computed: dict[str, Any] = {
        "initialPasswords": {},
        "fingerprints": {},
        "homes": {},
        "retiredHomes": {},
        "undeclaredRows": [],
    }
    return inputs(**changes) | computed


def test_an_address_in_a_path_is_quoted_as_the_engine_reads_it() -> None:
    assert join("mailboxes", "u5@example.org") == 'mailboxes["u5@example.org"]'
    assert join('mailboxes["u5@example.org"]', "enabled") == 'mailboxes["u5@example.org"].enabled'
    assert join("", "domains") == "domains"


def test_the_same_accounts_are_no_change() -> None:
    assert directory.diff(state(), inputs()).paths == {}


def test_one_changed_property_among_many_is_the_only_line() -> None:
    changed = {**PEOPLE, "u5@example.org": {"enabled": False, "password": "initial"}}
    assert directory.diff(state(), inputs(mailboxes=changed)).paths == {
        'mailboxes["u5@example.org"].enabled': "update"
    }


def test_an_entry_more_is_one_addition_and_one_less_is_one_deletion() -> None:
    more = {**PEOPLE, "new@example.org": {"enabled": True}}
    assert directory.diff(state(), inputs(mailboxes=more)).paths == {'mailboxes["new@example.org"]': "add"}
    assert directory.diff(state(mailboxes=more), inputs()).paths == {'mailboxes["new@example.org"]': "delete"}


def test_a_connection_that_is_not_known_yet_changes_nothing() -> None:
    waiting = CONNECTION | {"host": UNKNOWN}
    assert directory.diff(state(), inputs(connection=waiting)).paths == {}
    assert directory.diff(state(), inputs(connection=UNKNOWN)).paths == {}
    assert differences({"a": "x"}, {"a": UNKNOWN}) == {}


def test_passwords_that_are_not_known_yet_change_nothing() -> None:
    assert directory.diff(state(), inputs(passwords=UNKNOWN)).paths == {}
    foretold = directory.update(state(), inputs(passwords=UNKNOWN), preview=True)
    assert foretold.properties["initialPasswords"] == {}


def test_a_preview_knows_the_passwords_that_stay_and_not_the_ones_to_come() -> None:
    known = state() | {"initialPasswords": {"u1@example.org": "kept"}}
    same = directory.update(known, inputs(aliases={}), preview=True)
    assert same.properties["initialPasswords"] == {"u1@example.org": "kept"}
    more = inputs(mailboxes={**PEOPLE, "new@example.org": {"password": "initial"}})
    assert directory.update(known, more, preview=True).properties["initialPasswords"] == UNKNOWN
    declared = more | {"passwords": {"new@example.org": "declared"}}
    foretold = directory.update(known, declared, preview=True)
    assert foretold.properties["initialPasswords"] == {"u1@example.org": "kept"}


def test_a_newer_schema_is_an_update_and_the_same_one_is_none() -> None:
    old = {"connection": CONNECTION, "revision": "0001"}
    assert schema.diff(old, {"connection": CONNECTION, "revision": "0003"}).paths == {"revision": "update"}
    assert schema.diff(old, old).paths == {}


def notes(before: dict[str, Any], **after: Any) -> tuple[str, ...]:
    """Return what a preview says beside the changed properties."""
    return directory.update(before, inputs(**after), preview=True).notes


def test_a_preview_of_a_removal_says_where_the_mail_stays() -> None:
    before = state(mailboxes={"u1@example.org": {}})
    assert notes(before, mailboxes={}) == (
        "mailbox u1@example.org is removed: logins end; its mail stays in /mail/example.org/u1",
    )
    before["homes"] = {"u1@example.org": "example.org/u1.2"}
    assert "/mail/example.org/u1.2" in notes(before, mailboxes={})[0]


U1, U2 = "u1@example.org", "u2@example.org"


def test_a_preview_of_a_removal_says_whose_mail_is_deleted() -> None:
    before = state(mailboxes={U1: {}, U2: {}}) | {"homes": {U1: "example.org/u1.2"}}
    assert notes(before, mailboxes={}, deleteMail={U1: True}) == (
        f"mailbox {U1} is removed: logins end; its mail in /mail/example.org/u1.2 is deleted: "
        "deleteMail names it",
        f"mailbox {U2} is removed: logins end; its mail stays in /mail/example.org/u2",
    )


def test_a_preview_names_the_mail_of_a_mailbox_that_was_removed_earlier() -> None:
    before = state(mailboxes={}) | {"retiredHomes": {"example.org/u1": U1, "example.org/u2": U2}}
    assert notes(before, mailboxes={}, deleteMail={U1: True}) == (
        f"the mail of an earlier mailbox {U1} in /mail/example.org/u1 is deleted: deleteMail names it",
    )


def test_a_preview_says_which_listed_address_never_had_mail_as_long_as_it_is_newly_listed() -> None:
    before = state(mailboxes={U2: {}}) | {"lostHomes": {"example.org/u3": "u3@example.org"}}
    listed = {U1: True, U2: True, "u3@example.org": True}
    said = [line for line in notes(before, mailboxes={}, deleteMail=listed) if "no mail" in line]
    assert said == [
        f"deleteMail names {U1}, of which no mail is known here; correct its spelling, or remove it"
    ]
    before["deleteMail"] = {U1: True}
    assert not any("no mail" in line for line in notes(before, mailboxes={}, deleteMail=listed))


def test_a_preview_on_an_older_state_says_that_it_cannot_name_the_folders() -> None:
    before = state(mailboxes={})
    del before["retiredHomes"]
    (line,) = notes(before, mailboxes={}, deleteMail={U1: True})
    assert f"the mail of any earlier mailbox {U1} is deleted" in line
    assert "pulumi refresh" in line
    (line,) = notes({}, mailboxes={}, deleteMail={U1: True})
    assert "refresh" not in line, "a stack that is new has nothing to refresh"
    assert notes(before, mailboxes={}) == ()


def test_mail_to_delete_is_a_change_of_its_address_alone() -> None:
    listed = {U1: True, U2: True}
    assert directory.diff(state(), inputs(deleteMail={})).paths == {}
    assert directory.diff(state(), inputs(deleteMail={U1: True})).paths == {f'deleteMail["{U1}"]': "add"}
    assert directory.diff(state(deleteMail=listed), inputs(deleteMail={U1: True})).paths == {
        f'deleteMail["{U2}"]': "delete"
    }


def test_mail_that_was_to_be_deleted_and_is_not_is_a_change() -> None:
    before = state(deleteMail={U1: True}) | {"retiredHomes": {"example.org/u1": U1, "example.org/u2": U2}}
    assert directory.diff(before, inputs(deleteMail={U1: True})).paths == {f'deleteMail["{U1}"]': "update"}


def test_a_preview_of_a_rename_says_what_becomes_of_whom() -> None:
    before = state(mailboxes={"u1@example.org": {}})
    renamed = {"new@example.org": {"renamedFrom": "u1@example.org"}}
    assert notes(before, mailboxes=renamed) == (
        "mailbox u1@example.org becomes new@example.org, with its mail and password",
        "mail to u1@example.org is refused from then on; to go on receiving it, declare the alias "
        "u1@example.org with the target new@example.org",
    )
    aliases = {"u1@example.org": {"targets": ["new@example.org"]}}
    assert len(notes(before, mailboxes=renamed, aliases=aliases)) == 1, "an alias takes it"
    assert (
        len(notes(before, mailboxes=renamed, domains={"example.org": {"catchAll": "new@example.org"}})) == 2
    )


def test_a_preview_of_a_renamed_domain_tells_whom_it_leaves_behind() -> None:
    before = state(mailboxes={"u1@example.org": {}, "u2@example.org": {}})
    domains = {"example.net": {"renamedFrom": "example.org"}}
    assert notes(before, domains=domains, mailboxes={"u1@example.net": {}}) == (
        "mailbox u1@example.org becomes u1@example.net, with its mail and password",
        "mailbox u2@example.org is removed: logins end; its mail stays in /mail/example.org/u2",
        "domain example.org: mail to it is refused from then on; to go on receiving it, declare example.org "
        "with `aliasOf: example.net`",
    )


def test_a_preview_says_who_loses_an_address_in_a_domain_that_was_another_name() -> None:
    other = {"example.org": {}, "example.net": {"aliasOf": "example.org"}}
    before = state(mailboxes={"u1@example.org": {}, "u2@example.org": {}}, domains=other)
    apart: dict[str, Any] = {"example.org": {}, "example.net": {}}
    people = before["mailboxes"]
    line = (
        "domain example.net is no other name of example.org any more: mail to and from {} is refused from "
        "then on; to go on with one, declare it as an alias"
    )
    assert notes(before, mailboxes=people, domains=apart) == (
        line.format("u1@example.net and 1 more of its addresses"),
    )
    kept = {"u1@example.net": {"targets": ["u1@example.org"]}}
    assert notes(before, mailboxes=people, domains=apart, aliases=kept) == (line.format("u2@example.net"),)
    all_kept = {**kept, "u2@example.net": {"targets": ["u2@example.org"]}}
    assert notes(before, mailboxes=people, domains=apart, aliases=all_kept) == ()
    assert notes(before, mailboxes=people, domains=other) == (), "it is one still"


HINT = (
    "mailbox {new} is new and {old} is removed: if they are one, `renamedFrom: {old}` takes mail and "
    "password along"
)


@pytest.mark.parametrize(
    ("old", "new", "is_hinted"),
    [
        ("alice", "alice.smith", True),
        ("a.smith", "alice.smith", True),
        ("alice", "bob", False),
        ("info", "sales", False),
    ],
)
def test_a_rename_that_nobody_stated_is_asked_about(old: str, new: str, is_hinted: bool) -> None:
    old, new = f"{old}@example.org", f"{new}@example.org"
    hint = HINT.format(old=old, new=new)
    assert (hint in notes(state(mailboxes={old: {}}), mailboxes={new: {}})) is is_hinted
    assert hint not in notes(state(mailboxes={old: {}}), mailboxes={old: {}, new: {}}), "nobody goes"
    assert hint not in notes(state(mailboxes={old: {}}), mailboxes={new: {"renamedFrom": old}})


def test_a_new_mailbox_of_the_same_persons_name_is_asked_about() -> None:
    before = state(mailboxes={"miller@example.org": {"displayName": "Eve"}})
    said = notes(before, mailboxes={"jones@example.org": {"displayName": "Eve"}})
    assert HINT.format(old="miller@example.org", new="jones@example.org") in said


def test_a_renamed_domain_that_nobody_stated_is_asked_about_once() -> None:
    before = state(mailboxes={"u1@example.org": {}, "u2@example.org": {}})
    mailboxes: dict[str, Any] = {"u1@example.net": {}, "u2@example.net": {}}
    said = notes(before, domains={"example.net": {}}, mailboxes=mailboxes)
    assert [line for line in said if "if they are one" in line] == [
        "domain example.net is new and example.org is removed: if they are one, `renamedFrom: example.org` "
        "takes mailboxes, mail and passwords along"
    ]


def test_a_preview_of_a_catch_all_warns_of_spam_once() -> None:
    domains = {"example.org": {"catchAll": "u1@example.org"}}
    assert "invites spam" in notes(state(), domains=domains)[0]
    assert notes(state(domains=domains), domains=domains) == ()


def test_a_reset_is_foretold_and_taking_its_text_away_is_none() -> None:
    before = state(mailboxes={"u1@example.org": {"password": "initial", "reset": "once"}})
    again = {"u1@example.org": {"password": "initial", "reset": "twice"}}
    never = {"u1@example.org": {"password": "initial"}}
    for mailboxes, expected in ((again, UNKNOWN), (never, {})):
        foretold = directory.update(before, inputs(mailboxes=mailboxes), preview=True)
        assert foretold.properties["initialPasswords"] == expected


def test_another_way_to_the_server_is_a_change_of_the_rights_too() -> None:
    """A refresh reads the server where the state says: it must be the place of the last update."""
    bag = {
        "connection": CONNECTION,
        "hosts": {"postfix": "192.0.2.4"},
        "rights": {"postfix": {"A on b": True}},
    }
    moved = {**bag, "connection": {**CONNECTION, "port": 3307.0}}
    assert rights.diff(bag, bag).paths == {}
    assert rights.diff(bag, moved).paths == {"connection.port": "update"}
    assert rights.diff(bag, {**bag, "connection": UNKNOWN}).paths == {}
