"""`mailinfra:index:KeptNames`: which secrets of a kind are kept; one that an update drops is forgotten.

What is kept outlives `destroy`, so letting go of a single secret (kept.py) leaves its row: nobody can tell
there whether the whole stack goes or one line of its form. Here one can: it is an update. Letting go of this
resource, or making it anew, forgets nothing.
"""

from typing import Any

from mailinfra.provider.difference import differences
from mailinfra.provider.plugin import Answer, Change
from mailinfra.provider.values import missing

Bag = dict[str, Any]

GIVEN = ("connection", "names")


def identity(inputs: Bag) -> str:
    """Return the database's name."""
    return str(inputs["connection"]["database"])


def check(inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
    """Return the inputs as they are; the program's own classes write them."""
    return inputs, missing(inputs, GIVEN)


def diff(state: Bag, inputs: Bag) -> Change:
    """Return which names come and go."""
    return Change(
        paths=differences({key: state.get(key) for key in GIVEN}, {key: inputs[key] for key in GIVEN})
    )


def create(inputs: Bag, *, preview: bool) -> Answer:  # noqa: ARG001
    """Leave what is kept: a stack that is made anew may not name it yet."""
    return Answer(properties=inputs)


def update(state: Bag, inputs: Bag, *, preview: bool) -> Answer:
    """Forget what was named and is named no more."""
    dropped = sorted(set(state["names"]) - set(inputs["names"]))
    if dropped and not preview:
        from mailinfra.provider.database import locked
        from mailinfra.provider.kept import forget

        with locked(inputs["connection"]) as link:
            forget(link, dropped)
    return Answer(properties=inputs)


def read(identity: str, state: Bag, inputs: Bag) -> Answer | None:  # noqa: ARG001
    """Return what the state knows: whether a row is there is seen where it is kept."""
    return Answer(properties=state, inputs=inputs)


def delete(state: Bag) -> tuple[str, ...]:  # noqa: ARG001
    """Leave the rows where they are."""
    return ()
