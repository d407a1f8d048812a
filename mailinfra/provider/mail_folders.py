"""Folders below /mail: which one a new mailbox gets, and what becomes of it once the mailbox is gone; pure.

Owns the rows of `retired_homes`. Does not own the files: Dovecot deletes the marked ones
(images/dovecot/entrypoint).
"""

from collections.abc import Collection, Mapping

from mailinfra.provider.model import usual_home
from mailinfra.provider.records import Found, Writes, address_columns
from mailinfra.provider.state import State


def choose(
    writes: Writes, found: Found, address: str, reuse: bool, taken: Collection[str]
) -> tuple[str, list[str]]:
    """Return the folder of a new mailbox, and what a person should know about it."""
    old = [home for home, owner in found.retired.items() if owner == address]
    # The mail in a marked folder is gone, or about to go.
    whole = [home for home in old if home not in found.marked and home not in found.homes.values()]
    if whole and reuse:
        writes.delete.setdefault("retired_homes", []).append({"home": whole[-1]})
        return whole[-1], [f"mailbox {address} gets the old mail in /mail/{whole[-1]}, as its reuseMail says"]
    usual = home = usual_home(address)
    number = 1
    while home in taken:
        number += 1
        home = f"{usual}.{number}"
    begins = f"mailbox {address} begins empty, in /mail/{home}"
    if whole:
        return home, [f"{begins}: {OFFERED}"]
    if old:
        return home, [f"{begins}: mail of an earlier mailbox of that name was deleted, as deleteMail said"]
    return home, [] if home == usual else [f"{begins}: {in_use(usual)}"]


OFFERED = (
    "mail of an earlier mailbox of that name stays where it is; `reuseMail: true` when it is added would "
    "hand it over"
)


def in_use(home: str) -> str:
    """Return why a new mailbox cannot have its usual folder."""
    return f"/mail/{home} holds the mail of another mailbox"


def lost(found: Found, state: State) -> dict[str, str]:
    """Return each folder of a mailbox that an update or refresh knew and whose row was deleted by hand -> its
    address.

    A folder that a row has, or that was retired, is not lost.
    """
    known = {home: address for address, home in state.homes.items() if address not in found.homes}
    known = {**state.lost_homes, **known}
    in_hand = {*found.homes.values(), *found.retired}
    return {home: address for home, address in sorted(known.items()) if home not in in_hand}


def addresses(found: Found) -> set[str]:
    """Return every address whose mail the database knows of: of mailboxes, and of former ones."""
    return {*found.homes, *found.retired.values()}


def retire(
    writes: Writes, found: Found, leaving: Mapping[str, str], delete_mail: Collection[str]
) -> list[str]:
    """Retire the folders of mailboxes that are gone, mark those whose mail is to be deleted, and say which.

    `leaving` is folder -> address. A folder that a row of `users` has is never marked, whoever had it before.
    """
    rows = set(found.homes.values())
    notes = []
    for home, address in leaving.items():
        columns = {**address_columns(address), "delete_mail": address in delete_mail}
        if home in found.retired:  # a row that was made by hand had taken it up again
            writes.update.setdefault("retired_homes", []).append(({"home": home}, columns))
        else:
            writes.insert.setdefault("retired_homes", []).append({"home": home, **columns})
        if home in rows:
            notes.append(f"mailbox {address} is removed; its mail {fate(home, address, delete_mail)}")
        else:
            notes.append(fate_of_lost(home, address, delete_mail))
    staying = rows - leaving.keys()
    for home, address in found.retired.items():
        if home in staying:
            writes.delete.setdefault("retired_homes", []).append({"home": home})
        elif address in delete_mail and home not in found.marked and home not in leaving:
            writes.update.setdefault("retired_homes", []).append(({"home": home}, {"delete_mail": True}))
            notes.append(f"the mail of an earlier mailbox {address} {fate(home, address, delete_mail)}")
    return notes


def fate(home: str, address: str, delete_mail: Collection[str]) -> str:
    """Return what becomes of a former mailbox's mail; follows `the mail` in a sentence."""
    if address in delete_mail:
        return f"in /mail/{home} is deleted: deleteMail names it"
    return f"stays in /mail/{home}"


def fate_of_lost(home: str, address: str, delete_mail: Collection[str]) -> str:
    """Return what becomes of the mail of a mailbox that was deleted by hand and is not declared any more."""
    mail = fate(home, address, delete_mail)
    return f"the mail of mailbox {address}, whose row was deleted by hand, {mail}"


def kept(
    found: Found,
    leaving: Mapping[str, str] | None = None,
    delete_mail: Collection[str] = (),
    homes: Collection[str] = (),
) -> dict[str, str]:
    """Return each folder that still holds the mail of a former mailbox -> that mailbox's address.

    `leaving` and `delete_mail` are what is about to change, `homes` the folders of mailboxes after it.
    """
    leaving = leaving or {}
    used = {*found.homes.values(), *homes} - leaving.keys()
    retired = {**found.retired, **leaving}
    marked = found.marked - leaving.keys()
    return {
        home: address
        for home, address in sorted(retired.items())
        if home not in used and home not in marked and address not in delete_mail
    }


def unmet(listed: Collection[str], known: Collection[str]) -> list[str]:
    """Return a line for each address that is listed for deletion and is not among the `known` ones."""
    return [
        f"deleteMail names {address}, of which no mail is known here; correct its spelling, or remove it"
        for address in sorted(listed)
        if address not in known
    ]
