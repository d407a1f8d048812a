"""The rules between accounts: what is declared twice, points nowhere or goes round in circles.

Owns every check that needs more than one entry. Does not own the shape of an entry (entries.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailinfra import chains
from mailinfra.config.accounts import deletions
from mailinfra.config.accounts.entries import AliasConfig, DomainConfig, MailboxConfig
from mailinfra.config.accounts.spelling import near_address, near_domain
from mailinfra.config.model import Mistake

ROLES = ("postmaster", "abuse")
"""Names that every domain answers for: RFC 5321 section 4.5.1 and RFC 2142."""

STAND_INS = ("postmaster", "admin", "administrator", "hostmaster")
"""Names of mailboxes that answer for an undeclared role before all others, the first one first."""


@dataclass(frozen=True, kw_only=True)
class Entries:
    """The well-formed entries of each list, by their position in it."""

    domains: Mapping[int, DomainConfig]
    """Declared domains."""

    mailboxes: Mapping[int, MailboxConfig]
    """Declared mailboxes."""

    aliases: Mapping[int, AliasConfig]
    """Declared aliases."""

    delete_mail: Mapping[int, str] = field(default_factory=dict)
    """Addresses whose former mailboxes keep no mail."""

    unsure: frozenset[str] = field(default_factory=frozenset)
    """Names and addresses of malformed entries: whoever mentions them may be right."""

    unreadable: frozenset[str] = field(default_factory=frozenset)
    """Which of these are not lists: what they would declare is not known, and nobody is blamed for it."""


def contradictions(entries: Entries) -> Iterator[Mistake]:
    """Return every entry that does not fit the others."""
    rules = _Rules(entries)
    yield from rules.repeated()
    yield from rules.domains()
    yield from rules.homeless()
    yield from rules.targets()
    yield from rules.renames()
    yield from rules.deletions()
    yield from rules.chains()
    yield from rules.roles()


def role_addresses(
    domains: Sequence[DomainConfig], mailboxes: Sequence[MailboxConfig], aliases: Sequence[AliasConfig]
) -> dict[str, str]:
    """Return who gets the mail of each undeclared `postmaster` and `abuse`: address -> mailbox or alias.

    Empty for a domain whose server has no mailbox at all; an alias domain answers through its own domain. The
    order of the lists decides nothing.
    """
    declared = {one.address for one in mailboxes} | {one.address for one in aliases}
    readers = sorted((one.address for one in mailboxes if one.receives), key=_suitability)
    nearest: dict[str, str] = {}
    for address in readers:
        nearest.setdefault(address.partition("@")[2], address)
    found = {}
    for domain in domains:
        target = domain.postmaster or nearest.get(domain.name) or next(iter(readers), None)
        for role in ROLES if target and not domain.alias_of else ():
            address = f"{role}@{domain.name}"
            if address not in declared and target:
                found[address] = target
    return found


def _suitability(address: str) -> tuple[int, str]:
    """Return where `address` stands among the mailboxes that could answer for a role."""
    local = address.partition("@")[0]
    return STAND_INS.index(local) if local in STAND_INS else len(STAND_INS), address


Place = tuple[str, int, str]
"""List, position in it, address."""

_DECLARE = "declare it, or correct its spelling"
_ELSEWHERE = "Otherwise put it under an alias's 'forwards', or add {!r} to 'domains'"


class _Rules:
    def __init__(self, entries: Entries) -> None:
        self.entries = entries
        self.unsure_domains = {one for one in entries.unsure if "@" not in one}
        self.any_domain = "domains" in entries.unreadable
        self.any_address = not entries.unreadable.isdisjoint({"domains", "mailboxes", "aliases"})
        self.by_name = {one.name: one for one in entries.domains.values()}
        self.by_mailbox = {one.address: one for one in entries.mailboxes.values()}
        self.by_alias = {one.address: one for one in entries.aliases.values()}
        self.homeless_in: dict[str, list[Place]] = {}
        for place, items in (("mailboxes", entries.mailboxes), ("aliases", entries.aliases)):
            for index, item in items.items():
                name = item.address.partition("@")[2]
                if name not in self.by_name and not self._may_be_declared(name):
                    self.homeless_in.setdefault(name, []).append((place, index, item.address))

    def repeated(self) -> Iterator[Mistake]:
        """Return each name or address that was declared before."""
        names: dict[str, str] = {}
        for index, domain in self.entries.domains.items():
            if domain.name in names:
                reason = f"{domain.name!r} is already declared at {names[domain.name]}; remove one of them"
                yield Mistake(place=("domains", index, "name"), reason=reason)
            names.setdefault(domain.name, f"domains.{index}")
        addresses: dict[str, str] = {}
        for place, items in (("mailboxes", self.entries.mailboxes), ("aliases", self.entries.aliases)):
            for index, item in items.items():
                if item.address in addresses:
                    first = addresses[item.address]
                    reason = f"{item.address!r} is already declared at {first}; remove one of them"
                    yield Mistake(place=(place, index, "address"), reason=reason)
                addresses.setdefault(item.address, f"{place}.{index}")

    def domains(self) -> Iterator[Mistake]:
        """Return each alias domain that leads nowhere, and each catch-all or postmaster that gets no mail."""
        for index, domain in self.entries.domains.items():
            if domain.alias_of is not None:
                yield from self._alias_domain(index, domain, domain.alias_of)
            for key, target in (("catchAll", domain.catch_all), ("postmaster", domain.postmaster)):
                if target is None:
                    continue
                if domain.alias_of:
                    reason = f"has no meaning in an alias domain; set it at {domain.alias_of!r}, for both"
                    yield Mistake(place=("domains", index, key), reason=reason)
                elif fault := self._unreachable(target):
                    yield Mistake(place=("domains", index, key), reason=f"{target!r} {fault}")
        for index, mailbox in self.entries.mailboxes.items():
            if mailbox.address.partition("@")[0] in ROLES and not mailbox.receives:
                reason = (
                    "must be true here: every domain answers for postmaster and abuse (RFC 2142); remove it"
                )
                yield Mistake(place=("mailboxes", index, "receives"), reason=reason, given=False)

    def _alias_domain(self, index: int, domain: DomainConfig, of: str) -> Iterator[Mistake]:
        place = ("domains", index, "aliasOf")
        original = self.by_name.get(of)
        if of == domain.name:
            yield Mistake(
                place=place, reason=f"{of!r} is the domain itself; name another one, or remove the line"
            )
        elif original is None and not self._may_be_declared(of):
            near = near_domain(of, self.by_name.keys() - {domain.name})
            remedy = f"did you mean {near!r}? Otherwise add it" if near else "add it"
            yield Mistake(place=place, reason=f"{of!r} is not a declared domain; {remedy} to 'domains'")
        elif original is not None and original.alias_of:
            reason = f"{of!r} is an alias domain itself; write {original.alias_of!r}"
            yield Mistake(place=place, reason=reason)

    def homeless(self) -> Iterator[Mistake]:
        """Return each domain that has mailboxes or aliases and is not declared, once; and each of these in a
        domain that takes none."""
        for name, (first, *others) in self.homeless_in.items():
            more = f", and neither are {len(others)} more entries" if others else ""
            if len(others) == 1:
                more = ", and neither is one more entry"
            reason = f"{first[2]!r} is in no declared domain{more}; {self._add_domain(name)}"
            yield Mistake(place=(first[0], first[1], "address"), reason=reason)
        for place, items in (("mailboxes", self.entries.mailboxes), ("aliases", self.entries.aliases)):
            for index, item in items.items():
                local, _, name = item.address.partition("@")
                domain = self.by_name.get(name)
                if domain is not None and domain.alias_of:
                    reason = (
                        f"{item.address!r} is in an alias domain, whose addresses are those of "
                        f"{domain.alias_of!r}; write '{local}@{domain.alias_of}'"
                    )
                    if place == "mailboxes":
                        reason += (
                            f", and `renamedFrom: {item.address}` beside it if there is mail of it already: "
                            "a new address begins empty"
                        )
                    yield Mistake(place=(place, index, "address"), reason=reason)

    def targets(self) -> Iterator[Mistake]:
        """Return each alias target that gets no mail, once, and each forward that is not a forward."""
        found: dict[str, list[tuple[str | int, ...]]] = {}
        for index, alias in self.entries.aliases.items():
            for number, target in enumerate(alias.targets):
                found.setdefault(target, []).append(("aliases", index, "targets", number))
        for target, (first, *others) in found.items():
            if reason := self._unreachable(target):
                more = f" (and at {len(others)} more aliases)" if len(others) > 1 else ""
                more = " (and at one more alias)" if len(others) == 1 else more
                yield Mistake(place=first, reason=f"{target!r}{more} {reason}")
        for index, alias in self.entries.aliases.items():
            for number, forward in enumerate(alias.forwards):
                if forward.partition("@")[2] in self.by_name:
                    reason = f"{forward!r} is in a domain of ours; move it to 'targets'"
                    yield Mistake(place=("aliases", index, "forwards", number), reason=reason)

    def _add_domain(self, name: str) -> str:
        near = near_domain(name, self.by_name)
        add = f"add {name!r} to 'domains'"
        return f"did you mean {near!r}? Otherwise {add}" if near else add

    def _may_be_declared(self, domain: str) -> bool:
        """Return whether a malformed part of the lists may have been meant to declare `domain`."""
        return self.any_domain or domain in self.unsure_domains

    def _unreachable(self, target: str) -> str | None:
        local, _, name = target.partition("@")
        domain = self.by_name.get(name)
        if target in self.by_alias or target in self.entries.unsure or self._may_be_declared(name):
            return None
        if domain is None and name in self.homeless_in:
            return None  # the domain is named with the entries that are in it
        if domain is None and (near := near_domain(name, self.by_name)):
            return f"is in no declared domain; did you mean {f'{local}@{near}'!r}? {_ELSEWHERE.format(name)}"
        if domain is None:
            return (
                f"is in no declared domain; put it under an alias's 'forwards', or add {name!r} to 'domains'"
            )
        if domain.alias_of:
            return f"is in an alias domain; write '{local}@{domain.alias_of}'"
        if target not in self.by_mailbox and self.any_address:
            return None
        if target not in self.by_mailbox:
            near = near_address(target, [*self.by_mailbox, *self.by_alias])
            remedy = f"did you mean {near!r}? Otherwise declare it" if near else _DECLARE
            return f"is neither a mailbox nor an alias; {remedy}"
        if not self.by_mailbox[target].receives:
            return "is a mailbox that does not receive mail, so its mail would bounce; name another one"
        return None

    def renames(self) -> Iterator[Mistake]:
        """Return each old name that is still in use, or that two entries claim."""
        domains = [(index, one.name, one.renamed_from) for index, one in self.entries.domains.items()]
        mailboxes = [(index, one.address, one.renamed_from) for index, one in self.entries.mailboxes.items()]
        moved = {old: new for _, new, old in domains if old is not None}
        for place, items in (("domains", domains), ("mailboxes", mailboxes)):
            claimed: dict[str, str] = {}
            for index, new, old in items:
                if old is None:
                    continue
                # The mailbox may be named in its domain's old name or in the new one.
                former = old if place == "domains" else deletions.carried(old, moved)
                if self._is_in_use(place, old, new) or (former != new and former in self.by_mailbox):
                    named = repr(old) if former == old else f"{old!r}, which is {former!r} now,"
                    reason = f"{named} is still declared; remove that entry, or this line"
                    yield Mistake(place=(place, index, "renamedFrom"), reason=reason)
                elif former in claimed:
                    reason = f"{old!r} is renamed to {claimed[former]!r} already; keep one of the two lines"
                    yield Mistake(place=(place, index, "renamedFrom"), reason=reason)
                claimed.setdefault(former, new)

    def _is_in_use(self, place: str, old: str, new: str) -> bool:
        """Return whether an old name still stands for what was renamed.

        It may stay as an alias: mail to it goes on arriving.
        """
        if place == "mailboxes":
            return old in self.by_mailbox
        return old in self.by_name and self.by_name[old].alias_of != new

    def deletions(self) -> Iterator[Mistake]:
        """Return each address whose mail cannot be meant to be deleted."""
        entries = self.entries
        known = entries.domains.values(), entries.mailboxes.values()
        for index, reason in deletions.faults(entries.delete_mail, *known):
            yield Mistake(place=("deleteMail", index), reason=reason)

    def chains(self) -> Iterator[Mistake]:
        """Return what is wrong with aliases of aliases."""
        targets = {one.address: [*one.targets, *one.forwards] for one in self.entries.aliases.values()}
        places = {one.address: index for index, one in self.entries.aliases.items()}
        for alias, reason in chains.faults(targets):
            yield Mistake(place=("aliases", places[alias], "targets"), reason=reason)

    def roles(self) -> Iterator[Mistake]:
        """Return each domain whose postmaster nobody would be."""
        entries = self.entries
        declared = entries.aliases or entries.mailboxes
        if entries.unsure or entries.unreadable or not declared or self.homeless_in:
            return
        given = role_addresses(list(entries.domains.values()), list(entries.mailboxes.values()), [])
        answered = {*given, *self.by_mailbox, *self.by_alias}
        for index, domain in entries.domains.items():
            if not domain.alias_of and not {f"{role}@{domain.name}" for role in ROLES} <= answered:
                only = [one for one in self.by_mailbox if one.partition("@")[2] == domain.name]
                why = f": {only[0]!r} only sends; let it receive, or" if len(only) == 1 else ";"
                reason = (
                    "nobody here receives mail to postmaster and abuse, which every domain answers for "
                    f"(RFC 2142){why} name an alias under 'postmaster'"
                )
                yield Mistake(place=("domains", index), reason=reason)
