"""What must be true of accounts before a row is written; says every mistake at once and quotes no secret.

The stack's configuration is checked before this, with its own words. Here it is what the rows rely on.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mailinfra import chains
from mailinfra.addresses import LENGTHS, alias_address, ascii_domain, email_address, foreign_address
from mailinfra.hashes import MEMORY_LIMIT_KIB, fault
from mailinfra.provider.difference import join
from mailinfra.provider.model import INITIAL, KINDS, OWNED, Accounts, accounts_from, camel, from_bag, split
from mailinfra.provider.renames import former_addresses, is_free
from mailinfra.provider.state import hashing_from
from mailinfra.provider.values import is_known

Mistake = tuple[str, str]
"""Property path, and what is wrong with it and how to put it right."""

OURS = {"mailboxes": email_address, "aliases": alias_address}
"""Kind of entry -> what says whether an address can be one of them."""


def mistakes(inputs: Mapping[str, Any]) -> list[Mistake]:
    """Return (path, reason) of each mistake in a Directory's inputs."""
    shape = list(_shape(inputs))
    if shape:
        return shape
    accounts = accounts_from(inputs)
    found = [
        *_domains(accounts),
        *_addresses(accounts),
        *_mailboxes(accounts),
        *_aliases(accounts),
        *_chains(accounts),
        *_mail_to_delete(accounts, inputs.get("deleteMail") or {}),
    ]
    passwords = inputs.get("passwords") or {}
    if is_known(passwords):
        found += _passwords(accounts, passwords)
    return found


def _shape(inputs: Mapping[str, Any]) -> Iterator[Mistake]:
    for name, kind in KINDS.items():
        for key, bag in (inputs.get(name) or {}).items():
            try:
                from_bag(kind, bag)  # type: ignore[type-var]  # one of the three
            except ValueError as error:
                yield join(name, key), str(error)
    if inputs.get("undeclared") not in ("keep", "remove"):
        yield "undeclared", f"must be 'keep' or 'remove'; given {inputs.get('undeclared')!r}"
    for address, said in (inputs.get("deleteMail") or {}).items():
        if said is not True:
            yield join("deleteMail", address), f"must be true; given {said!r}; to keep its mail, take it away"
    try:
        memory = hashing_from(inputs).memory_kib
    except ValueError as error:
        yield "hashing", str(error)
        return
    if memory > MEMORY_LIMIT_KIB:
        yield "hashing.memoryKib", f"must be at most {MEMORY_LIMIT_KIB}, or logins fail; given {memory}"


def _domains(accounts: Accounts) -> Iterator[Mistake]:
    claimed: dict[str, str] = {}
    for name, domain in accounts.domains.items():
        path = join("domains", name)
        old = domain.renamed_from
        if old and not is_free(old, name, accounts):
            yield f"{path}.renamedFrom", f"{old!r} is still declared; take it away to rename it"
        elif old and old in claimed:
            yield f"{path}.renamedFrom", f"{old!r} becomes {claimed[old]!r} already; keep one of the two"
        claimed.setdefault(old, name)
        if wrong := _fault(ascii_domain, name):
            yield path, f"{name!r} {wrong}"
        if domain.alias_of and accounts.domains.get(domain.alias_of) is None:
            yield f"{path}.aliasOf", f"{domain.alias_of!r} is not a declared domain; declare it"
        elif domain.alias_of and accounts.domains[domain.alias_of].alias_of:
            yield (
                f"{path}.aliasOf",
                f"{domain.alias_of!r} is an alias itself; name the domain that it stands for",
            )
        if domain.catch_all and domain.alias_of:
            yield f"{path}.catchAll", f"has no meaning in an alias domain; set it at {domain.alias_of!r}"
        elif domain.catch_all and split(domain.catch_all)[1] not in accounts.domains:
            yield (
                f"{path}.catchAll",
                f"{domain.catch_all!r} is in no declared domain; name a mailbox, or an alias to there",
            )
        elif domain.catch_all:
            yield from _target(accounts, f"{path}.catchAll", domain.catch_all)


def _addresses(accounts: Accounts) -> Iterator[Mistake]:
    for kind in ("mailboxes", "aliases"):
        for address in getattr(accounts, kind):
            path = join(kind, address)
            local, domain_name = split(address)
            if wrong := _fault(OURS[kind], address):
                yield path, f"{address!r} {wrong}"
            if domain_name not in accounts.domains:
                yield path, f"{domain_name!r} is not a declared domain; declare it, or take this address away"
            elif accounts.domains[domain_name].alias_of:
                original = accounts.domains[domain_name].alias_of
                yield path, f"{domain_name!r} is an alias of {original!r}; declare {local}@{original} instead"


def _fault(check: Callable[[str], str], given: str) -> str | None:
    """Return what is wrong with a name or an address, which here has to be in its stored form already."""
    try:
        stored = check(given)
    except ValueError as error:
        return str(error)
    return None if stored == given else f"is not in the form that is stored; write {stored!r}"


def _mailboxes(accounts: Accounts) -> Iterator[Mistake]:
    for address, mailbox in accounts.mailboxes.items():
        path = join("mailboxes", address)
        if address in accounts.aliases:
            yield path, "is declared as an alias too; keep one of them"
        if mailbox.password not in (INITIAL, OWNED):
            yield f"{path}.password", f"must be 'initial' or 'owned'; given {mailbox.password!r}"
        for name, limit in LENGTHS.items():
            if len(getattr(mailbox, name)) > limit:
                yield f"{path}.{camel(name)}", f"must have at most {limit} characters; shorten it"
        if not mailbox.receives and not mailbox.submission:
            yield f"{path}.submission", "leaves no use: it neither receives mail nor sends it; turn one on"
        if mailbox.reset and mailbox.password == OWNED:
            yield f"{path}.reset", "sets nothing with 'owned': change the declared password instead"
    yield from _former_addresses(accounts)


def _former_addresses(accounts: Accounts) -> Iterator[Mistake]:
    """Return each former address that is still in use, in its domain's old name or its new one, or that two
    mailboxes claim."""
    claimed: dict[str, str] = {}
    for address, former in former_addresses(Accounts(), accounts).items():
        path = f"{join('mailboxes', address)}.renamedFrom"
        stated = accounts.mailboxes[address].renamed_from
        if stated in accounts.mailboxes or (former in accounts.mailboxes and former != address):
            named = f"{stated!r}" if stated == former else f"{stated!r}, which is {former!r} now,"
            yield path, f"{named} is still declared; take it away to rename it"
        elif former in claimed:
            yield path, f"{stated!r} becomes {claimed[former]!r} already; keep one of the two"
        claimed.setdefault(former, address)


def _aliases(accounts: Accounts) -> Iterator[Mistake]:
    for address, alias in accounts.aliases.items():
        path = f"{join('aliases', address)}.targets"
        if not alias.targets:
            yield path, "is empty; name at least one address"
        for target in alias.targets:
            yield from _target(accounts, path, target)


def _target(accounts: Accounts, path: str, target: str) -> Iterator[Mistake]:
    domain = split(target)[1]
    if domain not in accounts.domains:
        if wrong := _fault(foreign_address, target):
            yield path, f"{target!r} {wrong}"
        return
    plain = _plain(accounts, target)
    if plain not in accounts.mailboxes and plain not in accounts.aliases:
        yield path, f"{target!r} is neither a mailbox nor an alias, though {domain!r} is ours; declare it"
    elif plain in accounts.mailboxes and not accounts.mailboxes[plain].receives:
        yield (
            path,
            f"{target!r} is a mailbox that receives no mail, so its mail would bounce; name another one",
        )


def _plain(accounts: Accounts, address: str) -> str:
    """Return an address in the domain that its own one is an alias of."""
    local, domain = split(address)
    known = accounts.domains.get(domain)
    return f"{local}@{(known and known.alias_of) or domain}"


def _chains(accounts: Accounts) -> Iterator[Mistake]:
    targets = {
        address: [_plain(accounts, target) for target in alias.targets]
        for address, alias in accounts.aliases.items()
    }
    for address, reason in chains.faults(targets):
        yield f"{join('aliases', address)}.targets", reason


def _mail_to_delete(accounts: Accounts, delete_mail: Mapping[str, bool]) -> Iterator[Mistake]:
    moved = {mailbox.renamed_from for mailbox in accounts.mailboxes.values()}
    moved |= set(former_addresses(Accounts(), accounts).values())
    moved |= {domain.renamed_from for domain in accounts.domains.values()}
    for address in delete_mail:
        path = join("deleteMail", address)
        if address in accounts.mailboxes:
            yield path, f"{address!r} is still a mailbox; take it away from the mailboxes, or from here"
        elif address in moved or split(address)[1] in moved:
            yield path, f"{address!r} is renamed, and its mail moves along; take away the rename, or this"
        elif (domain := accounts.domains.get(split(address)[1])) and domain.alias_of:
            plain = f"{split(address)[0]}@{domain.alias_of}"
            yield path, f"{address!r} is in an alias domain and has no mail of its own; write {plain!r}"


def _passwords(accounts: Accounts, passwords: Mapping[str, str]) -> Iterator[Mistake]:
    for address, declared in passwords.items():
        path = join("passwords", address)
        if address not in accounts.mailboxes:
            yield path, f"{address!r} is not a declared mailbox; declare it, or take the password away"
        wrong = fault(declared)
        if wrong:
            yield path, f"the password of {address} {wrong}"
    for address, mailbox in accounts.mailboxes.items():
        if mailbox.password == OWNED and address not in passwords:
            yield (
                f"{join('mailboxes', address)}.password",
                f"is 'owned', so mailinfra:passwords must hold {address}",
            )
