"""Writes the rows: one lock, one transaction, and the rows that differ alone.

Does not own which rows and passwords these are (planning.py, outcome.py).
"""

from collections.abc import Mapping

from mailinfra.provider import mail_folders, password_changes, revision
from mailinfra.provider.database import locked
from mailinfra.provider.model import OWNED
from mailinfra.provider.outcome import (
    choose_passwords,
    dangling_lines,
    kept_notes,
    led_along_notes,
    next_state,
    renamed_notes,
    returned_notes,
)
from mailinfra.provider.passwords import fingerprint, generate, hash_all
from mailinfra.provider.planning import Plan, plan
from mailinfra.provider.plugin import Answer
from mailinfra.provider.preview_messages import newly_listed
from mailinfra.provider.records import address_columns
from mailinfra.provider.renamed_rows import rename_domains, rename_mailboxes
from mailinfra.provider.renames import Renames, follow, refuse_taken_names, renames_between, with_lost
from mailinfra.provider.rows import find, write
from mailinfra.provider.state import Inputs, State, state_bag
from mailinfra.provider.undeclared import refuse_new_shadows, removable_rows, shadow_lines, undeclared_lines
from mailinfra.provider.weak_passwords import weak_password_lines


def apply(state: State, inputs: Inputs) -> Answer:
    """Bring the database from whatever it holds to `inputs`; return the new state."""
    wanted = inputs.accounts
    with locked(inputs.connection) as link:
        revision.ensure(link)
        password_changes.ensure(link)
        before = found = find(link)
        present = with_lost(found.accounts, mail_folders.lost(found, state).values())
        refuse_taken_names(present, wanted, state.accounts)
        renames = renames_between(present, wanted)
        rename_domains(link, renames.domains)
        rename_mailboxes(link, renames.mailboxes)
        if renames != Renames():
            found = find(link)
        state = follow(state, renames)
        lost = mail_folders.lost(found, state)
        todo = plan(
            found=found,
            wanted=wanted,
            managed=state.accounts,
            lost=lost,
            removable=removable_rows(state, inputs),
            delete_mail=inputs.delete_mail,
        )
        new_aliases = wanted.aliases.keys() - before.accounts.aliases.keys()
        new = {*todo.created, *renames.mailboxes.values(), *new_aliases}
        refuse_new_shadows(todo.undeclared, wanted, new)
        chosen = choose_passwords(found, todo.created, state, inputs, generate)
        hashes = hash_all(chosen, inputs.hashing)
        add_hashes(todo, hashes)
        write(link, todo.writes)
        link.commit()
    stored = {**found.hashes, **hashes}
    given = inputs.passwords or {}
    declared = {address: text for address, text in chosen.items() if text == given.get(address)}
    prints = {
        address: fingerprint(stored[address])
        for address, mailbox in wanted.mailboxes.items()
        if mailbox.password == OWNED
    }
    return Answer(
        properties=state_bag(next_state(state, inputs, todo, chosen, prints)),
        notes=(
            *renamed_notes(renames),
            *led_along_notes(before, found, renames, todo.undeclared),
            *todo.notes,
            *returned_notes(lost.values(), chosen, state, inputs),
            *mail_folders.unmet(
                newly_listed(state, inputs), {*mail_folders.addresses(found), *lost.values()}
            ),
            *kept_notes(state, wanted, found),
        ),
        warnings=(
            *undeclared_lines(todo.undeclared, inputs),
            *shadow_lines(todo.undeclared, wanted),
            *dangling_lines(before, found, wanted, renames, todo.undeclared),
            *weak_password_lines(declared, wanted.mailboxes),
        ),
    )


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
