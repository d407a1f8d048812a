"""`mailinfra:index:StaleUsers`: no MySQL user of an earlier stack is in the way of a new one.

A `mysql:index:User` cannot be imported, and its creation fails where the name is taken (error 1396). After a
restored backup, a lost state or an `up` that was ended half way there are such users, and their passwords
are in no state. This resource comes before them: it drops each that it has not met before. Letting go of it
leaves all users. Does not own the users of a running stack: those are the mysql provider's.
"""

from collections.abc import Iterable
from typing import Any

from mailinfra.provider.difference import differences
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.plugin import Answer, Change

Bag = dict[str, Any]


def identity(inputs: Bag) -> str:
    """Return the database's name."""
    return str(inputs["connection"]["database"])


def check(inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
    """Return the inputs as they are; the program's own classes write them."""
    missing = [name for name in ("connection", "users", "databases") if not inputs.get(name)]
    return inputs, [(name, "is missing; declare it") for name in missing]


def diff(state: Bag, inputs: Bag) -> Change:
    """Return which users are new here. How the server is reached is no change: nothing is done for it
    alone."""
    old = {"users": state.get("users") or {}, "databases": state.get("databases") or []}
    return Change(paths=differences(old, {"users": inputs["users"], "databases": inputs["databases"]}))


def create(inputs: Bag, *, preview: bool) -> Answer:
    """Drop what an earlier stack left."""
    return update({}, inputs, preview=preview)


def update(state: Bag, inputs: Bag, *, preview: bool) -> Answer:
    """Drop what an earlier stack left of those that are new here."""
    if preview:
        return Answer(properties=inputs)
    from mailinfra.provider.database import locked
    from mailinfra.provider.mysql_users import drop, granted

    known = state.get("users") or {}
    new = {name: host for name, host in inputs["users"].items() if known.get(name) != host}
    notes = []
    with locked(inputs["connection"]) as link:
        found = {name: granted(link, name, host) for name, host in new.items()}
        for name, rights in found.items():
            refuse_foreign(name, new[name], rights or (), inputs["databases"])
        for name, rights in found.items():
            if rights is not None:
                drop(link, name, new[name])
                notes.append(f"MySQL user {name}@{new[name]} of an earlier stack is replaced by a new one")
    return Answer(properties=inputs, notes=tuple(notes))


def refuse_foreign(name: str, host: str, rights: Iterable[str], databases: Iterable[str]) -> None:
    """Raise ProviderError where a user may do what this program never grants: then it is somebody else's."""
    places = tuple(f"{database}." for database in databases)
    foreign = [right for right in sorted(rights) if not right.rpartition(" on ")[2].startswith(places)]
    if foreign:
        raise ProviderError(
            f"MySQL user {name}@{host} exists and has rights outside of {', '.join(sorted(databases))} "
            f"({'; '.join(foreign[:3])}), so it is not this stack's; rename that user or drop it, then run "
            "`pulumi up` again"
        )


def read(identity: str, state: Bag, inputs: Bag) -> Answer | None:  # noqa: ARG001
    """Return what is known: users that are missing are the mysql provider's to find."""
    return Answer(properties=state, inputs=inputs)


def delete(state: Bag) -> tuple[str, ...]:  # noqa: ARG001
    """Leave every user where it is."""
    return ()
