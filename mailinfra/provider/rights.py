"""`mailinfra:index:Rights`: each service's MySQL user has the rights that were declared, and no other.

The mysql provider gives rights and never looks at them again. This resource finds drift: a refresh names
each right that somebody revoked or granted by hand, and an update puts them right. Letting go of it leaves
all rights. Does not own the users, nor the first grant (the mysql provider's).
"""

from collections.abc import Mapping
from typing import Any

from mailinfra.provider.difference import differences
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.plugin import Answer, Change
from mailinfra.provider.values import missing

Bag = dict[str, Any]

Rights = Mapping[str, Mapping[str, bool]]
"""User -> right -> true: a map, so that a preview shows the one that changes."""


def identity(inputs: Bag) -> str:
    """Return the database's name."""
    return str(inputs["connection"]["database"])


def check(inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
    """Return the inputs as they are; the program's own classes write them."""
    return inputs, missing(inputs, ("connection", "hosts", "rights"))


def diff(state: Bag, inputs: Bag) -> Change:
    """Return each right that is missing or too many, and a changed connection, which a refresh uses."""
    old = {key: state.get(key) or {} for key in ("connection", "hosts", "rights")}
    return Change(paths=differences(old, {key: inputs[key] for key in old}))


def create(inputs: Bag, *, preview: bool) -> Answer:
    """Compare what the users may do with what was declared, and put it right."""
    return update({}, inputs, preview=preview)


def update(state: Bag, inputs: Bag, *, preview: bool) -> Answer:  # noqa: ARG001 - the server knows its own state
    """Give what is missing, take what is too much."""
    if preview:
        return Answer(properties=inputs)
    from mailinfra.provider.database import locked
    from mailinfra.provider.mysql_users import grant_statements, granted, revoke_statements, run

    notes = []
    with locked(inputs["connection"]) as link:
        for name, wanted in inputs["rights"].items():
            host = inputs["hosts"][name]
            found = granted(link, name, host)
            if found is None:
                raise ProviderError(
                    f"MySQL user {name}@{host} is not there, so nothing can be granted to it; "
                    "`pulumi up --refresh` makes it again"
                )
            extra, missing = found - wanted.keys(), wanted.keys() - found
            for statement in revoke_statements(name, host, extra):
                run(link, statement)
            # A revoked ALL PRIVILEGES takes along what is wanted: all of it is given again.
            for statement in grant_statements(name, host, wanted if extra else missing):
                run(link, statement)
            notes += [f"{name}: {right} revoked" for right in sorted(extra)]
            notes += [f"{name}: {right} granted" for right in sorted(missing)]
    return Answer(properties=inputs, notes=tuple(notes))


def read(identity: str, state: Bag, inputs: Bag) -> Answer | None:  # noqa: ARG001
    """Return what the users may really do; one that is gone may do nothing."""
    from mailinfra.provider.database import connected
    from mailinfra.provider.mysql_users import granted

    with connected(state["connection"]) as link:
        found = {name: granted(link, name, host) or set() for name, host in state["hosts"].items()}
    bag = {**state, "rights": {name: dict.fromkeys(sorted(rights), True) for name, rights in found.items()}}
    return Answer(properties=bag, inputs={**inputs, "rights": bag["rights"]})


def delete(state: Bag) -> tuple[str, ...]:  # noqa: ARG001
    """Leave every right as it is."""
    return ()
