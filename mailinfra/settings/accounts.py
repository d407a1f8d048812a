"""Accounts as a person lists them: domains, mailboxes and aliases.

Owns the lists and the effective directory that follows from them. Does not own one entry (entries.py), the
rules between entries (rules.py) or the rows in the database (mailinfra/accounts.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, Self

from pydantic import ModelWrapValidatorHandler, TypeAdapter, ValidationError

from mailinfra.settings import rules
from mailinfra.settings.entries import AliasConfig, DomainConfig, MailboxConfig
from mailinfra.settings.model import Items, Mistake, Model, refuse
from mailinfra.types import Protocol


@dataclass(frozen=True, kw_only=True)
class DirectoryEntries:
    """All accounts as plain mappings, keyed by name or address, ready for the `Directory` resource."""

    domains: dict[str, dict[str, Any]]
    """Domain -> `aliasOf`, `catchAll` (each only where it is set)."""

    mailboxes: dict[str, dict[str, Any]]
    """Address -> `enabled`, `password`, `imap`, `pop3`, `submission`, `receives`, `displayName`,
    `description`, `claimant`."""

    aliases: dict[str, dict[str, Any]]
    """Address -> `targets` (sorted, forwards included), `maySend`; postmaster and abuse of every domain
    included."""


class AccountsConfig(Model):
    """Domains, mailboxes and aliases of this server."""

    domains: Items[DomainConfig] = ()
    """Domains whose mail ends here."""

    mailboxes: Items[MailboxConfig] = ()
    """Mailboxes, each in one of these domains."""

    aliases: Items[AliasConfig] = ()
    """Further addresses in these domains."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return every entry that does not fit the others."""
        yield from rules.contradictions(
            rules.Entries(
                domains=dict(enumerate(self.domains)),
                mailboxes=dict(enumerate(self.mailboxes)),
                aliases=dict(enumerate(self.aliases)),
            )
        )

    def directory(self) -> DirectoryEntries:
        """Return what the database shall hold."""
        aliases = {one.address: _alias(one) for one in self.aliases}
        for address, target in rules.role_addresses(self.domains, self.mailboxes, self.aliases).items():
            aliases[address] = {"targets": [target], "maySend": False}
        return DirectoryEntries(
            domains={one.name: _domain(one) for one in self.domains},
            mailboxes={one.address: _mailbox(one) for one in self.mailboxes},
            aliases=aliases,
        )

    @classmethod
    def _refuse_with_contradictions(
        cls, given: Any, _handler: ModelWrapValidatorHandler[Self], error: ValidationError
    ) -> NoReturn:
        """Raise the malformed entries together with what contradicts each other among the sound ones."""
        mistakes = [cls._reworded(mistake) for mistake in error.errors(include_url=False)]
        sound: dict[str, dict[int, Any]] = {place: {} for place in _ENTRIES}
        unsure: set[str] = set()
        for place, kind in _ENTRIES.items():
            items = given.get(place) if isinstance(given, dict) else None
            for index, item in enumerate(items if isinstance(items, list) else ()):
                try:
                    sound[place][index] = kind.validate_python(item)
                except ValidationError:
                    unsure |= _mentioned(item)
        entries = rules.Entries(**sound, unsure=frozenset(unsure))
        refuse(cls.__name__, [*mistakes, *rules.contradictions(entries)])
        raise error


_ENTRIES: dict[str, TypeAdapter[Any]] = {
    "domains": TypeAdapter(DomainConfig),
    "mailboxes": TypeAdapter(MailboxConfig),
    "aliases": TypeAdapter(AliasConfig),
}


def _mentioned(item: Any) -> set[str]:
    """Return the names that a malformed entry was meant to declare, so that no other entry is blamed for
    them."""
    if not isinstance(item, dict):
        return set()
    return {item[key] for key in ("name", "address") if isinstance(item.get(key), str)}


def _domain(domain: DomainConfig) -> dict[str, Any]:
    choices = {"aliasOf": domain.alias_of, "catchAll": domain.catch_all}
    return {key: value for key, value in choices.items() if value is not None}


def _mailbox(mailbox: MailboxConfig) -> dict[str, Any]:
    return {
        "enabled": mailbox.enabled,
        "password": mailbox.password.value,
        "imap": Protocol.IMAP in mailbox.protocols and mailbox.receives,
        "pop3": Protocol.POP3 in mailbox.protocols and mailbox.receives,
        "submission": Protocol.SUBMISSION in mailbox.protocols,
        "receives": mailbox.receives,
        "displayName": mailbox.display_name,
        "description": mailbox.description,
        "claimant": mailbox.claimant,
    }


def _alias(alias: AliasConfig) -> dict[str, Any]:
    return {"targets": sorted({*alias.targets, *alias.forwards}), "maySend": alias.may_send}
