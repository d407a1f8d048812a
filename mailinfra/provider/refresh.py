"""Finds drift: rows that were edited, added or deleted by hand since the last `up`."""

from dataclasses import replace

from mailinfra.provider import mail_folders
from mailinfra.provider.database import connected
from mailinfra.provider.difference import differences
from mailinfra.provider.importing import connection_for
from mailinfra.provider.migrations import current
from mailinfra.provider.model import NOUNS, OWNED, STATEMENTS, accounts_bag, accounts_from, camel
from mailinfra.provider.passwords import fingerprint
from mailinfra.provider.plugin import Answer
from mailinfra.provider.records import Found
from mailinfra.provider.rows import find
from mailinfra.provider.state import Bag, Inputs, State, inputs_bag, newest, state_bag
from mailinfra.provider.undeclared import shadow_lines, undeclared_lines


def read_rows(database: str, state: State, inputs: Inputs) -> Answer | None:
    """Return the declared rows as they are, and name the others; for an import, all count as declared."""
    connection = connection_for(database, state.connection)
    with connected(connection) as link:
        if not current(link):
            return None  # no tables, no rows: the schema is gone, and with it whatever was declared
        found = find(link)
    if state.is_new:
        properties = state_bag(imported(connection, found))
        return Answer(properties=properties, inputs=properties)
    return refreshed(state, inputs, found)


def refreshed(state: State, inputs: Inputs, found: Found) -> Answer:
    """Return the declared rows as they were found, with a line for each that is not as it was declared."""
    bags, declared = accounts_bag(found.accounts), accounts_bag(state.accounts)
    for name, rows in found.may_send.items():
        said = state.accounts.aliases[name].may_send if name in state.accounts.aliases else None
        if said is not None and not {said} >= {*rows.values()}:
            # One row of several is enough: the bag has one value for all of them.
            bags["aliases"][name]["maySend"] = not said
    warnings: list[str] = []
    undeclared: list[str] = []
    actual: Bag = {}
    for kind, noun in NOUNS.items():
        actual[kind] = {
            name: carry_statements(bag, declared[kind][name])
            for name, bag in bags[kind].items()
            if name in declared[kind]
        }
        undeclared += [f"{noun} {name}" for name in bags[kind] if name not in declared[kind]]
        warnings += drift(noun, declared[kind], actual[kind])
    held = dict(state.held_passwords)
    for address, known in state.fingerprints.items():
        if address in found.hashes and fingerprint(found.hashes[address]) != known:
            held.pop(address, None)
            warnings.append(f"mailbox {address}: its password was changed by hand; the stack decides it")
    warnings += _moved_folders(state, found)
    undeclared.sort()
    warnings += undeclared_lines(undeclared, inputs)
    warnings += shadow_lines(undeclared, state.accounts)
    accounts = accounts_from(actual)
    lost = mail_folders.lost(found, state)
    resets = {address: one.reset for address, one in state.accounts.mailboxes.items()}
    changed = {*state.held_passwords} - {*held}
    after = replace(
        state,
        accounts=accounts,
        held_passwords=held,
        homes={address: found.homes[address] for address in accounts.mailboxes},
        retired_homes=mail_folders.kept(found),
        lost_homes=lost,
        lost_resets={
            address: (resets | dict(state.lost_resets))[address]
            for address in sorted(lost.values())
            if address in resets or address in state.lost_resets
        },
        undeclared_rows=tuple(undeclared),
    )
    passwords = {
        address: text for address, text in (inputs.passwords or {}).items() if address not in changed
    }
    return Answer(
        properties=state_bag(newest(after, state)),
        inputs=inputs_bag(replace(inputs, accounts=accounts, passwords=passwords)),
        warnings=tuple(warnings),
    )


def _moved_folders(state: State, found: Found) -> list[str]:
    """Return a line for each folder that was given away, marked or forgotten by hand."""
    lines = [
        f"mailbox {address}: its folder was changed by hand from /mail/{home} to "
        f"/mail/{found.homes[address]}; where that was a mistake, put it right in its row"
        for address, home in sorted(state.homes.items())
        if found.homes.get(address, home) != home
    ]
    for home, address in sorted((state.retired_homes or {}).items()):
        mail = f"the mail of an earlier mailbox {address} in /mail/{home}"
        if home in found.marked:
            lines.append(f"{mail} was marked by hand: it is deleted")
        elif home not in found.retired:
            lines.append(f"{mail}: its row was deleted by hand, and no `reuseMail` finds it any more")
    return lines


def carry_statements(bag: Bag, declared: Bag) -> Bag:
    """Return a row's bag with the declared statements that no row holds."""
    kept = {camel(name) for name in STATEMENTS}
    return {**bag, **{name: value for name, value in declared.items() if name in kept}}


def drift(noun: str, declared: Bag, actual: Bag) -> list[str]:
    """Return one line for each row that is not as it was declared."""
    lines = []
    for name in sorted(declared):
        if name not in actual:
            lines.append(f"{noun} {name}: its row was deleted by hand; the next `up` puts it back")
            continue
        changed = differences(declared[name], actual[name])
        if changed:
            lines.append(f"{noun} {name}: edited by hand ({', '.join(changed)}); the next `up` puts it right")
    return lines


def imported(connection: Bag, found: Found) -> State:
    """Return the state of a resource that declares every row that is there."""
    # Nobody knows the passwords that the stack decides; their hashes are declared until somebody does.
    owned = {
        address: found.hashes[address]
        for address, mailbox in found.accounts.mailboxes.items()
        if mailbox.password == OWNED
    }
    return State(
        connection=connection,
        accounts=found.accounts,
        held_passwords=owned,
        fingerprints={address: fingerprint(stored) for address, stored in owned.items()},
        homes=found.homes,
        retired_homes=mail_folders.kept(found),
    )
