"""`mailinfra:index:SinglePasswords`: each service's MySQL user has the one password that its service has.

A password changes while its service runs with the old one: until that is replaced both hold (MySQL keeps
two). This resource depends on the services, and ends the old ones. Letting go of it changes nothing. Does not
own the passwords, nor how a second one comes to be (components/database/user_hooks.py).
"""

from typing import Any

from mailinfra.provider.difference import differences
from mailinfra.provider.plugin import Answer, Change
from mailinfra.provider.values import missing

Bag = dict[str, Any]

GIVEN = ("connection", "hosts", "passwords", "second")


def identity(inputs: Bag) -> str:
    """Return the database's name."""
    return str(inputs["connection"]["database"])


def check(inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
    """Return the inputs as they are; the program's own classes write them."""
    return inputs, missing(inputs, ("connection", "hosts", "passwords"))


def diff(state: Bag, inputs: Bag) -> Change:
    """Return whose password changes, who has two, and a changed connection, which a refresh uses."""
    old = {key: state.get(key) or {} for key in GIVEN}
    return Change(paths=differences(old, {key: inputs.get(key) or {} for key in GIVEN}))


def create(inputs: Bag, *, preview: bool) -> Answer:
    """End every password of before."""
    if preview:
        return Answer(properties=inputs)
    from mailinfra.provider.database import connected
    from mailinfra.provider.mysql_users import drop_old_passwords, with_two_passwords

    with connected(inputs["connection"]) as link:
        found = with_two_passwords(link, inputs["hosts"])
        drop_old_passwords(link, {name: inputs["hosts"][name] for name in found})
    return Answer(
        properties=inputs, notes=tuple(f"{name}: the old password opens nothing now" for name in found)
    )


def update(state: Bag, inputs: Bag, *, preview: bool) -> Answer:  # noqa: ARG001 - the server knows its own state
    """End every password of before."""
    return create(inputs, preview=preview)


def read(identity: str, state: Bag, inputs: Bag) -> Answer | None:  # noqa: ARG001
    """Return who is let in with an old password."""
    from mailinfra.provider.database import connected
    from mailinfra.provider.mysql_users import with_two_passwords

    with connected(state["connection"]) as link:
        second = dict.fromkeys(with_two_passwords(link, state["hosts"]), True)
    return Answer(properties={**state, "second": second}, inputs={**inputs, "second": second})


def delete(state: Bag) -> tuple[str, ...]:  # noqa: ARG001
    """Leave the users as they are."""
    return ()
