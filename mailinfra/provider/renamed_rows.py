"""Rows that move to a new name: they keep their id and their folder, so the mail moves with them.

Does not own which rows move (renames.py).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from mailinfra.provider.model import split


def rename_domains(link: Connection, renames: Mapping[str, str]) -> None:
    """Move everything in each domain to its new name, the mail of its earlier mailboxes included."""
    for old, new in renames.items():
        values = {"old": old, "new": new}
        for statement in (
            "INSERT INTO domains (name, alias_of, catch_all) "
            "SELECT :new, alias_of, catch_all FROM domains WHERE name = :old",
            "UPDATE domains SET alias_of = :new WHERE alias_of = :old",
            "UPDATE users SET domain = :new WHERE domain = :old",
            "UPDATE aliases SET domain = :new WHERE domain = :old",
            "UPDATE retired_homes SET domain = :new WHERE domain = :old",
            "DELETE FROM domains WHERE name = :old",
        ):
            link.execute(text(statement), values)


def rename_mailboxes(link: Connection, renames: Mapping[str, str]) -> None:
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
