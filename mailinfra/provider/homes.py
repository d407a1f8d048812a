"""Folders below /mail: which one a new mailbox gets, and what becomes of it once the mailbox is gone; pure.

Owns the rows of `retired_homes`. Does not own the files: Dovecot deletes the marked ones
(images/dovecot/entrypoint).
"""

from collections.abc import Collection

from mailinfra.provider.model import split
from mailinfra.provider.rows import Found, Writes, address_columns


def choose(
    writes: Writes, found: Found, address: str, reuse: bool, taken: Collection[str]
) -> tuple[str, list[str]]:
    """Return the folder of a new mailbox, and what a person should know about it."""
    old = [home for home, owner in found.retired.items() if owner == address]
    # The mail in a marked folder is gone, or about to go.
    whole = [home for home in old if home not in found.marked]
    if whole and reuse:
        home = max(whole, key=_generation)
        writes.delete.setdefault("retired_homes", []).append({"home": home})
        return home, [f"mailbox {address} gets the old mail in /mail/{home}, as its reuseMail says"]
    local, domain = split(address)
    home, number = f"{domain}/{local}", 1
    while home in taken:
        number += 1
        home = f"{domain}/{local}.{number}"
    if number == 1:
        return home, []
    begins = f"mailbox {address} begins empty, in /mail/{home}: mail of an earlier mailbox of that name"
    if old and not whole:
        return home, [f"{begins} was deleted, as deleteMail said"]
    return home, [f"{begins} stays where it is; `reuseMail: true` when it is added would hand it over"]


def _generation(home: str) -> tuple[int, str]:
    tail = home.rpartition(".")[2]
    return (int(tail) if tail.isdigit() else 1, home)


def retire(writes: Writes, found: Found, removed: Collection[str], delete_mail: Collection[str]) -> list[str]:
    """Retire the folders of removed mailboxes, mark those whose mail is to be deleted, and say which.

    A folder that a row of `users` has is never marked, whoever had it before.
    """
    leaving = {found.homes[address]: address for address in sorted(removed)}
    staying = set(found.homes.values()) - leaving.keys()
    notes = []
    for home, address in leaving.items():
        columns = {**address_columns(address), "delete_mail": address in delete_mail}
        if home in found.retired:  # a row that was made by hand had taken it up again
            writes.update.setdefault("retired_homes", []).append(({"home": home}, columns))
        else:
            writes.insert.setdefault("retired_homes", []).append({"home": home, **columns})
        notes.append(f"mailbox {address} is removed; its mail {fate(home, address, delete_mail)}")
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


def kept(
    found: Found,
    removed: Collection[str] = (),
    delete_mail: Collection[str] = (),
    homes: Collection[str] = (),
) -> dict[str, str]:
    """Return each folder that still holds the mail of a former mailbox -> that mailbox's address.

    `removed` and `delete_mail` are what is about to change, `homes` the folders of mailboxes after it.
    """
    leaving = {found.homes[address]: address for address in removed}
    used = {*found.homes.values(), *homes} - leaving.keys()
    retired = {**found.retired, **leaving}
    marked = found.marked - leaving.keys()
    return {
        home: address
        for home, address in sorted(retired.items())
        if home not in used and home not in marked and address not in delete_mail
    }
