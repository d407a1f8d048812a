"""Dovecot: keeps the mail and serves it over IMAP, POP3 and LMTP; checks passwords for Postfix, too.

Owns the container, the mail volume and the rendered configuration.
Does not own the accounts (accounts.py), the database (database/) or the certificate (certificates.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi_docker as docker
from pulumi import ComponentResource, Input, ResourceOptions

from mailinfra import user_ids
from mailinfra.components import encryption
from mailinfra.components.handles import DatabaseLogin, Identity, Peer, filled
from mailinfra.components.policy import refuse
from mailinfra.components.policy.files import dovecot_faults
from mailinfra.config.mail import LimitsConfig
from mailinfra.config.network import PortsConfig
from mailinfra.config.storage import MailStorageConfig
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.durability import durable
from mailinfra.containers.place import Attachment, Place
from mailinfra.containers.rendering import digest, rendered, sketch
from mailinfra.containers.service import Health, Mount, Renewed, Service, ServiceArgs, after, from_another
from mailinfra.types import OnDestroy

PUBLISHED = {"imap": 143, "imaps": 993, "pop3": 110, "pop3s": 995}
"""Protocol -> the port that Dovecot listens on for mail programs."""

INNER = {"lmtp": 24, "sasl": 4523}
"""Protocol -> the port that it listens on for Postfix, at its address in the network `inner` alone."""

GUESSES_PORT = 4524
"""Where Dovecot asks, on its container's loopback, whether a password may be checked."""

TEMPLATES = (
    "dovecot.conf",
    "conf.d/auth.conf",
    "conf.d/mail.conf",
    "conf.d/protocols.conf",
    "conf.d/ssl.conf",
    "database",
    "ext/sql.conf.ext",
    "guesses",
    "inner",
    "watch.conf",
)
"""Files below configs/dovecot/, which are the same below /etc/dovecot/."""

FILTER_TEMPLATES = (
    "conf.d/sieve.conf",
    "filter",
    "sieve/learn-ham.sieve",
    "sieve/learn-spam.sieve",
    "sieve/spam-to-junk.sieve",
)
"""More of them, where there is a filter."""

WINDOW = 3600
"""Seconds for which a wrong password counts; `limits.wrongPasswords` is for so long."""

SHARE_OF_A_PERSON = 10
"""One in so many of them may be a person's; a source with more has one check after another."""

PAUSE = 1
"""Seconds between those: others have the processors meanwhile."""

LOST = 10
"""Seconds after which a check counts as wrong that nobody has reported: who asked has hung up."""

SHARE_OF_REPEATS = 5
"""One in so many of them is kept for wrong passwords that come again: they take no room from others."""

HASH_BITS = 32
"""How much of a password's hash is remembered: no two of one account meet by chance."""

KEPT_TRIES = 20_000
"""How many wrong passwords are remembered, of all sources together, and how many right ones: 40 MiB."""

# Each worker may hold one hash of 64 MiB, each session some 3 MiB of its own.
MEMORY_MIB = 1024
AUTH_WORKERS = 8
SESSIONS = 200

FOLDER_ESCAPE = "\x01"
"""What stands for a dot, and the like, in a folder's name on disk; no name may hold it."""

SHOWN = " ".join(
    f"-o {setting}={Renewed.path}/current/{file}"
    for setting, file in (
        ("ssl_server_cert_file", "chain.pem"),
        ("ssl_server_key_file", "key.pem"),
    )
)
"""What has a login process show a certificate that is renewed while it runs."""

_VMAIL = f"uid={user_ids.DOVECOT},gid={user_ids.DOVECOT}"
_DATABASE_CA = "/etc/dovecot/tls/database-ca.pem"


@dataclass(frozen=True, kw_only=True)
class DovecotArgs:
    """What Dovecot needs from its neighbours, and its sections of the form."""

    place: Place
    """Where it runs."""

    hostname: str
    """The mail server's name, in greetings; the certificate holds it."""

    identity: Identity
    """What it shows to mail programs."""

    renewed: Renewed | None = None
    """Where what it shows to them lies, if somebody else renews it; `identity` is then not read."""

    inner_identity: Identity
    """What it shows to who asks for its container's name: the webmail, and Postfix where that is spoken to
    inside TLS."""

    database: DatabaseLogin
    """Where it finds the accounts."""

    ports: PortsConfig
    """On the host; what is off is not published."""

    fronts: Sequence[str]
    """Its own addresses where mail programs and the webmail reach it."""

    inner: Attachment
    """Where Postfix reaches it, under which name, and whether inside TLS."""

    gateways: Sequence[str]
    """Addresses behind which there are many clients that nobody can tell apart: Docker's proxy."""

    webmail_addresses: Sequence[str]
    """The webmail's own addresses: the only ones whose word on a client's address is believed."""

    mail: MailStorageConfig
    """Where the mail lies."""

    limits: LimitsConfig
    """How many sessions one user may have, and how many wrong passwords a source."""

    filter: Peer | None = None
    """Who marks spam and learns from what users move; None without a filter."""

    filter_password: Input[str] | None = field(default=None, repr=False)
    """With which it is taught; becomes a file of its own."""

    on_destroy: OnDestroy = OnDestroy.RETAIN
    """What becomes of the mail volume when the stack is destroyed."""


class Dovecot(ComponentResource):
    """The mailbox server of one mail server."""

    peer: Peer
    """How the webmail reaches it; known once it is healthy."""

    inner: Peer
    """How Postfix reaches it; known once it is healthy."""

    def __init__(self, name: str, args: DovecotArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Dovecot", name, None, opts)
        child = ResourceOptions(parent=self)
        refuse(dovecot_faults({path: sketch(f"dovecot/{path}", values(args)) for path in templates(args)}))

        mail = self._mail(name, args, child)
        service = Service(
            f"{name}-service",
            ServiceArgs(
                place=args.place,
                folders=[
                    Folder(path="/etc/dovecot", files=configuration(args)),
                    Folder(path="/run/secrets", files=secrets(args), secret=True),
                ],
                mounts=[mail, *from_another(args.renewed)],
                groups=[args.renewed.group] if args.renewed else [],
                tmpfs={
                    "/run/dovecot": f"{_VMAIL},mode=0755,size=16m",
                    "/tmp": f"{_VMAIL},mode=0700,size=64m",  # noqa: S108 - a tmpfs of the container's own
                    "/var/lib/dovecot": f"{_VMAIL},mode=0755,size=1m",
                },
                ports=args.place.published(PUBLISHED, args.ports.on(PUBLISHED)),
                health=Health(command=["healthy"]),
                memory_mib=MEMORY_MIB,
                user=f"{user_ids.DOVECOT}:{user_ids.DOVECOT}",
                init=True,  # the entry point has children of its own
            ),
            opts=child,
        )

        inner = args.inner.name or args.inner.address
        certified, ca = args.place.alias, args.inner_identity.ca
        self.peer = Peer(host=service.host, ports=PUBLISHED, ca=ca, certified=certified)
        self.inner = Peer(
            host=after(inner, service.id_when_healthy),
            ports=INNER,
            ca=ca,
            certified=certified,
            encrypted=args.inner.encrypted,
        )
        # `mail_volume` is the volume, or the folder of the host, that a backup has to cover.
        self.register_outputs({"host": service.host, "mail_volume": mail.source})

    def _mail(self, name: str, args: DovecotArgs, child: ResourceOptions) -> Mount:
        if args.mail.host_path is not None:
            return Mount(path="/mail", source=args.mail.host_path, host=True)
        volume = docker.Volume(
            f"{name}-mail",
            name=f"{args.place.stack}-mail{_marked(args.mail)}",
            driver=args.mail.driver,
            driver_opts=dict(args.mail.driver_options) or None,
            opts=ResourceOptions.merge(child, durable(args.on_destroy)),
        )
        return Mount(path="/mail", source=volume.name)


def _marked(mail: MailStorageConfig) -> str:
    """Return the end of the fixed name under which the next `up` after a `destroy` finds the mail again.

    Another driver or other options are another name. Docker answers with the volume that is there, whatever
    it is asked for, and the mail would go on lying where it did.
    """
    if mail.driver == "local" and not mail.driver_options:
        return ""
    return f"-{digest({'': mail.driver, **mail.driver_options})[:8]}"


def templates(args: DovecotArgs) -> Sequence[str]:
    """Return which files below configs/dovecot/ it gets."""
    return TEMPLATES if args.filter is None else (*TEMPLATES, *FILTER_TEMPLATES)


def secrets(args: DovecotArgs) -> dict[str, Input[str]]:
    """Return path below /run/secrets -> text of each file that nobody else may read."""
    files: dict[str, Input[str]] = {
        "database_password": args.database.password,
        "inner.key": args.inner_identity.key,
    }
    if args.renewed is None:
        files["tls.key"] = args.identity.key
    if args.filter_password is not None:
        files["filter_password"] = args.filter_password
    return files


def configuration(args: DovecotArgs) -> dict[str, Input[str]]:
    """Return path below /etc/dovecot -> text of each file that holds no secret."""
    given = values(args)
    return {
        **{path: rendered(f"dovecot/{path}", given) for path in templates(args)},
        **({} if args.renewed else {"tls/certificate.pem": args.identity.certificate}),
        "tls/inner.pem": args.inner_identity.certificate,
        "tls/database-ca.pem": filled(args.database.ca),
    }


def values(args: DovecotArgs) -> dict[str, Any]:
    """Return what the templates may ask for."""
    return {
        "hostname": args.hostname,
        "container": args.place.alias,
        "shown": SHOWN if args.renewed else "",
        "tls": encryption.VALUES,
        "pop3": any(protocol.startswith("pop3") for protocol in args.ports.on(PUBLISHED)),
        "listen": args.place.inner_ports(PUBLISHED),
        "ports": INNER,
        "fronts": args.fronts,
        "inner": args.inner.address,
        "inner_encrypted": args.inner.encrypted,
        "guesses": _guesses(args),
        "webmail_addresses": args.webmail_addresses,
        "sessions": SESSIONS,
        "limits": args.limits,
        "folder_escape": FOLDER_ESCAPE,
        "auth_workers": AUTH_WORKERS,
        "database": args.database.values(_DATABASE_CA),
        "filter": args.filter and args.filter.address(),
    }


def _guesses(args: DovecotArgs) -> dict[str, Any]:
    return {
        "port": GUESSES_PORT,
        "seconds": WINDOW,
        "repeats": args.limits.wrong_passwords // SHARE_OF_REPEATS,
        "few": args.limits.wrong_passwords // SHARE_OF_A_PERSON,
        "pause": PAUSE,
        "lost": LOST,
        "hash_bits": HASH_BITS,
        "kept": KEPT_TRIES,
        "shared": args.gateways,
        "webmail": args.webmail_addresses,
    }
