"""`mailinfra:index:Directory`: every domain, mailbox and alias of one stack as one property bag.

Owns what create, read, update and delete mean for accounts. Letting go of it leaves every row where it is, so
that the next `up` finds accounts and passwords again.
"""

from typing import Any

from mailinfra.provider.difference import differences, join
from mailinfra.provider.model import KINDS, accounts_bag, accounts_from
from mailinfra.provider.plugin import Answer, Change, capped
from mailinfra.provider.preview import fixed_passwords, foretell, known_renames, unused_passwords
from mailinfra.provider.renames import follow
from mailinfra.provider.undeclared import removable_rows, still_undeclared, undeclared_lines
from mailinfra.provider.validation import mistakes

Bag = dict[str, Any]

COMPARED = (*KINDS, "connection", "undeclared", "deleteMail", "hashing")


def identity(inputs: Bag) -> str:
    """Return the database's name."""
    return str(inputs["connection"]["database"])


def check(inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
    """Return the inputs in their normal form, and every mistake in them at once."""
    found = mistakes(inputs)
    if found:
        return inputs, found
    delete_mail = dict(sorted((inputs.get("deleteMail") or {}).items()))
    return {**inputs, **accounts_bag(accounts_from(inputs)), "deleteMail": delete_mail}, []


def diff(state: Bag, inputs: Bag) -> Change:
    """Return each changed entry by its path; connects to nothing."""
    old = {key: state.get(key) or {} for key in COMPARED}
    new = {key: inputs.get(key) or {} for key in COMPARED}
    paths = differences(old, new)
    # How new hashes are made changes no row; it is kept for the next password.
    for address in fixed_passwords(state, inputs):
        paths[f'passwords["{address}"]'] = "update" if address in state.get("passwords", {}) else "add"
    known = follow(state, known_renames(state, inputs))
    for address in (known.get("retiredHomes") or {}).values():
        if address in new["deleteMail"]:
            paths.setdefault(join("deleteMail", address), "update")
    if removable_rows(state, inputs):
        paths["undeclaredRows"] = "update"
    if any(address not in new["mailboxes"] for address in (known.get("lostHomes") or {}).values()):
        paths["lostHomes"] = "update"
    notes = unused_passwords(known, inputs)
    if not paths:  # otherwise the update names them
        notes += capped(undeclared_lines(still_undeclared(known, accounts_from(inputs)), inputs))
    return Change(paths=paths, notes=tuple(notes))


def create(inputs: Bag, *, preview: bool) -> Answer:
    """Bring all rows about; rows that are there already keep their passwords."""
    return update({}, inputs, preview=preview)


def update(state: Bag, inputs: Bag, *, preview: bool) -> Answer:
    """Write the rows that differ, all of them in one transaction."""
    if preview:
        return foretell(state, inputs)
    from mailinfra.provider.update import apply

    return apply(state, inputs)


def read(identity: str, state: Bag, inputs: Bag) -> Answer | None:
    """Return the rows that are really there, and name each that is not as it was declared."""
    from mailinfra.provider.refresh import read_rows

    return read_rows(identity, state, inputs)


def delete(state: Bag) -> tuple[str, ...]:
    """Leave every row; the database outlives the stack."""
    number = len(state.get("mailboxes") or {})
    return (
        f"the rows of {number} mailbox(es) stay in the database with their passwords; the next `up` "
        f"finds them",
    )
