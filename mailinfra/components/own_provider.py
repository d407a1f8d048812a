"""The resources of our own provider, as the program declares them.

Owns their names and properties. Does not own what they do: that is mailinfra/provider, another process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import Input, Output, ResourceOptions

REVISION = "0007"
"""The revision of the `mail` database that this version of the program works with."""

MAIL = "mail"
"""Name of the database whose tables our provider makes."""


class Provider(pulumi.ProviderResource):
    """Our own provider, declared: the one by default would take the stack's whole configuration for its own.

    It has the project's name, and the engine hands a default provider all configuration of that namespace:
    each edited setting would be a change of it, and the passwords would lie in its state.
    """

    def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra", name, {}, opts)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How the machine that runs Pulumi reaches the `mail` database; always through TLS."""

    host: Input[str]
    """Name or address of the MySQL server; with `verify`, one that its certificate names."""

    port: Input[int]
    """TCP port of the server."""

    user: Input[str]
    """Account that may create tables and change rows in the database."""

    password: Input[str]
    """That account's password; becomes a secret here."""

    ca: Input[str] = ""
    """PEM of the CA that signed the server's certificate; empty stands for the CAs this machine trusts."""

    database: Input[str] = MAIL
    """Name of the database."""

    verify: bool = True
    """Whether the server has to prove its name. Without it the link is encrypted, but to whomever."""

    through: Provider | None = None
    """Who goes there for the program; by default the provider that a resource's parent was given."""

    def properties(self) -> dict[str, Any]:
        """Return the property bag that the provider expects."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": Output.secret(self.password),
            "ca": self.ca,
            "database": self.database,
            "verify": self.verify,
        }


class Access(pulumi.CustomResource):
    """The way in to somebody's database server: tried first, for others wait for minutes."""

    endpoint: Output[str]
    """Its host and port; unknown in the first preview, so that none of `pulumi-mysql`'s goes there."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        databases: str,
        names: Sequence[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        properties = {
            "connection": connection.properties(),
            "databases": databases,
            "names": list(names),
            "endpoint": None,
        }
        super().__init__("mailinfra:index:Access", name, properties, _through(connection, opts))


class Schema(pulumi.CustomResource):
    """The tables of the `mail` database, at one revision. They outlive a destroy, rows and all."""

    revision: Output[str]
    """Revision that the database is at."""

    def __init__(self, name: str, connection: Connection, opts: ResourceOptions | None = None) -> None:
        properties = {"connection": connection.properties(), "revision": REVISION}
        super().__init__("mailinfra:index:Schema", name, properties, _through(connection, opts))


class Rights(pulumi.CustomResource):
    """The services' MySQL users have the declared rights and no other; a refresh finds what differs."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        users: Mapping[str, str],
        rights: Mapping[str, Sequence[str]],
        opts: ResourceOptions | None = None,
    ) -> None:
        """`users`: name -> host; `rights`: name -> each single right, like `SELECT (name) on
        mail.domains`."""
        properties = {
            "connection": connection.properties(),
            "hosts": dict(sorted(users.items())),
            # Maps, so that a preview shows the right that changes.
            "rights": {user: dict.fromkeys(sorted(each), True) for user, each in sorted(rights.items())},
        }
        super().__init__("mailinfra:index:Rights", name, properties, _through(connection, opts))


class Kept(pulumi.CustomResource):
    """A secret that outlives its stack: the one of before, or `candidate` where there is none."""

    kept: Output[str]
    """The secret that holds; secret."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        what: str,
        candidate: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        properties = {
            "connection": connection.properties(),
            "what": what,
            "candidate": Output.secret(candidate),
            # A refresh may find that it is not.
            "stored": True,
            "kept": None,
        }
        super().__init__("mailinfra:index:Kept", name, properties, _through(connection, opts))


class KeptNames(pulumi.CustomResource):
    """Which secrets of a kind outlive their stack; one that an update drops is forgotten."""

    def __init__(
        self, name: str, connection: Connection, names: Sequence[str], opts: ResourceOptions | None = None
    ) -> None:
        properties = {
            "connection": connection.properties(),
            # A map, so that a preview shows the one that goes.
            "names": dict.fromkeys(sorted(names), True),
        }
        super().__init__("mailinfra:index:KeptNames", name, properties, _through(connection, opts))


class SinglePasswords(pulumi.CustomResource):
    """The services' MySQL users have one password each, once whoever this depends on has it."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        users: Mapping[str, str],
        passwords: Mapping[str, Input[str]],
        opts: ResourceOptions | None = None,
    ) -> None:
        """`users`: name -> host; `passwords`: name -> the password that holds; become secrets."""
        properties = {
            "connection": connection.properties(),
            "hosts": dict(sorted(users.items())),
            "passwords": {user: Output.secret(each) for user, each in sorted(passwords.items())},
            # Nobody has a second one; a refresh may find otherwise.
            "second": {},
        }
        super().__init__("mailinfra:index:SinglePasswords", name, properties, _through(connection, opts))


@dataclass(frozen=True, kw_only=True)
class DirectoryArgs:
    """All accounts of one stack, as the provider's property bags (camelCase inside)."""

    connection: Connection
    """Where the rows are kept."""

    domains: Mapping[str, Mapping[str, Any]]
    """Domain -> its properties."""

    mailboxes: Mapping[str, Mapping[str, Any]]
    """Address -> its properties."""

    aliases: Mapping[str, Mapping[str, Any]]
    """Address -> its properties."""

    passwords: Input[Mapping[str, str]]
    """Address -> declared password, or a hash with its scheme; becomes a secret here."""

    undeclared: str
    """`keep` or `remove`: what becomes of rows that nobody declared."""

    delete_mail: Mapping[str, bool]
    """Address -> true, for each whose former mailboxes keep no mail. A map, so that a preview shows the one
    that changes."""

    hashing: Mapping[str, int]
    """Argon2id's memoryKib, iterations and parallelism."""


class Directory(pulumi.CustomResource):
    """Every domain, mailbox and alias of one stack. The rows outlive a destroy."""

    initial_passwords: Output[Mapping[str, str]]
    """Address -> password, for each that was generated here; secret."""

    def __init__(self, name: str, args: DirectoryArgs, opts: ResourceOptions | None = None) -> None:
        properties = {
            "connection": args.connection.properties(),
            "domains": args.domains,
            "mailboxes": args.mailboxes,
            "aliases": args.aliases,
            "passwords": Output.secret(args.passwords),
            "undeclared": args.undeclared,
            "deleteMail": args.delete_mail,
            "hashing": args.hashing,
            "initial_passwords": None,
        }
        super().__init__("mailinfra:index:Directory", name, properties, _through(args.connection, opts))

    def translate_output_property(self, prop: str) -> str:
        """Return the Python name of what the provider answers."""
        return {"initialPasswords": "initial_passwords"}.get(prop, prop)


def _through(connection: Connection, opts: ResourceOptions | None) -> ResourceOptions:
    return ResourceOptions.merge(opts, ResourceOptions(provider=connection.through))
