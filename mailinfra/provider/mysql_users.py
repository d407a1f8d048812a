"""Users of a MySQL server and their rights, as the server tells them.

Owns reading `SHOW GRANTS` and the statements that give and take a right. Does not own which rights are wanted
(mailinfra/components/database/users.py), nor when anything is written (rights.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pymysql
from sqlalchemy import Connection, CursorResult, text
from sqlalchemy.exc import DBAPIError

from mailinfra.provider.database import connected
from mailinfra.provider.errors import ProviderError

NO_SUCH_GRANT = 1141
"""Error of SHOW GRANTS for a user that does not exist (ER_NONEXISTING_GRANT)."""

_ON_OBJECT = re.compile(
    r"GRANT (?P<privileges>.+) ON (?:TABLE )?(?P<object>(?:PROCEDURE |FUNCTION )?\S+) TO .+?"
    r"(?P<option> WITH GRANT OPTION)?"
)
_ROLES = re.compile(r"GRANT (?P<roles>`.+`) TO .+?(?: WITH ADMIN OPTION)?")
_COLUMNS = re.compile(r"(?P<privilege>[A-Z_ ]+?) ?\((?P<columns>[^)]*)\)")
_BETWEEN = re.compile(r", (?![^(]*\))")
"""A comma between privileges; those between columns stand inside of brackets."""


def account(name: str, host: str) -> str:
    """Return a user as SQL writes it; neither part may hold a quote or a backslash."""
    if re.search(r"['\\]", name + host):
        raise ValueError(f"{name}@{host}: a user of MySQL with a quote or a backslash cannot be written")
    return f"'{name}'@'{host}'"


def run(link: Connection, statement: str) -> CursorResult[Any]:
    """Run a statement that holds its values itself; a `%` in it is the host that means everywhere."""
    return link.exec_driver_sql(statement.replace("%", "%%"))


def granted(link: Connection, name: str, host: str) -> set[str] | None:
    """Return each single right of a user, like `SELECT (domain) on mail.users`, or None where there is no
    such user."""
    try:
        rows: Sequence[Any] = run(link, f"SHOW GRANTS FOR {account(name, host)}").scalars().all()
    except DBAPIError as error:
        if isinstance(error.orig, pymysql.MySQLError) and error.orig.args[0] == NO_SUCH_GRANT:
            link.rollback()
            return None
        raise
    return {right for row in rows for right in _parsed(str(row))}


def _parsed(row: str) -> Iterator[str]:
    """Return the single rights of one line of SHOW GRANTS; USAGE, a login alone, is not counted."""
    if match := _ON_OBJECT.fullmatch(row):
        place = match["object"].replace("`", "")
        privileges = [one for one in _BETWEEN.split(match["privileges"]) if one != "USAGE"]
        for privilege in [*privileges, *(["GRANT OPTION"] if match["option"] else [])]:
            yield from (f"{one} on {place}" for one in _single(privilege))
    elif match := _ROLES.fullmatch(row):
        yield from (f"role {role}" for role in match["roles"].split(","))
    else:
        yield row  # nothing that MySQL knows today: named as it is rather than passed over


def _single(privilege: str) -> Iterator[str]:
    if match := _COLUMNS.fullmatch(privilege):
        for column in match["columns"].replace("`", "").split(","):
            yield f"{match['privilege']} ({column.strip()})"
    else:
        yield privilege


def grant_statements(name: str, host: str, rights: Iterable[str]) -> Iterator[str]:
    """Return the SQL that gives each of `rights`."""
    for privilege, place in map(_split, sorted(rights)):
        yield f"GRANT {privilege} ON {_quoted(place)} TO {account(name, host)}"


def revoke_statements(name: str, host: str, rights: Iterable[str]) -> Iterator[str]:
    """Return the SQL that takes each of `rights` away."""
    for right in sorted(rights):
        if right.startswith("role "):
            yield f"REVOKE {right.removeprefix('role ')} FROM {account(name, host)}"
        else:
            privilege, place = _split(right)
            yield f"REVOKE {privilege} ON {_quoted(place)} FROM {account(name, host)}"


def _split(right: str) -> tuple[str, str]:
    privilege, found, place = right.rpartition(" on ")
    if not found:
        raise ValueError(f"{right!r} is not a right that this version knows; take it away by hand")
    return privilege, place


def _quoted(place: str) -> str:
    kind, _, path = place.rpartition(" ")
    words = (word if word == "*" else f"`{word}`" for word in path.split("."))
    return f"{kind} {'.'.join(words)}".strip()


def keep_password(connection: Mapping[str, Any], name: str, host: str, before: str, after: str) -> None:
    """Let a user in with the password `after`, and with the one of `before` until `drop_old_passwords`.

    The first statement changes nothing, unless this was done before and cut short: then it keeps the password
    that the user's service has from being forgotten. A later change of the password, as the mysql provider's,
    leaves the second one as it is.
    """
    if not (before.isalnum() and after.isalnum()):
        raise ValueError(f"{name}@{host}: a password with more than letters and digits cannot be written")
    with connected(connection) as link:
        user = account(name, host)
        # Of a user that is gone the mysql provider tells.
        run(link, f"ALTER USER IF EXISTS {user} IDENTIFIED BY '{before}'")
        run(link, f"ALTER USER IF EXISTS {user} IDENTIFIED BY '{after}' RETAIN CURRENT PASSWORD")


def with_two_passwords(link: Connection, users: Mapping[str, str]) -> list[str]:
    """Return those of `users` (name -> host) that are let in with an old password as well."""
    return [
        name
        for name, host in users.items()
        if link.execute(
            text(
                "SELECT 1 FROM mysql.user WHERE User = :name AND Host = :host "
                "AND User_attributes ->> '$.additional_password' IS NOT NULL"
            ),
            {"name": name, "host": host},
        ).scalar()
    ]


def drop_old_passwords(link: Connection, users: Mapping[str, str]) -> None:
    """Let `users` (name -> host) in with their newest password alone."""
    for name, host in users.items():
        run(link, f"ALTER USER IF EXISTS {account(name, host)} DISCARD OLD PASSWORD")


def drop_ours(connection: Mapping[str, Any], name: str, host: str, databases: Sequence[str]) -> bool:
    """Remove a user that this program made, with its rights, and return whether there was one.

    Raises ProviderError where it may do what is never granted here, outside of `databases`.
    """
    with connected(connection) as link:
        rights = granted(link, name, host)
        places = tuple(f"{database}." for database in databases)
        foreign = [one for one in sorted(rights or ()) if not one.rpartition(" ")[2].startswith(places)]
        if foreign:
            raise ProviderError(
                f"MySQL user {name}@{host} exists and has rights outside of {', '.join(databases)} "
                f"({'; '.join(foreign[:3])}), so it is not this stack's; rename or drop that user, then run "
                "`pulumi up` again"
            )
        if rights is not None:
            run(link, f"DROP USER {account(name, host)}")
        return rights is not None
