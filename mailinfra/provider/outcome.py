"""What an update comes to: the passwords that it sets and the state that it leaves behind; pure.

Previews and updates ask the same functions, so that a preview says what the update does. Does not own which
rows are written (planning.py) or the writing (update.py).
"""

from collections.abc import Callable, Collection, Mapping

from mailinfra.provider.model import INITIAL, OWNED, Accounts, Mailbox
from mailinfra.provider.passwords import fingerprint, matches
from mailinfra.provider.planning import Plan
from mailinfra.provider.renames import Renames
from mailinfra.provider.rows import Found
from mailinfra.provider.state import Inputs, State


def is_reset(before: Mailbox, after: Mailbox) -> bool:
    """Return whether a mailbox asks for its password to be set again."""
    return bool(after.reset) and after.reset != before.reset


def choose_passwords(
    found: Found, created: Collection[str], state: State, inputs: Inputs, make: Callable[[], str]
) -> dict[str, str]:
    """Return address -> password or declared hash, for each row whose password has to be written.

    `make` makes a new one. A row whose hash `found` does not hold, as in a preview, counts as left alone.
    """
    declared = inputs.passwords or {}
    chosen: dict[str, str] = {}
    for address, mailbox in inputs.accounts.mailboxes.items():
        if address in created:
            # A row that was deleted by hand comes back with the password that was given out for it.
            chosen[address] = declared.get(address) or state.initial_passwords.get(address) or make()
        elif mailbox.password == OWNED:
            if address in declared and not _holds(found, state, address, declared[address]):
                chosen[address] = declared[address]
        elif is_reset(found.accounts.mailboxes[address], mailbox):
            chosen[address] = declared.get(address) or make()
    return chosen


def _holds(found: Found, state: State, address: str, declared: str) -> bool:
    """Return whether a row has the password that is declared for it; hashing again is slow on purpose."""
    is_known = state.held_passwords.get(address) == declared
    stored = found.hashes.get(address)
    if stored is None:
        return is_known
    return (is_known and state.fingerprints.get(address) == fingerprint(stored)) or matches(stored, declared)


def next_state(
    state: State, inputs: Inputs, todo: Plan, chosen: Mapping[str, str], fingerprints: Mapping[str, str]
) -> State:
    """Return what is kept after an update; `fingerprints` has each hash of a row whose password is owned."""
    mailboxes, declared = inputs.accounts.mailboxes, inputs.passwords or {}
    held = {address: text for address, text in state.held_passwords.items() if address in declared}
    initial = {address: text for address, text in state.initial_passwords.items() if address in mailboxes}
    for address, mailbox in mailboxes.items():
        # A row that was there before may have the declared password: a later one is another.
        is_adopted = address not in state.accounts.mailboxes
        if address in declared and (mailbox.password == OWNED or address in chosen or is_adopted):
            held[address] = declared[address]
            initial.pop(address, None)
        elif address in chosen:
            initial[address] = chosen[address]
    return State(
        connection=inputs.connection,
        accounts=inputs.accounts,
        undeclared=inputs.undeclared,
        delete_mail=inputs.delete_mail,
        hashing=inputs.hashing,
        held_passwords=held,
        initial_passwords=initial,
        adopted_passwords=adopted_passwords(state, inputs, {*chosen, *initial}),
        fingerprints=fingerprints,
        homes=todo.homes,
        retired_homes=todo.retired_homes,
        undeclared_rows=todo.undeclared,
    )


def adopted_passwords(state: State, inputs: Inputs, given_out: Collection[str]) -> tuple[str, ...]:
    """Return the addresses whose rows came with a password that was neither declared nor made here, so that
    one that is declared later is known to do nothing."""
    known, before = {*state.adopted_passwords}, state.accounts.mailboxes
    declared = inputs.passwords or {}
    return tuple(
        address
        for address, mailbox in sorted(inputs.accounts.mailboxes.items())
        if mailbox.password == INITIAL
        and address not in given_out
        and (address in known or (address not in before and address not in declared))
    )


def renamed_notes(renames: Renames) -> list[str]:
    """Return a line for each rename that was done."""
    lines = [f"domain {old} is now {new}, with all its mail" for old, new in renames.domains.items()]
    return lines + [f"mailbox {old} is now {new}, with its mail" for old, new in renames.mailboxes.items()]


def kept_notes(state: State, wanted: Accounts, found: Found) -> list[str]:
    """Return a line about the rows that were there before they were declared."""
    known = state.accounts.mailboxes
    adopted = [
        address
        for address, mailbox in wanted.mailboxes.items()
        if address in found.accounts.mailboxes and address not in known and mailbox.password == INITIAL
    ]
    if not adopted:
        return []
    shown = ", ".join(sorted(adopted)[:5]) + (", ..." if len(adopted) > 5 else "")
    return [
        f"{len(adopted)} mailbox(es) were there already and keep their passwords, which are not known "
        f"here: {shown}"
    ]
