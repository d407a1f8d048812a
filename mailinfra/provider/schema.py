"""`mailinfra:index:Schema`: the tables of the `mail` database. Letting go of it leaves them."""

from typing import Any

from mailinfra.provider.difference import differences
from mailinfra.provider.plugin import Answer, Change
from mailinfra.provider.values import missing

Bag = dict[str, Any]


def identity(inputs: Bag) -> str:
    """Return the database's name."""
    return str(inputs["connection"]["database"])


def check(inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
    """Return the inputs as they are; the program's own classes write them."""
    return inputs, missing(inputs, ("connection", "revision"))


def diff(state: Bag, inputs: Bag) -> Change:
    """Return whether the revision or the way to the database changes."""
    return Change(paths=differences({key: state.get(key) for key in inputs}, inputs))


def create(inputs: Bag, *, preview: bool) -> Answer:
    """Bring the database to the revision; tables that are there already are adopted."""
    if preview:
        return Answer(properties=inputs)
    from mailinfra.provider.database import locked
    from mailinfra.provider.migrations import upgrade

    with locked(inputs["connection"]) as link:
        notes = upgrade(link, inputs["revision"])
    return Answer(properties=inputs, notes=tuple(notes))


def update(state: Bag, inputs: Bag, *, preview: bool) -> Answer:  # noqa: ARG001 - the database knows its own state
    """Bring the database forwards to the revision."""
    return create(inputs, preview=preview)


def read(identity: str, state: Bag, inputs: Bag) -> Answer | None:
    """Return the revision that the database is really at."""
    from mailinfra.provider.database import connected
    from mailinfra.provider.importing import connection_for
    from mailinfra.provider.migrations import current

    connection = connection_for(identity, state.get("connection"))
    with connected(connection) as link:
        revision = current(link)
    if not revision:
        return None
    bag = {**inputs, "connection": connection, "revision": revision}
    return Answer(properties=bag, inputs=bag)


def delete(state: Bag) -> tuple[str, ...]:  # noqa: ARG001
    """Leave the tables where they are."""
    return ()
