"""Accounts: the domains, mailboxes and aliases that one mail server answers for.

Owns their rows in the database and the passwords that are generated for them. Does not own the tables
(database.py), nor the mail: that lies in Dovecot's volume and outlives every row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pulumi
from pulumi import Input, Output, ResourceOptions

from mailinfra.resources import Connection, Directory, DirectoryArgs

ROLES = ("postmaster", "abuse")
"""Addresses that every domain has to answer for: RFC 5321 section 4.5.1 and RFC 2142 section 4."""


class PasswordPolicy(StrEnum):
    """Who decides a mailbox's password."""

    INITIAL = "initial"
    """Set once, when the mailbox is made; from then on it is its owner's."""

    OWNED = "owned"
    """The stack's, at each `up`."""


class Undeclared(StrEnum):
    """What becomes of rows that nobody declared."""

    KEEP = "keep"
    REMOVE = "remove"


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain that the server answers for."""

    alias_of: str = ""
    """Another declared domain: every address here means the same address there."""

    catch_all: str = ""
    """Address that gets what is sent to unknown addresses of this domain."""

    postmaster: str = ""
    """Address that gets mail for postmaster and abuse; empty means the first mailbox of the domain."""

    renamed_from: str = ""
    """Former name: rows and mail move from there."""


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """An address with mail of its own."""

    password: PasswordPolicy = PasswordPolicy.INITIAL
    """Who decides the password."""

    enabled: bool = True
    """Whether its owner may log in; without, mail is still kept."""

    receives: bool = True
    """Whether it takes mail; without, senders are told that there is no such address."""

    imap: bool = True
    """Whether IMAP (and so webmail) may be used."""

    pop3: bool = True
    """Whether POP3 may be used."""

    submission: bool = True
    """Whether mail may be sent with a login."""

    display_name: str = ""
    """The owner's name, at most 200 characters."""

    description: str = ""
    """For whoever looks after the server, at most 200 characters."""

    claimant: str = ""
    """Who asked for the mailbox, at most 20 characters."""

    reset: str = ""
    """Any text; a new one sets the password again, once."""

    reuse_mail: bool = False
    """Whether an address that is added again gets the mail that its predecessor left."""

    renamed_from: str = ""
    """Former address: the row moves from there and keeps its mail and password."""


@dataclass(frozen=True, kw_only=True)
class Alias:
    """An address whose mail goes to others."""

    targets: tuple[str, ...]
    """Addresses that get its mail, here or elsewhere; the order says nothing."""

    may_send: bool = True
    """Whether those who receive its mail may send as this address."""


@dataclass(frozen=True, kw_only=True)
class Hashing:
    """Cost of one Argon2id hash; it takes effect when a password is set, and changes no password that is."""

    memory_kib: int = 19456
    """Memory in KiB, at most 65536: more than an auth process may have makes every login fail."""

    iterations: int = 2
    """Passes over that memory."""

    parallelism: int = 1
    """Lanes."""


@dataclass(frozen=True, kw_only=True)
class AccountsArgs:
    """All accounts of one mail server."""

    connection: Connection
    """Where the rows are kept, as the machine that runs Pulumi reaches it."""

    domains: Mapping[str, Domain]
    """Domain name -> domain."""

    mailboxes: Mapping[str, Mailbox] = field(default_factory=dict)
    """Address -> mailbox."""

    aliases: Mapping[str, Alias] = field(default_factory=dict)
    """Address -> alias."""

    passwords: Input[Mapping[str, str]] = field(default_factory=dict)
    """Address -> declared password, or a hash with its scheme; becomes a secret."""

    undeclared: Undeclared = Undeclared.KEEP
    """What becomes of rows that nobody declared."""

    hashing: Hashing = field(default_factory=Hashing)
    """Cost of the hashes that are made here."""


class Accounts(pulumi.ComponentResource):
    """The accounts of one mail server."""

    initial_passwords: Output[Mapping[str, str]]
    """Address -> generated password; secret. Declared ones and those of earlier rows are not in it."""

    def __init__(self, name: str, args: AccountsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Accounts", name, None, opts)
        child = ResourceOptions(parent=self)

        aliases = {**role_aliases(args.domains, args.mailboxes, args.aliases), **args.aliases}
        directory = Directory(
            f"{name}-directory",
            DirectoryArgs(
                connection=args.connection,
                domains={
                    name: bag(domain, leave_out=("postmaster",)) for name, domain in args.domains.items()
                },
                mailboxes={address: bag(mailbox) for address, mailbox in args.mailboxes.items()},
                aliases={address: bag(alias) for address, alias in sorted(aliases.items())},
                passwords=args.passwords,
                undeclared=args.undeclared.value,
                hashing=bag(args.hashing),
            ),
            opts=child,
        )

        self.initial_passwords = Output.secret(directory.initial_passwords)
        self.register_outputs({"initial_passwords": self.initial_passwords})


def role_aliases(
    domains: Mapping[str, Domain], mailboxes: Mapping[str, Mailbox], aliases: Mapping[str, Alias]
) -> dict[str, Alias]:
    """Return the postmaster and abuse addresses that were not declared: every domain answers for them."""
    result = {}
    for name, domain in sorted(domains.items()):
        own = [
            address
            for address, mailbox in mailboxes.items()
            if address.endswith(f"@{name}") and mailbox.receives
        ]
        others = [address for address, mailbox in mailboxes.items() if mailbox.receives]
        target = domain.postmaster or next(iter([*own, *others]), "")
        for role in ROLES:
            address = f"{role}@{name}"
            is_answered = address in mailboxes or address in aliases or bool(domain.alias_of)
            if target and target != address and not is_answered:
                result[address] = Alias(targets=(target,), may_send=False)
    return result


def bag(entry: Any, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the property bag of a dataclass: camelCase, without empty texts and choices not taken."""
    result: dict[str, Any] = {}
    for name, value in vars(entry).items():
        if name in leave_out or value == "" or (name == "reuse_mail" and not value):
            continue
        head, *tail = name.split("_")
        plain = sorted(value) if isinstance(value, tuple) else value
        if isinstance(plain, StrEnum):
            plain = plain.value
        result[head + "".join(part.capitalize() for part in tail)] = (
            str(plain) if isinstance(plain, StrEnum) else plain
        )
    return result
