"""Rows that nobody declared: which of them an update may remove, and what a person is told of them; pure.

A row is removed only once it was named: a preview knows of the rows in the state and of no other.
"""

from collections.abc import Collection, Iterable

from mailinfra.provider.errors import ProviderError
from mailinfra.provider.model import Accounts, split
from mailinfra.provider.renames import carried
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


def shadows(rows: Iterable[str], wanted: Accounts) -> dict[str, str]:
    """Return each undeclared row of `rows` that has the name of a declared entry -> what comes of that.

    An alias takes all mail of a mailbox of its name, in an alias domain too, whichever of the two is
    declared.
    """
    found: dict[str, str] = {}
    for row in rows:
        noun, _, name = row.partition(" ")
        local, domain = split(name)
        known = wanted.domains.get(domain)
        address = f"{local}@{known.alias_of}" if known and known.alias_of else name
        if noun == "alias" and address in wanted.mailboxes:
            found[row] = f"takes all mail to {name}, of the declared mailbox {address}"
        elif noun == "mailbox" and address in wanted.aliases:
            found[row] = f"gets no mail, for the declared alias {address} takes it"
        elif noun == "mailbox" and address != name and address in wanted.mailboxes:
            found[row] = f"takes all mail to {name}, of the declared mailbox {address}"
    return found


def shadow_lines(rows: Iterable[str], wanted: Accounts) -> list[str]:
    """Return a line for each undeclared row that has the name of a declared entry."""
    return [
        f"{row}, which nobody declared, {what}; declare it, or remove the row"
        for row, what in shadows(rows, wanted).items()
    ]


def refuse_new_shadows(rows: Iterable[str], wanted: Accounts, new: Collection[str]) -> None:
    """Raise ProviderError where a `new` address is the name of an undeclared row of another kind."""
    domains = {name: one.alias_of for name, one in wanted.domains.items() if one.alias_of}
    taken = {
        row: what
        for row, what in shadows(rows, wanted).items()
        if carried(row.partition(" ")[2], domains) in new
    }
    if taken:
        listed = "; ".join(f"{row} {what}" for row, what in taken.items())
        raise ProviderError(
            f"rows that nobody declared have the names of new entries: {listed}; declare these rows as well, "
            "or remove them by hand and run `pulumi refresh`, or with `undeclared: remove` after a `pulumi "
            "refresh`; nothing was changed"
        )


def still_undeclared(state: State, wanted: Accounts) -> list[str]:
    """Return the known rows that nobody declared until now nor declares any more; `state` has the names of
    now."""
    declared = set(wanted.rows())
    return [row for row in state.undeclared_rows if row not in declared]
