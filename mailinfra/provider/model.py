"""Domains, mailboxes and aliases, as declared or as found; and their property bags.

A bag names flags always and texts only when they say something, so that a preview shows no empty lines and a
bag that was read back equals the one that was declared.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, TypeVar

INITIAL, OWNED = "initial", "owned"
"""Who decides a password: its owner once it was set, or the stack at each `up`."""

STATEMENTS = frozenset({"reuse_mail", "renamed_from"})
"""Fields that say how to get there; no row holds them."""


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain that we answer for."""

    alias_of: str = ""
    catch_all: str = ""
    renamed_from: str = ""


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """An address with mail of its own."""

    enabled: bool = True
    receives: bool = True
    imap: bool = True
    pop3: bool = True
    submission: bool = True
    password: str = INITIAL
    """Who decides on it; the hash itself is not kept here."""

    display_name: str = ""
    description: str = ""
    claimant: str = ""
    reset: str = ""
    reuse_mail: bool = False
    renamed_from: str = ""


@dataclass(frozen=True, kw_only=True)
class Alias:
    """An address whose mail goes to others."""

    targets: tuple[str, ...] = ()
    may_send: bool = True


Entry = TypeVar("Entry", Domain, Mailbox, Alias)


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """All of a stack, each by its name or address."""

    domains: Mapping[str, Domain] = field(default_factory=dict)
    mailboxes: Mapping[str, Mailbox] = field(default_factory=dict)
    aliases: Mapping[str, Alias] = field(default_factory=dict)

    def rows(self) -> list[str]:
        """Return each entry as it is named to people, like `mailbox alice@example.org`."""
        return [f"{noun} {name}" for kind, noun in NOUNS.items() for name in getattr(self, kind)]


NOUNS = {"domains": "domain", "mailboxes": "mailbox", "aliases": "alias"}
"""Kind of entry -> what one of them is called."""

KINDS: Mapping[str, type[Domain] | type[Mailbox] | type[Alias]] = {
    "domains": Domain,
    "mailboxes": Mailbox,
    "aliases": Alias,
}


@cache
def camel(name: str) -> str:
    """Return a Python name as it is written in a property bag."""
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def to_bag(entry: Domain | Mailbox | Alias) -> dict[str, Any]:
    """Return the property bag of one entry."""
    bag: dict[str, Any] = {}
    for item in fields(entry):
        value = getattr(entry, item.name)
        if isinstance(value, bool):
            if value or item.name not in STATEMENTS:
                bag[camel(item.name)] = value
        elif isinstance(value, tuple):
            bag[camel(item.name)] = sorted(value)
        elif value:
            bag[camel(item.name)] = value
    return bag


PROPERTIES: dict[Any, dict[str, tuple[str, Any]]] = {
    kind: {camel(item.name): (item.name, item.default) for item in fields(kind)} for kind in KINDS.values()
}
"""Kind of entry -> property -> (field, its default)."""


def from_bag(kind: type[Entry], bag: Mapping[str, Any]) -> Entry:
    """Return the entry that `bag` describes; raise ValueError for an unknown property or another type."""
    known = PROPERTIES[kind]
    values: dict[str, Any] = {}
    for name, value in bag.items():
        if name not in known:
            raise ValueError(f"{name}: there is no such property; there are {', '.join(sorted(known))}")
        field_name, default = known[name]
        if value is None:
            continue
        if isinstance(default, tuple):
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise ValueError(f"{name}: must be a list of texts; given {value!r}")
            values[field_name] = tuple(sorted(value))
        elif isinstance(value, type(default)):
            values[field_name] = value
        else:
            wanted = "true or false" if isinstance(default, bool) else "a text"
            raise ValueError(f"{name}: must be {wanted}; given {value!r}")
    return kind(**values)


def accounts_from(bag: Mapping[str, Any]) -> Accounts:
    """Return the accounts in a resource's property bag."""

    def parsed(name: str, kind: type[Entry]) -> dict[str, Entry]:
        return {key: from_bag(kind, value) for key, value in (bag.get(name) or {}).items()}

    return Accounts(
        domains=parsed("domains", Domain),
        mailboxes=parsed("mailboxes", Mailbox),
        aliases=parsed("aliases", Alias),
    )


def accounts_bag(accounts: Accounts) -> dict[str, dict[str, Any]]:
    """Return the three maps of property bags, sorted by name."""
    return {
        name: {key: to_bag(entry) for key, entry in sorted(getattr(accounts, name).items())} for name in KINDS
    }


def split(address: str) -> tuple[str, str]:
    """Return what is before and after the @."""
    local, _, domain = address.rpartition("@")
    return local, domain


def usual_home(address: str) -> str:
    """Return the folder below /mail that an address gets when it is new.

    A character that a path may not hold, above all the slash, is written as `+` and two hexadecimal digits;
    no address of a mailbox holds a `+`.
    """
    local, domain = split(address)
    name = re.sub(r"[^a-z0-9._-]", lambda found: f"+{ord(found[0]):02X}", local)
    return f"{domain}/{name}"
