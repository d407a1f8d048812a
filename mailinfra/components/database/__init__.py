"""Database: the two databases, their tables and one user per service, on our own MySQL or an existing one.

Owns who may do what. Does not own the server (server.py) nor the rows of accounts (accounts.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi_mysql as mysql
from pulumi import ComponentResource, Output, ResourceOptions

from mailinfra.components.database.server import ExistingServer, OwnServer, existing, own
from mailinfra.components.database.stale_users import no_stale_users
from mailinfra.components.database.users import RIGHTS, SERVICES, ServiceUser, Users
from mailinfra.components.own_provider import Connection, Rights, Schema
from mailinfra.containers.durability import durable
from mailinfra.types import OnDestroy

DATABASES = ("mail", "roundcube")


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """What the database is made of."""

    stack: str
    """`<project>-<stack>`: the front of every fixed name."""

    server: OwnServer | ExistingServer
    """Where it runs."""

    clients: Mapping[str, str]
    """Service (dovecot, postfix, roundcube) -> address that it logs in from."""

    on_destroy: OnDestroy = OnDestroy.RETAIN
    """What becomes of the data when the stack is destroyed."""


class Database(ComponentResource):
    """The database of one mail server."""

    host: Output[str]
    """Name under which the daemons reach it; known once it is healthy."""

    port: Output[int]
    """TCP port there."""

    ca: Output[str]
    """PEM of the CA that signed its certificate; empty where none is known."""

    connection: Connection
    """How this machine reaches the `mail` database, once its tables are there."""

    users: Mapping[str, ServiceUser]
    """Service -> its login; `passwords` is the one that webmail changes passwords with."""

    def __init__(self, name: str, args: DatabaseArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Database", name, None, opts)
        child = ResourceOptions(parent=self)

        server = args.server
        reached = (
            own(name, args.stack, server, args.on_destroy, child)
            if isinstance(server, OwnServer)
            else existing(name, server, child)
        )
        databases = [
            mysql.Database(
                f"{name}-{each}",
                name=each,
                # Without both, every preview shows a change.
                default_character_set="utf8mb4",
                default_collation="utf8mb4_0900_ai_ci",
                opts=ResourceOptions.merge(
                    ResourceOptions.merge(child, durable(args.on_destroy)),
                    ResourceOptions(
                        provider=reached.provider,
                        # The init file creates them at every start: a retained data volume is adopted.
                        import_=each if isinstance(server, OwnServer) or server.adopt else None,
                    ),
                ),
            )
            for each in DATABASES
        ]
        schema = Schema(
            f"{name}-schema",
            reached.connection,
            ResourceOptions.merge(child, ResourceOptions(depends_on=databases)),
        )
        hosts = {user: args.clients[SERVICES.get(user, user)] for user in sorted(RIGHTS)}
        users = Users(
            provider=reached.provider,
            tables=schema,
            hooks=no_stale_users(f"{name}-stale-users", reached.connection, DATABASES),
            deleted_with=reached.data,
            child=child,
        )
        self.users = {user: users.create(f"{name}-{user}", user, host) for user, host in hosts.items()}
        granted = [grant for user in self.users.values() for grant in user.grants]
        Rights(
            f"{name}-rights",
            reached.connection,
            hosts,
            {user: [one for right in rights for one in right.single()] for user, rights in RIGHTS.items()},
            ResourceOptions.merge(child, ResourceOptions(depends_on=granted)),
        )
        self.host = reached.host
        self.port = Output.from_input(reached.port)
        self.ca = reached.ca
        # Whoever connects finds the tables.
        ready = Output.all(reached.connection.host, schema.revision).apply(lambda known: str(known[0]))
        self.connection = replace(reached.connection, host=ready)
        self.register_outputs({"host": self.host, "port": self.port})
