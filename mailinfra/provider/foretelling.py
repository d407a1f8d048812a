"""What an update would do, told from the state alone: previews connect to nothing."""

from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from mailinfra.provider.announcing import announcements
from mailinfra.provider.model import INITIAL, Accounts, Domain, Mailbox, accounts_from
from mailinfra.provider.plugin import Answer
from mailinfra.provider.renames import Renames, follow, refuse_taken_names, renames_between
from mailinfra.provider.values import is_known

Bag = dict[str, Any]

KEPT = (
    "initialPasswords",
    "adoptedPasswords",
    "fingerprints",
    "homes",
    "retiredHomes",
    "lostHomes",
    "undeclaredRows",
)
"""Properties that only an update can make, beside the declared ones."""


def fixed_passwords(state: Bag, inputs: Bag) -> list[str]:
    """Return the addresses whose password the stack decides and whose row holds another one."""
    declared, held = inputs.get("passwords") or {}, state.get("passwords") or {}
    if not is_known(declared):
        return []
    return [
        address
        for address, mailbox in sorted((inputs.get("mailboxes") or {}).items())
        if mailbox.get("password") == "owned"
        and address in declared
        and declared[address] != held.get(address)
    ]


def unused_passwords(state: Bag, inputs: Bag) -> list[str]:
    """Return a line for each declared password that changes nothing, being its owner's by now.

    Nothing is said of one that may be the password that was set: of a row that an import found, for example.
    """
    declared = inputs.get("passwords") or {}
    if not is_known(declared):
        return []
    before, after = state.get("mailboxes") or {}, inputs.get("mailboxes") or {}
    return [
        f"{address}: its declared password does nothing: an `initial` password is set once, when the mailbox "
        "is created; to set this one, give the mailbox a new `reset` text, or make the password `owned`"
        for address in sorted(declared)
        if address in before
        and after.get(address, {}).get("password") == INITIAL
        and not is_reset(before[address], after[address])
        and _is_another(state, address, declared[address])
    ]


def _is_another(state: Bag, address: str, password: str) -> bool:
    """Return whether it is known that `password` is not the one that was set."""
    known = {**(state.get("initialPasswords") or {}), **(state.get("passwords") or {})}
    if address in known:
        return bool(known[address] != password)
    return address in (state.get("adoptedPasswords") or [])


def is_reset(before: Bag, after: Bag) -> bool:
    """Return whether a mailbox asks for its password to be set again."""
    return bool(after.get("reset")) and after.get("reset") != before.get("reset")


def known_renames(state: Bag, inputs: Bag) -> Renames:
    """Return the renames between the rows that the state knows, declared or not, and the declared ones."""
    return renames_between(_known_rows(state), accounts_from(inputs))


def _known_rows(state: Bag) -> Accounts:
    rows = [row.partition(" ") for row in state.get("undeclaredRows") or []]
    managed = accounts_from(state)
    return Accounts(
        domains={name: Domain() for noun, _, name in rows if noun == "domain"} | dict(managed.domains),
        mailboxes={name: Mailbox() for noun, _, name in rows if noun == "mailbox"} | dict(managed.mailboxes),
    )


def foretell(state: Bag, inputs: Bag) -> Answer:
    """Return the properties after an update, as far as they are known before it.

    Raises ProviderError for a rename that the update would refuse.
    """
    refuse_taken_names(_known_rows(state), accounts_from(inputs), accounts_from(state))
    renames = known_renames(state, inputs)
    known = follow(state, renames) if state else {}
    before, after = known.get("mailboxes") or {}, inputs.get("mailboxes") or {}
    declared = inputs.get("passwords") or {}
    needs_new = [
        address
        for address, mailbox in after.items()
        if address not in before or is_reset(before[address], mailbox)
    ]
    properties: Bag = dict(inputs) | {name: known[name] for name in KEPT if name in known}
    if not state or any(not is_known(declared) or address not in declared for address in needs_new):
        properties["initialPasswords"] = UNKNOWN
    return Answer(properties=properties, notes=tuple(announcements(state, inputs, renames)))
