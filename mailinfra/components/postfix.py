"""Postfix: takes mail from the world and from users, hands it to Dovecot or sends it out.

Owns the container, the queue's volume and the rendered configuration.
Does not own mailboxes (dovecot.py), the database (database.py) or the certificate (certificates.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import pulumi_docker as docker
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.components.daemons import SYSTEM_CA, DaemonArgs, ca_file, filled
from mailinfra.components.postfix_files import (
    MAPS,
    TEMPLATES,
    ClientLimits,
    MapFiles,
    PostfixFiles,
    Smarthost,
)
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.durability import durable
from mailinfra.containers.rendering import render
from mailinfra.containers.service import Health, Mount, Service, ServiceArgs
from mailinfra.types import OnDestroy

PORTS = {"smtp": 25, "submission": 587, "submissions": 465}
"""Protocol -> the port that Postfix listens on."""

# Strangers who fill every port at once (configs/postfix/master.cf) take some 950 MiB; at rest it is 20.
MEMORY_MIB = 1024

_POSTFIX = "uid=2000,gid=2000"  # images/postfix/Dockerfile
_DATABASE_CA = "/etc/postfix/tls/database-ca.pem"
_DOVECOT_CA = "/etc/postfix/tls/dovecot-ca.pem"
_SMARTHOST_CA = "/etc/postfix/tls/smarthost-ca.pem"


@dataclass(frozen=True, kw_only=True)
class PostfixArgs(DaemonArgs):
    """What Postfix needs from its neighbours."""

    ports: Mapping[str, int]
    """Protocol (smtp, submission, submissions) -> port on the host; an absent one is not published."""

    webmail_addresses: Sequence[str]
    """The webmail's own addresses, which no rate limit holds for."""

    dovecot_host: Input[str]
    """Name of Dovecot; known once it is healthy."""

    dovecot_ca: Input[str]
    """PEM of the CA that signed Dovecot's certificate; empty for the public ones."""

    postmaster: str | None
    """Who gets mail to `postmaster` without a domain, and at `hostname`; None where `hostname` is itself a
    domain with mailboxes."""

    message_size: int
    """Largest message, in bytes."""

    recipients: int = 100
    """Most recipients of one message; RFC 5321 asks for at least 100."""

    limits: ClientLimits = field(default_factory=ClientLimits)
    """What one client address may do in a minute."""

    check_domains: bool = True
    """Whether senders' and recipients' domains must exist; False where no DNS server knows them."""

    resolvers: Sequence[str] = ()
    """DNS servers in place of the engine's."""

    smarthost: Smarthost | None = None
    """Server that takes all outgoing mail; None to deliver to each domain's own."""

    on_destroy: OnDestroy = OnDestroy.RETAIN
    """What becomes of the queue's volume when the stack is destroyed."""


class Postfix(ComponentResource):
    """The mail transfer agent of one mail server."""

    host: Output[str]
    """Name under which other containers reach it; known once it is healthy."""

    queue_volume: Output[str]
    """The volume that holds accepted mail which is not delivered yet."""

    def __init__(self, name: str, args: PostfixArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Postfix", name, None, opts)
        child = ResourceOptions(parent=self)

        queue = docker.Volume(
            f"{name}-queue",
            name=f"{args.stack}-queue",  # fixed: the next `up` after a `destroy` delivers what is left
            opts=ResourceOptions.merge(child, durable(args.on_destroy)),
        )
        service = Service(
            f"{name}-service",
            ServiceArgs(
                stack=args.stack,
                alias="postfix",
                image=args.image,
                network=args.network,
                address=args.address,
                address6=args.address6,
                folders=[
                    Folder(path="/etc/postfix", files=configuration(args)),
                    Folder(path="/run/secrets", files=secrets(args), secret=True),
                ],
                mounts=[Mount(path="/var/spool/postfix", source=queue.name)],
                tmpfs={
                    "/run": "mode=0755,size=1m",
                    "/tmp": "size=16m",  # noqa: S108 - a tmpfs of the container's own
                    "/var/lib/postfix": f"{_POSTFIX},mode=0755,size=16m",
                },
                ports=args.published({PORTS[protocol]: port for protocol, port in args.ports.items()}),
                health=Health(command=["healthy"]),
                memory_mib=MEMORY_MIB,
                # The master starts as root and drops to `postfix` for all that meets strangers.
                capabilities=["CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID"],
                resolvers=args.resolvers,
            ),
            opts=child,
        )

        self.host = service.host
        self.queue_volume = queue.name
        self.register_outputs({"host": self.host, "queue_volume": self.queue_volume})


def configuration(args: PostfixArgs) -> dict[str, Input[str]]:
    """Return path below /etc/postfix -> text of each file that holds no secret."""
    smarthost = args.smarthost
    smarthost_ca = smarthost.ca if smarthost else None
    values = Output.all(host=args.dovecot_host, ca=args.dovecot_ca).apply(
        lambda dovecot: PostfixFiles(
            smtp_ports=args.inner_ports(PORTS["smtp"]),
            submission_ports=args.inner_ports(PORTS["submission"]),
            submissions_ports=args.inner_ports(PORTS["submissions"]),
            hostname=args.hostname,
            postmaster=args.postmaster,
            message_size=args.message_size,
            recipients=args.recipients,
            submission_recipients=max(1000, args.recipients + 100),  # above what recipient-limit refuses
            limits=args.limits,
            check_domains=args.check_domains,
            webmail_addresses=[f"[{ip}]" if ":" in ip else ip for ip in args.webmail_addresses],
            dovecot_host=dovecot["host"],
            dovecot_ca_file=ca_file(dovecot["ca"], _DOVECOT_CA),
            outbound_tls=smarthost.tls() if smarthost else "may",
            outbound_ca_file=_SMARTHOST_CA if smarthost_ca else SYSTEM_CA,
            smarthost_host=smarthost.host if smarthost else None,
            smarthost_port=smarthost.port if smarthost else None,
            smarthost_login=bool(smarthost and smarthost.username),
        )
    )
    files: dict[str, Input[str]] = {
        path: values.apply(partial(render, f"postfix/{path}")) for path in TEMPLATES
    }
    files["tls/certificate.pem"] = args.certificate
    files["tls/database-ca.pem"] = filled(args.database_ca)
    files["tls/dovecot-ca.pem"] = filled(args.dovecot_ca)
    if smarthost_ca is not None:
        files["tls/smarthost-ca.pem"] = smarthost_ca
    return files


def secrets(args: PostfixArgs) -> dict[str, Input[str]]:
    """Return path below /run/secrets -> text of each file that nobody else may read."""
    values = Output.all(
        host=args.database_host,
        port=args.database_port,
        user=args.database_user,
        password=args.database_password,
        ca=args.database_ca,
    ).apply(
        lambda database: MapFiles(
            database_host=database["host"],
            database_port=int(database["port"]),
            database_user=database["user"],
            database_password=database["password"],
            database_ca_file=ca_file(database["ca"], _DATABASE_CA),
        )
    )
    files: dict[str, Input[str]] = {path: values.apply(partial(render, f"postfix/{path}")) for path in MAPS}
    files["tls.key"] = args.key
    if args.smarthost is not None and args.smarthost.username is not None:
        files["smarthost"] = Output.format(
            "[{}]:{} {}:{}\n",
            args.smarthost.host,
            args.smarthost.port,
            args.smarthost.username,
            args.smarthost.password,
        )
    return files
