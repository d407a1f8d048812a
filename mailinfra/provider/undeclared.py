"""Rows that nobody declared: which of them an update may remove, and what a person is told of them; pure.

A row is removed only once it was named: a preview knows of the rows in the state and of no other.
"""

from collections.abc import Iterable

from mailinfra.provider.model import Accounts
from mailinfra.provider.state import REMOVE, Inputs, State


def removable_rows(state: State, inputs: Inputs) -> tuple[str, ...]:
    """Return the undeclared rows that an update takes away."""
    return state.undeclared_rows if inputs.undeclared == REMOVE else ()


def undeclared_lines(rows: Iterable[str], inputs: Inputs) -> list[str]:
    """Return a line for each row that nobody declared and that is still there."""
    if inputs.undeclared == REMOVE:
        fate = "the next `up` removes it, as `undeclared: remove` says"
    else:
        fate = "it is left alone unless `undeclared: remove` says so"
    return [f"{row}: nobody declared it; {fate}" for row in rows]


def still_undeclared(state: State, wanted: Accounts) -> list[str]:
    """Return the known rows that nobody declared until now nor declares any more; `state` has the names of
    now."""
    declared = set(wanted.rows())
    return [row for row in state.undeclared_rows if row not in declared]
