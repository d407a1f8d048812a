"""Roundcube: webmail, over HTTPS of its own.

Owns the container and the rendered configuration. Does not own the database or its user (database.py), nor
the certificate (certificates.py). It keeps no data: contacts, settings and sessions are rows.
"""

from dataclasses import dataclass

import pulumi_random as random
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.components.daemons import DaemonArgs, ca_file, filled
from mailinfra.components.roundcube_files import MIB, SITE_TEMPLATES, ProgramFile, site_files
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.rendering import render
from mailinfra.containers.service import Health, Service, ServiceArgs

HTTPS_PORT, HTTP_PORT = 8443, 8000
"""Inside the container; the image's own site listens on the second."""

KEY_LENGTH = 32
"""Characters of the key that encrypts passwords in sessions (AES-256-CBC). A change ends every session."""

PLUGINS = ("archive", "markasjunk", "password", "zipdownload")

BASE_MEMORY_MIB = 384
"""Memory limit in MiB before any message is written: a dozen Apache processes, PHP in each."""

_WWW = "uid=33,gid=33"  # www-data, in Debian and so in the official image
_MAIL_CA = "/etc/mailinfra/mail-ca.pem"
_DATABASE_CA = "/etc/mailinfra/database-ca.pem"


@dataclass(frozen=True, kw_only=True)
class RoundcubeArgs(DaemonArgs):
    """What webmail needs from its neighbours."""

    port: int
    """Port of the host for HTTPS."""

    redirect_port: int | None = None
    """Port of the host for plain HTTP, which leads to `port`; None where it is off."""

    reverse_proxy: str | None = None
    """Address of a proxy that may pass plain requests to `redirect_port`; it is believed on who asks."""

    imap_host: Input[str]
    """Name of Dovecot on the network; known once it is healthy."""

    smtp_host: Input[str]
    """Name of Postfix on the network; known once it is healthy."""

    mail_ca: Input[str]
    """PEM of the CA that signed their certificate; empty where a public one did."""

    passwords_user: Input[str]
    """Database user that may write a new password for a mailbox; known once it may."""

    passwords_password: Input[str]
    """That user's password; becomes a file of its own."""

    message_size: int
    """Size of the largest message in bytes."""


class Roundcube(ComponentResource):
    """The webmail of one mail server."""

    host: Output[str]
    """Name under which other containers reach it; known once it is healthy."""

    def __init__(self, name: str, args: RoundcubeArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Roundcube", name, None, opts)
        child = ResourceOptions(parent=self)

        key = random.RandomPassword(f"{name}-session-key", length=KEY_LENGTH, special=False, opts=child)
        ports = {HTTPS_PORT: args.port}
        if args.redirect_port is not None:
            ports[HTTP_PORT] = args.redirect_port
        message_mib = -(-args.message_size // MIB)
        service = Service(
            f"{name}-service",
            ServiceArgs(
                stack=args.stack,
                alias="webmail",
                image=args.image,
                network=args.network,
                address=args.address,
                address6=args.address6,
                folders=folders(args, Output.secret(key.result)),
                tmpfs={
                    # The official image unpacks itself here and runs a script of its own from it.
                    "/var/www/html": f"exec,{_WWW},mode=0755,size=200m",
                    "/tmp": f"{_WWW},mode=0700,size={64 + 3 * message_mib}m",  # noqa: S108
                    "/run/apache2": f"{_WWW},mode=0755,size=1m",
                    "/run/lock": f"{_WWW},mode=0755,size=1m",
                },
                ports=args.published(ports),
                health=Health(command=["php", "/etc/mailinfra/healthy.php"], startup_seconds=120),
                memory_mib=BASE_MEMORY_MIB + 6 * message_mib,
                user="33:33",
                environment=environment(args),
                command=["apache2-foreground", "-c", "Include /etc/mailinfra/tls.conf"],
            ),
            opts=child,
        )

        self.host = service.host
        self.register_outputs({"host": self.host})


def environment(args: RoundcubeArgs) -> dict[str, Input[str]]:
    """Return what the image documents. Secrets have no place here: they are files that it looks for."""
    return {
        "PHP_INI_SCAN_DIR": ":/etc/mailinfra/php",  # the image's own folder holds its extensions
        "ROUNDCUBEMAIL_DB_HOST": args.database_host,
        "ROUNDCUBEMAIL_DB_NAME": "roundcube",
        "ROUNDCUBEMAIL_DB_PORT": Output.format("{}", args.database_port),
        "ROUNDCUBEMAIL_DB_TYPE": "mysql",
        # Implicit TLS: with STARTTLS it would go on in clear text where a server does not offer that.
        "ROUNDCUBEMAIL_DEFAULT_HOST": Output.format("ssl://{}", args.imap_host),
        "ROUNDCUBEMAIL_DEFAULT_PORT": "993",
        "ROUNDCUBEMAIL_PLUGINS": ",".join(PLUGINS),
        "ROUNDCUBEMAIL_SKIN": "elastic",
        "ROUNDCUBEMAIL_SMTP_PORT": "465",
        "ROUNDCUBEMAIL_SMTP_SERVER": Output.format("ssl://{}", args.smtp_host),
    }


def folders(args: RoundcubeArgs, session_key: Output[str]) -> list[Folder]:
    """Return the rendered files, the certificates and the secrets."""
    site = site_files(
        hostname=args.hostname,
        port=args.port,
        https_ports=args.inner_ports(HTTPS_PORT),
        http_ports=args.inner_ports(HTTP_PORT),
        reverse_proxy=args.reverse_proxy,
        message_size=args.message_size,
    )
    known = Output.all(
        host=args.database_host, port=args.database_port, ca=args.database_ca, mail_ca=args.mail_ca
    )
    program = known.apply(
        lambda each: ProgramFile(
            hostname=args.hostname,
            reverse_proxy=args.reverse_proxy,
            message_size=args.message_size,
            mail_ca_file=ca_file(each["mail_ca"], _MAIL_CA),
            database_host=each["host"],
            database_port=int(each["port"]),
            database_ca_file=ca_file(each["ca"], _DATABASE_CA),
        )
    )
    return [
        Folder(
            path="/etc/mailinfra",
            files={
                **{path: render(f"roundcube/{path}", site) for path in SITE_TEMPLATES},
                "certificate.pem": args.certificate,
                "database-ca.pem": filled(args.database_ca),
                "mail-ca.pem": filled(args.mail_ca),
            },
        ),
        Folder(
            path="/var/roundcube/config",
            files={"mailinfra.php": program.apply(lambda values: render("roundcube/mailinfra.php", values))},
        ),
        Folder(
            path="/run/secrets",
            files={
                "roundcube_des_key": session_key,
                "roundcube_db_user": args.database_user,
                "roundcube_db_password": args.database_password,
                "passwords_user": args.passwords_user,
                "passwords_password": args.passwords_password,
                "server.key": args.key,
            },
            secret=True,
        ),
    ]
