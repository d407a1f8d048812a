"""Renamed mailboxes and domains: which names of last time are which names of now; pure.

A rename is stated on the new name (`renamedFrom`). It is done once; the statement may stay and then means
nothing. Previews and updates ask the same functions. Does not own the rows that move (renamed_rows.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mailinfra.provider.errors import ProviderError
from mailinfra.provider.model import Accounts, Mailbox, split
from mailinfra.provider.state import State

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Renames:
    """The renames that still have to be done."""

    domains: Mapping[str, str] = field(default_factory=dict)
    """Old name -> new name."""
    mailboxes: Mapping[str, str] = field(default_factory=dict)
    """Address, as it is once its domain was renamed -> new address."""

    def now(self, address: str) -> str:
        """Return what the mailbox at `address` is called after all renames."""
        carried = self.carried(address)
        return self.mailboxes.get(carried, carried)

    def carried(self, address: str) -> str:
        """Return what `address` is called after the renames of domains alone, as mail of earlier mailboxes
        is."""
        return carried(address, self.domains)


def carried(address: str, domains: Mapping[str, str]) -> str:
    """Return `address` in its domain's new name."""
    local, domain = split(address)
    return f"{local}@{domains.get(domain, domain)}"


def renames_between(present: Accounts, wanted: Accounts) -> Renames:
    """Return the renames that lead from `present` to `wanted`."""
    waiting = {old: new for old, new in _moves(present, wanted).items() if old in present.domains}
    names = {carried(address, waiting) for address in present.mailboxes}
    mailboxes = {
        former: address
        for address, former in former_addresses(present, wanted).items()
        if former in names and former not in wanted.mailboxes and address not in names
    }
    return Renames(domains=waiting, mailboxes=mailboxes)


def with_lost(present: Accounts, lost: Iterable[str]) -> Accounts:
    """Return `present` with the mailboxes whose rows were deleted by hand: their mail moves along."""
    return replace(present, mailboxes={**dict.fromkeys(lost, Mailbox()), **present.mailboxes})


def former_addresses(present: Accounts, wanted: Accounts) -> dict[str, str]:
    """Return address -> the one that its `renamedFrom` means, once domains are renamed.

    `renamedFrom` may name the mailbox in its domain's old name or in the new one.
    """
    domains = _moves(present, wanted)
    return {
        address: carried(mailbox.renamed_from, domains)
        for address, mailbox in sorted(wanted.mailboxes.items())
        if mailbox.renamed_from
    }


def _moves(present: Accounts, wanted: Accounts) -> dict[str, str]:
    """Return old name -> new name of each renamed domain, whether it still has to be done or was long ago."""
    return {
        domain.renamed_from: name
        for name, domain in sorted(wanted.domains.items())
        if domain.renamed_from
        and is_free(domain.renamed_from, name, wanted)
        and not {domain.renamed_from, name} <= present.domains.keys()
    }


def is_free(old: str, new: str, wanted: Accounts) -> bool:
    """Return whether a domain's old name is not declared, or only as an alias of the new one."""
    kept = wanted.domains.get(old)
    return kept is None or kept.alias_of == new


def refuse_taken_names(present: Accounts, wanted: Accounts, managed: Accounts) -> None:
    """Raise ProviderError for a rename onto a name that has a row: its own row would be lost."""
    domains = renames_between(present, wanted).domains
    names = {carried(address, domains) for address in present.mailboxes}
    known = {carried(address, domains) for address in managed.mailboxes} & names
    taken = [
        f"mailbox {former} to {address}"
        for address, former in former_addresses(present, wanted).items()
        if former != address and former in known and address in names
    ]
    taken += [
        f"domain {domain.renamed_from} to {name}"
        for name, domain in sorted(wanted.domains.items())
        if domain.renamed_from in managed.domains
        and domain.renamed_from in present.domains
        and is_free(domain.renamed_from, name, wanted)
        and present.domains[domain.renamed_from].alias_of != name
        and name in present.domains
    ]
    if taken:
        raise ProviderError(
            f"cannot rename {', '.join(taken)}: the new name has a row already; where nobody needs that row, "
            "remove it in an `up` of its own, or by hand with a `pulumi refresh` after it; else take the "
            "rename away; nothing was changed"
        )


def follow(state: State, renames: Renames) -> State:
    """Return the state of last time under the names of now, so that what was declared still counts so."""
    if renames == Renames():
        return state

    def now(known: Mapping[str, Value]) -> dict[str, Value]:
        return {renames.now(address): value for address, value in known.items()}

    def carried(homes: Mapping[str, str]) -> dict[str, str]:
        return {home: renames.carried(address) for home, address in homes.items()}

    # The mail of a row that was deleted by hand moves along like any other.
    lost = {
        home: renames.carried(address) if address in state.accounts.mailboxes else renames.now(address)
        for home, address in state.lost_homes.items()
    }

    accounts = Accounts(
        domains={renames.domains.get(name, name): one for name, one in state.accounts.domains.items()},
        mailboxes=now(state.accounts.mailboxes),
        aliases={renames.carried(address): one for address, one in state.accounts.aliases.items()},
    )
    return replace(
        state,
        accounts=accounts,
        delete_mail=frozenset(map(renames.carried, state.delete_mail)),
        held_passwords=now(state.held_passwords),
        initial_passwords=now(state.initial_passwords),
        adopted_passwords=tuple(sorted(map(renames.now, state.adopted_passwords))),
        fingerprints=now(state.fingerprints),
        homes=now(state.homes),
        retired_homes=None if state.retired_homes is None else carried(state.retired_homes),
        lost_homes=lost,
        lost_resets=now(state.lost_resets),
        undeclared_rows=tuple(sorted(_row(row, renames) for row in state.undeclared_rows)),
    )


def _row(row: str, renames: Renames) -> str:
    noun, _, name = row.partition(" ")
    if noun == "domain":
        return f"domain {renames.domains.get(name, name)}"
    return f"{noun} {renames.now(name) if noun == 'mailbox' else renames.carried(name)}"
