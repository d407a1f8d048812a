"""Which rows have to be written so that the database holds what was declared; pure, the database is not
asked.

Declared rows are put right. Rows that were declared before and are not any more are taken away. Rows that
nobody ever declared are named and left alone, unless they are to be removed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from mailinfra.provider import mail_folders
from mailinfra.provider.model import Accounts, Alias, split
from mailinfra.provider.records import Found, Writes, address_columns, domain_row, mailbox_row


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be written, and said."""

    writes: Writes
    created: tuple[str, ...]
    """Mailboxes that get a row, and so need a password."""
    homes: Mapping[str, str]
    """Address -> folder below /mail, for every declared mailbox."""
    retired_homes: Mapping[str, str]
    """Folder below /mail that holds the mail of a former mailbox, and keeps it -> that mailbox's address."""
    undeclared: tuple[str, ...]
    """Rows that nobody declared and that stay."""
    notes: tuple[str, ...]


def plan(
    *,
    found: Found,
    wanted: Accounts,
    managed: Accounts,
    lost: Mapping[str, str],
    removable: Collection[str] = (),
    delete_mail: Collection[str] = (),
) -> Plan:
    """Return the way from `found` to `wanted`.

    `managed` is what was declared last time, `lost` the folders of its mailboxes whose rows were deleted by
    hand (folder -> address): a mailbox that is still declared gets its own back, the others are retired.
    `removable` names the undeclared rows that are taken away too, `delete_mail` the addresses whose former
    mailboxes keep no mail.
    """
    writes, notes, present = Writes(), [], found.accounts
    ours = {*managed.rows(), *removable}
    undeclared = _take_away(writes, present, wanted, ours)
    removed = present.mailboxes.keys() - wanted.mailboxes.keys()
    leaving = {found.homes[address]: address for address in sorted(removed) if f"mailbox {address}" in ours}
    returning = {
        address: home
        for home, address in lost.items()
        if address in wanted.mailboxes and address not in present.mailboxes
    }
    leaving |= {home: address for home, address in lost.items() if home != returning.get(address)}
    notes += mail_folders.retire(writes, found, leaving, delete_mail)
    _plan_domains(writes, present, wanted)
    created, new_homes = _plan_mailboxes(writes, found, wanted, lost, returning, notes)
    _plan_aliases(writes, found, wanted)
    return Plan(
        writes=writes,
        created=tuple(created),
        homes=new_homes,
        retired_homes=mail_folders.kept(found, leaving, delete_mail, new_homes.values()),
        undeclared=tuple(sorted(undeclared)),
        notes=tuple(notes),
    )


def _take_away(writes: Writes, present: Accounts, wanted: Accounts, ours: Collection[str]) -> list[str]:
    """Delete each row of `ours` that is not wanted; return the others that are not, which stay."""
    stay: list[str] = []
    for address in sorted(present.aliases.keys() - wanted.aliases.keys()):
        if f"alias {address}" in ours:
            _delete_alias(writes, address, present.aliases[address].targets)
        else:
            stay.append(f"alias {address}")
    for address in sorted(present.mailboxes.keys() - wanted.mailboxes.keys()):
        if f"mailbox {address}" in ours:
            _append(writes.delete, "users", address_columns(address))
        else:
            stay.append(f"mailbox {address}")
    kept_domains = {split(row)[1] for row in stay}
    gone = present.domains.keys() - wanted.domains.keys()
    # An undeclared domain that is an alias keeps the domain that it is an alias of; it is judged first.
    for name in sorted(gone, key=lambda name: (not present.domains[name].alias_of, name)):
        if f"domain {name}" in ours and name not in kept_domains:
            _append(writes.delete, "domains", {"name": name})
        else:
            stay.append(f"domain {name}")
            kept_domains.add(present.domains[name].alias_of)
    return stay


def _append(rows: dict[str, list[dict[str, object]]], table: str, row: dict[str, object]) -> None:
    rows.setdefault(table, []).append(row)


def _delete_alias(writes: Writes, address: str, targets: tuple[str, ...]) -> None:
    for target in targets:
        _append(writes.delete, "aliases", {**address_columns(address, "name"), "target": target})


def _plan_domains(writes: Writes, present: Accounts, wanted: Accounts) -> None:
    # A domain that others are aliases of goes first: their rows refer to it.
    for name, domain in sorted(wanted.domains.items(), key=lambda item: (bool(item[1].alias_of), item[0])):
        declared = replace(domain, renamed_from="")
        if name not in present.domains:
            _append(writes.insert, "domains", domain_row(name, declared))
        elif present.domains[name] != declared:
            changed = _changed(domain_row(name, present.domains[name]), domain_row(name, declared))
            writes.update.setdefault("domains", []).append(({"name": name}, changed))


def _changed(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    return {column: value for column, value in new.items() if old[column] != value}


def _plan_mailboxes(
    writes: Writes,
    found: Found,
    wanted: Accounts,
    lost: Collection[str],
    returning: Mapping[str, str],
    notes: list[str],
) -> tuple[list[str], dict[str, str]]:
    created: list[str] = []
    new_homes = {address: found.homes[address] for address in wanted.mailboxes if address in found.homes}
    taken = {*found.homes.values(), *found.retired, *lost}
    for address, mailbox in sorted(wanted.mailboxes.items()):
        row = mailbox_row(mailbox)
        if address in found.accounts.mailboxes:
            changed = _changed(mailbox_row(found.accounts.mailboxes[address]), row)
            if changed:
                writes.update.setdefault("users", []).append((address_columns(address), changed))
            continue
        home = returning.get(address, "")
        if not home:
            home, said = mail_folders.choose(writes, found, address, mailbox.reuse_mail, taken)
            notes += said
        taken.add(home)
        created.append(address)
        new_homes[address] = home
        _append(writes.insert, "users", {**address_columns(address), **row, "home": home})
    return created, new_homes


def _plan_aliases(writes: Writes, found: Found, wanted: Accounts) -> None:
    for address, alias in sorted(wanted.aliases.items()):
        old = found.accounts.aliases.get(address, Alias())
        rows = found.may_send.get(address) or dict.fromkeys(old.targets, old.may_send)
        _delete_alias(writes, address, tuple(target for target in old.targets if target not in alias.targets))
        for target in alias.targets:
            columns = {**address_columns(address, "name"), "target": target}
            if target not in rows:
                _append(writes.insert, "aliases", {**columns, "may_send": alias.may_send})
            elif rows[target] != alias.may_send:
                writes.update.setdefault("aliases", []).append((columns, {"may_send": alias.may_send}))
