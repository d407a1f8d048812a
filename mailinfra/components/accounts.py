"""Accounts: the domains, mailboxes and aliases that one mail server answers for.

Owns their rows in the database and the passwords that are generated for them. Does not own the tables
(database.py) nor the mail: that lies in Dovecot's volume and outlives every row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi import Input, Output, ResourceOptions

from mailinfra.components.own_provider import Connection, Directory, DirectoryArgs


@dataclass(frozen=True, kw_only=True)
class Hashing:
    """Cost of one Argon2id hash; it holds for passwords that are set from now on."""

    memory_kib: int = 19456
    """Memory in KiB, at most 65536: with more than an auth process may have, every login fails."""

    iterations: int = 2
    """Passes over that memory."""

    parallelism: int = 1
    """Lanes."""


@dataclass(frozen=True, kw_only=True)
class AccountsArgs:
    """All accounts of one mail server; the entries are property bags with the names of the stack file."""

    connection: Connection
    """Where the rows are kept, as the machine that runs Pulumi reaches it."""

    domains: Mapping[str, Mapping[str, Any]]
    """Domain -> aliasOf, catchAll, renamedFrom; each only where it says something."""

    mailboxes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Address -> enabled, receives, imap, pop3, submission, password (`initial` or `owned`), and displayName,
    description, claimant, reset, reuseMail, renamedFrom where they say something."""

    aliases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Address -> targets (sorted), maySend."""

    passwords: Input[Mapping[str, str]] = field(default_factory=dict)
    """Address -> declared password, or a hash with its scheme; becomes a secret."""

    keep_undeclared: bool = True
    """Whether rows that nobody declared are named and left alone; else their rows are removed."""

    delete_mail: Sequence[str] = ()
    """Addresses whose former mailboxes keep no mail; none of them is a mailbox now."""

    hashing: Hashing = field(default_factory=Hashing)
    """Cost of the hashes that are made here."""


class Accounts(pulumi.ComponentResource):
    """The accounts of one mail server."""

    initial_passwords: Output[Mapping[str, str]]
    """Address -> generated password; secret. Declared ones and those of earlier rows are not in it."""

    def __init__(self, name: str, args: AccountsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Accounts", name, None, opts)
        child = ResourceOptions(parent=self)

        directory = Directory(
            f"{name}-directory",
            DirectoryArgs(
                connection=args.connection,
                domains=args.domains,
                mailboxes=args.mailboxes,
                aliases=args.aliases,
                passwords=args.passwords,
                undeclared="keep" if args.keep_undeclared else "remove",
                delete_mail=dict.fromkeys(sorted(args.delete_mail), True),
                hashing={
                    "memoryKib": args.hashing.memory_kib,
                    "iterations": args.hashing.iterations,
                    "parallelism": args.hashing.parallelism,
                },
            ),
            opts=child,
        )

        self.initial_passwords = Output.secret(directory.initial_passwords)
        self.register_outputs({"initial_passwords": self.initial_passwords})
