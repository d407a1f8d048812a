"""Brings a `mail` database to a revision, forwards only, on a live server.

MySQL commits each statement that changes a table, so a migration that was interrupted is half done: every
step asks first whether it has been taken, and running it again finishes it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailinfra.provider.database import REMEDIES
from mailinfra.provider.errors import ProviderError

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

FOLDER = Path(__file__).parent
LOST = {2006, 2013}
"""Errors of a server that went away."""


def scripts() -> "ScriptDirectory":
    """Return Alembic's view of the revisions in this folder."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(FOLDER))


def head() -> str:
    """Return the newest revision."""
    return str(scripts().get_current_head())


def current(link: Connection) -> str:
    """Return the revision that the database is at; empty before the first."""
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(link).get_current_revision() or ""


def upgrade(link: Connection, target: str) -> list[str]:
    """Bring the database from where it is to `target`; return what a person should know about it."""
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    directory = scripts()
    known = [revision.revision for revision in directory.walk_revisions()][::-1]
    before = current(link)
    if before and before not in known:
        raise ProviderError(
            f"the database is at revision {before}, which this version does not know "
            f"(it knows {', '.join(known)}); use the version of the program that made it"
        )
    if before and known.index(before) > known.index(target):
        raise ProviderError(f"the database is at revision {before}; going back to {target} is not possible")

    def steps(revision: Any, context: Any) -> Iterable[Any]:  # noqa: ARG001
        return directory._upgrade_revs(target, revision)

    context = MigrationContext.configure(link, opts={"fn": steps, "transaction_per_migration": True})
    notes: list[str] = []
    link.info["notes"] = notes
    try:
        with Operations.context(context):
            context.run_migrations()
        link.commit()
    except (DBAPIError, pymysql.MySQLError) as error:
        raise _half_way(link, target, error) from error
    return notes


def _half_way(link: Connection, target: str, error: DBAPIError | pymysql.MySQLError) -> ProviderError:
    """Return what happened, where the database stands, and that it is safe to go on."""
    number, message = _parts(error.orig if isinstance(error, DBAPIError) else error)
    what = f"{message} (error {number})" if message else str(error)
    remedy = REMEDIES.get(number, "correct that") if number not in LOST else "wait until the server is back"
    try:
        link.rollback()
        reached = f"the tables are at revision {current(link) or 'none'}"
    except (DBAPIError, pymysql.MySQLError):
        reached = "how far they came could not be read"
    return ProviderError(
        f"the tables were not brought to revision {target}: {what}; {reached}, and some steps towards the "
        f"next one may be done; no row is lost; {remedy}; the next `pulumi up` finishes it"
    )


def _parts(error: BaseException | None) -> tuple[int, str]:
    number, message = (*getattr(error, "args", ()), None, None)[:2]
    return (number, str(message or "")) if isinstance(number, int) else (0, "")
