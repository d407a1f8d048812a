"""Renamed mailboxes and domains: rows move to their new name and keep their folder, so the mail moves with
them.

A rename is stated on the new name (`renamedFrom`). It is done once; the statement may stay and then means
nothing.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, text

from mailinfra.provider.model import Accounts, Mailbox, split
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


def follow(accounts: Accounts, domains: dict[str, str], mailboxes: dict[str, str]) -> Accounts:
    """Return what was declared last time under its present names, so that it still counts as declared."""

    def moved(address: str) -> str:
        local, domain = split(address)
        address = f"{local}@{domains.get(domain, domain)}"
        return mailboxes.get(address, address)

    kept: dict[str, Mailbox] = {moved(address): mailbox for address, mailbox in accounts.mailboxes.items()}
    return replace(
        accounts,
        domains={domains.get(name, name): domain for name, domain in accounts.domains.items()},
        mailboxes=kept,
        aliases={moved(address): alias for address, alias in accounts.aliases.items()},
    )
