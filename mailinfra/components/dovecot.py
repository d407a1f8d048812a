"""Dovecot: keeps the mail and serves it over IMAP, POP3 and LMTP; checks passwords for Postfix, too.

Owns the container, the mail volume and the rendered configuration.
Does not own the accounts (accounts.py), the database (database.py) or the certificate (certificates.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pulumi_docker as docker
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.components.daemons import DaemonArgs, ca_file, filled
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.durability import durable
from mailinfra.containers.rendering import render
from mailinfra.containers.service import Health, Mount, Service, ServiceArgs
from mailinfra.types import OnDestroy

PORTS = {"imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995}
"""Protocol -> the port that Dovecot listens on. LMTP (24) and SASL (4523) are never published."""

TEMPLATES = (
    "dovecot.conf",
    "conf.d/auth.conf",
    "conf.d/mail.conf",
    "conf.d/protocols.conf",
    "conf.d/ssl.conf",
    "ext/sql.conf.ext",
)
"""Files below configs/dovecot/, which are the same below /etc/dovecot/."""

# Each worker may hold one hash of 64 MiB, each session some 3 MiB of its own.
MEMORY_MIB = 1024
AUTH_WORKERS = 8
SESSIONS = 200

_VMAIL = "uid=1000,gid=1000"  # images/dovecot/Dockerfile
_DATABASE_CA = "/etc/dovecot/tls/database-ca.pem"


@dataclass(frozen=True, kw_only=True)
class DovecotArgs(DaemonArgs):
    """What Dovecot needs from its neighbours."""

    ports: Mapping[str, int]
    """Protocol (imap, imaps, pop3, pop3s) -> port on the host; an absent one is not published."""

    webmail_addresses: Sequence[str]
    """The webmail's own addresses: the only ones whose word on a client's address is believed."""

    mail_host_path: str | None = None
    """Folder of the Docker host for the mail, writable by uid 1000, in place of a volume."""

    mail_driver: str = "local"
    """Docker's volume driver for the mail volume."""

    mail_driver_options: Mapping[str, str] = field(default_factory=dict)
    """Options of that driver, for example of an NFS share; a change would replace the volume."""

    on_destroy: OnDestroy = OnDestroy.RETAIN
    """What becomes of the mail volume when the stack is destroyed."""


@dataclass(frozen=True, kw_only=True)
class DovecotFiles:
    """The values that the files under configs/dovecot/ ask for."""

    hostname: str
    pop3: bool
    imap_ports: Sequence[int]
    imaps_ports: Sequence[int]
    pop3_ports: Sequence[int]
    pop3s_ports: Sequence[int]
    webmail_addresses: Sequence[str]
    sessions: int = SESSIONS
    auth_workers: int = AUTH_WORKERS
    database_host: str
    database_port: int
    database_user: str
    database_ca_file: str


class Dovecot(ComponentResource):
    """The mailbox server of one mail server."""

    host: Output[str]
    """Name under which other containers reach it; known once it is healthy."""

    mail_volume: Output[str]
    """The volume, or the folder of the host, that a backup has to cover."""

    def __init__(self, name: str, args: DovecotArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Dovecot", name, None, opts)
        child = ResourceOptions(parent=self)

        mail = self._mail(name, args, child)
        service = Service(
            f"{name}-service",
            ServiceArgs(
                stack=args.stack,
                alias="dovecot",
                image=args.image,
                network=args.network,
                address=args.address,
                address6=args.address6,
                folders=[
                    Folder(path="/etc/dovecot", files=configuration(args)),
                    Folder(
                        path="/run/secrets",
                        files={"database_password": args.database_password, "tls.key": args.key},
                        secret=True,
                    ),
                ],
                mounts=[mail],
                tmpfs={
                    "/run/dovecot": f"{_VMAIL},mode=0755,size=16m",
                    "/tmp": f"{_VMAIL},mode=0700,size=64m",  # noqa: S108 - a tmpfs of the container's own
                    "/var/lib/dovecot": f"{_VMAIL},mode=0755,size=1m",
                },
                ports=args.published({PORTS[protocol]: port for protocol, port in args.ports.items()}),
                health=Health(command=["healthy"]),
                memory_mib=MEMORY_MIB,
                user="1000:1000",
                init=True,  # the entry point has children of its own
            ),
            opts=child,
        )

        self.host = service.host
        self.mail_volume = Output.from_input(mail.source)
        self.register_outputs({"host": self.host, "mail_volume": self.mail_volume})

    def _mail(self, name: str, args: DovecotArgs, child: ResourceOptions) -> Mount:
        if args.mail_host_path is not None:
            return Mount(path="/mail", source=args.mail_host_path, host=True)
        volume = docker.Volume(
            f"{name}-mail",
            name=f"{args.stack}-mail",  # fixed: the next `up` after a `destroy` finds the mail again
            driver=args.mail_driver,
            driver_opts=dict(args.mail_driver_options) or None,
            opts=ResourceOptions.merge(child, durable(args.on_destroy)),
        )
        return Mount(path="/mail", source=volume.name)


def configuration(args: DovecotArgs) -> dict[str, Input[str]]:
    """Return path below /etc/dovecot -> text of each file that holds no secret."""
    database = Output.all(
        host=args.database_host, port=args.database_port, user=args.database_user, ca=args.database_ca
    )
    values = database.apply(
        lambda known: DovecotFiles(
            hostname=args.hostname,
            pop3=bool({"pop3", "pop3s"} & set(args.ports)),
            imap_ports=args.inner_ports(PORTS["imap"]),
            imaps_ports=args.inner_ports(PORTS["imaps"]),
            pop3_ports=args.inner_ports(PORTS["pop3"]),
            pop3s_ports=args.inner_ports(PORTS["pop3s"]),
            webmail_addresses=args.webmail_addresses,
            database_host=known["host"],
            database_port=int(known["port"]),
            database_user=known["user"],
            database_ca_file=ca_file(known["ca"], _DATABASE_CA),
        )
    )
    rendered = {path: values.apply(partial(render, f"dovecot/{path}")) for path in TEMPLATES}
    return {
        **rendered,
        "tls/certificate.pem": args.certificate,
        "tls/database-ca.pem": filled(args.database_ca),
    }
