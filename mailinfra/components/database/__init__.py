"""Database: the two databases, their tables and one user per service, on our own MySQL or an existing one.

Owns who may do what. Does not own the server (server.py) nor the rows of accounts (components/accounts.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pulumi_mysql as mysql
from pulumi import ComponentResource, Output, ResourceOptions

from mailinfra.components.database.server import (
    CHARACTER_SET,
    COLLATION,
    ExistingServer,
    OwnServer,
    existing,
    own,
)
from mailinfra.components.database.user_hooks import before_users
from mailinfra.components.database.users import DATABASES, RIGHTS, SERVICES, Users
from mailinfra.components.handles import DatabaseLogin
from mailinfra.components.own_provider import Connection, Provider, Rights, Schema
from mailinfra.config.storage import Databases
from mailinfra.containers.durability import durable
from mailinfra.types import OnDestroy


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """What the database is made of."""

    server: OwnServer | ExistingServer
    """Where it runs."""

    clients: Mapping[str, str]
    """Service (dovecot, postfix, roundcube) -> its address on the network."""

    generations: Mapping[str, str] = field(default_factory=dict)
    """Service -> which password of the database it has."""

    on_destroy: OnDestroy = OnDestroy.RETAIN
    """What becomes of the data when the stack is destroyed."""

    own_provider: Provider | None = None
    """Our own provider. A component that was given it among its options would wait for its process to start,
    and all that it is made of with it."""


class Database(ComponentResource):
    """The database of one mail server."""

    connection: Connection
    """How this machine reaches the `mail` database, once its tables are there."""

    hosts: Mapping[str, str]
    """User -> where it logs in from."""

    logins: Mapping[str, DatabaseLogin]
    """User -> how its service logs in; webmail changes passwords as `passwords`, and asks who sends as
    `identities`."""

    def __init__(self, name: str, args: DatabaseArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Database", name, None, opts)
        child = ResourceOptions(parent=self)

        server = args.server
        reached = (
            own(name, server, args.on_destroy, child)
            if isinstance(server, OwnServer)
            else existing(name, server, args.own_provider, child)
        )
        connection = replace(reached.connection, through=args.own_provider)
        is_own = isinstance(server, OwnServer)
        is_there = isinstance(server, OwnServer) or server.given.databases is Databases.ADOPT
        databases = [
            mysql.Database(
                f"{name}-{each}",
                name=each,
                # Without both, every preview shows a change.
                default_character_set=CHARACTER_SET,
                default_collation=COLLATION,
                opts=ResourceOptions.merge(
                    ResourceOptions.merge(child, durable(args.on_destroy)),
                    ResourceOptions(
                        provider=reached.provider,
                        deleted_with=reached.data,
                        # The init file creates them at every start: a retained data volume is adopted.
                        import_=each if is_there else None,
                    ),
                ),
            )
            for each in DATABASES
        ]
        schema = Schema(
            f"{name}-schema",
            connection,
            ResourceOptions.merge(child, ResourceOptions(depends_on=databases)),
        )
        hosts = {
            # Somebody's server sees the address that Docker gives to what leaves the machine.
            user: args.clients[SERVICES.get(user, user)] if is_own else "%"
            for user in sorted(RIGHTS)
        }
        users = Users(
            provider=reached.provider,
            tables=schema,
            hooks=before_users(name, connection, DATABASES),
            deleted_with=reached.data,
            child=child,
        )
        made = {
            user: users.create(
                f"{name}-{user}", user, host, args.generations.get(SERVICES.get(user, user), "")
            )
            for user, host in hosts.items()
        }
        self.hosts = hosts
        Rights(
            f"{name}-rights",
            connection,
            hosts,
            {user: [one for right in rights for one in right.single()] for user, rights in RIGHTS.items()},
            ResourceOptions.merge(
                child,
                ResourceOptions(
                    depends_on=[one for user in made.values() for one in user.made],
                    # A user that is made anew has no right to a procedure until this one gives it again.
                    replace_with=[user.made[0] for user in made.values()],
                ),
            ),
        )
        self.logins = {
            user: DatabaseLogin(
                host=reached.host,
                port=reached.port,
                name=RIGHTS[user][0].database,
                user=one.name,
                password=one.password,
                ca=reached.ca,
            )
            for user, one in made.items()
        }
        # Whoever connects finds the tables.
        ready = Output.all(connection.host, schema.revision).apply(lambda known: str(known[0]))
        self.connection = replace(connection, host=ready)
        self.register_outputs({"host": reached.host, "port": reached.port})
