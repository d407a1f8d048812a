"""What the mail service accepts, and through whom it is reached and sends.

Owns limits, checks on arriving mail and on what users hand in, forwards, webmail's reverse proxy and the
smarthost. Does not own ports (network.py).
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from mailinfra.config.certificate import CertificateConfig
from mailinfra.config.model import Mistake, Model
from mailinfra.config.mta_sts import MtaSts
from mailinfra.types import ByteSize, FilePath, HostName, LoginName, Port, Proxy, is_loopback, off_as_a_word

LEAST_MESSAGE = 64 * 1024
"""Bytes that every server must take: RFC 5321, section 4.5.3.1.7."""

MOST_MESSAGE = 1024**3
"""Bytes; beyond it a message takes longer than clients and peers wait."""

Rate = Annotated[int, Field(ge=0, le=100_000)]


class ClientLimitsConfig(Model):
    """What one client address may do at the SMTP ports; 0 means no limit. Webmail is not limited."""

    connections: Rate = Field(default=20, examples=[50])
    """Sessions at the same time."""

    connection_rate: Rate = Field(default=60, examples=[120])
    """New sessions in a minute."""

    message_rate: Rate = Field(default=100, examples=[200])
    """Messages in a minute."""

    recipient_rate: Rate = Field(default=300, examples=[1000])
    """Recipients in a minute."""


class LimitsConfig(Model):
    """How much is accepted."""

    message_size: ByteSize = Field(default=50 * 1024**2, examples=["25M"])
    """Size of one message, from 64K to 1G. Attachments are encoded and grow by a third."""

    recipients: int = Field(default=100, ge=100, le=10_000, examples=[500])
    """Recipients of one message, at least 100 (RFC 5321, section 4.5.3.1.8)."""

    sessions_per_user: int = Field(default=30, ge=10, le=200, examples=[60])
    """Sessions that one user may have at the same time from one address, over IMAP and over POP3 each. A mail
    program takes some five, and all devices of a household share one address."""

    wrong_passwords: int = Field(default=100, ge=10, le=10_000, examples=[50])
    """Wrong passwords that are checked in an hour for one source, over IMAP, POP3, SMTP and webmail together.
    A source is an IPv4 address, or an IPv6 network of 64 bits. Right ones do not count, and one that comes
    again counts once. docs/operations.md says what holds then, and what behind shared addresses."""

    clients: ClientLimitsConfig = ClientLimitsConfig()
    """What one client address may do at the SMTP ports."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return sizes that rule each other out."""
        if not LEAST_MESSAGE <= self.message_size <= MOST_MESSAGE:
            reason = "must be from 64K, which every server takes (RFC 5321, section 4.5.3.1.7), to 1G"
            yield Mistake(place=("messageSize",), reason=reason, given=self.message_size)
        if 0 < self.clients.recipient_rate < self.recipients:
            reason = (
                f"allows {self.clients.recipient_rate} a minute, and 'limits.recipients' {self.recipients} "
                "in one message, which would be refused; raise this one or lower that one"
            )
            yield Mistake(place=("clients", "recipientRate"), reason=reason, about=("recipients", "clients"))


class ReceivingConfig(Model):
    """Checks on arriving mail."""

    check_domains: bool = True
    """Whether the domains of senders must exist in DNS; false where no resolver knows them, as on a
    laptop."""

    mta_sts: Annotated[MtaSts, Field(strict=False), BeforeValidator(off_as_a_word)] = Field(
        default=MtaSts.OFF, examples=["testing"]
    )
    """Whether a policy (MTA-STS, RFC 8461) tells other servers to hand in mail over verified TLS alone. In
    mode `testing` they deliver all the same and report what would fail. `certificate` and webmail's have to
    be a public CA's, and the latter names `mta-sts.` of each domain, or the reverse proxy in front of
    webmail has that name. docs/operations.md says how to begin and how to end."""


class HeaderFrom(StrEnum):
    """Whose address may stand in the header From of what a user hands in."""

    OWN = "own"
    ANY = "any"


class SendingConfig(Model):
    """Checks on what users hand in, beside the sender of the envelope, which is always one of their own."""

    header_from: Annotated[HeaderFrom, Field(strict=False)] = Field(default=HeaderFrom.OWN, examples=["any"])
    """Whose address may stand in the headers From, Sender and Resent-From. `own`: what the user may send as,
    their mailbox, its aliases and details; anything else is refused, and so is what mail programs read in
    different ways. `any`: everybody's; a colleague's is then signed as well. docs/operations.md says what
    is refused, and to whom."""


class ForwardingConfig(Model):
    """What becomes of mail that an alias leads to other servers."""

    rewrite_sender: bool = True
    """Whether it leaves with a sender at `hostname` (SRS), through which bounces find the way back: the SPF
    record of the sender's own domain does not name this server, and some receivers refuse it then. From, and
    all else that people see, stays."""


class WebmailConfig(Model):
    """How webmail is reached."""

    reverse_proxy: Proxy | None = None
    """A proxy that answers over HTTPS and passes requests to `ports.webmailRedirect` in plain HTTP: `host`
    for one on this machine or in a container that goes through the machine's ports, else the address or the
    subnet that it comes from. What it says about the client's address is then believed.
    docs/reverse-proxies.md has nginx, Caddy and Traefik."""

    certificate: CertificateConfig | None = None
    """A certificate with a key of its own for webmail, where `certificate` names files: without it webmail
    holds the key that the mail daemons have. The stack's own CA always makes it one of its own."""

    def proxies(self, gateways: Sequence[str]) -> list[str]:
        """Return the addresses or subnets that a proxy comes from; `gateways` are the host's own."""
        if self.reverse_proxy == "host":
            return [*gateways]
        return [] if self.reverse_proxy is None else [self.reverse_proxy]


class SmarthostConfig(Model):
    """A server that all mail leaves through, always over TLS. `mailinfra:smarthostPassword` is its
    password. With `username` or `caFile` its certificate has to name it; with neither, the connection is
    encrypted and the certificate is not checked."""

    host: HostName = Field(examples=["smtp.example.net"])
    """Name of the server."""

    port: Port = Field(default=587, examples=[465])
    """TCP port: 465 speaks TLS from the first byte, any other one STARTTLS."""

    username: LoginName | None = Field(default=None, examples=["relay@example.org"])
    """Login name; leave it out for a server that knows us by our address."""

    ca_file: FilePath | None = Field(default=None, examples=["tls/smarthost-ca.pem"])
    """PEM file with the CA that signed the smarthost's certificate; needed unless a public CA did."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return a host that is the container itself, and a CA file that cannot be used."""
        if is_loopback(self.host):
            reason = (
                f"{self.host} is in Postfix's container the container itself, and mail would go round in "
                "circles; write a name or an address of this machine that containers reach, like the "
                "network's gateway"
            )
            yield Mistake(place=("host",), reason=reason)
        if self.ca_file is None:
            return
        from mailinfra.config import pem

        if fault := pem.certificate_fault(self.ca_file):
            yield Mistake(place=("caFile",), reason=fault, given=self.ca_file)
