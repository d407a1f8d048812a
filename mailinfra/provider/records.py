"""Records: what the database holds and what is to be written, as plain Python.

Owns how a domain, a mailbox and an address are spelt in columns. Knows no database: a preview decides with
these alone, and loads no driver. Reading and writing are rows.py's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mailinfra.provider.model import Accounts, Domain, Mailbox, split

MAILBOX_COLUMNS = {
    "enabled": "enabled",
    "receives": "receives",
    "imap": "imap",
    "pop3": "pop3",
    "submission": "submission",
    "password": "password_policy",
    "display_name": "display_name",
    "description": "description",
    "claimant": "claimant",
    "reset": "password_reset",
}
"""Field of a mailbox -> its column; `users.password` itself holds the hash."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the database holds."""

    accounts: Accounts
    hashes: Mapping[str, str]
    """Address -> stored hash; secret."""
    homes: Mapping[str, str]
    """Address -> folder below /mail."""
    retired: Mapping[str, str]
    """Folder below /mail whose mailbox is gone -> its last address, oldest first."""
    marked: frozenset[str]
    """Those of them whose mail is deleted."""
    may_send: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    """Alias -> target -> whether that row lets its owner send; for a preview, which knows no row, empty."""


@dataclass
class Writes:
    """Rows to write, table by table, in terms of columns."""

    insert: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    update: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = field(default_factory=dict)
    """Table -> (the columns that identify a row, its new values)."""
    delete: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def domain_row(name: str, domain: Domain) -> dict[str, Any]:
    """Return the columns of a domain."""
    return {"name": name, "alias_of": domain.alias_of or None, "catch_all": domain.catch_all or None}


def mailbox_row(mailbox: Mailbox) -> dict[str, Any]:
    """Return the columns of a mailbox that its declaration decides."""
    return {column: getattr(mailbox, name) for name, column in MAILBOX_COLUMNS.items()}


def address_columns(address: str, local: str = "userid") -> dict[str, Any]:
    """Return the columns that identify an address."""
    name, domain = split(address)
    return {local: name, "domain": domain}
