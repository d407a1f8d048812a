"""Users: the database user of one service, with just the rights that it needs.

Owns how a right is given and taken away, and the databases' names. Does not own their tables
(components/own_provider.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi_mysql as mysql
from pulumi import CustomResource, Input, Output, Resource, ResourceHookBinding, ResourceOptions

from mailinfra.components.own_provider import MAIL
from mailinfra.components.passwords import password
from mailinfra.containers.service import after
from mailinfra.provider import password_changes

ROUNDCUBE = "roundcube"
"""Name of the webmail's database."""

DATABASES = (MAIL, ROUNDCUBE)


@dataclass(frozen=True, kw_only=True)
class Right:
    """What one user may do with one table."""

    database: str
    """Name of the database."""

    table: str = "*"
    """Name of the table, or of the procedure; `*` for all tables."""

    procedure: bool = False
    """Whether it is a procedure. The mysql provider cannot grant that, so our own does (`Rights`)."""

    privileges: Sequence[str]
    """MySQL's privileges, a column list included: `SELECT (userid, domain)`."""

    def single(self) -> Iterator[str]:
        """Return each single right, in the words of our provider: `SELECT (domain) on mail.users`."""
        place = f"{'PROCEDURE ' if self.procedure else ''}{self.database}.{self.table}"
        for privilege in self.privileges:
            verb, _, columns = privilege.partition(" (")
            if columns:
                names = columns.rstrip(")").split(",")
                yield from (f"{verb} ({name.strip()}) on {place}" for name in names)
            else:
                yield f"{verb} on {place}"


SELECT_FOR_DOVECOT = "SELECT (userid, domain, password, enabled, receives, imap, pop3, submission, home)"

RIGHTS: dict[str, tuple[Right, ...]] = {
    # Webmail's identities: under which addresses somebody may send, and whose name goes with them.
    "identities": (
        Right(database="mail", table="aliases", privileges=["SELECT (name, domain, target, may_send)"]),
        Right(database="mail", table="domains", privileges=["SELECT (name, alias_of)"]),
        Right(
            database="mail",
            table="users",
            privileges=["SELECT (userid, domain, display_name)"],
        ),
    ),
    # A webmail that somebody has taken over sets no password whose old one it does not know: it may ask.
    "passwords": tuple(
        Right(database=MAIL, table=name, procedure=True, privileges=["EXECUTE"])
        for name in (password_changes.CHALLENGE, password_changes.CHANGE)
    ),
    "dovecot": (
        Right(database="mail", table="account_changes", privileges=["SELECT (userid, domain, revision)"]),
        Right(database="mail", table="account_revision", privileges=["SELECT (id, revision)"]),
        Right(
            database=MAIL, table="retired_homes", privileges=["SELECT (home, userid, domain, delete_mail)"]
        ),
        Right(database=MAIL, table="users", privileges=[SELECT_FOR_DOVECOT]),
    ),
    "postfix": (
        Right(database=MAIL, table="aliases", privileges=["SELECT (name, domain, target, may_send)"]),
        Right(database=MAIL, table="domains", privileges=["SELECT (name, alias_of, catch_all)"]),
        Right(
            database=MAIL,
            table="users",
            privileges=["SELECT (userid, domain, enabled, receives, submission)"],
        ),
    ),
    "roundcube": (
        Right(
            database=ROUNDCUBE,
            privileges=[
                "ALTER",
                "CREATE",
                "DELETE",
                "DROP",
                "INDEX",
                "INSERT",
                "REFERENCES",
                "SELECT",
                "UPDATE",
            ],
        ),
    ),
}
"""User -> everything that it may do. Most are named as the one service that logs in with them."""

SERVICES = {"identities": "roundcube", "passwords": "roundcube"}
"""User -> the service that logs in with it, where that has another one as well."""


@dataclass(frozen=True, kw_only=True)
class ServiceUser:
    """A user that exists and has its rights."""

    name: Output[str]
    """Login name; whoever uses it waits for the grants."""

    password: Output[str]
    """Secret."""

    made: Sequence[CustomResource]
    """The user, and what gave its rights to tables."""


@dataclass(frozen=True, kw_only=True)
class Users:
    """How users are made on one server."""

    provider: mysql.Provider
    """Ready for use."""

    tables: Resource
    """What makes the tables: a right to a column can be given only once there is one."""

    hooks: ResourceHookBinding | None
    """What makes sure that a user's name is not taken when it is created, and that a service is let in with
    its old password until it has the new one."""

    deleted_with: Resource | None
    """The volume that the server keeps them in: whoever destroys both need not log in. None on somebody's
    server."""

    child: ResourceOptions
    """Options of every resource here."""

    def create(self, name: str, service: str, host: Input[str], generation: str = "") -> ServiceUser:
        """Return the service's user, who logs in from `host` and over TLS alone.

        Another `generation` has another password; until the service has it, the old one holds, too.

        A grant cannot be deleted on a current MySQL (error 1141), but dropping a user drops its grants. So a
        changed right replaces the user, its grants follow, and nothing else ever takes a grant away.
        """
        rights = RIGHTS[service]
        opts = ResourceOptions.merge(self.child, ResourceOptions(provider=self.provider))
        wanted = [f"{right.database}.{right.table} {', '.join(right.privileges)}" for right in rights]
        generated = password(f"{name}-password", self.child, generation)
        user = mysql.User(
            f"{name}-user",
            user=service,
            host=host,
            plaintext_password=generated,
            tls_option="SSL",
            opts=ResourceOptions.merge(
                opts,
                ResourceOptions(
                    depends_on=[self.tables],
                    hooks=self.hooks,
                    replacement_trigger=wanted,
                    delete_before_replace=True,
                    deleted_with=self.deleted_with,
                ),
            ),
        )
        following = ResourceOptions.merge(
            opts,
            ResourceOptions(replace_with=[user], retain_on_delete=True, delete_before_replace=True),
        )
        granted = [
            mysql.Grant(
                f"{name}-grant-{right.table.replace('*', 'all')}",
                user=user.user,
                host=user.host,
                database=right.database,
                table=right.table,
                privileges=list(right.privileges),
                opts=following,
            )
            for right in rights
            if not right.procedure
        ]
        made = [user, *granted]
        return ServiceUser(name=after(service, *[one.id for one in made]), password=generated, made=made)
