"""Rows of the `mail` database: read as accounts, written as few as possible."""

from typing import Any

from sqlalchemy import Connection, Table, bindparam, func, select

from mailinfra.provider import tables
from mailinfra.provider.model import Accounts, Alias, Domain, Mailbox
from mailinfra.provider.records import MAILBOX_COLUMNS, Found, Writes

OLDEST_FIRST = (
    tables.retired_homes.c.retired_at,
    # Within one second, `name.2` follows `name`, and `name.10` follows `name.9`.
    func.length(tables.retired_homes.c.home),
    tables.retired_homes.c.home,
)

BATCH = 1000


def find(link: Connection) -> Found:
    """Return everything that is in the database."""
    homes: dict[str, str] = {}
    hashes: dict[str, str] = {}
    mailboxes: dict[str, Mailbox] = {}
    for row in link.execute(select(tables.users)).mappings():
        address = f"{row['userid']}@{row['domain']}"
        values: dict[str, Any] = {name: row[column] for name, column in MAILBOX_COLUMNS.items()}
        mailboxes[address] = Mailbox(**values)
        homes[address] = row["home"]
        hashes[address] = row["password"]
    may_send: dict[str, dict[str, bool]] = {}
    for row in link.execute(select(tables.aliases)).mappings():
        address = f"{row['name']}@{row['domain']}"
        may_send.setdefault(address, {})[row["target"]] = bool(row["may_send"])
    domains = {
        row["name"]: Domain(alias_of=row["alias_of"] or "", catch_all=row["catch_all"] or "")
        for row in link.execute(select(tables.domains)).mappings()
    }
    aliases = {
        address: Alias(targets=tuple(sorted(listed)), may_send=all(listed.values()))
        for address, listed in may_send.items()
    }
    retired = list(link.execute(select(tables.retired_homes).order_by(*OLDEST_FIRST)).mappings())
    return Found(
        accounts=Accounts(domains=domains, mailboxes=mailboxes, aliases=aliases),
        hashes=hashes,
        homes=homes,
        retired={row["home"]: f"{row['userid']}@{row['domain']}" for row in retired},
        marked=frozenset(row["home"] for row in retired if row["delete_mail"]),
        may_send=may_send,
    )


INSERT_ORDER = ("domains", "users", "aliases", "retired_homes")


def write(link: Connection, writes: Writes) -> None:
    """Write the rows, in an order that the foreign keys accept; the caller commits."""
    known = tables.metadata.tables
    for name in INSERT_ORDER:
        _insert(link, known[name], writes.insert.get(name, []))
    for name in INSERT_ORDER:
        _update(link, known[name], writes.update.get(name, []))
    for name in reversed(INSERT_ORDER):
        _delete(link, known[name], writes.delete.get(name, []))


def _insert(link: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), BATCH):
        link.execute(table.insert(), rows[start : start + BATCH])


def _update(link: Connection, table: Table, rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    shapes: dict[tuple[tuple[str, ...], tuple[str, ...]], list[dict[str, Any]]] = {}
    for where, values in rows:
        bound = {f"where_{column}": value for column, value in where.items()}
        bound |= {f"set_{column}": value for column, value in values.items()}
        shapes.setdefault((tuple(sorted(where)), tuple(sorted(values))), []).append(bound)
    for (where_columns, value_columns), bounds in shapes.items():
        statement = table.update().values({column: bindparam(f"set_{column}") for column in value_columns})
        for column in where_columns:
            statement = statement.where(table.c[column] == bindparam(f"where_{column}"))
        link.execute(statement, bounds)


def _delete(link: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for where in rows:
        bound = {f"where_{column}": value for column, value in where.items()}
        shapes.setdefault(tuple(sorted(where)), []).append(bound)
    for where_columns, bounds in shapes.items():
        statement = table.delete()
        for column in where_columns:
            statement = statement.where(table.c[column] == bindparam(f"where_{column}"))
        link.execute(statement, bounds)
