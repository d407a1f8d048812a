"""The state of accounts: one form is written, every earlier one is read, a later one is a sentence."""

from dataclasses import replace
from typing import Any

import pytest

from mailinfra.provider import directory
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.model import Accounts, Alias, Domain, Mailbox
from mailinfra.provider.passwords import Hashing
from mailinfra.provider.records import Found
from mailinfra.provider.refresh import refreshed
from mailinfra.provider.state import VERSION, Inputs, State, inputs_bag, inputs_from, state_bag, state_from

ALICE, BOB = "alice@example.test", "bob@example.test"
ACCOUNTS = Accounts(
    domains={"example.test": Domain(catch_all=ALICE)},
    mailboxes={ALICE: Mailbox(display_name="Alice"), BOB: Mailbox(password="owned")},
    aliases={"sales@example.test": Alias(targets=(ALICE,), may_send=False)},
)
FULL = State(
    connection={"host": "db", "port": 3306.0},
    accounts=ACCOUNTS,
    undeclared="remove",
    delete_mail=frozenset({"x@example.test"}),
    hashing=Hashing(memory_kib=8192, iterations=3, parallelism=2),
    held_passwords={BOB: "held"},
    initial_passwords={ALICE: "made"},
    adopted_passwords=("carol@example.test",),
    fingerprints={BOB: "0123"},
    homes={ALICE: "example.test/alice", BOB: "example.test/bob.2"},
    retired_homes={"example.test/bob": BOB},
    lost_homes={"example.test/dora": "dora@example.test"},
    lost_resets={"dora@example.test": "once"},
    undeclared_rows=("mailbox zed@example.test",),
)
OF_VERSION_1: dict[str, Any] = {
    "connection": {"host": "db"},
    "domains": {"example.test": {}},
    "mailboxes": {
        ALICE: {
            "enabled": True, "receives": True, "imap": True, "pop3": True, "submission": True,
            "password": "initial",
        }
    },
    "aliases": {},
    "passwords": {},
    "undeclared": "keep",
    "deleteMail": {},
    "hashing": {"memoryKib": 19456.0, "iterations": 2.0, "parallelism": 1.0},
    "initialPasswords": {ALICE: "made"},
    "adoptedPasswords": [],
    "fingerprints": {},
    "homes": {},
    "retiredHomes": {},
    "lostHomes": {},
    "undeclaredRows": [],
}  # fmt: skip
"""As the first version with all these keys wrote it, without a version."""


def test_a_state_is_read_as_it_was_written() -> None:
    assert state_from(state_bag(FULL)) == FULL
    assert state_from(state_bag(State(connection={}))) == State(connection={})


def test_inputs_are_read_as_they_were_written() -> None:
    declared = Inputs(connection={}, accounts=ACCOUNTS, passwords={BOB: "x"}, undeclared="remove")
    assert inputs_from(inputs_bag(declared)) == declared


def test_a_usual_folder_is_not_written_and_known_all_the_same() -> None:
    assert state_bag(FULL)["homes"] == {BOB: "example.test/bob.2"}
    assert state_from(state_bag(FULL)).homes[ALICE] == "example.test/alice"


def test_a_state_without_a_version_is_read_and_previews_without_a_change() -> None:
    inputs = {
        key: OF_VERSION_1[key] for key in ("connection", "domains", "mailboxes", "aliases", "passwords")
    }
    inputs |= {"undeclared": "keep", "deleteMail": {}, "hashing": OF_VERSION_1["hashing"]}
    assert directory.diff(OF_VERSION_1, inputs).paths == {}
    assert state_bag(state_from(OF_VERSION_1)) == OF_VERSION_1


def test_a_refresh_that_finds_nothing_leaves_a_state_without_a_version_as_it_is() -> None:
    state = state_from(OF_VERSION_1)
    found = Found(
        accounts=state.accounts, hashes={}, homes=state.homes, retired={}, marked=frozenset()
    )  # fmt: skip
    assert refreshed(state, Inputs(), found).properties == OF_VERSION_1
    emptied = replace(found, accounts=replace(found.accounts, mailboxes={}), homes={})
    assert refreshed(state, Inputs(), emptied).properties["stateVersion"] == VERSION


def test_a_state_of_the_time_before_removed_mail_was_kept_is_read() -> None:
    old = {key: OF_VERSION_1[key] for key in ("connection", "domains", "mailboxes", "aliases")}
    state = state_from(old)
    assert state.retired_homes is None
    assert state.accounts.mailboxes[ALICE] == Mailbox()


def test_nothing_written_yet_is_new_and_a_written_state_is_not() -> None:
    assert state_from({}).is_new
    assert not state_from({"mailboxes": {}}).is_new


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"stateVersion": VERSION + 1}, f"it has version {VERSION + 1}, and {VERSION} is the latest known"),
        ({"quotas": {}}, "it has the unknown property 'quotas'"),
        ({"mailboxes": {ALICE: {"quota": "1G"}}}, "quota: there is no such property"),
        ({"mailboxes": {ALICE: {"enabled": "at night"}}}, "enabled: must be true or false"),
        ({"domains": {"example.test": {"dkim": True}}}, "dkim: there is no such property"),
        ({"aliases": {"a@example.test": {"targets": "x@y.test"}}}, "targets: must be a list of texts"),
        ({"hashing": {"memoryKib": "much"}}, "memoryKib: must be a whole number"),
    ],
)
def test_a_state_of_a_newer_version_is_one_sentence_whatever_is_asked(
    change: dict[str, Any], reason: str
) -> None:
    newer = OF_VERSION_1 | change
    asked = (
        lambda: directory.diff(newer, OF_VERSION_1),
        lambda: directory.update(newer, OF_VERSION_1, preview=True),
        lambda: directory.update(newer, OF_VERSION_1, preview=False),
        lambda: directory.read("mail", newer, OF_VERSION_1),
        lambda: directory.delete(newer),
    )
    for question in asked:
        with pytest.raises(ProviderError, match="written by a newer version of this program") as caught:
            question()
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_engines_own_notes_are_no_newer_version() -> None:
    assert state_from(OF_VERSION_1 | {"__defaults": []}) == state_from(OF_VERSION_1)
