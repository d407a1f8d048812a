"""Accounts: the domains, mailboxes and aliases that one mail server answers for.

Owns their rows in the database and the passwords that are generated for them. Does not own the tables
(database/) nor the mail: that lies in Dovecot's volume and outlives every row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
from pulumi import Input, Output, ResourceOptions

from mailinfra.components.own_provider import Connection, Directory, DirectoryArgs
from mailinfra.config.accounts.lists import AccountsConfig


@dataclass(frozen=True, kw_only=True)
class AccountsArgs:
    """All accounts of one mail server."""

    connection: Connection
    """Where the rows are kept, as the machine that runs Pulumi reaches it."""

    declared: AccountsConfig
    """Domains, mailboxes and aliases, what becomes of others, and what a hash costs."""

    passwords: Input[Mapping[str, str]] = field(default_factory=dict)
    """Address -> declared password, or a hash with its scheme; becomes a secret."""


class Accounts(pulumi.ComponentResource):
    """The accounts of one mail server."""

    initial_passwords: Output[Mapping[str, str]]
    """Address -> generated password; secret. Declared ones and those of earlier rows are not in it."""

    def __init__(self, name: str, args: AccountsArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Accounts", name, None, opts)
        child = ResourceOptions(parent=self)

        entries = args.declared.directory()
        directory = Directory(
            f"{name}-directory",
            DirectoryArgs(
                connection=args.connection,
                domains=entries.domains,
                mailboxes=entries.mailboxes,
                aliases=entries.aliases,
                passwords=args.passwords,
                undeclared=args.declared.undeclared.value,
                delete_mail=dict.fromkeys(sorted(args.declared.delete_mail), True),
                hashing=args.declared.hashing.model_dump(by_alias=True),
            ),
            opts=child,
        )

        self.initial_passwords = Output.secret(directory.initial_passwords)
        self.register_outputs({"initial_passwords": self.initial_passwords})
