"""What an update comes to: the passwords that it sets and the state that it leaves behind; pure.

Previews and updates ask the same functions, so that a preview says what the update does. Does not own which
rows are written (planning.py) or the writing (update.py).
"""

from collections.abc import Callable, Collection, Mapping

from mailinfra.provider.model import INITIAL, OWNED, Accounts, Mailbox
from mailinfra.provider.passwords import fingerprint, matches
from mailinfra.provider.planning import Plan
from mailinfra.provider.records import Found
from mailinfra.provider.renames import Renames
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
            is_new = _is_reset_since(state, address, mailbox)
            given_out = None if is_new else state.initial_passwords.get(address)
            chosen[address] = declared.get(address) or given_out or make()
        elif mailbox.password == OWNED:
            if address in declared and not _holds(found, state, address, declared[address]):
                chosen[address] = declared[address]
        elif is_reset(found.accounts.mailboxes[address], mailbox):
            chosen[address] = declared.get(address) or make()
    return chosen


def _is_reset_since(state: State, address: str, after: Mailbox) -> bool:
    """Return whether a mailbox that gets a row asks for another password than the one that it had."""
    before = state.accounts.mailboxes.get(address)
    known = before.reset if before else state.lost_resets.get(address, "")
    return is_reset(Mailbox(reset=known), after)


def returned_notes(
    lost: Collection[str], chosen: Mapping[str, str], state: State, inputs: Inputs
) -> list[str]:
    """Return a line for each mailbox of `lost`, whose rows were deleted by hand, that comes back."""
    declared = inputs.passwords or {}

    def origin(address: str) -> str:
        if chosen[address] == declared.get(address):
            return "the declared password"
        if chosen[address] == state.initial_passwords.get(address):
            return "the password that was given out for it"
        return "a new password"

    return [
        f"mailbox {address}, whose row was deleted by hand, comes back with its mail and {origin(address)}"
        for address in sorted({*lost} & {*chosen} & {*inputs.accounts.mailboxes})
    ]


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


def leads_to(found: Found, row: str) -> set[str]:
    """Return the addresses that a row of an alias or a domain, as people name it, leads mail to."""
    noun, _, name = row.partition(" ")
    if noun == "alias" and name in found.accounts.aliases:
        return {*found.accounts.aliases[name].targets}
    if noun == "domain" and name in found.accounts.domains:
        return {found.accounts.domains[name].catch_all} - {""}
    return set()


def led_along_notes(before: Found, found: Found, renames: Renames, undeclared: Collection[str]) -> list[str]:
    """Return a line for each undeclared row that follows a rename to the new address."""
    new = _names(before, renames).keys()
    return [
        f"{row}, which nobody declared, leads to {target} from now on, by its new name"
        for row in undeclared
        for target in sorted(leads_to(found, row) & new)
    ]


def _names(before: Found, renames: Renames) -> dict[str, str]:
    """Return new address -> old address, of each mailbox or alias that has another name now."""
    named = {address: renames.now(address) for address in before.accounts.mailboxes}
    named |= {address: renames.carried(address) for address in before.accounts.aliases}
    return {new: old for old, new in named.items() if new != old}


def dangling_lines(
    before: Found, found: Found, wanted: Accounts, renames: Renames, undeclared: Collection[str]
) -> list[str]:
    """Return a line for each undeclared row that leads to an address which is gone from now on."""
    there = {*before.accounts.mailboxes, *before.accounts.aliases}
    known = {renames.now(address) for address in there} | there
    staying = {row.partition(" ")[2] for row in undeclared}
    gone = known - {*wanted.mailboxes, *wanted.aliases} - staying
    return [
        f"{row}, which nobody declared, leads to {target}, which is gone: mail to it is refused; remove the "
        "row, or lead it to somebody else"
        for row in undeclared
        for target in sorted(leads_to(found, row) & gone)
    ]


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
