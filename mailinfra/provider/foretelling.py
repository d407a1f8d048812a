"""What an update would do, told from the state alone: previews connect to nothing."""

from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from mailinfra.provider.model import camel
from mailinfra.provider.plugin import Answer
from mailinfra.provider.values import is_known

Bag = dict[str, Any]

KEPT = ("initialPasswords", "fingerprints", "homes", "undeclaredRows")
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
    """Return a line for each declared password that changes nothing, being its owner's by now."""
    declared, held = inputs.get("passwords") or {}, state.get("passwords") or {}
    if not is_known(declared):
        return []
    before, after = state.get("mailboxes") or {}, inputs.get("mailboxes") or {}
    return [
        f"{address}: its declared password was changed, which does nothing: an `initial` password is "
        f"set once; "
        "to set it again, give the mailbox a new `reset` text, or make the password `owned`"
        for address in sorted(declared)
        if address in before
        and address in held
        and after.get(address, {}).get("password") == "initial"
        and after[address].get("reset") == before[address].get("reset")
        and declared[address] != held[address]
    ]


def removals(state: Bag, inputs: Bag) -> list[str]:
    """Return a line for each mailbox that goes, saying what becomes of its mail."""
    after = inputs.get("mailboxes") or {}
    renamed = {mailbox.get(camel("renamed_from")) for mailbox in after.values()}
    moved = {domain.get(camel("renamed_from")) for domain in (inputs.get("domains") or {}).values()}
    homes = state.get("homes") or {}
    lines = []
    for address in sorted(state.get("mailboxes") or {}):
        local, _, domain = address.rpartition("@")
        if address not in after and address not in renamed and domain not in moved:
            home = homes.get(address, f"{domain}/{local}")
            lines.append(f"mailbox {address} is removed: logins end; its mail stays in /mail/{home}")
    return lines


def foretell(state: Bag, inputs: Bag) -> Answer:
    """Return the properties after an update, as far as they are known before it."""
    before, after = state.get("mailboxes") or {}, inputs.get("mailboxes") or {}
    declared = inputs.get("passwords") or {}
    needs_new = [
        address
        for address, mailbox in after.items()
        if address not in before or mailbox.get("reset") != before[address].get("reset")
    ]
    properties: Bag = dict(inputs) | {name: state[name] for name in KEPT if name in state}
    if not state or any(not is_known(declared) or address not in declared for address in needs_new):
        properties["initialPasswords"] = UNKNOWN
    return Answer(properties=properties, notes=tuple(removals(state, inputs)))
