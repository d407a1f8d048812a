"""What an update would do, told from the state alone: previews connect to nothing."""

from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from mailinfra.provider.homes import fate
from mailinfra.provider.model import Accounts, Domain, Mailbox, accounts_from
from mailinfra.provider.plugin import Answer
from mailinfra.provider.renames import Renames, follow, homes_of, refuse_taken_names, renames_between
from mailinfra.provider.values import is_known

Bag = dict[str, Any]

KEPT = ("initialPasswords", "fingerprints", "homes", "retiredHomes", "undeclaredRows")
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
        and not is_reset(before[address], after[address])
        and declared[address] != held[address]
    ]


def is_reset(before: Bag, after: Bag) -> bool:
    """Return whether a mailbox asks for its password to be set again."""
    return bool(after.get("reset")) and after.get("reset") != before.get("reset")


def announcements(state: Bag, inputs: Bag, renames: Renames) -> list[str]:
    """Return a line for each change whose consequence the changed property alone does not tell."""
    before = follow(state, renames)
    return [*_catch_alls(state, inputs), *_moves(state, inputs, renames), *_deletions(before, inputs)]


def _catch_alls(state: Bag, inputs: Bag) -> list[str]:
    before, after = state.get("domains") or {}, inputs.get("domains") or {}
    return [
        f"domain {name}: with a catch-all no address of it is unknown any more, which invites spam"
        for name in sorted(after)
        if after[name].get("catchAll") and not before.get(name, {}).get("catchAll")
    ]


def _moves(state: Bag, inputs: Bag, renames: Renames) -> list[str]:
    after, delete_mail = inputs.get("mailboxes") or {}, inputs.get("deleteMail") or {}
    homes = homes_of(state)
    lines = []
    for address in sorted(state.get("mailboxes") or {}):
        now = renames.now(address)
        if now not in after:
            mail = fate(homes[address], now, delete_mail)
            lines.append(f"mailbox {address} is removed: logins end; its mail {mail}")
        elif now != address:
            lines.append(f"mailbox {address} becomes {now}, with its mail and password")
    return lines


def _deletions(state: Bag, inputs: Bag) -> list[str]:
    """Return a line for each mail that goes or stays though no declared mailbox is removed now."""
    delete_mail = inputs.get("deleteMail") or {}
    lines = [
        f"the mail of an earlier mailbox {address} {fate(home, address, delete_mail)}"
        for home, address in sorted((state.get("retiredHomes") or {}).items())
        if address in delete_mail
    ]
    if "retiredHomes" not in state:  # written by an earlier version, or nothing is written yet
        remedy = "; `pulumi refresh` finds out which there is" if state else ""
        lines += [
            f"the mail of any earlier mailbox {address} is deleted: deleteMail names it{remedy}"
            for address in sorted(delete_mail)
            if address not in (state.get("deleteMail") or {})
        ]
    if inputs.get("undeclared") == "remove":
        rows = [row.partition(" ") for row in state.get("undeclaredRows") or []]
        lines += [
            f"mailbox {address}, which nobody declared, is removed: logins end; its mail "
            + ("is deleted: deleteMail names it" if address in delete_mail else "stays")
            for noun, _, address in rows
            if noun == "mailbox"
        ]
    return lines


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
