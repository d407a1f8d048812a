"""The number that every change of an account raises: triggers, so that no writer can forget it.

Owns the triggers. Does not own the tables (migrations/) nor who reads the number (images/dovecot/entrypoint).
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

TOUCHED = {
    ("users", "INSERT"): ("NEW",),
    ("users", "UPDATE"): ("OLD", "NEW"),
    ("users", "DELETE"): ("OLD",),
    ("retired_homes", "INSERT"): ("NEW",),
    ("retired_homes", "UPDATE"): ("NEW",),
}
"""Table and what is done to one of its rows -> the rows whose account is changed by it."""


_RAISED = "UPDATE account_revision SET revision = revision + 1;"
_CHANGED = (
    "INSERT INTO account_changes (userid, domain, revision) "
    "SELECT {row}.userid, {row}.domain, now.revision FROM account_revision AS now "
    "ON DUPLICATE KEY UPDATE revision = now.revision;"
)


def name(table: str, event: str) -> str:
    """Return the name of a trigger."""
    return f"{table}_{event.lower()}_raises_revision"


def statements() -> Iterator[str]:
    """Return the SQL that makes all triggers anew."""
    for (table, event), rows in TOUCHED.items():
        changed = " ".join(_CHANGED.format(row=row) for row in rows)
        yield f"DROP TRIGGER IF EXISTS {name(table, event)}"
        yield (
            f"CREATE TRIGGER {name(table, event)} AFTER {event} ON {table} FOR EACH ROW "
            f"BEGIN {_RAISED} {changed} END"
        )


def ensure(link: Connection) -> None:
    """Make the triggers anew where one is missing, or runs as a user who may not exist here.

    A trigger runs as whoever made it: in a copy of a database that can be nobody, and then every write fails.
    MySQL commits around each of these statements, so this comes before any row is written.
    """
    found = link.execute(
        text(
            "SELECT trigger_name, definer = CURRENT_USER() FROM information_schema.triggers "
            "WHERE trigger_schema = DATABASE()"
        )
    )
    ours = {str(trigger) for trigger, mine in found if mine}
    if not ours >= {name(*touched) for touched in TOUCHED}:
        for statement in statements():
            link.execute(text(statement))
