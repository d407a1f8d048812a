"""A slip is one line: it names the entry, says what was probably meant, and blames nobody else."""

from typing import Any

import pytest

from mailinfra.config.accounts.spelling import near_address, near_domain
from tests.unit.form import accounts, refused


def boxes(*addresses: str) -> list[dict[str, Any]]:
    return [{"address": address} for address in addresses]


def test_a_misspelt_domain_of_a_mailbox_is_one_line_with_a_suggestion() -> None:
    given = accounts(
        mailboxes=boxes("alice@example.test", "bob@exampel.test"),
        aliases=[{"address": "sales@example.test", "targets": ["alice@example.test", "bob@exampel.test"]}],
    )
    assert refused(given) == [
        "server.accounts.mailboxes.1.address: 'bob@exampel.test' is in no declared domain; did you mean "
        "'example.test'? Otherwise add 'exampel.test' to 'domains'"
    ]


def test_a_misspelt_domain_is_one_line_however_many_entries_are_in_it() -> None:
    given = accounts(domains=[{"name": "exampel.test"}])
    assert refused(given) == [
        "server.accounts.mailboxes.0.address: 'alice@example.test' is in no declared domain, and neither are "
        "2 "
        "more entries; did you mean 'exampel.test'? Otherwise add 'example.test' to 'domains'"
    ]


def test_a_misspelt_mailbox_is_one_line_for_all_who_name_it() -> None:
    given = accounts(
        mailboxes=boxes("alcie@example.test", "bob@example.test"),
        aliases=[
            {"address": "sales@example.test", "targets": ["alice@example.test"]},
            {"address": "team@example.test", "targets": ["bob@example.test", "alice@example.test"]},
        ],
    )
    passwords = {"alice@example.test": "a good long one", "bob@example.test": "another long one"}
    assert refused(given, passwords=passwords) == [
        "server.accounts.aliases.0.targets.0 (sales@example.test): 'alice@example.test' (and at one more "
        "alias) "
        "is neither a mailbox nor an alias; did you mean 'alcie@example.test'? Otherwise declare it"
    ]


def test_a_misspelt_address_of_a_password_gets_a_suggestion() -> None:
    (line,) = refused(accounts(), passwords={"alcie@example.test": "a good long one"})
    assert line == (
        "mailinfra:passwords: 'alcie@example.test' is not a declared mailbox; did you mean "
        "'alice@example.test'? "
        "Otherwise add it, or remove the password"
    )


def test_a_misspelt_domain_of_a_target_gets_a_suggestion() -> None:
    (line,) = refused(
        accounts(aliases=[{"address": "sales@example.test", "targets": ["alice@exmaple.test"]}])
    )
    assert "did you mean 'alice@example.test'? Otherwise put it under an alias's 'forwards'" in line


def test_a_misspelt_original_of_an_alias_domain_gets_a_suggestion() -> None:
    given = accounts(domains=[{"name": "example.test"}, {"name": "twin.test", "aliasOf": "exampl.test"}])
    assert refused(given) == [
        "server.accounts.domains.1.aliasOf (twin.test): 'exampl.test' is not a declared domain; did you mean "
        "'example.test'? Otherwise add it to 'domains'"
    ]


def test_a_mistake_in_a_list_names_its_entry_beside_the_number() -> None:
    mailboxes = [
        *boxes("alice@example.test", "bob@example.test"),
        {"address": "carol@example.test", "reset": 1},
    ]
    assert refused(accounts(mailboxes=mailboxes)) == [
        "server.accounts.mailboxes.2.reset (carol@example.test): must be text; given 1"
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("exampel.test", "example.test"),
        ("exmple.test", "example.test"),
        ("example.tset", "example.test"),
        ("other.test", None),
        ("test", None),
    ],
)
def test_a_domain_is_near_where_one_or_two_letters_slipped(written: str, meant: str | None) -> None:
    assert near_domain(written, ["second.example", "example.test"]) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("alcie@example.test", "alice@example.test"),
        ("alice@exampel.test", "alice@example.test"),
        ("nobody@example.test", None),
        ("alice@elsewhere.example", None),
    ],
)
def test_an_address_is_near_in_both_of_its_parts(written: str, meant: str | None) -> None:
    assert near_address(written, ["bob@example.test", "alice@example.test"]) == meant
