"""Addresses whose mail is to be deleted, and which of them cannot mean it.

Owns what `deleteMail` must not name. Does not own the other rules between accounts (rules.py).
"""

from collections.abc import Iterable, Iterator, Mapping

from mailinfra.config.accounts.entries import DomainConfig, MailboxConfig


def faults(
    listed: Mapping[int, str], domains: Iterable[DomainConfig], mailboxes: Iterable[MailboxConfig]
) -> Iterator[tuple[int, str]]:
    """Return (position, reason) of each address whose mail is in use, moves along, is another one's, or is
    named twice."""
    domains = list(domains)
    stands_for = {one.name: one.alias_of for one in domains if one.alias_of}
    moved = {one.renamed_from: one.name for one in domains if one.renamed_from}
    in_use = {one.address: one.renamed_from for one in mailboxes}
    renamed = {name: address for address, old in in_use.items() if old for name in (old, carried(old, moved))}
    seen: dict[str, int] = {}
    for index, address in listed.items():
        local, _, domain = address.partition("@")
        if address in seen:
            yield index, f"{address!r} is already listed at deleteMail.{seen[address]}; remove one of them"
        elif address in in_use:
            yield (
                index,
                f"{address!r} is still a mailbox; remove the mailbox from 'mailboxes', or the address from "
                "'deleteMail'",
            )
        elif address in renamed:
            yield (
                index,
                f"{address!r} is renamed to {renamed[address]!r}, and its mail moves along; remove the "
                "address from 'deleteMail', or that 'renamedFrom' if it is done",
            )
        elif domain in moved:
            yield (
                index,
                f"{address!r} is in a domain that is renamed, and its mail moves along; write "
                f"'{local}@{moved[domain]}', or remove that 'renamedFrom' if it is done",
            )
        elif domain in stands_for:
            yield (
                index,
                f"{address!r} is in an alias domain, which has no mail of its own; write "
                f"'{local}@{stands_for[domain]}'",
            )
        seen.setdefault(address, index)


def carried(address: str, moved: Mapping[str, str]) -> str:
    """Return `address` in its domain's new name: a mailbox may be renamed from either of the two."""
    local, _, domain = address.partition("@")
    return f"{local}@{moved.get(domain, domain)}"
