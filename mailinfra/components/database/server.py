"""MySQL: a server in a container of ours, or the way to somebody's existing one.

Owns the container, its data volume and the account that deploys. Does not own databases, tables and the users
of services (users.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import pulumi_docker as docker
import pulumi_mysql as mysql
from pulumi import Input, Output, Resource, ResourceOptions

from mailinfra.components.database.users import DATABASES
from mailinfra.components.handles import Identity
from mailinfra.components.own_provider import Access, Connection, Provider
from mailinfra.components.passwords import password
from mailinfra.config.storage import ExternalDatabaseConfig
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.durability import durable
from mailinfra.containers.place import Place, PublishedPort
from mailinfra.containers.rendering import rendered, text_of
from mailinfra.containers.service import Health, Mount, Service, ServiceArgs
from mailinfra.types import MIB, OnDestroy
from mailinfra.user_ids import MYSQL

PORT = 3306

CHARACTER_SET, COLLATION = "utf8mb4", "utf8mb4_0900_ai_ci"
"""Of every database: the server's default, which each of them says all the same."""

_LOOPBACK = "127.0.0.1"
_TMP = "mode=1777,size=64m"


@dataclass(frozen=True, kw_only=True)
class OwnServer:
    """A MySQL server in a container of ours."""

    place: Place
    """Where it runs: the official image, or one that answers to the same environment."""

    gateway: str
    """The network's gateway: where the machine itself comes from, and so the deployment."""

    port: int
    """TCP port on this machine's loopback that the deployment goes through."""

    memory: int
    """Memory limit in bytes."""

    identity: Identity
    """What it shows; the certificate names its alias and 127.0.0.1."""

    generation: str = ""
    """Which passwords its own accounts have."""


@dataclass(frozen=True, kw_only=True)
class ExistingServer:
    """Somebody's MySQL server."""

    given: ExternalDatabaseConfig
    """Where it is, and who administrates it."""

    password: Input[str] = field(repr=False)
    """The administrator's password; becomes a secret."""


class Role(StrEnum):
    """Accounts that the server has besides those of the services."""

    ROOT = "root"
    DEPLOY = "deploy"
    HEALTH = "health"


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A server that answers."""

    host: Output[str]
    """Name under which the daemons reach it; known once it is healthy."""

    port: int
    """TCP port there."""

    ca: Output[str]
    """PEM of the CA that signed its certificate; empty where none is known."""

    connection: Connection
    """How this machine reaches it."""

    provider: mysql.Provider
    """Ready for use."""

    data: Resource | None
    """The volume that everything in it is kept in; None where that is somebody else's."""


def own(name: str, server: OwnServer, on_destroy: OnDestroy, child: ResourceOptions) -> Reached:
    """Return a server that was started for this stack and answers."""
    passwords = {role: password(f"{name}-{role}-password", child, server.generation) for role in Role}
    data = docker.Volume(
        f"{name}-data",
        name=f"{server.place.stack}-mysql",  # fixed: the next `up` after a `destroy` finds the accounts again
        opts=ResourceOptions.merge(child, durable(on_destroy)),
    )
    service = Service(
        f"{name}-service",
        ServiceArgs(
            place=server.place,
            folders=_folders(server, passwords),
            mounts=[Mount(path="/var/lib/mysql", source=data.name)],
            tmpfs={"/tmp": _TMP, "/var/run/mysqld": f"uid={MYSQL},gid={MYSQL},mode=0755,size=1m"},  # noqa: S108
            ports=[PublishedPort(internal=PORT, external=server.port, address=_LOOPBACK)],
            # `mysqladmin ping` is content with "Access denied"; the socket answers during the first start.
            health=Health(
                command=["mysql", "--defaults-file=/run/secrets/health.cnf", "--execute=DO 1"],
                startup_seconds=240,
            ),
            memory_mib=server.memory // MIB,
            user=f"{MYSQL}:{MYSQL}",
            environment={
                "MYSQL_ROOT_PASSWORD_FILE": "/run/secrets/root_password",
                "MYSQL_ROOT_HOST": "localhost",
                "MYSQL_INITDB_SKIP_TZINFO": "1",
            },
        ),
        opts=child,
    )
    # A preview of a stack that does not run yet must not look for its server: the id is unknown there.
    endpoint = service.id_when_healthy.apply(lambda _: f"{_LOOPBACK}:{server.port}")
    connection = Connection(
        host=service.host.apply(lambda _: _LOOPBACK),
        port=server.port,
        user=Role.DEPLOY.value,
        password=passwords[Role.DEPLOY],
        ca=server.identity.ca,
    )
    return Reached(
        host=service.host,
        port=PORT,
        ca=Output.from_input(server.identity.ca),
        connection=connection,
        # This provider cannot be given our CA, so it verifies nothing. The connection stays on loopback.
        provider=_provider(name, endpoint, Role.DEPLOY.value, passwords[Role.DEPLOY], "skip-verify", child),
        data=data,
    )


def _folders(server: OwnServer, passwords: Mapping[Role, Output[str]]) -> list[Folder]:
    logins = login_values(server, passwords[Role.DEPLOY], passwords[Role.HEALTH])
    return [
        Folder(
            path="/etc/mysql/conf.d",
            files={"mailinfra.cnf": rendered("mysql/conf.d/mailinfra.cnf", values(server))},
        ),
        Folder(
            path="/etc/mailinfra",
            files={"ca.pem": server.identity.ca, "certificate.pem": server.identity.certificate},
        ),
        Folder(
            path="/run/secrets",
            files={
                "health.cnf": rendered("mysql/health.cnf", logins),
                "init.sql": rendered("mysql/init.sql", logins),
                "root_password": passwords[Role.ROOT],
                "server.key": server.identity.key,
            },
            secret=True,
        ),
    ]


def values(server: OwnServer) -> dict[str, Any]:
    """Return what configs/mysql/conf.d/ may ask for."""
    return {
        "character_set": CHARACTER_SET,
        "collation": COLLATION,
        "buffer_pool_mib": max(32, server.memory // MIB // 8),
    }


def login_values(server: OwnServer, deploy: Input[str], health: Input[str]) -> dict[str, Any]:
    """Return what init.sql and health.cnf may ask for; `deploy` and `health` are passwords."""
    return {
        "character_set": CHARACTER_SET,
        "collation": COLLATION,
        "databases": DATABASES,
        "gateway": server.gateway,
        "deploy_password": deploy,
        "health_password": health,
    }


def existing(
    name: str, server: ExistingServer, own_provider: Provider | None, child: ResourceOptions
) -> Reached:
    """Return somebody's server, once it has let us in."""
    given = server.given
    ca = text_of(given.ca_file) if given.ca_file is not None else ""
    secret = Output.secret(server.password)
    connection = Connection(
        host=given.host,
        port=given.port,
        user=given.administrator,
        password=secret,
        ca=ca,
        through=own_provider,
    )
    access = Access(
        f"{name}-access", replace(connection, database=""), given.databases.value, DATABASES, child
    )
    return Reached(
        host=Output.from_input(given.host),
        port=given.port,
        ca=Output.from_input(ca),
        connection=connection,
        # This provider cannot be given a CA: it verifies against the public ones, or not at all.
        provider=_provider(
            name, access.endpoint, given.administrator, secret, "skip-verify" if ca else "true", child
        ),
        data=None,
    )


def _provider(
    name: str, endpoint: Output[str], user: str, secret: Output[str], tls: str, child: ResourceOptions
) -> mysql.Provider:
    return mysql.Provider(
        f"{name}-provider",
        endpoint=endpoint,
        username=user,
        password=secret,
        tls=tls,
        opts=child,
    )
