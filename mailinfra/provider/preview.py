"""What an update would do, told from the state alone: previews connect to nothing."""

from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from mailinfra.provider import undeclared
from mailinfra.provider.model import INITIAL, Accounts, Domain, Mailbox, accounts_from
from mailinfra.provider.plugin import Answer
from mailinfra.provider.preview_messages import announcements
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
        for address in sorted(_other_passwords(state, declared))
        if address in before
        and after.get(address, {}).get("password") == INITIAL
        and not is_reset(before[address], after[address])
    ]


def _other_passwords(state: Bag, declared: Bag) -> set[str]:
    """Return the addresses whose declared password is known not to be the one that was set."""
    known = {**(state.get("initialPasswords") or {}), **(state.get("passwords") or {})}
    adopted = {*(state.get("adoptedPasswords") or [])} - known.keys()
    return {
        address
        for address, password in declared.items()
        if address in adopted or known.get(address, password) != password
    }


def is_reset(before: Bag, after: Bag) -> bool:
    """Return whether a mailbox asks for its password to be set again."""
    return bool(after.get("reset")) and after.get("reset") != before.get("reset")


def known_renames(state: Bag, inputs: Bag) -> Renames:
    """Return the renames between the rows that the state knows, declared or not, and the declared ones."""
    return renames_between(_known_rows(state), accounts_from(inputs))


def _known_rows(state: Bag) -> Accounts:
    managed = accounts_from(state)
    return Accounts(
        domains={name: Domain() for name in undeclared.names(state, "domain")} | dict(managed.domains),
        mailboxes={name: Mailbox() for name in undeclared.names(state, "mailbox")} | dict(managed.mailboxes),
    )


def foretell(state: Bag, inputs: Bag) -> Answer:
    """Return the properties after an update, as far as they are known before it.

    Raises ProviderError for a rename that the update would refuse.
    """
    present, wanted = _known_rows(state), accounts_from(inputs)
    refuse_taken_names(present, wanted, accounts_from(state))
    renames = renames_between(present, wanted)
    known = follow(state, renames)
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
