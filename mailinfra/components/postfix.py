"""Postfix: takes mail from the world and from users, hands it to Dovecot or sends it out.

Owns the container, the queue's volume and the rendered configuration.
Does not own mailboxes (dovecot.py), the database (database/) or the certificate (certificates.py).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pulumi_docker as docker
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.components import encryption
from mailinfra.components.handles import SYSTEM_CA, DatabaseLogin, Identity, Peer, ReportsWay, filled
from mailinfra.components.passwords import password
from mailinfra.components.policy import refuse
from mailinfra.components.policy.files import postfix_faults
from mailinfra.config.mail import (
    ForwardingConfig,
    HeaderFrom,
    LimitsConfig,
    ReceivingConfig,
    SendingConfig,
    SmarthostConfig,
)
from mailinfra.config.network import PortsConfig
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.durability import durable
from mailinfra.containers.place import Place
from mailinfra.containers.rendering import rendered, sketch, text_of
from mailinfra.containers.service import Health, Mount, Renewed, Service, ServiceArgs, from_another
from mailinfra.types import Dnssec, OnDestroy
from mailinfra.user_ids import HELPER, POSTFIX, POSTSRSD

PORTS = {"smtp": 25, "submission": 587, "submissions": 465}
"""Protocol -> the port that Postfix listens on."""

FORWARDS_PORT = 10026
"""On loopback: where what is forwarded goes through Postfix once more."""

REPORTS_PORT = 10027
"""In the network `inner`: where the filter hands in its reports to other domains."""

POSTSRSD_PORTS = {"senders": 10001, "bounces": 10002}
"""On loopback: its own choice. What makes a sender one of ours, and what such a one was before."""

TEMPLATES = (
    "delivery-replies",
    "forward-junk",
    "forwards",
    "header-size",
    "header-size-milter",
    "helper",
    "long-senders",
    "main.cf",
    "master.cf",
    "remembered/domains.cf",
    "remembered/mailboxes.cf",
    "remembered/recipients.cf",
    "submission-headers",
)
"""Files below configs/postfix/, the same as below /etc/postfix/; master.cf includes another one."""

MAPS = (
    "mysql/aliases.cf",
    "mysql/catch-alls.cf",
    "mysql/domain-aliases.cf",
    "mysql/domains.cf",
    "mysql/mailboxes.cf",
    "mysql/receivers.cf",
    "mysql/recipients.cf",
    "mysql/senders.cf",
)
"""Files below configs/postfix/, the same as below SECRETS: each holds the database's password."""

HEADER_FROM = "header-from"
"""One more of them, the helper's, where From has to be a user's own."""

OWNERS_PORT = 4525
"""Where the helper asks, within the container, whom a login may send as."""

OWN_SENDERS, OWN_NAME = "mysql/own-senders.cf", "mysql/own-name.cf"
"""More of them, where senders are rewritten; the second one where no postmaster makes the host's name an
address."""

# Strangers who fill every port at once (configs/postfix/master.cf) take some 1,060 MiB; at rest it is 20.
MEMORY_MIB = 1152

MEMORY = "/var/lib/postfix/memory"
"""The socket of what lookups remember for a moment; the image makes it (images/postfix/entrypoint)."""

SECRETS = "/run/postfix/secrets"
"""In a folder that nobody but root and `postfix` may enter: files in a volume are root's, and `postfix` reads
the maps."""

ROOT_ONLY = ("inner.key", "older.key", "smarthost", "srs", "tls.key")
"""Files there that each process opens before it gives up the rights of root."""
_DATABASE_CA = "/etc/postfix/tls/database-ca.pem"
_DOVECOT_CA = "/etc/postfix/tls/dovecot-ca.pem"
_SMARTHOST_CA = "/etc/postfix/tls/smarthost-ca.pem"


@dataclass(frozen=True, kw_only=True)
class PostfixArgs:
    """What Postfix needs from its neighbours, and its sections of the form."""

    place: Place
    """Where it runs."""

    hostname: str
    """The mail server's name, in greetings and towards other servers; the certificate holds it."""

    identity: Identity
    """What it shows to other servers and to mail programs."""

    renewed: Renewed | None = None
    """Where what it shows to them lies, if somebody else renews it; `identity` is then not read."""

    inner_identity: Identity
    """What it shows to who asks for its container's name: the webmail."""

    database: DatabaseLogin
    """Where it looks up domains, mailboxes and aliases."""

    dovecot: Peer
    """Who keeps the mail and checks passwords."""

    filter: Peer | None = None
    """Who checks what arrives and signs what users hand in; None without a filter."""

    ports: PortsConfig
    """On the host; what is off is not published."""

    fronts: Sequence[str]
    """Its own addresses where other servers, mail programs and the webmail reach it."""

    webmail_addresses: Sequence[str]
    """The webmail's own addresses, which no rate limit holds for."""

    postmaster: str | None
    """Who gets mail to `postmaster` without a domain, and at `hostname`; None where `hostname` is itself a
    domain with mailboxes."""

    local_mail: str | None = None
    """Who gets mail to the users of Postfix's own container, `root` among them; None for nobody."""

    widest_alias: int
    """Most addresses that one alias may lead to."""

    older: Identity | None = None
    """What port 25 shows as well, with an RSA key; None where there is none."""

    limits: LimitsConfig
    """How much is accepted."""

    receiving: ReceivingConfig
    """Checks on arriving mail."""

    sending: SendingConfig
    """Checks on what users hand in."""

    forwarding: ForwardingConfig
    """What becomes of mail that aliases lead elsewhere."""

    srs_generation: str = ""
    """Which secret rewritten senders are known by; another text makes another one."""

    reports: ReportsWay | None = None
    """How the filter hands in its reports to other domains; None where it sends none."""

    keeps_junk: str | None = None
    """Mailbox that gets junk in place of the servers that it would be forwarded to; None where it is
    forwarded."""

    resolvers: Sequence[Input[str]] = ()
    """DNS servers in place of the engine's."""

    dnssec: Dnssec = Dnssec.OFF
    """What those verify."""

    smarthost: SmarthostConfig | None = None
    """Server that takes all outgoing mail; None to deliver to each domain's own."""

    smarthost_password: Input[str] | None = field(default=None, repr=False)
    """The password of `smarthost.username`; becomes a file of its own."""

    on_destroy: OnDestroy = OnDestroy.RETAIN
    """What becomes of the queue's volume when the stack is destroyed."""


class Postfix(ComponentResource):
    """The mail transfer agent of one mail server."""

    peer: Peer
    """How other containers reach it; known once it is healthy."""

    def __init__(self, name: str, args: PostfixArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Postfix", name, None, opts)
        child = ResourceOptions(parent=self)
        refuse(postfix_faults({path: sketch(f"postfix/{path}", values(args)) for path in templates(args)}))

        queue = docker.Volume(
            f"{name}-queue",
            name=f"{args.place.stack}-queue",  # fixed: the next `up` after a `destroy` delivers what is left
            opts=ResourceOptions.merge(child, durable(args.on_destroy)),
        )
        # Also while nothing is rewritten: with another one no bounce of before would find its sender.
        srs_secret = password(f"{name}-srs", child, args.srs_generation)
        service = Service(
            f"{name}-service",
            ServiceArgs(
                place=args.place,
                folders=[
                    Folder(path="/etc/postfix", files=configuration(args)),
                    Folder(path=SECRETS, files=secrets(args, srs_secret), secret=True, root_only=ROOT_ONLY),
                ],
                # Each process reads the pair before it gives up root's rights: no further group is needed.
                mounts=[
                    Mount(path="/var/spool/postfix", source=queue.name),
                    *from_another(args.renewed),
                ],
                tmpfs={
                    "/run": "mode=0755,size=1m",
                    "/run/postfix": f"gid={POSTFIX},mode=0750,size=4k",
                    "/run/helper": f"uid={HELPER},gid={HELPER},mode=0755,size=64k",
                    "/run/postsrsd": f"uid={POSTSRSD},gid={POSTSRSD},mode=0700,size=4k",
                    "/tmp": "size=16m",  # noqa: S108 - a tmpfs of the container's own
                    "/var/lib/postfix": f"uid={POSTFIX},gid={POSTFIX},mode=0755,size=16m",
                },
                ports=args.place.published(PORTS, args.ports.on(PORTS)),
                health=Health(command=["healthy"]),
                memory_mib=MEMORY_MIB,
                # The master starts as root and drops to `postfix` for all that meets strangers.
                capabilities=["CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID"],
                resolvers=args.resolvers,
            ),
            opts=child,
        )

        self.peer = Peer(
            host=service.host, ports=PORTS, ca=args.inner_identity.ca, certified=args.place.alias
        )
        self.register_outputs({"host": service.host, "queue_volume": queue.name})


def templates(args: PostfixArgs) -> Sequence[str]:
    """Return which files below configs/postfix/ it gets, but those with secrets."""
    return (*TEMPLATES, *((HEADER_FROM,) if args.sending.header_from is HeaderFrom.OWN else ()))


def configuration(args: PostfixArgs) -> dict[str, Input[str]]:
    """Return path below /etc/postfix -> text of each file that holds no secret."""
    given = values(args)
    files: dict[str, Input[str]] = {path: rendered(f"postfix/{path}", given) for path in templates(args)}
    if args.renewed is None:
        files["tls/certificate.pem"] = args.identity.certificate
    files["tls/inner.pem"] = args.inner_identity.certificate
    if args.older is not None:
        files["tls/older.pem"] = args.older.certificate
    files["tls/database-ca.pem"] = filled(args.database.ca)
    if args.dovecot.encrypted:
        files["tls/dovecot-ca.pem"] = filled(args.dovecot.ca)
    if args.smarthost is not None and args.smarthost.ca_file is not None:
        files["tls/smarthost-ca.pem"] = text_of(args.smarthost.ca_file)
    return files


def values(args: PostfixArgs) -> dict[str, Any]:
    """Return what the templates may ask for."""
    return {
        "hostname": args.hostname,
        "container": args.place.alias,
        "renewed": args.renewed is not None,
        "tls": encryption.VALUES,
        "fronts": args.fronts,
        "listen": args.place.inner_ports(PORTS),
        "postmaster": args.postmaster,
        "local_mail": args.local_mail,
        "widest_alias": args.widest_alias,
        "older_certificate": args.older is not None,
        "limits": args.limits,
        # Above what the helper refuses.
        "submission_recipients": max(1000, args.limits.recipients + 100),
        "receiving": args.receiving,
        "sending": args.sending,
        "owners_port": OWNERS_PORT,
        "forwarding": args.forwarding,
        "forwards_port": FORWARDS_PORT,
        "keeps_junk": args.keeps_junk,
        "reports": args.reports,
        "reports_port": REPORTS_PORT,
        "postsrsd": POSTSRSD_PORTS,
        "memory": MEMORY,
        "webmail_addresses": [f"[{ip}]" if ":" in ip else ip for ip in args.webmail_addresses],
        "dovecot": args.dovecot.values(_DOVECOT_CA),
        "filter": args.filter and args.filter.address(),
        "smarthost": args.smarthost,
        **outbound_tls(args.smarthost, args.dnssec),
        "dnssec": args.dnssec,
    }


def outbound_tls(smarthost: SmarthostConfig | None, dnssec: Dnssec) -> dict[str, str]:
    """Return Postfix's security level for what it sends, and where the CAs are.

    To a smarthost it is never clear text, and who gets a password or has a CA of its own proves its name.
    """
    if smarthost is None:
        level = "may" if dnssec is Dnssec.OFF else "dane"
        return {"outbound_tls": level, "outbound_ca_file": SYSTEM_CA}
    is_known = smarthost.username is not None or smarthost.ca_file is not None
    return {
        "outbound_tls": "secure" if is_known else "encrypt",
        "outbound_ca_file": SYSTEM_CA if smarthost.ca_file is None else _SMARTHOST_CA,
    }


def maps(args: PostfixArgs) -> Sequence[str]:
    """Return which of the files with the database's password there are."""
    if not args.forwarding.rewrite_sender:
        return MAPS
    return (*MAPS, OWN_SENDERS) if args.postmaster else (*MAPS, OWN_NAME, OWN_SENDERS)


def secrets(args: PostfixArgs, srs_secret: Input[str]) -> dict[str, Input[str]]:
    """Return path below SECRETS -> text of each file that nobody else may read."""
    given = map_values(args)
    files: dict[str, Input[str]] = {path: rendered(f"postfix/{path}", given) for path in maps(args)}
    files["inner.key"] = args.inner_identity.key
    if args.renewed is None:
        files["tls.key"] = args.identity.key
    if args.forwarding.rewrite_sender:
        files["srs"] = srs_secret
    if args.older is not None:
        files["older.key"] = args.older.key
    if args.smarthost is not None and args.smarthost.username is not None:
        files["smarthost"] = Output.from_input(args.smarthost_password).apply(
            partial(smarthost_login, args.smarthost.host, args.smarthost.port, args.smarthost.username)
        )
    return files


def smarthost_login(host: str, port: int, username: str, password: str | None) -> str:
    """Return the table of logins at the smarthost, one line of regexp_table(5).

    Postfix cuts blanks off the end of a line, and a password may end in one: so the line ends in a group that
    matched nothing.
    """
    place = re.sub(r"([^A-Za-z0-9])", r"\\\1", f"[{host}]:{port}")
    login = f"{username}:{password}".replace("$", "$$")
    return f"/^{place}()$/ {login}${{1}}\n"


def map_values(args: PostfixArgs) -> dict[str, Any]:
    """Return what the maps may ask for."""
    return {
        "hostname": args.hostname,
        "database": {**args.database.values(_DATABASE_CA), "password": args.database.password},
    }
