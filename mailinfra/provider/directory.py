"""`mailinfra:index:Directory`: every domain, mailbox and alias of one stack as one property bag.

Owns what create, read, update and delete mean for accounts. Letting go of it leaves every row where it is, so
that the next `up` finds accounts and passwords again.
"""

from mailinfra.provider.difference import differences, join
from mailinfra.provider.plugin import Answer, Change, capped
from mailinfra.provider.preview import fixed_passwords, foretell, known_renames, unused_passwords
from mailinfra.provider.renames import follow
from mailinfra.provider.state import Bag, compared, inputs_bag, inputs_from, state_from
from mailinfra.provider.undeclared import removable_rows, still_undeclared, undeclared_lines
from mailinfra.provider.validation import mistakes


def identity(inputs: Bag) -> str:
    """Return the database's name."""
    return str(inputs["connection"]["database"])


def check(inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
    """Return the inputs in their normal form, and every mistake in them at once."""
    found = mistakes(inputs)
    if found:
        return inputs, found
    return {**inputs, **inputs_bag(inputs_from(inputs)), "passwords": inputs.get("passwords") or {}}, []


def diff(state: Bag, inputs: Bag) -> Change:
    """Return each changed entry by its path; connects to nothing."""
    before, wanted = state_from(state), inputs_from(inputs)
    paths = differences(compared(before), compared(wanted))
    for address in fixed_passwords(before, wanted):
        paths[f'passwords["{address}"]'] = "update" if address in before.held_passwords else "add"
    known = follow(before, known_renames(before, wanted))
    for address in (known.retired_homes or {}).values():
        if address in wanted.delete_mail:
            paths.setdefault(join("deleteMail", address), "update")
    if removable_rows(before, wanted):
        paths["undeclaredRows"] = "update"
    if any(address not in wanted.accounts.mailboxes for address in known.lost_homes.values()):
        paths["lostHomes"] = "update"
    notes = unused_passwords(known, wanted)
    if not paths:  # otherwise the update names them
        notes += capped(undeclared_lines(still_undeclared(known, wanted.accounts), wanted))
    return Change(paths=paths, notes=tuple(notes))


def create(inputs: Bag, *, preview: bool) -> Answer:
    """Bring all rows about; rows that are there already keep their passwords."""
    return update({}, inputs, preview=preview)


def update(state: Bag, inputs: Bag, *, preview: bool) -> Answer:
    """Write the rows that differ, all of them in one transaction."""
    if preview:
        return foretell(state_from(state), inputs_from(inputs))
    from mailinfra.provider.update import apply

    return apply(state_from(state), inputs_from(inputs))


def read(identity: str, state: Bag, inputs: Bag) -> Answer | None:
    """Return the rows that are really there, and name each that is not as it was declared."""
    from mailinfra.provider.refresh import read_rows

    return read_rows(identity, state_from(state), inputs_from(inputs))


def delete(state: Bag) -> tuple[str, ...]:
    """Leave every row; the database outlives the stack."""
    number = len(state_from(state).accounts.mailboxes)
    return (
        f"the rows of {number} mailbox(es) stay in the database with their passwords; the next `up` "
        f"finds them",
    )
