"""Writes the rows: one lock, one transaction, and the rows that differ alone."""

from collections.abc import Collection, Mapping
from typing import Any

from mailinfra.provider import mail_folders
from mailinfra.provider.database import locked
from mailinfra.provider.model import INITIAL, OWNED, Accounts, accounts_from, usual_home
from mailinfra.provider.passwords import Hashing, fingerprint, generate, hash_all, matches
from mailinfra.provider.planning import Plan, plan
from mailinfra.provider.plugin import Answer
from mailinfra.provider.preview_messages import newly_listed
from mailinfra.provider.renamed_rows import rename_domains, rename_mailboxes
from mailinfra.provider.renames import Renames, follow, refuse_taken_names, renames_between
from mailinfra.provider.rows import Found, address_columns, find, write
from mailinfra.provider.undeclared import removable_rows, undeclared_lines

Bag = dict[str, Any]


def apply(state: Bag, inputs: Bag) -> Answer:
    """Bring the database from whatever it holds to `inputs`; return the new state."""
    wanted = accounts_from(inputs)
    with locked(inputs["connection"]) as link:
        found = find(link)
        refuse_taken_names(found.accounts, wanted, accounts_from(state))
        renames = renames_between(found.accounts, wanted)
        rename_domains(link, renames.domains)
        rename_mailboxes(link, renames.mailboxes)
        if renames != Renames():
            found = find(link)
        state = follow(state, renames)
        lost = mail_folders.lost(found, state)
        todo = plan(
            found=found,
            wanted=wanted,
            managed=accounts_from(state),
            lost=lost,
            removable=removable_rows(state, inputs),
            delete_mail=inputs.get("deleteMail") or {},
        )
        chosen = choose_passwords(found, todo, wanted, state, inputs)
        hashes = hash_all(chosen, hashing(inputs))
        add_hashes(todo, hashes)
        write(link, todo.writes)
        link.commit()
    stored = {**found.hashes, **hashes}
    return Answer(
        properties=new_state(state, inputs, todo, chosen, stored),
        notes=(
            *renamed_notes(renames),
            *todo.notes,
            *mail_folders.unmet(
                newly_listed(state, inputs), {*mail_folders.addresses(found), *lost.values()}
            ),
            *kept_notes(state, wanted, found),
        ),
        warnings=tuple(undeclared_lines(todo.undeclared, inputs)),
    )


def hashing(inputs: Bag) -> Hashing:
    """Return the declared cost of a hash."""
    bag = inputs.get("hashing") or {}
    declared = {"memory_kib": "memoryKib", "iterations": "iterations", "parallelism": "parallelism"}
    return Hashing(**{name: int(bag[key]) for name, key in declared.items() if key in bag})


def choose_passwords(found: Found, todo: Plan, wanted: Accounts, state: Bag, inputs: Bag) -> dict[str, str]:
    """Return address -> password or declared hash, for each row whose password has to be written."""
    declared: Mapping[str, str] = inputs.get("passwords") or {}
    held: Mapping[str, str] = state.get("passwords") or {}
    initial: Mapping[str, str] = state.get("initialPasswords") or {}
    prints: Mapping[str, str] = state.get("fingerprints") or {}
    chosen: dict[str, str] = {}
    for address, mailbox in wanted.mailboxes.items():
        if address in todo.created:
            # A row that was deleted by hand comes back with the password that was given out for it.
            chosen[address] = declared.get(address) or initial.get(address) or generate()
        elif mailbox.password == OWNED:
            text, stored = declared[address], found.hashes[address]
            is_as_left = held.get(address) == text and prints.get(address) == fingerprint(stored)
            if not is_as_left and not matches(stored, text):
                chosen[address] = text
        elif mailbox.reset and mailbox.reset != found.accounts.mailboxes[address].reset:
            chosen[address] = declared.get(address) or generate()
    return chosen


def add_hashes(todo: Plan, hashes: Mapping[str, str]) -> None:
    """Put the hashes into the rows that are written."""
    created = set(todo.created)
    for row in todo.writes.insert.get("users", []):
        row["password"] = hashes[f"{row['userid']}@{row['domain']}"]
    updates = todo.writes.update.setdefault("users", [])
    by_address = {f"{where['userid']}@{where['domain']}": values for where, values in updates}
    for address, stored in hashes.items():
        if address in created:
            continue
        if address in by_address:
            by_address[address]["password"] = stored
        else:
            updates.append((address_columns(address), {"password": stored}))


def new_state(
    state: Bag, inputs: Bag, todo: Plan, chosen: Mapping[str, str], stored: Mapping[str, str]
) -> Bag:
    """Return what the engine keeps: the declared properties and what only we know."""
    mailboxes = inputs.get("mailboxes") or {}
    declared = inputs.get("passwords") or {}
    held = {address: text for address, text in (state.get("passwords") or {}).items() if address in declared}
    initial = {
        address: text
        for address, text in (state.get("initialPasswords") or {}).items()
        if address in mailboxes
    }
    prints = {}
    for address, mailbox in mailboxes.items():
        is_owned = mailbox.get("password") == OWNED
        if is_owned:
            prints[address] = fingerprint(stored[address])
        # A row that was there before may have the declared password: a later one is another.
        is_adopted = address not in (state.get("mailboxes") or {})
        if address in declared and (is_owned or address in chosen or is_adopted):
            held[address] = declared[address]
            initial.pop(address, None)
        elif address in chosen:
            initial[address] = chosen[address]
    return {
        **inputs,
        "passwords": held,
        "initialPasswords": initial,
        "adoptedPasswords": adopted_passwords(state, inputs, {*chosen, *initial}),
        "fingerprints": prints,
        "homes": {address: home for address, home in todo.homes.items() if home != usual_home(address)},
        "retiredHomes": dict(todo.retired_homes),
        "lostHomes": {},
        "undeclaredRows": list(todo.undeclared),
    }


def adopted_passwords(state: Bag, inputs: Bag, given_out: Collection[str]) -> list[str]:
    """Return the addresses whose rows came with a password that was neither declared nor made here, so that
    one that is declared later is known to do nothing."""
    known, before = {*(state.get("adoptedPasswords") or [])}, state.get("mailboxes") or {}
    declared = inputs.get("passwords") or {}
    return sorted(
        address
        for address, mailbox in (inputs.get("mailboxes") or {}).items()
        if mailbox.get("password") == INITIAL
        and address not in given_out
        and (address in known or (address not in before and address not in declared))
    )


def renamed_notes(renames: Renames) -> list[str]:
    """Return a line for each rename that was done."""
    lines = [f"domain {old} is now {new}, with all its mail" for old, new in renames.domains.items()]
    return lines + [f"mailbox {old} is now {new}, with its mail" for old, new in renames.mailboxes.items()]


def kept_notes(state: Bag, wanted: Accounts, found: Found) -> list[str]:
    """Return a line for each row that was there before it was declared."""
    known = state.get("mailboxes") or {}
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
