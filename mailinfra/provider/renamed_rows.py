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
            # What leads to its addresses goes on leading there, also rows that nobody declared.
            "UPDATE IGNORE aliases SET target = CONCAT(SUBSTRING_INDEX(target, '@', 1), '@', :new) "
            "WHERE target LIKE CONCAT('%@', :old)",
            "DELETE FROM aliases WHERE target LIKE CONCAT('%@', :old)",
            "UPDATE domains SET catch_all = CONCAT(SUBSTRING_INDEX(catch_all, '@', 1), '@', :new) "
            "WHERE catch_all LIKE CONCAT('%@', :old)",
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
        for statement in (
            "UPDATE IGNORE aliases SET target = :new WHERE target = :old",
            "DELETE FROM aliases WHERE target = :old",
            "UPDATE domains SET catch_all = :new WHERE catch_all = :old",
        ):
            link.execute(text(statement), {"old": old, "new": new})
