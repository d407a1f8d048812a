"""What a preview says of a change whose consequence the changed property alone does not tell; pure.

Owns the lines for the person at the terminal. Does not own the properties after an update (preview.py).
"""

from collections.abc import Iterator
from typing import Any

from mailinfra.provider import undeclared
from mailinfra.provider.mail_folders import OFFERED, fate, fate_of_lost, in_use, unmet
from mailinfra.provider.model import accounts_from, usual_home
from mailinfra.provider.plugin import capped
from mailinfra.provider.renames import Renames, follow, homes_of
from mailinfra.provider.undeclared import removable_rows, still_undeclared, undeclared_lines

Bag = dict[str, Any]


def announcements(state: Bag, inputs: Bag, renames: Renames) -> list[str]:
    """Return the lines about an update from `state` to `inputs`."""
    before = follow(state, renames)
    return [
        *_catch_alls(state, inputs),
        *_moves(state, inputs, renames),
        *_deletions(before, inputs),
        *_undeclared(before, inputs),
        *_beginnings(before, inputs),
    ]


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


def _deletions(before: Bag, inputs: Bag) -> Iterator[str]:
    """Return a line for each mail that goes or stays though no declared mailbox is removed now."""
    delete_mail, after = inputs.get("deleteMail") or {}, inputs.get("mailboxes") or {}
    for home, address in sorted((before.get("lostHomes") or {}).items()):
        if address not in after:
            yield fate_of_lost(home, address, delete_mail)
    for home, address in sorted((before.get("retiredHomes") or {}).items()):
        if address in delete_mail:
            yield f"the mail of an earlier mailbox {address} {fate(home, address, delete_mail)}"
    if "retiredHomes" in before:
        yield from unmet(newly_listed(before, inputs), _known_addresses(before))
        return
    # Written by an earlier version, or nothing is written yet.
    remedy = "; `pulumi refresh` finds out which there is" if before else ""
    for address in newly_listed(before, inputs):
        yield f"the mail of any earlier mailbox {address} is deleted: deleteMail names it{remedy}"


def newly_listed(before: Bag, inputs: Bag) -> list[str]:
    """Return the addresses that `deleteMail` names and did not name last time."""
    return sorted({*(inputs.get("deleteMail") or {})} - {*(before.get("deleteMail") or {})})


def _known_addresses(before: Bag) -> set[str]:
    """Return every address whose mail the state knows of."""
    return {
        *(before.get("mailboxes") or {}),
        *(before.get("retiredHomes") or {}).values(),
        *(before.get("lostHomes") or {}).values(),
        *undeclared.names(before, "mailbox"),
    }


def _undeclared(before: Bag, inputs: Bag) -> Iterator[str]:
    """Return a line for each row that nobody declared: whether it goes or stays."""
    delete_mail = inputs.get("deleteMail") or {}
    rows = still_undeclared(before, accounts_from(inputs))
    if not removable_rows(before, inputs):
        yield from capped(undeclared_lines(rows, inputs))
        return
    for row in rows:
        noun, _, name = row.partition(" ")
        mail = "is deleted: deleteMail names it" if name in delete_mail else "stays"
        ends = f": logins end; its mail {mail}" if noun == "mailbox" else ""
        yield f"{row}, which nobody declared, is removed{ends}"


def _beginnings(before: Bag, inputs: Bag) -> Iterator[str]:
    """Return a line for each mailbox that is added while there is mail where its own would be."""
    homes = homes_of(before)
    known = {*homes, *(before.get("lostHomes") or {}).values(), *undeclared.names(before, "mailbox")}
    retired = before.get("retiredHomes") or {}
    former, taken = {*retired.values()}, {*homes.values(), *retired}
    for address, mailbox in sorted((inputs.get("mailboxes") or {}).items()):
        if address in known:
            continue
        if address in former:
            if mailbox.get("reuseMail"):
                yield f"mailbox {address} gets the old mail of that name, as its reuseMail says"
            else:
                yield f"mailbox {address} begins empty: {OFFERED}"
        elif usual_home(address) in taken:
            yield f"mailbox {address} begins empty: {in_use(usual_home(address))}"
