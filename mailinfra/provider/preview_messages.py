"""What a preview says of a change whose consequence the changed property alone does not tell; pure.

Owns the lines for the person at the terminal. Does not own the properties after an update (preview.py).
"""

import difflib
from collections.abc import Iterator

from mailinfra.provider.mail_folders import OFFERED, fate, fate_of_lost, in_use, unmet
from mailinfra.provider.model import Domain, Mailbox, split, usual_home
from mailinfra.provider.plugin import capped
from mailinfra.provider.renames import Renames, follow
from mailinfra.provider.state import Inputs, State
from mailinfra.provider.undeclared import removable_rows, still_undeclared, undeclared_lines


def announcements(state: State, inputs: Inputs, renames: Renames) -> list[str]:
    """Return the lines about an update from `state` to `inputs`."""
    before = follow(state, renames)
    return [
        *_catch_alls(state, inputs),
        *_moves(state, inputs, renames),
        *_refused_from_then_on(state, inputs, renames),
        *_no_other_names(before, inputs),
        *_alike(before, inputs),
        *_followers(state, inputs, renames),
        *_deletions(before, inputs),
        *_undeclared(before, inputs),
        *_beginnings(before, inputs),
    ]


def _catch_alls(state: State, inputs: Inputs) -> list[str]:
    before, after = state.accounts.domains, inputs.accounts.domains
    return [
        f"domain {name}: with a catch-all no address of it is unknown any more, which invites spam"
        for name in sorted(after)
        if after[name].catch_all and not before.get(name, Domain()).catch_all
    ]


def _moves(state: State, inputs: Inputs, renames: Renames) -> list[str]:
    after = inputs.accounts.mailboxes
    lines = []
    for address in sorted(state.accounts.mailboxes):
        now = renames.now(address)
        if now not in after:
            mail = fate(state.homes[address], now, inputs.delete_mail)
            lines.append(f"mailbox {address} is removed: logins end; its mail {mail}")
        elif now != address:
            lines.append(f"mailbox {address} becomes {now}, with its mail and password")
    return lines


def _refused_from_then_on(state: State, inputs: Inputs, renames: Renames) -> Iterator[str]:
    """Return a line for each old name whose mail nobody takes after a rename."""
    wanted = inputs.accounts
    for old, new in renames.domains.items():
        if old not in wanted.domains:
            yield (
                f"domain {old}: mail to it is refused from then on; to go on receiving it, declare {old} "
                f"with `aliasOf: {new}`"
            )
    for old in sorted(state.accounts.mailboxes):
        new, domain = renames.now(old), wanted.domains.get(split(old)[1])
        if new == old or domain is None or domain.catch_all or domain.alias_of:
            continue
        if old not in wanted.aliases and old not in wanted.mailboxes:
            yield (
                f"mail to {old} is refused from then on; to go on receiving it, declare the alias {old} with "
                f"the target {new}"
            )


def _no_other_names(before: State, inputs: Inputs) -> Iterator[str]:
    """Return a line for each domain that was another name of one and is a domain of its own from now on:
    who had an address there has none any more."""
    known, wanted = before.accounts, inputs.accounts
    for name, domain in sorted(wanted.domains.items()):
        base = known.domains.get(name, Domain()).alias_of
        if not base or domain.alias_of or domain.catch_all:
            continue
        had = [
            split(address)[0]
            for address in sorted({*known.mailboxes, *known.aliases})
            if split(address)[1] == base
        ]
        taken = {*wanted.mailboxes, *wanted.aliases}
        lost = [address for local in had if (address := f"{local}@{name}") not in taken]
        if lost:
            more = f" and {len(lost) - 1} more of its addresses" if len(lost) > 1 else ""
            yield (
                f"domain {name} is no other name of {base} any more: mail to and from {lost[0]}{more} is "
                "refused from then on; to go on with one, declare it as an alias"
            )


MOST_ALIKE = 50
"""Mailboxes that come and go in one update, above which nobody is asked who is who."""


def _alike(before: State, inputs: Inputs) -> Iterator[str]:
    """Return a line for each new mailbox that looks like one that is removed: a rename that nobody stated."""
    wanted = inputs.accounts
    known = {*before.accounts.mailboxes, *before.names("mailbox"), *before.lost_homes.values()}
    gone = sorted(before.accounts.mailboxes.keys() - wanted.mailboxes.keys())
    new = sorted(address for address in wanted.mailboxes if address not in known)
    if max(len(gone), len(new)) > MOST_ALIKE:
        return
    moves: set[tuple[str, str]] = set()
    for address in new:
        if wanted.mailboxes[address].renamed_from:
            continue
        box = wanted.mailboxes[address]
        rated = [(_likeness(before.accounts.mailboxes[old], old, box, address), old) for old in gone]
        likeness, old = max(rated, default=(0.0, ""))
        if likeness < ALIKE:
            continue
        domains = split(old)[1], split(address)[1]
        if domains[0] not in wanted.domains and domains[1] not in before.accounts.domains:
            moves.add(domains)
            continue
        yield (
            f"mailbox {address} is new and {old} is removed: if they are one, `renamedFrom: {old}` takes "
            "mail and password along"
        )
    for old, name in sorted(moves):
        if not wanted.domains[name].renamed_from:
            yield (
                f"domain {name} is new and {old} is removed: if they are one, `renamedFrom: {old}` takes "
                "mailboxes, mail and passwords along"
            )


ALIKE = 0.6


def _likeness(old: Mailbox, old_address: str, new: Mailbox, new_address: str) -> float:
    """Return from 0 to 1 how likely two mailboxes are one person's."""
    if old.display_name and old.display_name == new.display_name:
        return 1.0
    return difflib.SequenceMatcher(None, split(old_address)[0], split(new_address)[0]).ratio()


def _followers(state: State, inputs: Inputs, renames: Renames) -> Iterator[str]:
    """Return a line where undeclared rows may lead to an old name: no preview knows where they lead."""
    rows = [*state.names("alias"), *state.names("domain")]
    if rows and renames != Renames() and not removable_rows(state, inputs):
        yield "rows that nobody declared and that lead to an old name lead to the new one from then on"


def _deletions(before: State, inputs: Inputs) -> Iterator[str]:
    """Return a line for each mail that goes or stays though no declared mailbox is removed now."""
    delete_mail = inputs.delete_mail
    for home, address in sorted(before.lost_homes.items()):
        if address not in inputs.accounts.mailboxes:
            yield fate_of_lost(home, address, delete_mail)
    for home, address in sorted((before.retired_homes or {}).items()):
        if address in delete_mail:
            yield f"the mail of an earlier mailbox {address} {fate(home, address, delete_mail)}"
    if before.retired_homes is not None:
        yield from unmet(newly_listed(before, inputs), _known_addresses(before))
        return
    # Written by an earlier version, or nothing is written yet.
    remedy = "" if before.is_new else "; `pulumi refresh` finds out which there is"
    for address in newly_listed(before, inputs):
        yield f"the mail of any earlier mailbox {address} is deleted: deleteMail names it{remedy}"


def newly_listed(before: State, inputs: Inputs) -> list[str]:
    """Return the addresses that `deleteMail` names and did not name last time."""
    return sorted(inputs.delete_mail - before.delete_mail)


def _known_addresses(before: State) -> set[str]:
    """Return every address whose mail the state knows of."""
    return {
        *before.accounts.mailboxes,
        *(before.retired_homes or {}).values(),
        *before.lost_homes.values(),
        *before.names("mailbox"),
    }


def _undeclared(before: State, inputs: Inputs) -> Iterator[str]:
    """Return a line for each row that nobody declared: whether it goes or stays."""
    rows = still_undeclared(before, inputs.accounts)
    if not removable_rows(before, inputs):
        yield from capped(undeclared_lines(rows, inputs))
        return
    for row in rows:
        noun, _, name = row.partition(" ")
        mail = "is deleted: deleteMail names it" if name in inputs.delete_mail else "stays"
        ends = f": logins end; its mail {mail}" if noun == "mailbox" else ""
        yield f"{row}, which nobody declared, is removed{ends}"


def _beginnings(before: State, inputs: Inputs) -> Iterator[str]:
    """Return a line for each mailbox that is added while there is mail where its own would be."""
    known = {*before.homes, *before.lost_homes.values(), *before.names("mailbox")}
    retired = before.retired_homes or {}
    former, taken = {*retired.values()}, {*before.homes.values(), *retired}
    for address, mailbox in sorted(inputs.accounts.mailboxes.items()):
        if address in known:
            continue
        if address in former:
            if mailbox.reuse_mail:
                yield f"mailbox {address} gets the old mail of that name, as its reuseMail says"
            else:
                yield f"mailbox {address} begins empty: {OFFERED}"
        elif usual_home(address) in taken:
            yield f"mailbox {address} begins empty: {in_use(usual_home(address))}"
