"""What the provider refuses before a row is written: all mistakes at once, each with its place and remedy."""

from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN
from pydantic import ValidationError

from mailinfra.config.accounts.lists import AccountsConfig
from mailinfra.provider import directory
from mailinfra.provider.validation import mistakes

ALICE = "alice@example.test"


def inputs(**changes: Any) -> dict[str, Any]:
    bag: dict[str, Any] = {
        "connection": {"database": "mail"},
        "domains": {"example.test": {}, "b.test": {"aliasOf": "example.test"}},
        "mailboxes": {ALICE: {}},
        "aliases": {},
        "passwords": {},
        "undeclared": "keep",
        "hashing": {},
    }
    return bag | changes


def test_sound_accounts_have_no_mistake() -> None:
    aliases = {"sales@example.test": {"targets": [ALICE, "alice@b.test", "someone@elsewhere.test"]}}
    assert mistakes(inputs(aliases=aliases, passwords={ALICE: "a password"})) == []


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"mailboxes": {ALICE: {"quota": "1G"}}}, f'mailboxes["{ALICE}"]', "quota: there is no such property"),
    (
        {"mailboxes": {ALICE: {"enabled": "yes"}}},
        f'mailboxes["{ALICE}"]',
        "enabled: must be true or false; given 'yes'",
    ),
    (
        {"aliases": {"x@example.test": {"targets": ALICE}}},
        'aliases["x@example.test"]',
        "must be a list of texts",
    ),
    ({"undeclared": "drop"}, "undeclared", "must be 'keep' or 'remove'; given 'drop'"),
    (
        {"hashing": {"memoryKib": 262144.0}},
        "hashing.memoryKib",
        "at most 65536, or logins fail; given 262144",
    ),
    (
        {"mailboxes": {"Alice@example.test": {}}},
        'mailboxes["Alice@example.test"]',
        "must be lower case; write 'alice@example.test'",
    ),
    (
        {"mailboxes": {"a+b@example.test": {}}},
        'mailboxes["a+b@example.test"]',
        "holds a '+', which separates a detail",
    ),
    (
        {"mailboxes": {"a@nowhere.test": {}}},
        'mailboxes["a@nowhere.test"]',
        "'nowhere.test' is not a declared domain",
    ),
    (
        {"mailboxes": {"a@b.test": {}}},
        'mailboxes["a@b.test"]',
        "alias of 'example.test'; declare a@example.test instead",
    ),
    (
        {"domains": {"Example.test": {}}, "mailboxes": {}},
        'domains["Example.test"]',
        "must be lower case; write 'example.test'",
    ),
    (
        {"domains": {"example.test": {"aliasOf": "x.test"}}},
        'domains["example.test"].aliasOf',
        "not a declared domain",
    ),
    (
        {"domains": {"example.test": {"catchAll": "nobody@example.test"}}},
        'domains["example.test"].catchAll',
        "'nobody@example.test' is neither a mailbox nor an alias",
    ),
    (
        {"aliases": {ALICE: {"targets": ["x@elsewhere.test"]}}},
        f'mailboxes["{ALICE}"]',
        "declared as an alias too",
    ),
    (
        {"aliases": {"s@example.test": {"targets": []}}},
        'aliases["s@example.test"].targets',
        "name at least one",
    ),
    (
        {"aliases": {"s@example.test": {"targets": ["gone@example.test"]}}},
        'aliases["s@example.test"].targets',
        "'gone@example.test' is neither a mailbox nor an alias, though 'example.test' is ours",
    ),
    (
        {"aliases": {"s@example.test": {"targets": ["no address"]}}},
        'aliases["s@example.test"].targets',
        "no address",
    ),
    ({"mailboxes": {ALICE: {"password": "mine"}}}, f'mailboxes["{ALICE}"].password', "'initial' or 'owned'"),
    ({"mailboxes": {ALICE: {"password": "owned"}}}, f'mailboxes["{ALICE}"].password', f"must hold {ALICE}"),
    (
        {"mailboxes": {ALICE: {"claimant": "x" * 21}}},
        f'mailboxes["{ALICE}"].claimant',
        "at most 20 characters",
    ),
    (
        {"mailboxes": {ALICE: {}, "b@example.test": {"renamedFrom": ALICE}}},
        'mailboxes["b@example.test"].renamedFrom',
        "is still declared",
    ),
    (
        {"passwords": {"x@example.test": "a password"}},
        'passwords["x@example.test"]',
        "not a declared mailbox",
    ),
    ({"deleteMail": {ALICE: True}}, f'deleteMail["{ALICE}"]', "is still a mailbox"),
    (
        {"deleteMail": {"x@b.test": True}},
        'deleteMail["x@b.test"]',
        "in an alias domain and has no mail of its own; write 'x@example.test'",
    ),
    ({"deleteMail": {"b@x.test": False}}, 'deleteMail["b@x.test"]', "must be true; given False"),
    (
        {"mailboxes": {ALICE: {"renamedFrom": "al@example.test"}}, "deleteMail": {"al@example.test": True}},
        'deleteMail["al@example.test"]',
        "its mail moves along",
    ),
    (
        {"domains": {"example.test": {"renamedFrom": "old.test"}}, "deleteMail": {"b@old.test": True}},
        'deleteMail["b@old.test"]',
        "its mail moves along",
    ),
    ({"passwords": {ALICE: "{SHA}hunter2"}}, f'passwords["{ALICE}"]', "scheme SHA"),
]


@pytest.mark.parametrize(("changes", "path", "reason"), CASES)
def test_a_mistake_is_answered_with_its_place_and_reason(
    changes: dict[str, Any], path: str, reason: str
) -> None:
    found = dict(mistakes(inputs(**changes)))
    assert path in found
    assert reason in found[path]
    assert "hunter2" not in repr(found)


def test_a_circle_of_aliases_is_shown_whole() -> None:
    circle = {
        "a@example.test": {"targets": ["b@example.test"]},
        "b@example.test": {"targets": ["c@b.test"]},
        "c@example.test": {"targets": ["a@example.test", ALICE]},
    }
    ((path, reason),) = mistakes(inputs(aliases=circle))
    assert path == 'aliases["a@example.test"].targets'
    assert "a@example.test -> b@example.test -> c@example.test -> a@example.test" in reason


@pytest.mark.parametrize("length", [1100, 5000])
def test_a_very_long_chain_of_aliases_is_one_sentence(length: int) -> None:
    chain = {
        f"a{number}@example.test": {"targets": [f"a{number + 1}@example.test"]} for number in range(length)
    }
    chain[f"a{length}@example.test"] = {"targets": [ALICE]}
    ((_, reason),) = mistakes(inputs(aliases=chain))
    assert "aliases, and 100 are followed; name the last one directly" in reason


def test_a_catch_all_to_nowhere_is_one_sentence() -> None:
    for target in ("nobody@example.test", "x@elsewhere.test", "nowhere", "a b@example.test"):
        ((path, _),) = mistakes(inputs(domains={"example.test": {"catchAll": target}}))
        assert path == 'domains["example.test"].catchAll'


BOTH: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"mailboxes": [{"address": "-a@example.test"}]}, {"mailboxes": {"-a@example.test": {}}}),
    ({"mailboxes": [{"address": ".a@example.test"}]}, {"mailboxes": {".a@example.test": {}}}),
    (
        {"mailboxes": [{"address": f"{'a' * 65}@example.test"}]},
        {"mailboxes": {f"{'a' * 65}@example.test": {}}},
    ),
    ({"domains": [{"name": "1.2"}]}, {"domains": {"1.2": {}}}),
    ({"domains": [{"name": "xn--a.test"}]}, {"domains": {"xn--a.test": {}}}),
    ({"domains": [{"name": "-a.test"}]}, {"domains": {"-a.test": {}}}),
    ({"domains": [{"name": "localhost"}]}, {"domains": {"localhost": {}}}),
    (
        {"domains": [{"name": "b.test", "catchAll": "x@elsewhere.test"}]},
        {"domains": {"b.test": {"catchAll": "x@elsewhere.test"}}},
    ),
    (
        {"domains": [{"name": "b.test", "aliasOf": "example.test", "catchAll": "alice@example.test"}]},
        {"domains": {"b.test": {"aliasOf": "example.test", "catchAll": "alice@example.test"}}},
    ),
    (
        {"aliases": [{"address": "s@example.test", "targets": ["out@example.test"]}]},
        {"aliases": {"s@example.test": {"targets": ["out@example.test"]}}},
    ),
    (
        {"aliases": [{"address": "s@example.test", "forwards": ['"a b"@else.test']}]},
        {"aliases": {"s@example.test": {"targets": ['"a b"@else.test']}}},
    ),
    (
        {"domains": [{"name": "n.test", "renamedFrom": "example.test"}]},
        {"domains": {"n.test": {"renamedFrom": "example.test"}}},
    ),
    (
        {"mailboxes": [{"address": "b@example.test", "password": "owned", "reset": "x"}]},
        {"mailboxes": {"b@example.test": {"password": "owned", "reset": "x"}}},
    ),
    (
        {"mailboxes": [{"address": "b@example.test", "receives": False, "protocols": []}]},
        {"mailboxes": {"b@example.test": {"receives": False, "submission": False}}},
    ),
    *(
        (
            {"mailboxes": [{"address": "b@example.test", key: "x" * (limit + 1)}]},
            {"mailboxes": {"b@example.test": {key: "x" * (limit + 1)}}},
        )
        for key, limit in (("displayName", 200), ("description", 200), ("claimant", 20), ("reset", 100))
    ),
]
"""The same mistake, as a person writes it and as the provider gets it."""

SOUND_FORM: dict[str, Any] = {
    "domains": [{"name": "example.test"}],
    "mailboxes": [{"address": ALICE}, {"address": "out@example.test", "receives": False}],
    "aliases": [],
}


@pytest.mark.parametrize(("written", "handed_over"), BOTH)
def test_the_form_and_the_provider_refuse_the_same(
    written: dict[str, Any], handed_over: dict[str, Any]
) -> None:
    given = {kind: SOUND_FORM[kind] + written.get(kind, []) for kind in SOUND_FORM}
    with pytest.raises(ValidationError):
        AccountsConfig.model_validate(given)
    sound: dict[str, Any] = {
        "domains": {"example.test": {}},
        "mailboxes": {ALICE: {}, "out@example.test": {"receives": False}},
        "aliases": {},
    }
    passwords = {"b@example.test": "a long password"} if "owned" in str(handed_over) else {}
    merged = {kind: {**sound[kind], **handed_over.get(kind, {})} for kind in sound}
    assert mistakes(inputs(**merged, passwords=passwords)) != []
    assert mistakes(inputs(**sound)) == []
    AccountsConfig.model_validate(SOUND_FORM)


@pytest.mark.parametrize("forward", ["o'neil@else.test", "a+b@else.test", "r&d@else.test", "x#y~z@else.test"])
def test_what_the_form_takes_the_provider_takes_in_the_same_round(forward: str) -> None:
    alias = {"address": "s@example.test", "forwards": [forward]}
    accounts = AccountsConfig.model_validate({**SOUND_FORM, "aliases": [alias]}).directory()
    assert mistakes(inputs(**vars(accounts))) == []


def test_all_mistakes_are_answered_at_once() -> None:
    found = mistakes(inputs(mailboxes={"A@example.test": {}, "b@x.test": {}}, passwords={ALICE: ""}))
    assert len(found) == 4


def test_what_is_not_known_yet_is_no_mistake() -> None:
    assert mistakes(inputs(passwords=UNKNOWN)) == []


def test_checked_inputs_name_every_choice_in_a_fixed_form() -> None:
    aliases = {"s@example.test": {"targets": ["x@elsewhere.test", ALICE]}}
    checked, found = directory.check(inputs(aliases=aliases, mailboxes={ALICE: {"description": ""}}))
    assert found == []
    assert checked["aliases"] == {"s@example.test": {"targets": [ALICE, "x@elsewhere.test"], "maySend": True}}
    assert checked["mailboxes"][ALICE] == {
        "enabled": True,
        "receives": True,
        "imap": True,
        "pop3": True,
        "submission": True,
        "password": "initial",
    }
