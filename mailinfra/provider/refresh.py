"""Finds drift: rows that were edited, added or deleted by hand since the last `up`."""

from typing import Any

from mailinfra.provider import mail_folders
from mailinfra.provider.database import connected
from mailinfra.provider.difference import differences
from mailinfra.provider.importing import connection_for
from mailinfra.provider.migrations import current
from mailinfra.provider.model import KINDS, NOUNS, OWNED, STATEMENTS, accounts_bag, camel, usual_home
from mailinfra.provider.passwords import Hashing, fingerprint
from mailinfra.provider.plugin import Answer
from mailinfra.provider.rows import Found, find
from mailinfra.provider.undeclared import undeclared_lines

Bag = dict[str, Any]


def read_rows(database: str, state: Bag, inputs: Bag) -> Answer | None:
    """Return the declared rows as they are, and name the others; for an import, all count as declared."""
    connection = connection_for(database, state)
    with connected(connection) as link:
        if not current(link):
            return None  # no tables, no rows: the schema is gone, and with it whatever was declared
        found = find(link)
    is_import = not state.get("connection")
    bags = accounts_bag(found.accounts)
    if is_import:
        properties = imported(connection, bags, found)
        return Answer(properties=properties, inputs=properties)
    warnings: list[str] = []
    undeclared: list[str] = []
    actual: Bag = {}
    for kind, noun in NOUNS.items():
        declared = state.get(kind) or {}
        actual[kind] = {
            name: carry_statements(bag, declared[name])
            for name, bag in bags[kind].items()
            if name in declared
        }
        undeclared += [f"{noun} {name}" for name in bags[kind] if name not in declared]
        warnings += drift(noun, declared, actual[kind])
    held = dict(state.get("passwords") or {})
    for address, known in (state.get("fingerprints") or {}).items():
        if address in found.hashes and fingerprint(found.hashes[address]) != known:
            held.pop(address, None)
            warnings.append(f"mailbox {address}: its password was changed by hand; the stack decides it")
    undeclared.sort()
    warnings += undeclared_lines(undeclared, inputs)
    declared_passwords = {**(inputs.get("passwords") or {})}
    for address in set(state.get("passwords") or {}) - set(held):
        declared_passwords.pop(address, None)
    return Answer(
        properties={
            **state,
            **actual,
            "passwords": held,
            "retiredHomes": mail_folders.kept(found),
            "lostHomes": mail_folders.lost(found, state),
            "undeclaredRows": undeclared,
        },
        inputs={**inputs, **actual, "passwords": declared_passwords},
        warnings=tuple(warnings),
    )


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


def imported(connection: Bag, bags: Bag, found: Found) -> Bag:
    """Return a resource that declares every row that is there."""
    default = Hashing()
    # Nobody knows the passwords that the stack decides; their hashes are declared until somebody does.
    owned = {
        address: found.hashes[address]
        for address, mailbox in found.accounts.mailboxes.items()
        if mailbox.password == OWNED
    }
    return {
        "connection": connection,
        **{kind: bags[kind] for kind in KINDS},
        "passwords": owned,
        "undeclared": "keep",
        "deleteMail": {},
        "hashing": {camel(name): value for name, value in vars(default).items()},
        "initialPasswords": {},
        "adoptedPasswords": [],
        "fingerprints": {address: fingerprint(stored) for address, stored in owned.items()},
        "homes": {address: home for address, home in found.homes.items() if home != usual_home(address)},
        "retiredHomes": mail_folders.kept(found),
        "lostHomes": {},
        "undeclaredRows": [],
    }
