"""Renamed mailboxes and domains: rows move to their new name and keep their folder, so the mail moves with
them.

A rename is stated on the new name (`renamedFrom`). It is done once; the statement may stay and then means
nothing.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from mailinfra.provider.errors import ProviderError
from mailinfra.provider.model import Accounts, split
from mailinfra.provider.rows import Found


def domain_renames(found: Found, wanted: Accounts) -> dict[str, str]:
    """Return old name -> new name, for each domain whose rows still have to move."""
    present = found.accounts.domains
    return {
        domain.renamed_from: name
        for name, domain in sorted(wanted.domains.items())
        if domain.renamed_from in present
        and domain.renamed_from not in wanted.domains
        and name not in present
    }


def mailbox_renames(found: Found, wanted: Accounts) -> dict[str, str]:
    """Return old address -> new address, for each mailbox whose row still has to move."""
    present = found.accounts.mailboxes
    return {
        mailbox.renamed_from: address
        for address, mailbox in sorted(wanted.mailboxes.items())
        if mailbox.renamed_from in present
        and mailbox.renamed_from not in wanted.mailboxes
        and address not in present
    }


def refuse_taken_names(found: Found, wanted: Accounts, managed: Accounts) -> None:
    """Raise ProviderError for a rename onto a name that has a row: its own row would be lost."""
    present = found.accounts
    taken = [
        f"mailbox {mailbox.renamed_from} to {address}"
        for address, mailbox in sorted(wanted.mailboxes.items())
        if mailbox.renamed_from in managed.mailboxes
        and mailbox.renamed_from in present.mailboxes
        and address in present.mailboxes
    ]
    taken += [
        f"domain {domain.renamed_from} to {name}"
        for name, domain in sorted(wanted.domains.items())
        if domain.renamed_from in managed.domains
        and domain.renamed_from in present.domains
        and domain.renamed_from not in wanted.domains
        and name in present.domains
    ]
    if taken:
        raise ProviderError(
            f"cannot rename {', '.join(taken)}: the new name has a row already; remove that row by hand if "
            "nobody needs it, or take the rename away; nothing was changed"
        )


def rename_domains(link: Connection, renames: dict[str, str]) -> None:
    """Move everything in each domain to its new name."""
    for old, new in renames.items():
        values = {"old": old, "new": new}
        for statement in (
            "INSERT INTO domains (name, alias_of, catch_all) "
            "SELECT :new, alias_of, catch_all FROM domains WHERE name = :old",
            "UPDATE domains SET alias_of = :new WHERE alias_of = :old",
            "UPDATE users SET domain = :new WHERE domain = :old",
            "UPDATE aliases SET domain = :new WHERE domain = :old",
            "DELETE FROM domains WHERE name = :old",
        ):
            link.execute(text(statement), values)


def rename_mailboxes(link: Connection, renames: dict[str, str]) -> None:
    """Move each row to its new address."""
    for old, new in renames.items():
        (old_local, old_domain), (local, domain) = split(old), split(new)
        values: dict[str, Any] = {
            "old_local": old_local, "old_domain": old_domain, "local": local, "domain": domain
        }  # fmt: skip
        # The new domain may be declared in this very update.
        link.execute(text("INSERT IGNORE INTO domains (name) VALUES (:domain)"), values)
        link.execute(
            text(
                "UPDATE users SET userid = :local, domain = :domain "
                "WHERE userid = :old_local AND domain = :old_domain"
            ),
            values,
        )


ADDRESSED = ("mailboxes", "aliases", "passwords", "initialPasswords", "fingerprints", "homes")
"""Maps in a Directory's state that are keyed by address."""


def follow(
    state: Mapping[str, Any], domains: Mapping[str, str], mailboxes: Mapping[str, str]
) -> dict[str, Any]:
    """Return the state of last time under the names of now, so that what was declared still counts so."""

    def moved(address: str) -> str:
        if address in mailboxes:
            return mailboxes[address]
        local, domain = split(address)
        return f"{local}@{domains.get(domain, domain)}"

    result = dict(state)
    for name in ADDRESSED:
        if name in state:
            result[name] = {moved(address): value for address, value in state[name].items()}
    if "domains" in state:
        result["domains"] = {domains.get(name, name): value for name, value in state["domains"].items()}
    return result
