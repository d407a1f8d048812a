"""`mailinfra:index:Kept`: a secret that outlives its stack, in a table beside the accounts.

A stack that is made anew finds the one of before, and uses that in place of its own candidate. Another
candidate of a stack that is there, a rotation, takes the place of what is kept. Letting go of it leaves the
row: it goes with the data, or when its name is dropped (kept_names.py). Does not own what is kept
(mailinfra/components/keeping.py).
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pulumi.runtime.rpc import UNKNOWN

from mailinfra.provider.difference import differences
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.plugin import Answer, Change
from mailinfra.provider.values import is_known, missing

if TYPE_CHECKING:
    from sqlalchemy import Connection

Bag = dict[str, Any]

TABLE = "kept_secrets"
"""Nobody but the deployment may read it: services have rights to single tables."""

NO_SUCH_TABLE = 1146
GIVEN = ("connection", "what", "candidate", "stored")


def identity(inputs: Bag) -> str:
    """Return what is kept."""
    return str(inputs["what"])


def check(inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
    """Return the inputs as they are; the program's own classes write them."""
    return inputs, missing(inputs, GIVEN)


def diff(state: Bag, inputs: Bag) -> Change:
    """Return whether there is another candidate, one that is still to be made among them, or no row."""
    paths = differences({key: state.get(key) for key in GIVEN}, {key: inputs[key] for key in GIVEN})
    if inputs["candidate"] == UNKNOWN:
        paths["candidate"] = "update"
    return Change(paths=paths)


def create(inputs: Bag, *, preview: bool) -> Answer:
    """Return what is kept; the candidate, where nothing is."""
    if preview:
        return Answer(properties={**inputs, "kept": _foretold(inputs)})
    from mailinfra.provider.database import locked

    with locked(inputs["connection"]) as link:
        found = _row(link, inputs["what"])
        if found is None:
            _write(link, inputs["what"], inputs["candidate"])
    notes = (f"{inputs['what']}: the one of before is used again",) if found is not None else ()
    return Answer(properties={**inputs, "kept": found or inputs["candidate"]}, notes=notes)


def update(state: Bag, inputs: Bag, *, preview: bool) -> Answer:
    """Keep another candidate, or write down again what was kept."""
    kept = state["kept"] if inputs["candidate"] == state.get("candidate") else inputs["candidate"]
    if not preview:
        from mailinfra.provider.database import locked

        with locked(inputs["connection"]) as link:
            _write(link, inputs["what"], kept)
    return Answer(properties={**inputs, "kept": kept})


def read(identity: str, state: Bag, inputs: Bag) -> Answer | None:
    """Return what the state knows, and whether the row still says so."""
    from mailinfra.provider.database import connected

    with connected(state["connection"]) as link:
        stored = _row(link, identity) == state["kept"]
    return Answer(properties={**state, "stored": stored}, inputs={**inputs, "stored": stored})


def delete(state: Bag) -> tuple[str, ...]:  # noqa: ARG001
    """Leave the row where it is."""
    return ()


def forget(link: "Connection", names: Sequence[str]) -> None:
    """Remove what is kept under these names."""
    from sqlalchemy import text

    for name in names:
        if _row(link, name) is not None:
            link.execute(text(f"DELETE FROM {TABLE} WHERE name = :name"), {"name": name})  # noqa: S608
    link.commit()


def _foretold(inputs: Bag) -> str:
    if not is_known(inputs):
        return UNKNOWN
    from mailinfra.provider.database import connected

    with suppress(ProviderError), connected(inputs["connection"]) as link:
        return _row(link, inputs["what"]) or str(inputs["candidate"])
    return UNKNOWN  # the server is away: the update will tell


def _row(link: "Connection", what: str) -> str | None:
    import pymysql
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    try:
        statement = text(f"SELECT content FROM {TABLE} WHERE name = :name")  # noqa: S608
        found = link.execute(statement, {"name": what}).scalar()
    except DBAPIError as error:
        if isinstance(error.orig, pymysql.MySQLError) and error.orig.args[0] == NO_SUCH_TABLE:
            link.rollback()
            return None
        raise
    return None if found is None else str(found)


def _write(link: "Connection", what: str, content: str) -> None:
    from sqlalchemy import text

    link.execute(
        text(
            f"CREATE TABLE IF NOT EXISTS {TABLE} (name VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin "
            "PRIMARY KEY, content TEXT CHARACTER SET utf8mb4 NOT NULL)"
        )
    )
    link.execute(
        text(f"REPLACE INTO {TABLE} (name, content) VALUES (:name, :content)"),  # noqa: S608
        {"name": what, "content": content},
    )
    link.commit()
