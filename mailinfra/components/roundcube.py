"""Roundcube: webmail, over HTTPS of its own.

Owns the container and the rendered configuration. Does not own the database or its users (database/), nor
the certificate (certificates.py). It keeps no data: contacts, settings and sessions are rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra import user_ids
from mailinfra.components import encryption
from mailinfra.components.handles import DatabaseLogin, Identity, Peer, ca_file, filled
from mailinfra.components.passwords import password
from mailinfra.config.mail import LimitsConfig, SendingConfig, WebmailConfig
from mailinfra.config.mta_sts import MtaSts, policy
from mailinfra.config.network import PortsConfig
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.place import Place
from mailinfra.containers.rendering import rendered
from mailinfra.containers.service import Health, Renewed, Service, ServiceArgs, from_another
from mailinfra.types import MIB

PORTS = {"webmail": 8443, "webmail_redirect": 8000}
"""Port of the form -> the port that front.php listens on."""

APACHE = {"https": 9443, "http": 9080, "proxied": 9081}
"""What comes -> the port of loopback on which Apache gets it from front.php: the last one is what a reverse
proxy asks in plain HTTP."""

WORKERS = {"all": 32, "share": 16}
"""Processes of Apache, each of which serves one connection, and how many of them one client may have: a
browser takes six, and the people of one office share an address."""

SITE_TEMPLATES = (
    "apache2.conf",
    "config/config.inc.php",
    "discovery.json",
    "discovery.php",
    "follow",
    "front",
    "front.php",
    "healthy.php",
    "php/mailinfra.ini",
    "tls.conf",
)
"""Files below configs/roundcube/, which are the same below /etc/mailinfra."""

INCOMING = {"imaps": "imap", "imap": "imap", "pop3s": "pop3", "pop3": "pop3"}
"""Port of the form -> protocol, in the order in which mail programs shall try what is on (RFC 8314)."""

OUTGOING = {"submissions": "smtp", "submission": "smtp"}
"""The same, for sending."""

WRAPPED = {"imaps", "pop3s", "submissions"}
"""Ports where TLS begins with the first byte; at the others with STARTTLS."""

OWN_PLUGINS = ("mailinfra_identities", "mailinfra_passwords", "mailinfra_visitor")
"""Ours: folders below configs/roundcube/plugins/, each with one file of its name; they lie among
Roundcube's."""

SOURCE = "/usr/src/roundcubemail"
"""Where the official image keeps Roundcube, and nobody may write: it is served from there."""

PROGRAM_TEMPLATES = ("mailinfra.php",)
"""Files below configs/roundcube/, which are the same below /var/roundcube/config."""

KEY_LENGTH = 32
"""Characters of the key that encrypts passwords in sessions (AES-256-CBC). A change ends every session."""

PLUGINS = ("archive", *OWN_PLUGINS, "markasjunk", "password", "zipdownload")
"""Roundcube's own, and three of ours (configs/roundcube/plugins/)."""

BASE_MEMORY_MIB = 416
"""Memory limit in MiB before any message is written: Apache's processes, PHP in each, and what stands before
them, with 16 KiB for each connection that waits."""

_WWW = f"uid={user_ids.WEBMAIL},gid={user_ids.WEBMAIL}"
_MAIL_CA = "/etc/mailinfra/mail-ca.pem"
_DATABASE_CA = "/etc/mailinfra/database-ca.pem"


@dataclass(frozen=True, kw_only=True)
class RoundcubeArgs:
    """What webmail needs from its neighbours, and its sections of the form."""

    place: Place
    """Where it runs."""

    hostname: str
    """The mail server's name; its certificate holds it, and so does the webmail's."""

    identity: Identity
    """What it shows to browsers."""

    renewed: Renewed | None = None
    """Where what it shows to them lies, if somebody else renews it; `identity` is then not read."""

    public_certificate: bool = False
    """Whether a public CA signed that, so that every browser may be told to insist on it."""

    url: str
    """Where browsers find it, without a path: `https://mail.example.org:8443`."""

    gateways: Sequence[str] = ()
    """Addresses under which the host itself reaches the container."""

    database: DatabaseLogin
    """Where it keeps contacts, settings and sessions."""

    passwords: DatabaseLogin
    """Where it may ask for a new password of a mailbox, with a proof of the old one, and nothing else."""

    identities: DatabaseLogin
    """Where it may read who sends under which address."""

    dovecot: Peer
    """Where mail is read."""

    postfix: Peer
    """Where mail is handed in; the CA of its certificate is that of Dovecot's."""

    ports: PortsConfig
    """On the host; plain HTTP may be off."""

    webmail: WebmailConfig
    """Who else may stand in front of it."""

    limits: LimitsConfig
    """How large a message may be."""

    sending: SendingConfig
    """What the submission service refuses."""

    generation: str = ""
    """Which key encrypts the sessions."""

    mta_sts: MtaSts = MtaSts.OFF
    """Whether other servers find a policy here, and which."""


class Roundcube(ComponentResource):
    """The webmail of one mail server."""

    def __init__(self, name: str, args: RoundcubeArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Roundcube", name, None, opts)
        child = ResourceOptions(parent=self)

        key = password(f"{name}-session-key", child, args.generation, length=KEY_LENGTH)
        message_mib = -(-args.limits.message_size // MIB)
        service = Service(
            f"{name}-service",
            ServiceArgs(
                place=args.place,
                folders=folders(args, key),
                tmpfs={
                    # The official image unpacks itself here and runs a script of its own from it.
                    "/var/www/html": f"exec,{_WWW},mode=0755,size=200m",
                    "/tmp": f"{_WWW},mode=0700,size={64 + 3 * message_mib}m",  # noqa: S108
                    "/run/apache2": f"{_WWW},mode=0755,size=1m",
                    "/run/lock": f"{_WWW},mode=0755,size=1m",
                },
                mounts=from_another(args.renewed),
                groups=[args.renewed.group] if args.renewed else [],
                ports=args.place.published(PORTS, args.ports.on(PORTS)),
                health=Health(command=health(args), startup_seconds=120),
                memory_mib=BASE_MEMORY_MIB + 6 * message_mib,
                user=f"{user_ids.WEBMAIL}:{user_ids.WEBMAIL}",
                environment=environment(args),
                command=["apache2-foreground", "-f", "/etc/mailinfra/apache2.conf"],
            ),
            opts=child,
        )

        self.register_outputs({"host": service.host})


def health(args: RoundcubeArgs) -> list[str]:
    """Return what proves the service; it sees to a renewed certificate, too, for nothing else runs there."""
    proof = ["php", "/etc/mailinfra/healthy.php"]
    return proof if args.renewed is None else ["sh", "/etc/mailinfra/follow", *proof]


def environment(args: RoundcubeArgs) -> dict[str, Input[str]]:
    """Return what the image documents. Secrets have no place here: they are files that it looks for."""
    return {
        "PHP_INI_SCAN_DIR": ":/etc/mailinfra/php",  # the image's own folder holds its extensions
        "RCUBE_CONFIG_PATH": "/etc/mailinfra/config",
        "ROUNDCUBEMAIL_DB_HOST": args.database.host,
        "ROUNDCUBEMAIL_DB_NAME": args.database.name,
        "ROUNDCUBEMAIL_DB_PORT": Output.format("{}", args.database.port),
        "ROUNDCUBEMAIL_DB_TYPE": "mysql",
        # Implicit TLS: with STARTTLS it would go on in clear text where a server does not offer that.
        "ROUNDCUBEMAIL_DEFAULT_HOST": Output.format("ssl://{}", args.dovecot.host),
        "ROUNDCUBEMAIL_DEFAULT_PORT": str(args.dovecot.ports["imaps"]),
        "ROUNDCUBEMAIL_PLUGINS": ",".join(PLUGINS),
        "ROUNDCUBEMAIL_SKIN": "elastic",
        "ROUNDCUBEMAIL_SMTP_PORT": str(args.postfix.ports["submissions"]),
        "ROUNDCUBEMAIL_SMTP_SERVER": Output.format("ssl://{}", args.postfix.host),
    }


def folders(args: RoundcubeArgs, session_key: Input[str]) -> list[Folder]:
    """Return the rendered files, the certificates and the secrets."""
    given = values(args)
    return [
        Folder(
            path="/etc/mailinfra",
            files={
                **{path: rendered(f"roundcube/{path}", given) for path in SITE_TEMPLATES},
                **({} if args.renewed else {"certificate.pem": args.identity.certificate}),
                "database-ca.pem": filled(args.database.ca),
                "mail-ca.pem": filled(args.dovecot.ca),
                **({"mta-sts.txt": policy(args.mta_sts, args.hostname)} if serves_policy(args) else {}),
            },
        ),
        Folder(
            path="/var/roundcube/config",
            files={path: rendered(f"roundcube/{path}", given) for path in PROGRAM_TEMPLATES},
        ),
        Folder(
            path="/run/secrets",
            files={
                "roundcube_des_key": session_key,
                "roundcube_db_user": args.database.user,
                "roundcube_db_password": args.database.password,
                "identities_user": args.identities.user,
                "identities_password": args.identities.password,
                "passwords_user": args.passwords.user,
                "passwords_password": args.passwords.password,
                **({} if args.renewed else {"server.key": args.identity.key}),
            },
            secret=True,
        ),
        *(
            Folder(
                path=f"{SOURCE}/plugins/{name}",
                files={f"{name}.php": rendered(f"roundcube/plugins/{name}/{name}.php", given)},
            )
            for name in OWN_PLUGINS
        ),
    ]


def serves_policy(args: RoundcubeArgs) -> bool:
    """Return whether there is a policy of MTA-STS."""
    return args.mta_sts is not MtaSts.OFF


def published(ports: PortsConfig, protocols: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what is on of `protocols`, port of the form -> protocol, as discovery.json lists it."""
    return [
        {"type": protocols[name], "port": port, "wrapped": name in WRAPPED}
        for name, port in ports.on(protocols).items()
    ]


def values(args: RoundcubeArgs) -> dict[str, Any]:
    """Return what the templates may ask for; sizes are bytes."""
    # Base64 makes four characters of three, and breaks the line after 76: 37 % more.
    upload = args.limits.message_size * 100 // 137
    proxies = args.webmail.proxies(args.gateways)
    return {
        "hostname": args.hostname,
        "renewed": args.renewed is not None,
        "challenges": args.renewed is not None and args.renewed.challenges,
        "source": SOURCE,
        "plugins": PLUGINS,
        "dovecot": args.dovecot.known(),
        "postfix": args.postfix.known(),
        "url": args.url,
        "tls": encryption.VALUES,
        "mta_sts": serves_policy(args),
        "discovery": {
            "incoming": published(args.ports, INCOMING),
            "outgoing": published(args.ports, OUTGOING),
        },
        "public_certificate": args.public_certificate,
        "listen": args.place.inner_ports(PORTS),
        "apache": {**APACHE, "proxied": APACHE["proxied"] if proxies else None},
        "workers": WORKERS,
        "reverse_proxies": proxies,
        "limits": args.limits,
        "sending": args.sending,
        "upload_size": upload,
        "post_size": upload + MIB,
        "php_memory": 64 * MIB + 3 * args.limits.message_size,
        "mail_ca_file": ca_file(args.dovecot.ca, _MAIL_CA),
        "database": args.database.values(_DATABASE_CA),
        "passwords": {"name": args.passwords.name},
        "identities": {"name": args.identities.name},
    }
