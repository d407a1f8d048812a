"""What stands in the way of adopting somebody else's table `users`: all of it, before the first statement.

MySQL takes no statement back that changes a table, so whatever could fail half way is looked for here. Does
not own the changes (versions/0001_original_users.py).
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, text

from mailinfra.addresses import LENGTHS as LENGTHS_OF_TEXTS

LENGTHS = {
    "userid": 128,
    "domain": 253,
    "password": 500,
    "claimant": LENGTHS_OF_TEXTS["claimant"],
    "description": LENGTHS_OF_TEXTS["description"],
}
"""Text columns of the original table -> characters that ours hold."""

ORIGINAL = {"id", *LENGTHS}
MAY_BE_NULL = {"claimant", "description"}
"""Columns whose NULL means the same as an empty text; an adoption makes it one."""

LATER_TABLES = ("aliases", "domains", "retired_homes")
LATER_COLUMNS = (
    *("enabled", "receives", "imap", "pop3", "submission", "password_policy", "password_reset"),
    *("display_name", "created_at", "updated_at", "home"),
)
"""What later migrations add: of that name there may be nothing yet, for it would mean something else."""

TEXT_TYPES = {
    *("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum"),
    *("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"),
    *("tinyint", "smallint", "mediumint", "int", "bigint"),
}
INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint"}
SHOWN = 10
"""Rows that are named for one reason, before the rest is only counted."""


def obstacles(link: Connection) -> list[str]:
    """Return a sentence for each reason why the table `users` cannot be adopted as it is."""
    columns = {row["name"]: row for row in _columns(link)}
    missing = sorted(ORIGINAL - columns.keys())
    if missing:
        return [
            f"the database has a table `users` without the column(s) {', '.join(missing)}, so it is not the "
            "original table of mail users; move it away, or name another database"
        ]
    found = [*_other_tables(link), *_columns_in_the_way(columns), *_indexes(link), *_attached(link)]
    # Rows of a table that has another shape would be read in vain.
    return found or list(_rows(link))


def _select(link: Connection, statement: str) -> list[Any]:
    return [dict(row) for row in link.execute(text(statement)).mappings()]


def _columns(link: Connection) -> list[Any]:
    return _select(
        link,
        "SELECT LOWER(column_name) AS name, LOWER(data_type) AS kind, is_nullable = 'NO' AS required, "
        "column_default AS preset, LOWER(extra) AS extra FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name = 'users' ORDER BY ordinal_position",
    )


def _other_tables(link: Connection) -> Iterator[str]:
    tables = {
        row["name"]: row["kind"]
        for row in _select(
            link,
            "SELECT LOWER(table_name) AS name, table_type AS kind FROM information_schema.tables "
            "WHERE table_schema = DATABASE()",
        )
    }
    if tables.get("users") != "BASE TABLE":
        yield "`users` is a view; name a database that holds the table itself"
    taken = [name for name in LATER_TABLES if name in tables]
    if taken:
        yield (
            f"the database has table(s) {', '.join(taken)} that were not made here; move them away, or name "
            "another database"
        )


def _columns_in_the_way(columns: dict[str, Any]) -> Iterator[str]:
    if columns["id"]["kind"] not in INTEGERS:
        yield f"`users.id` is of type {columns['id']['kind']}; make it a whole number that counts by itself"
    for name in LENGTHS:
        kind = columns[name]["kind"]
        if kind not in TEXT_TYPES:
            yield f"`users.{name}` is of type {kind}, which is not text; make it a VARCHAR({LENGTHS[name]})"
        if "generated" in columns[name]["extra"].replace("default_generated", ""):
            yield f"`users.{name}` is computed from other columns; make it a column of its own"
    taken = [name for name in LATER_COLUMNS if name in columns]
    if taken:
        yield (
            f"`users` has column(s) {', '.join(taken)} that would mean something else here; rename them, and "
            "whatever reads them"
        )
    for name, column in columns.items():
        is_ours = name in ORIGINAL or name in taken
        if not is_ours and column["required"] and column["preset"] is None and not column["extra"]:
            yield (
                f"`users.{name}` is NOT NULL and has no default, so no mailbox could be added; give it one: "
                f"ALTER TABLE users ALTER {name} SET DEFAULT ..."
            )


def _indexes(link: Connection) -> Iterator[str]:
    parts: dict[str, list[str]] = {}
    whole: dict[str, bool] = {}
    for row in _select(
        link,
        "SELECT index_name AS name, LOWER(column_name) AS part, sub_part AS start FROM "
        "information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'users' "
        "AND non_unique = 0 ORDER BY index_name, seq_in_index",
    ):
        parts.setdefault(row["name"], []).append(row["part"])
        whole[row["name"]] = whole.get(row["name"], True) and row["start"] is None
    if parts.get("PRIMARY") != ["id"]:
        yield "the primary key of `users` is not the column `id`; make it so, and let it count by itself"
    for name, columns in sorted(parts.items()):
        is_address = sorted(columns) == ["domain", "userid"] and whole[name]
        if name != "PRIMARY" and columns not in (["userid"], ["id"]) and not is_address:
            yield (
                f"the unique index `{name}` of `users` on {', '.join(map(str, columns))} would refuse "
                f"mailboxes; drop it: ALTER TABLE users DROP INDEX `{name}`"
            )


def _attached(link: Connection) -> Iterator[str]:
    for row in _select(
        link,
        "SELECT constraint_name AS name, table_name AS place FROM information_schema.key_column_usage "
        "WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL "
        "AND (table_name = 'users' OR referenced_table_name = 'users')",
    ):
        yield (
            f"the foreign key `{row['name']}` of `{row['place']}` ties `users` to another table; drop it: "
            f"ALTER TABLE `{row['place']}` DROP FOREIGN KEY `{row['name']}`"
        )
    for row in _select(
        link,
        "SELECT constraint_name AS name FROM information_schema.table_constraints "
        "WHERE table_schema = DATABASE() AND table_name = 'users' AND constraint_type = 'CHECK'",
    ):
        yield (
            f"the check `{row['name']}` of `users` may refuse mailboxes; drop it: "
            f"ALTER TABLE users DROP CHECK `{row['name']}`"
        )
    for row in _select(
        link,
        "SELECT trigger_name AS name FROM information_schema.triggers "
        "WHERE event_object_schema = DATABASE() AND event_object_table = 'users'",
    ):
        yield (
            f"the trigger `{row['name']}` changes what is written to `users`; drop it: "
            f"DROP TRIGGER `{row['name']}`"
        )
    if _select(
        link,
        "SELECT 1 FROM information_schema.partitions WHERE table_schema = DATABASE() "
        "AND table_name = 'users' AND partition_name IS NOT NULL LIMIT 1",
    ):
        yield (
            "`users` is partitioned, and such a table takes no foreign key: ALTER TABLE users REMOVE "
            "PARTITIONING"
        )


def _rows(link: Connection) -> Iterator[str]:
    faults: dict[str, list[str]] = {}
    addresses: dict[str, list[str]] = {}
    listed = ", ".join(f"`{name}`" for name in ("id", *LENGTHS))
    for row in link.execute(text(f"SELECT {listed} FROM users ORDER BY id")).mappings():  # noqa: S608 # our names
        number = str(row["id"])
        texts: dict[str, str] = {}
        for name, longest in LENGTHS.items():
            value, fault = _text(name, row[name])
            fault = fault or _value_fault(name, value, longest)
            if fault:
                faults.setdefault(fault, []).append(number)
            texts[name] = value
        # Trailing spaces count for nothing in a comparison of this collation.
        address = f"{texts['userid'].lower().rstrip(' ')}@{texts['domain'].lower().rstrip(' ')}"
        addresses.setdefault(address, []).append(number)
    for fault, numbers in faults.items():
        more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
        yield f"`users`, id {', '.join(numbers[:SHOWN])}{more}: {fault}"
    twins = [
        f"{address} (ids {','.join(numbers)})" for address, numbers in addresses.items() if len(numbers) > 1
    ]
    if twins:
        more = f"; and {len(twins) - SHOWN} more" if len(twins) > SHOWN else ""
        yield (
            f"rows of `users` differ only in upper and lower case, or not at all: {'; '.join(twins[:SHOWN])}"
            f"{more}; addresses are compared without case, so rename or remove one of each"
        )


def _text(name: str, value: Any) -> tuple[str, str | None]:
    if value is None:
        return "", None if name in MAY_BE_NULL else f"{name} is NULL; give it a value, or remove the row"
    if isinstance(value, bytes):
        try:
            return value.decode(), None
        except UnicodeDecodeError:
            return "", f"{name} holds bytes that are not UTF-8 text; write it anew"
    return str(value), None


def _value_fault(name: str, value: str, longest: int) -> str | None:
    if len(value) > longest:
        return f"{name} is longer than {longest} characters; shorten it"
    if "\0" in value:
        return f"{name} holds a NUL character, as BINARY columns add them; write it without"
    if name in ("userid", "domain") and not value.strip():
        return f"{name} is empty; give it a value, or remove the row"
    return None
