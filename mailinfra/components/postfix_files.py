"""Postfix's files: which templates there are, and the values that they ask for.

Owns what configs/postfix/ needs to know. Does not own the sources of values, nor the container (postfix.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pulumi import Input

TEMPLATES = (
    "delivery-replies",
    "main.cf",
    "master.cf",
    "recipient-limit",
    "sasl-relay",
    "submission-headers",
)
"""Files below configs/postfix/, the same as below /etc/postfix/; master.cf includes another one."""

MAPS = (
    "mysql/aliases.cf",
    "mysql/catch-alls.cf",
    "mysql/domain-aliases.cf",
    "mysql/domains.cf",
    "mysql/mailboxes.cf",
    "mysql/senders.cf",
)
"""Files below configs/postfix/, the same as below /run/secrets/: each holds the database's password."""


@dataclass(frozen=True, kw_only=True)
class ClientLimits:
    """What one client address may do; 0 is no limit. The webmail's address and loopback have none."""

    connections: int = 20
    """Sessions at the same time."""

    connection_rate: int = 60
    """New sessions in a minute."""

    auth_rate: int = 20
    """Attempts to log in, in a minute."""

    message_rate: int = 100
    """Messages in a minute."""

    recipient_rate: int = 300
    """Recipients in a minute."""


@dataclass(frozen=True, kw_only=True)
class Smarthost:
    """A server that takes all outgoing mail."""

    host: str
    """Its name, which its certificate has to hold where there is a login or a CA."""

    port: int = 587
    """Its TCP port; on 465 TLS comes with the first byte."""

    username: str | None = None
    """Login; None where it knows us by our address."""

    password: Input[str] | None = None
    """That login's password; becomes a file of its own."""

    ca: Input[str] | None = None
    """PEM of the CA that signed its certificate; None for the public ones."""

    def tls(self) -> str:
        """Return Postfix's security level: never clear text, and who gets a password or has a CA of its own
        proves its name."""
        return "encrypt" if self.username is None and self.ca is None else "secure"


@dataclass(frozen=True, kw_only=True)
class PostfixFiles:
    """The values that the files under configs/postfix/ ask for."""

    smtp_ports: Sequence[int]
    submission_ports: Sequence[int]
    submissions_ports: Sequence[int]
    hostname: str
    postmaster: str | None
    message_size: int
    recipients: int
    submission_recipients: int
    limits: ClientLimits
    check_domains: bool
    webmail_addresses: Sequence[str]
    dovecot_host: str
    dovecot_ca_file: str
    outbound_tls: str
    outbound_ca_file: str
    smarthost_host: str | None
    smarthost_port: int | None
    smarthost_login: bool


@dataclass(frozen=True, kw_only=True)
class MapFiles:
    """The values that the maps under configs/postfix/mysql/ ask for."""

    database_host: str
    database_port: int
    database_user: str
    database_password: str = field(repr=False)
    database_ca_file: str
