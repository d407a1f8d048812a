"""Accounts that do not fit together are refused, all of them at once, each with its place and its remedy."""

from typing import Any

import pytest

from mailinfra.config.accounts.lists import AccountsConfig, DirectoryEntries
from tests.unit.form import accepted, accounts, form, refused


def directory(passwords: Any = None, **lists: Any) -> DirectoryEntries:
    found = accepted(accounts(**lists), passwords=passwords).accounts
    assert isinstance(found, AccountsConfig)
    return found.directory()


def alias(name: str, *targets: str, **more: Any) -> dict[str, Any]:
    return {"address": f"{name}@example.test", "targets": [f"{one}@example.test" for one in targets], **more}


def mailbox(name: str, **more: Any) -> dict[str, Any]:
    return {"address": f"{name}@example.test", **more}


def test_a_mailbox_in_an_undeclared_domain_is_refused() -> None:
    assert refused(accounts(mailboxes=[mailbox("alice"), {"address": "eve@other.test"}])) == [
        "server.accounts.mailboxes.1.address: 'eve@other.test' is in no declared domain; add "
        "'other.test' to 'domains'"
    ]


def test_an_alias_in_an_undeclared_domain_is_refused() -> None:
    assert refused(accounts(aliases=[{"address": "x@other.test", "targets": ["alice@example.test"]}])) == [
        "server.accounts.aliases.0.address: 'x@other.test' is in no declared domain; add "
        "'other.test' to 'domains'"
    ]


def test_the_same_address_twice_is_refused_with_both_places() -> None:
    assert refused(accounts(mailboxes=[mailbox("alice"), mailbox("bob"), mailbox("alice")])) == [
        "server.accounts.mailboxes.2.address: 'alice@example.test' is already declared at mailboxes.0; "
        "remove one of them"
    ]


def test_an_address_is_a_mailbox_or_an_alias_and_never_both() -> None:
    assert refused(accounts(aliases=[alias("bob", "alice")])) == [
        "server.accounts.aliases.0.address: 'bob@example.test' is already declared at mailboxes.1; "
        "remove one of them"
    ]


def test_the_two_forms_of_an_international_domain_are_one_address() -> None:
    given = accounts(
        domains=[{"name": "bücher.test"}],
        mailboxes=[{"address": "alice@bücher.test"}, {"address": "alice@xn--bcher-kva.test"}],
        aliases=[],
    )
    assert refused(given) == [
        "server.accounts.mailboxes.1.address: 'alice@xn--bcher-kva.test' is already declared at mailboxes.0; "
        "remove one of them"
    ]


def test_upper_and_lower_case_are_one_address_and_only_one_is_written() -> None:
    assert refused(accounts(mailboxes=[mailbox("alice"), {"address": "Alice@example.test"}])) == [
        "server.accounts.mailboxes.1.address: must be lower case; write 'alice@example.test'; "
        "given 'Alice@example.test'"
    ]


def test_the_same_domain_twice_is_refused() -> None:
    assert refused(accounts(domains=[{"name": "example.test"}, {"name": "example.test"}])) == [
        "server.accounts.domains.1.name: 'example.test' is already declared at domains.0; remove one of them"
    ]


def test_an_alias_without_any_target_is_refused() -> None:
    assert refused(accounts(aliases=[{"address": "sales@example.test"}])) == [
        "server.accounts.aliases.0.targets (sales@example.test): has no target, so its mail would be "
        "refused; "
        "add 'targets' (here) or 'forwards' (elsewhere)"
    ]


def test_an_alias_target_that_does_not_exist_is_refused() -> None:
    assert refused(accounts(aliases=[alias("sales", "alice", "carol")])) == [
        "server.accounts.aliases.0.targets.1 (sales@example.test): 'carol@example.test' is neither a mailbox "
        "nor an alias; "
        "declare it, or correct its spelling"
    ]


def test_an_alias_target_outside_is_sent_to_the_forwards() -> None:
    given = accounts(aliases=[{"address": "sales@example.test", "targets": ["eve@elsewhere.example"]}])
    assert refused(given) == [
        "server.accounts.aliases.0.targets.0 (sales@example.test): 'eve@elsewhere.example' is in no declared "
        "domain; put "
        "it under an "
        "alias's 'forwards', or add 'elsewhere.example' to 'domains'"
    ]


def test_a_forward_inside_is_sent_to_the_targets() -> None:
    given = accounts(aliases=[{"address": "sales@example.test", "forwards": ["alice@example.test"]}])
    assert refused(given) == [
        "server.accounts.aliases.0.forwards.0 (sales@example.test): 'alice@example.test' is in a domain of "
        "ours; move it "
        "to 'targets'"
    ]


def test_an_alias_to_a_mailbox_that_receives_nothing_is_refused() -> None:
    given = accounts(
        mailboxes=[mailbox("alice"), mailbox("printer", receives=False)], aliases=[alias("sales", "printer")]
    )
    assert refused(given) == [
        "server.accounts.aliases.0.targets.0 (sales@example.test): 'printer@example.test' is a mailbox that "
        "does not "
        "receive mail, "
        "so its mail would bounce; name another one"
    ]


def test_a_loop_of_aliases_is_refused_with_its_whole_path() -> None:
    given = accounts(aliases=[alias("a", "b"), alias("b", "alice", "c"), alias("c", "a")])
    assert refused(given) == [
        "server.accounts.aliases.0.targets (a@example.test): goes round in circles: a@example.test -> "
        "b@example.test -> "
        "c@example.test -> a@example.test; remove one of these targets"
    ]


def test_an_alias_to_itself_is_a_loop() -> None:
    assert refused(accounts(aliases=[alias("a", "a")])) == [
        "server.accounts.aliases.0.targets (a@example.test): goes round in circles: a@example.test -> "
        "a@example.test; "
        "remove one of these targets"
    ]


def test_two_ways_to_one_mailbox_are_no_loop() -> None:
    aliases = directory(aliases=[alias("a", "b", "c"), alias("b", "alice"), alias("c", "alice")]).aliases
    assert aliases["a@example.test"]["targets"] == ["b@example.test", "c@example.test"]


def test_a_chain_that_postfix_would_not_follow_is_refused_where_it_becomes_too_long() -> None:
    chain = [alias(f"a{number}", f"a{number + 1}") for number in range(300)]
    (line,) = refused(accounts(aliases=[*chain, alias("a300", "alice")]))
    assert line == (
        "server.accounts.aliases.200.targets (a200@example.test): leads through 101 aliases, and 100 are "
        "followed; "
        "name the last one directly"
    )


def people(count: int) -> list[dict[str, Any]]:
    return [mailbox(f"user{number}") for number in range(count)]


def groups(count: int, members: int) -> list[dict[str, Any]]:
    """Return an alias of groups, all of the same people, and the groups."""
    names = [f"group{number}" for number in range(count)]
    return [alias("all", *names), *(alias(name, *(f"user{one}" for one in range(members))) for name in names)]


def test_a_list_of_5000_people_is_taken() -> None:
    everybody = [one["address"].partition("@")[0] for one in people(5000)]
    kept = accepted(accounts(mailboxes=[*people(5000), mailbox("alice")], aliases=[alias("all", *everybody)]))
    assert kept.accounts
    assert len(kept.accounts.directory().aliases["all@example.test"]["targets"]) == 5000


def test_groups_of_the_same_people_are_taken_while_postfix_follows_them() -> None:
    assert accepted(accounts(mailboxes=people(40), aliases=groups(250, 40)))


def test_groups_are_counted_as_postfix_does_and_the_named_remedy_is_taken() -> None:
    assert refused(accounts(mailboxes=people(40), aliases=groups(251, 40))) == [
        "server.accounts.aliases.0.targets (all@example.test): leads to 10040 addresses, and "
        "Postfix follows 10000: each counts as often as the aliases on the way name it; name the 40 "
        "different ones here directly, in place of these aliases"
    ]
    named = [alias("all", *(f"user{number}" for number in range(40))), *groups(251, 40)[1:]]
    assert accepted(accounts(mailboxes=people(40), aliases=named))


def test_an_alias_that_postfix_would_not_expand_is_refused() -> None:
    elsewhere = [f"friend{number}@elsewhere.test" for number in range(10001)]
    everybody = {"address": "all@example.test", "forwards": elsewhere}
    assert refused(accounts(aliases=[everybody])) == [
        "server.accounts.aliases.0.targets (all@example.test): leads to 10001 addresses, and "
        "Postfix follows 10000; take some away, or let people write to two aliases in place of this one"
    ]


def test_an_alias_that_grows_with_each_step_is_refused_at_once_where_it_becomes_too_wide() -> None:
    steps = [alias(f"{one}{step}", f"a{step + 1}", f"b{step + 1}") for step in range(90) for one in "ab"]
    (line, other) = refused(accounts(aliases=[*steps, alias("a90", "alice"), alias("b90", "alice")]))
    assert "aliases.152.targets (a76@example.test): leads to 16384 addresses" in line
    assert "name the 1 different ones here directly" in other


def test_an_alias_domain_stands_for_a_declared_one() -> None:
    domains = [{"name": "example.test"}, {"name": "b.test", "aliasOf": "c.test"}]
    assert refused(accounts(domains=domains)) == [
        "server.accounts.domains.1.aliasOf (b.test): 'c.test' is not a declared domain; add it to 'domains'"
    ]


def test_an_alias_domain_stands_for_no_other_alias_domain() -> None:
    domains = [
        {"name": "example.test"},
        {"name": "b.test", "aliasOf": "example.test"},
        {"name": "c.test", "aliasOf": "b.test"},
    ]
    assert refused(accounts(domains=domains)) == [
        "server.accounts.domains.2.aliasOf (c.test): 'b.test' is an alias domain itself; write 'example.test'"
    ]


def test_a_domain_is_no_alias_of_itself() -> None:
    (line, *_) = refused(accounts(domains=[{"name": "example.test", "aliasOf": "example.test"}]))
    assert line == (
        "server.accounts.domains.0.aliasOf: 'example.test' is the domain itself; "
        "name another one, or remove the line"
    )


def test_a_mailbox_in_an_alias_domain_is_sent_to_the_real_one() -> None:
    domains = [{"name": "example.test"}, {"name": "b.test", "aliasOf": "example.test"}]
    assert refused(accounts(domains=domains, mailboxes=[mailbox("alice"), {"address": "bob@b.test"}])) == [
        "server.accounts.mailboxes.1.address: 'bob@b.test' is in an alias domain, whose addresses "
        "are those of "
        "'example.test'; write 'bob@example.test', and `renamedFrom: bob@b.test` beside it if there is mail "
        "of it already: a new address begins empty"
    ]


def test_a_target_in_an_alias_domain_is_sent_to_the_real_one() -> None:
    domains = [{"name": "example.test"}, {"name": "b.test", "aliasOf": "example.test"}]
    aliases = [{"address": "sales@example.test", "targets": ["alice@b.test"]}]
    assert refused(accounts(domains=domains, aliases=aliases)) == [
        "server.accounts.aliases.0.targets.0 (sales@example.test): 'alice@b.test' is in an alias domain; "
        "write "
        "'alice@example.test'"
    ]


def test_an_alias_domain_decides_nothing_of_its_own() -> None:
    domains = [
        {"name": "example.test"},
        {"name": "b.test", "aliasOf": "example.test", "catchAll": "alice@example.test"},
    ]
    assert refused(accounts(domains=domains)) == [
        "server.accounts.domains.1.catchAll (b.test): has no meaning in an alias domain; set it at "
        "'example.test', for both"
    ]


@pytest.mark.parametrize("key", ["catchAll", "postmaster"])
def test_whoever_stands_in_for_others_exists(key: str) -> None:
    assert refused(accounts(domains=[{"name": "example.test", key: "carol@example.test"}])) == [
        f"server.accounts.domains.0.{key} (example.test): 'carol@example.test' is neither a mailbox nor an "
        "alias; "
        "declare it, or "
        "correct its spelling"
    ]


def test_postmaster_and_abuse_of_every_domain_reach_a_mailbox_of_it() -> None:
    entries = directory(
        domains=[{"name": "example.test"}, {"name": "b.test"}, {"name": "c.test", "aliasOf": "b.test"}],
        mailboxes=[mailbox("printer", receives=False), mailbox("alice"), {"address": "ben@b.test"}],
        aliases=[],
    )
    assert {address: entry["targets"] for address, entry in entries.aliases.items()} == {
        "postmaster@example.test": ["alice@example.test"],
        "abuse@example.test": ["alice@example.test"],
        "postmaster@b.test": ["ben@b.test"],
        "abuse@b.test": ["ben@b.test"],
    }
    assert not any(entry["maySend"] for entry in entries.aliases.values()), "nobody asked to be postmaster"


def test_who_is_named_as_postmaster_writes_as_one_for_that_domain_alone() -> None:
    entries = directory(
        domains=[{"name": "example.test", "postmaster": "alice@example.test"}, {"name": "b.test"}],
        mailboxes=[mailbox("alice")],
        aliases=[],
    )
    assert {address: entry["maySend"] for address, entry in entries.aliases.items()} == {
        "postmaster@example.test": True,
        "abuse@example.test": True,
        "postmaster@b.test": False,
        "abuse@b.test": False,
    }


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["bob", "carol"], "bob"),
        (["carol", "bob"], "bob"),
        (["dave", "bob", "carol"], "bob"),
        (["bob", "admin"], "admin"),
        (["admin", "anna", "postmaster"], "postmaster"),
    ],
)
def test_who_answers_for_an_undeclared_role_does_not_depend_on_the_order(
    names: list[str], expected: str
) -> None:
    entries = directory(mailboxes=[mailbox(name) for name in names], aliases=[])
    assert entries.aliases["abuse@example.test"]["targets"] == [f"{expected}@example.test"]


def test_a_domain_without_mailboxes_is_answered_by_the_servers_first() -> None:
    entries = directory(domains=[{"name": "example.test"}, {"name": "b.test"}])
    assert entries.aliases["abuse@b.test"]["targets"] == ["alice@example.test"]


def test_a_declared_postmaster_is_left_as_declared() -> None:
    entries = directory(
        domains=[{"name": "example.test", "postmaster": "bob@example.test"}],
        mailboxes=[mailbox("alice"), mailbox("bob"), mailbox("postmaster")],
    )
    assert "postmaster@example.test" not in entries.aliases
    assert entries.aliases["abuse@example.test"]["targets"] == ["bob@example.test"]


@pytest.mark.parametrize("role", ["postmaster", "abuse"])
def test_a_role_mailbox_receives_mail(role: str) -> None:
    assert refused(accounts(mailboxes=[mailbox("alice"), mailbox(role, receives=False)])) == [
        f"server.accounts.mailboxes.1.receives ({role}@example.test): must be true here: every domain "
        "answers for "
        "postmaster and abuse "
        "(RFC 2142); remove it; given False"
    ]


def test_a_domain_whose_aliases_all_lead_outside_names_its_postmaster() -> None:
    outside = [{"address": "club@example.test", "forwards": ["club@elsewhere.example"]}]
    assert refused(accounts(mailboxes=[], aliases=outside)) == [
        "server.accounts.domains.0: nobody here receives mail to postmaster and abuse, which every "
        "domain answers "
        "for (RFC 2142); name an alias under 'postmaster'"
    ]
    named = [{"name": "example.test", "postmaster": "club@example.test"}]
    entries = directory(domains=named, mailboxes=[], aliases=outside)
    assert entries.aliases["abuse@example.test"]["targets"] == ["club@example.test"]


def test_a_server_without_accounts_is_sound() -> None:
    found = accepted(form(accounts={})).accounts
    assert found is not None
    assert found.directory() == DirectoryEntries(domains={}, mailboxes={}, aliases={})
    assert found.postmaster("mail.example.test") is None
    assert accepted(form(accounts={"domains": [{"name": "example.test"}]})).accounts is not None


@pytest.mark.parametrize("names", [("a.test", "example.test"), ("example.test", "a.test")])
def test_the_server_itself_is_answered_by_its_own_domain_whatever_the_order(names: tuple[str, ...]) -> None:
    found = accepted(accounts(domains=[{"name": name} for name in names])).accounts
    assert found is not None
    assert found.postmaster("mail.example.test") == "postmaster@example.test"
    assert found.postmaster("mail.elsewhere.test") == "postmaster@a.test"


def test_the_rows_say_what_was_declared_and_no_more() -> None:
    entries = directory(
        domains=[{"name": "example.test", "catchAll": "alice@example.test", "renamedFrom": "old.test"}],
        mailboxes=[
            mailbox(
                "alice", displayName="Alice", reset="once", renamedFrom="al@example.test", reuseMail=True
            ),
            mailbox("bob", protocols=["imap"], enabled=False, password="owned"),
            mailbox("printer", receives=False),
        ],
        aliases=[alias("sales", "bob", "alice", forwards=["eve@elsewhere.example"], maySend=False)],
        passwords={"bob@example.test": "hunter2"},
    )
    switches = {"enabled": True, "imap": True, "pop3": True, "submission": True, "receives": True}
    assert entries.domains == {"example.test": {"catchAll": "alice@example.test", "renamedFrom": "old.test"}}
    assert entries.mailboxes == {
        "alice@example.test": {
            **switches,
            "password": "initial",
            "displayName": "Alice",
            "reset": "once",
            "renamedFrom": "al@example.test",
            "reuseMail": True,
        },
        "bob@example.test": {
            **switches,
            "enabled": False,
            "pop3": False,
            "submission": False,
            "password": "owned",
        },
        "printer@example.test": {
            **switches,
            "receives": False,
            "imap": False,
            "pop3": False,
            "password": "initial",
        },
    }
    assert entries.aliases["sales@example.test"] == {
        "targets": ["alice@example.test", "bob@example.test", "eve@elsewhere.example"],
        "maySend": False,
    }


def test_an_unknown_protocol_is_refused_with_the_known_ones() -> None:
    assert refused(accounts(mailboxes=[mailbox("alice", protocols=["imap", "smtp"])])) == [
        "server.accounts.mailboxes.0.protocols.1 (alice@example.test): must be 'imap', 'pop3' or "
        "'submission'; given 'smtp'"
    ]


def test_a_mailbox_that_neither_receives_nor_sends_is_refused() -> None:
    mailboxes = [mailbox("alice"), mailbox("bob", receives=False, protocols=["imap"])]
    assert refused(accounts(mailboxes=mailboxes)) == [
        "server.accounts.mailboxes.1.protocols (bob@example.test): leaves no use: it neither receives mail "
        "nor sends it; "
        "add 'submission', or receive mail"
    ]


def test_a_mailbox_that_receives_nothing_has_nothing_to_read() -> None:
    mailboxes = [mailbox("alice"), mailbox("bob", receives=False, protocols=["imap", "submission"])]
    assert refused(accounts(mailboxes=mailboxes)) == [
        "server.accounts.mailboxes.1.protocols (bob@example.test): has mail to read, but 'receives' is "
        "false; "
        "write [submission] alone, or receive mail"
    ]


def test_a_reset_of_a_password_that_the_stack_owns_is_refused() -> None:
    given = accounts(mailboxes=[mailbox("alice"), mailbox("bob", password="owned", reset="forgotten")])
    assert refused(given, passwords={"bob@example.test": "hunter2"}) == [
        "server.accounts.mailboxes.1.reset (bob@example.test): sets nothing with 'password: owned', for the "
        "stack decides that "
        "password; change the one in mailinfra:passwords, and remove this line"
    ]


def test_an_old_name_may_stay_as_an_alias_of_the_new_one_in_the_same_edit() -> None:
    renamed = mailbox("smith", renamedFrom="alice@example.test")
    kept = {"address": "alice@example.test", "targets": ["smith@example.test"]}
    assert accepted(accounts(mailboxes=[renamed, mailbox("bob")], aliases=[kept])).accounts is not None
    domains = [{"name": "new.test", "renamedFrom": "old.test"}, {"name": "old.test", "aliasOf": "new.test"}]
    only = {"mailboxes": [{"address": "alice@new.test"}], "aliases": []}
    assert accepted(accounts(domains=domains, **only)).accounts is not None
    domains[1].pop("aliasOf")
    (line,) = refused(accounts(domains=domains, **only))
    assert line.startswith("server.accounts.domains.0.renamedFrom (new.test): 'old.test' is still declared")


def test_a_rename_is_refused_under_either_name_of_its_domain() -> None:
    domains = [{"name": "new.test", "renamedFrom": "old.test"}]
    boxes = [
        {"address": "alice@new.test"},
        {"address": "smith@new.test", "renamedFrom": "alice@old.test"},
        {"address": "a@new.test", "renamedFrom": "bob@old.test"},
        {"address": "b@new.test", "renamedFrom": "bob@new.test"},
    ]
    one, two = refused(accounts(domains=domains, mailboxes=boxes, aliases=[]))
    assert (
        "1.renamedFrom (smith@new.test): 'alice@old.test', which is 'alice@new.test' now, is still declared"
        in one
    )
    assert "3.renamedFrom (b@new.test): 'bob@new.test' is renamed to 'a@new.test' already" in two


def test_a_rename_from_an_address_that_is_still_there_is_refused() -> None:
    assert refused(
        accounts(mailboxes=[mailbox("alice"), mailbox("bob", renamedFrom="alice@example.test")])
    ) == [
        "server.accounts.mailboxes.1.renamedFrom (bob@example.test): 'alice@example.test' is still declared; "
        "remove that entry, or this line"
    ]


def test_two_renames_from_one_address_are_refused() -> None:
    old = {"renamedFrom": "al@example.test"}
    assert refused(accounts(mailboxes=[mailbox("alice", **old), mailbox("bob", **old)])) == [
        "server.accounts.mailboxes.1.renamedFrom (bob@example.test): 'al@example.test' is renamed to "
        "'alice@example.test' already; "
        "keep one of the two lines"
    ]


def test_mail_of_former_mailboxes_may_be_deleted_though_their_domain_is_gone() -> None:
    given = accounts(deleteMail=["anna@example.test", "eve@gone.test", "max@bücher.test"])
    found = accepted(given).accounts
    assert isinstance(found, AccountsConfig)
    assert found.delete_mail == ("anna@example.test", "eve@gone.test", "max@xn--bcher-kva.test")


def test_mail_of_a_mailbox_that_is_still_there_is_not_deleted() -> None:
    assert refused(accounts(deleteMail=["anna@example.test", "bob@example.test"])) == [
        "server.accounts.deleteMail.1: 'bob@example.test' is still a mailbox; remove the mailbox from "
        "'mailboxes', or the address from 'deleteMail'"
    ]


def test_mail_that_moves_along_with_a_rename_is_not_deleted() -> None:
    given = accounts(
        domains=[{"name": "example.test", "renamedFrom": "old.test"}],
        mailboxes=[mailbox("alice", renamedFrom="al@example.test")],
        deleteMail=["al@example.test", "anna@old.test"],
    )
    assert refused(given) == [
        "server.accounts.deleteMail.0: 'al@example.test' is renamed to 'alice@example.test', and its mail "
        "moves along; remove the address from 'deleteMail', or that 'renamedFrom' if it is done",
        "server.accounts.deleteMail.1: 'anna@old.test' is in a domain that is renamed, and its mail moves "
        "along; write 'anna@example.test', or remove that 'renamedFrom' if it is done",
    ]


@pytest.mark.parametrize("former", ["al@old.test", "al@example.test"])
def test_mail_of_a_mailbox_that_is_renamed_with_its_domain_is_deleted_under_neither_name(former: str) -> None:
    given = accounts(
        domains=[{"name": "example.test", "renamedFrom": "old.test"}],
        mailboxes=[mailbox("alice", renamedFrom=former)],
        deleteMail=["al@old.test", "al@example.test"],
    )
    lines = refused(given)
    assert [line.split(": ")[0] for line in lines] == [
        "server.accounts.deleteMail.0",
        "server.accounts.deleteMail.1",
    ]
    assert all("moves along" in line for line in lines)


def test_an_address_in_an_alias_domain_has_no_mail_to_delete() -> None:
    given = accounts(
        domains=[{"name": "example.test"}, {"name": "b.test", "aliasOf": "example.test"}],
        deleteMail=["anna@b.test"],
    )
    assert refused(given) == [
        "server.accounts.deleteMail.0: 'anna@b.test' is in an alias domain, which has no mail of its own; "
        "write 'anna@example.test'"
    ]


def test_an_address_whose_mail_is_deleted_is_listed_once() -> None:
    assert refused(accounts(deleteMail=["anna@example.test", "anna@example.test"])) == [
        "server.accounts.deleteMail.1: 'anna@example.test' is already listed at deleteMail.0; "
        "remove one of them"
    ]


def test_mail_to_delete_is_judged_among_all_other_mistakes() -> None:
    given = accounts(
        mailboxes=[mailbox("alice", enabled="yes"), mailbox("bob")],
        deleteMail=["anna", "bob@example.test"],
    )
    lines = refused(given)
    assert [line.split(": ")[0] for line in lines] == [
        "server.accounts.mailboxes.0.enabled (alice@example.test)",
        "server.accounts.deleteMail.0",
        "server.accounts.deleteMail.1",
    ]
    assert "given 'anna'" in lines[1]


def test_a_malformed_entry_hides_no_other_mistake_and_nobody_is_blamed_for_it() -> None:
    given = accounts(
        mailboxes=[mailbox("alice", enabled="yes"), {"address": "eve@other.test"}],
        aliases=[alias("sales", "alice"), alias("club", "nobody")],
    )
    assert refused(given) == [
        "server.accounts.mailboxes.0.enabled (alice@example.test): must be true or false; given 'yes'",
        "server.accounts.mailboxes.1.address: 'eve@other.test' is in no declared domain; add "
        "'other.test' to 'domains'",
        "server.accounts.aliases.1.targets.0 (club@example.test): 'nobody@example.test' is neither a mailbox "
        "nor an "
        "alias; declare it, or "
        "correct its spelling",
    ]


@pytest.mark.parametrize(
    ("domains", "place"),
    [
        ([{"name": "Bücher.test"}], "domains.0.name: must be lower case"),
        (["bücher.test"], "domains.0: must be a group of settings"),
        (["xn--bcher-kva.test"], "domains.0: must be a group of settings"),
        ([{"name": "bücher.test", "colour": 1}], "domains.0.colour (bücher.test): is not a setting"),
        ("bücher.test", "domains: must be a list"),
        ({"name": "bücher.test"}, "domains: must be a list"),
    ],
)
def test_a_malformed_domain_is_one_mistake_and_no_mailbox_is_blamed_for_it(domains: Any, place: str) -> None:
    given = accounts(
        domains=domains,
        mailboxes=[{"address": "alice@bücher.test"}, {"address": "bob@xn--bcher-kva.test"}],
        aliases=[{"address": "sales@bücher.test", "targets": ["alice@bücher.test"]}],
    )
    (line,) = refused(given)
    assert line.startswith(f"server.accounts.{place}")


@pytest.mark.parametrize("mailboxes", [["alice@example.test"], [{"address": "Alice@example.test"}], "alice"])
def test_a_malformed_mailbox_is_one_mistake_and_no_alias_is_blamed_for_it(mailboxes: Any) -> None:
    (line,) = refused(accounts(mailboxes=mailboxes))
    assert line.startswith("server.accounts.mailboxes")


def test_too_much_memory_for_a_hash_is_refused() -> None:
    assert refused(accounts(hashing={"memoryKib": 131072})) == [
        "server.accounts.hashing.memoryKib: must be less than or equal to 65536; given 131072"
    ]


def test_ten_thousand_mailboxes_are_checked_in_a_moment() -> None:
    mailboxes = [mailbox(f"user{number}") for number in range(10_000)]
    aliases = [alias(f"alias{number}", f"user{number}") for number in range(10_000)]
    assert len(directory(mailboxes=mailboxes, aliases=aliases).mailboxes) == 10_000
