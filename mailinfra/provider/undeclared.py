"""Rows that nobody declared: which of them an update may remove, and what a person is told of them; pure.

A row is removed only once it was named: a preview knows of the rows in the state and of no other.
"""

from collections.abc import Iterable
from typing import Any

from mailinfra.provider.model import Accounts

Bag = dict[str, Any]


def names(state: Bag, noun: str) -> list[str]:
    """Return the name of each known undeclared row of one kind: `domain`, `mailbox` or `alias`."""
    rows = (row.partition(" ") for row in state.get("undeclaredRows") or [])
    return [name for kind, _, name in rows if kind == noun]


def removable_rows(state: Bag, inputs: Bag) -> list[str]:
    """Return the undeclared rows that an update takes away."""
    return list(state.get("undeclaredRows") or []) if inputs.get("undeclared") == "remove" else []


def undeclared_lines(rows: Iterable[str], inputs: Bag) -> list[str]:
    """Return a line for each row that nobody declared and that is still there."""
    if inputs.get("undeclared") == "remove":
        fate = "the next `up` removes it, as `undeclared: remove` says"
    else:
        fate = "it is left alone unless `undeclared: remove` says so"
    return [f"{row}: nobody declared it; {fate}" for row in rows]


def still_undeclared(state: Bag, wanted: Accounts) -> list[str]:
    """Return the known rows that nobody declared until now nor declares any more; `state` has the names of
    now."""
    declared = set(wanted.rows())
    return [row for row in state.get("undeclaredRows") or [] if row not in declared]
