"""What an update would do, told from the state alone: previews connect to nothing."""

from dataclasses import replace
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from mailinfra.provider import mail_folders
from mailinfra.provider.model import INITIAL, OWNED, Accounts, Alias, Domain, Mailbox, usual_home
from mailinfra.provider.outcome import choose_passwords, is_reset, next_state, returned_notes
from mailinfra.provider.planning import plan
from mailinfra.provider.plugin import Answer
from mailinfra.provider.preview_messages import announcements
from mailinfra.provider.records import Found
from mailinfra.provider.renames import Renames, follow, refuse_taken_names, renames_between, with_lost
from mailinfra.provider.state import Inputs, State, state_bag
from mailinfra.provider.undeclared import refuse_new_shadows, removable_rows, shadow_lines
from mailinfra.provider.weak_passwords import weak_password_lines


def fixed_passwords(state: State, inputs: Inputs) -> list[str]:
    """Return the addresses whose password the stack decides and whose row holds another one."""
    declared = inputs.passwords or {}
    return [
        address
        for address, mailbox in sorted(inputs.accounts.mailboxes.items())
        if mailbox.password == OWNED
        and address in declared
        and declared[address] != state.held_passwords.get(address)
    ]


def unused_passwords(state: State, inputs: Inputs) -> list[str]:
    """Return a line for each declared password that changes nothing, being its owner's by now.

    Nothing is said of one that may be the password that was set: of a row that an import found, for example.
    """
    before, after = state.accounts.mailboxes, inputs.accounts.mailboxes
    return [
        f"{address}: its declared password does nothing: an `initial` password is set once, when the mailbox "
        "is created; to set this one, give the mailbox a new `reset` text, or make the password `owned`"
        for address in sorted(_other_passwords(state, inputs))
        if address in before
        and address in after
        and after[address].password == INITIAL
        and not is_reset(before[address], after[address])
    ]


def _other_passwords(state: State, inputs: Inputs) -> set[str]:
    """Return the addresses whose declared password is known not to be the one that was set."""
    known = {**state.initial_passwords, **state.held_passwords}
    adopted = {*state.adopted_passwords} - known.keys()
    return {
        address
        for address, password in (inputs.passwords or {}).items()
        if address in adopted or known.get(address, password) != password
    }


def known_renames(state: State, inputs: Inputs) -> Renames:
    """Return the renames between the rows that the state knows, declared or not, and the declared ones."""
    return renames_between(with_lost(known_rows(state).accounts, state.lost_homes.values()), inputs.accounts)


def known_rows(state: State) -> Found:
    """Return the rows that the state knows of; of one that nobody declared it knows the name alone."""
    accounts = Accounts(
        domains=dict.fromkeys(state.names("domain"), Domain()) | dict(state.accounts.domains),
        mailboxes=dict.fromkeys(state.names("mailbox"), Mailbox()) | dict(state.accounts.mailboxes),
        aliases=dict.fromkeys(state.names("alias"), Alias()) | dict(state.accounts.aliases),
    )
    return Found(
        accounts=accounts,
        hashes={},
        homes={address: state.homes.get(address, usual_home(address)) for address in accounts.mailboxes},
        retired=state.retired_homes or {},
        marked=frozenset(),
    )


def foretell(state: State, inputs: Inputs) -> Answer:
    """Return the properties after an update, as far as they are known before it.

    Raises ProviderError for a rename that the update would refuse.
    """
    present = with_lost(known_rows(state).accounts, state.lost_homes.values())
    refuse_taken_names(present, inputs.accounts, state.accounts)
    renames = renames_between(present, inputs.accounts)
    known = follow(state, renames)
    found = known_rows(known)
    lost = mail_folders.lost(found, known)
    todo = plan(
        found=found,
        wanted=inputs.accounts,
        managed=known.accounts,
        lost=lost,
        removable=removable_rows(known, inputs),
        delete_mail=inputs.delete_mail,
    )
    new_aliases = inputs.accounts.aliases.keys() - known.accounts.aliases.keys()
    new = {*todo.created, *renames.mailboxes.values(), *new_aliases}
    refuse_new_shadows(todo.undeclared, inputs.accounts, new)
    chosen = choose_passwords(found, todo.created, known, inputs, lambda: UNKNOWN)
    prints = {
        address: UNKNOWN if address in chosen else known.fingerprints.get(address, UNKNOWN)
        for address, mailbox in inputs.accounts.mailboxes.items()
        if mailbox.password == OWNED
    }
    later = next_state(known, inputs, todo, chosen, prints)
    if known.retired_homes is None:
        later = replace(later, retired_homes=None)
    properties: dict[str, Any] = state_bag(later)
    if inputs.passwords is None:
        properties["passwords"] = UNKNOWN
    if state.is_new or UNKNOWN in later.initial_passwords.values():
        properties["initialPasswords"] = UNKNOWN
    given = inputs.passwords or {}
    declared = {address: text for address, text in chosen.items() if text == given.get(address)}
    return Answer(
        properties=properties,
        notes=(
            *announcements(state, inputs, renames),
            *returned_notes(lost.values(), chosen, known, inputs),
        ),
        warnings=(
            *shadow_lines(todo.undeclared, inputs.accounts),
            *weak_password_lines(declared, inputs.accounts.mailboxes),
        ),
    )
