"""Accounts as a person lists them: domains, mailboxes and aliases.

Owns the lists and the effective directory that follows from them. Does not own one entry (entries.py), the
rules between entries (rules.py) or the rows in the database (mailinfra/components/accounts.py).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NoReturn, Self

from pydantic import Field, ModelWrapValidatorHandler, TypeAdapter, ValidationError

from mailinfra.addresses import alias_address, ascii_domain
from mailinfra.config.accounts import rules
from mailinfra.config.accounts.entries import AliasConfig, DomainConfig, MailboxConfig
from mailinfra.config.model import Items, Mistake, Model, camel_case, refuse
from mailinfra.types import EmailAddress, Protocol


@dataclass(frozen=True, kw_only=True)
class DirectoryEntries:
    """All accounts as plain mappings, keyed by name or address, ready for the `Directory` resource."""

    domains: dict[str, dict[str, Any]]
    """Domain -> its properties."""

    mailboxes: dict[str, dict[str, Any]]
    """Address -> its properties: switches always, texts only where they say something."""

    aliases: dict[str, dict[str, Any]]
    """Address -> targets (forwards included, sorted) and who may send; postmaster and abuse of every domain
    too."""


class Undeclared(StrEnum):
    """What becomes of rows that nobody declared."""

    KEEP = "keep"
    REMOVE = "remove"


class HashingConfig(Model):
    """Cost of one Argon2id hash; see RFC 9106, section 4. It holds for passwords that are set from now on."""

    memory_kib: int = Field(default=19456, ge=8192, le=65536, examples=[65536])
    """Memory in KiB, from 8192 to 65536: beyond that a login's process may not get it, and a right password
    is refused as a wrong one."""

    iterations: int = Field(default=2, ge=1, le=16, examples=[3])
    """Passes over the memory, 1 to 16."""

    parallelism: int = Field(default=1, ge=1, le=8, examples=[4])
    """Lanes, 1 to 8."""


class AccountsConfig(Model):
    """Domains, mailboxes and aliases of this server."""

    domains: Items[DomainConfig] = Field(default=(), examples=[[{"name": "example.org"}]])
    """Domains whose mail ends here."""

    mailboxes: Items[MailboxConfig] = Field(default=(), examples=[[{"address": "alice@example.org"}]])
    """Mailboxes, each in one of these domains."""

    aliases: Items[AliasConfig] = Field(
        default=(), examples=[[{"address": "sales@example.org", "targets": ["alice@example.org"]}]]
    )
    """Further addresses in these domains."""

    undeclared: Annotated[Undeclared, Field(strict=False)] = Field(
        default=Undeclared.KEEP, examples=["remove"]
    )
    """What becomes of rows in the database that are not listed here, as far as they are known since the last
    `up` or `refresh`: `keep` names them at every `up`, `remove` takes them away (their mail only where
    `deleteMail` names them). A row that an `up` finds first is named by it and removed by the next one."""

    delete_mail: Items[EmailAddress] = Field(default=(), examples=[["anna@example.org"]])
    """Addresses whose removed mailboxes lose their mail, also those that were removed earlier; all other mail
    stays. None of them may be a mailbox now, or lie in an alias domain; their domain need not be declared any
    more. Taking an address off this list brings nothing back."""

    hashing: HashingConfig = HashingConfig()
    """Cost of making and checking one password hash."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return every entry that does not fit the others."""
        yield from rules.contradictions(
            rules.Entries(
                domains=dict(enumerate(self.domains)),
                mailboxes=dict(enumerate(self.mailboxes)),
                aliases=dict(enumerate(self.aliases)),
                delete_mail=dict(enumerate(self.delete_mail)),
            )
        )

    def postmaster(self, hostname: str) -> str | None:
        """Return who gets mail to `postmaster` without a domain; None while nobody receives mail here.

        That is the nearest domain that `hostname` lies in, else the first one by the alphabet.
        """
        known = self.directory()
        names = [one.name for one in self.domains if not one.alias_of]
        names.sort(key=lambda name: (-len(name) if f".{hostname}".endswith(f".{name}") else 0, name))
        found = (f"postmaster@{name}" for name in names)
        return next((one for one in found if one in known.aliases or one in known.mailboxes), None)

    def directory(self) -> DirectoryEntries:
        """Return what the database shall hold."""
        aliases = {one.address: _alias(one) for one in self.aliases}
        named = {one.name for one in self.domains if one.postmaster}
        for address, target in rules.role_addresses(self.domains, self.mailboxes, self.aliases).items():
            # Who was named as postmaster writes as one; who stands in only because nobody was, does not.
            aliases[address] = {"targets": [target], "maySend": address.partition("@")[2] in named}
        return DirectoryEntries(
            domains={one.name: _domain(one) for one in self.domains},
            mailboxes={one.address: _mailbox(one) for one in self.mailboxes},
            aliases=aliases,
        )

    @classmethod
    def _refuse_with_contradictions(
        cls, given: Any, handler: ModelWrapValidatorHandler[Self], error: ValidationError
    ) -> NoReturn:
        """Raise the malformed entries together with what contradicts each other among the sound ones."""
        del handler  # one malformed entry would make all of them unusable: each is read on its own
        mistakes = [cls._reworded(mistake) for mistake in error.errors(include_url=False)]
        refuse(cls.__name__, [*mistakes, *rules.contradictions(_sound_entries(given))])
        raise error


_ENTRIES: dict[str, TypeAdapter[Any]] = {
    "domains": TypeAdapter(DomainConfig),
    "mailboxes": TypeAdapter(MailboxConfig),
    "aliases": TypeAdapter(AliasConfig),
    "delete_mail": TypeAdapter(EmailAddress),
}


def _sound_entries(given: Any) -> rules.Entries:
    sound: dict[str, dict[int, Any]] = {place: {} for place in _ENTRIES}
    unsure: set[str] = set()
    unreadable: set[str] = set()
    for place, kind in _ENTRIES.items():
        items = given.get(camel_case(place), []) if isinstance(given, dict) else None
        if not isinstance(items, list):
            unreadable.add(place)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            try:
                sound[place][index] = kind.validate_python(item)
            except ValidationError:
                unsure |= _mentioned(item)
    return rules.Entries(**sound, unsure=frozenset(unsure), unreadable=frozenset(unreadable))


def _mentioned(item: Any) -> set[str]:
    """Return the names that a malformed entry was meant to declare, so that no other entry is blamed for
    them."""
    texts = [item.get(key) for key in ("name", "address")] if isinstance(item, dict) else [item]
    return {_as_stored(text) for text in texts if isinstance(text, str)}


def _as_stored(text: str) -> str:
    """Return a name or an address in the form that others mention it in, whatever its spelling."""
    for form in (alias_address, ascii_domain):
        with suppress(ValueError):
            return form(text.lower())
    return text


def _domain(domain: DomainConfig) -> dict[str, Any]:
    texts = {"aliasOf": domain.alias_of, "catchAll": domain.catch_all, "renamedFrom": domain.renamed_from}
    return {key: text for key, text in texts.items() if text}


def _mailbox(mailbox: MailboxConfig) -> dict[str, Any]:
    texts = {
        "displayName": mailbox.display_name,
        "description": mailbox.description,
        "claimant": mailbox.claimant,
        "reset": mailbox.reset,
        "renamedFrom": mailbox.renamed_from,
    }
    return {
        "enabled": mailbox.enabled,
        "password": mailbox.password.value,
        "imap": Protocol.IMAP in mailbox.protocols and mailbox.receives,
        "pop3": Protocol.POP3 in mailbox.protocols and mailbox.receives,
        "submission": Protocol.SUBMISSION in mailbox.protocols,
        "receives": mailbox.receives,
        **({"reuseMail": True} if mailbox.reuse_mail else {}),
        **{key: text for key, text in texts.items() if text},
    }


def _alias(alias: AliasConfig) -> dict[str, Any]:
    return {"targets": sorted({*alias.targets, *alias.forwards}), "maySend": alias.may_send}
