"""MySQL: a server in a container of ours, or the way to somebody's existing one.

Owns the container, its data volume and the account that deploys. Does not own databases, tables and the users
of services (database.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pulumi_docker as docker
import pulumi_mysql as mysql
from pulumi import Input, Output, Resource, ResourceOptions

from mailinfra.components.database.users import password
from mailinfra.components.own_provider import Connection
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.durability import durable
from mailinfra.containers.images import ImageSource
from mailinfra.containers.rendering import render, text_of
from mailinfra.containers.service import Health, Mount, PublishedPort, Service, ServiceArgs
from mailinfra.types import OnDestroy

PORT = 3306

_LOOPBACK = "127.0.0.1"
_TMP = "mode=1777,size=64m"


@dataclass(frozen=True, kw_only=True)
class OwnServer:
    """A MySQL server in a container of ours."""

    image: ImageSource
    """The official image, or one that answers to the same environment."""

    network: Input[str]
    """Name of the Docker network shared with the daemons."""

    address: str
    """IPv4 address on that network."""

    gateway: str
    """The network's gateway: where the machine itself comes from, and so the deployment."""

    port: int
    """TCP port on this machine's loopback that the deployment goes through."""

    memory_mib: int
    """Memory limit in MiB."""

    certificate: Input[str]
    """PEM of the server's certificate, which names `mysql` and 127.0.0.1."""

    key: Input[str]
    """PEM of its private key."""

    ca: Input[str]
    """PEM of the CA that signed it."""


@dataclass(frozen=True, kw_only=True)
class ExistingServer:
    """Somebody's MySQL server, 8.4 or newer."""

    host: str
    """Name or address, as this machine and the containers reach it."""

    port: int
    """TCP port."""

    administrator: str
    """User that may create databases and users, and grant rights."""

    password: Input[str]
    """The administrator's password; becomes a secret."""

    adopt: bool
    """Whether the databases exist already."""

    ca_file: str | None = None
    """PEM file of the CA that signed the server's certificate; None for the public ones."""


class Role(StrEnum):
    """Accounts that the server has besides those of the services."""

    ROOT = "root"
    DEPLOY = "deploy"
    HEALTH = "health"


@dataclass(frozen=True, kw_only=True)
class ServerFile:
    """What configs/mysql/conf.d/ asks for."""

    buffer_pool_mib: int


@dataclass(frozen=True, kw_only=True)
class LoginFiles:
    """What configs/mysql/init.sql and health.cnf ask for."""

    gateway: str
    deploy_password: str = field(repr=False)
    health_password: str = field(repr=False)


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


def own(name: str, stack: str, server: OwnServer, on_destroy: OnDestroy, child: ResourceOptions) -> Reached:
    """Return a server that was started for this stack and answers."""
    passwords = {role: password(f"{name}-{role}-password", child) for role in Role}
    data = docker.Volume(
        f"{name}-data",
        name=f"{stack}-mysql",  # fixed: the next `up` after a `destroy` finds the accounts again
        opts=ResourceOptions.merge(child, durable(on_destroy)),
    )
    service = Service(
        f"{name}-service",
        ServiceArgs(
            stack=stack,
            alias="mysql",
            image=server.image,
            network=server.network,
            address=server.address,
            folders=_folders(server, passwords),
            mounts=[Mount(path="/var/lib/mysql", source=data.name)],
            tmpfs={"/tmp": _TMP, "/var/run/mysqld": "uid=999,gid=999,mode=0755,size=1m"},  # noqa: S108
            ports=[PublishedPort(internal=PORT, external=server.port, address=_LOOPBACK)],
            # `mysqladmin ping` is content with "Access denied"; the socket answers during the first start.
            health=Health(
                command=["mysql", "--defaults-file=/run/secrets/health.cnf", "--execute=DO 1"],
                startup_seconds=240,
            ),
            memory_mib=server.memory_mib,
            user="999:999",
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
        ca=server.ca,
    )
    return Reached(
        host=service.host,
        port=PORT,
        ca=Output.from_input(server.ca),
        connection=connection,
        # It cannot be told our CA. Over loopback there is nobody between.
        provider=_provider(name, endpoint, Role.DEPLOY.value, passwords[Role.DEPLOY], "skip-verify", child),
        data=data,
    )


def _folders(server: OwnServer, passwords: Mapping[Role, Output[str]]) -> list[Folder]:
    known = Output.all(deploy=passwords[Role.DEPLOY], health=passwords[Role.HEALTH]).apply(
        lambda each: LoginFiles(
            gateway=server.gateway, deploy_password=each["deploy"], health_password=each["health"]
        )
    )
    settings = ServerFile(buffer_pool_mib=max(32, server.memory_mib // 8))
    return [
        Folder(
            path="/etc/mysql/conf.d",
            files={"mailinfra.cnf": render("mysql/conf.d/mailinfra.cnf", settings)},
        ),
        Folder(path="/etc/mailinfra", files={"ca.pem": server.ca, "certificate.pem": server.certificate}),
        Folder(
            path="/run/secrets",
            files={
                "health.cnf": known.apply(lambda each: render("mysql/health.cnf", each)),
                "init.sql": known.apply(lambda each: render("mysql/init.sql", each)),
                "root_password": passwords[Role.ROOT],
                "server.key": server.key,
            },
            secret=True,
        ),
    ]


def existing(name: str, server: ExistingServer, child: ResourceOptions) -> Reached:
    """Return somebody's server, which is taken to answer."""
    ca = text_of(server.ca_file) if server.ca_file is not None else ""
    secret = Output.secret(server.password)
    endpoint = Output.from_input(f"{server.host}:{server.port}")
    return Reached(
        host=Output.from_input(server.host),
        port=server.port,
        ca=Output.from_input(ca),
        connection=Connection(
            host=server.host,
            port=server.port,
            user=server.administrator,
            password=secret,
            ca=ca,
        ),
        # This provider cannot be told a CA. It asks the public ones, or with another one nobody.
        provider=_provider(
            name, endpoint, server.administrator, secret, "skip-verify" if ca else "true", child
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
