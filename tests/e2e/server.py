"""The mail server under test, as the people who use it meet it.

Owns the places from which it is reached, logins and the waiting for mail. Does not own how the stack is
driven (stack.py) or what is promised (the tests).
"""

import base64
import imaplib
import poplib
from collections.abc import Iterable
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import make_msgid
from ssl import SSLContext
from typing import Any

from tests.e2e import transcript
from tests.e2e.clients import Imap, Pop3, Smtp, trusting
from tests.e2e.ground import addresses
from tests.e2e.ground.world import World
from tests.e2e.stack import Stack
from tests.e2e.stackfile import PASSWORDS, PROTOCOLS
from tests.e2e.vantage import Vantage
from tests.waiting import until

INNER = dict(zip(PROTOCOLS, (25, 587, 465, 143, 993, 110, 995), strict=True))
"""Protocol -> port in the stack's own network."""

WRAPPED = {"submissions", "imaps", "pop3s"}
"""Protocols that speak TLS from the first byte."""


def letter(sender: str, to: str, text: str = "Hello there.\r\n", subject: str = "A letter") -> EmailMessage:
    """Return a message that no other one can be taken for."""
    message = EmailMessage(policy=SMTP)  # lines end in CR LF: a bare LF is refused
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message.set_content(text)
    return message


class Server:
    """The mail server of one stack."""

    def __init__(self, stack: Stack, world: World) -> None:
        self.stack, self.world = stack, world
        self.outputs: dict[str, Any] = {}
        self.tls: SSLContext

    def arrive(self) -> None:
        """Join its network and read its outputs, after every `up` that made them anew."""
        self.world.join(self.stack.network("front"))
        self.read()

    def read(self) -> None:
        """Read its outputs, after every `up` that changed them."""
        self.outputs = self.stack.outputs()
        self.tls = trusting(self.outputs["ca_certificate"])

    def password(self, user: str) -> str:
        """Return the password of a mailbox, declared or generated."""
        declared = PASSWORDS.get(user)
        return declared if declared is not None else str(self.outputs["mailboxes"][user])

    @property
    def ports(self) -> dict[str, int]:
        """Protocol -> published port."""
        return {name: self.outputs["endpoints"][name]["port"] for name in PROTOCOLS}

    def vantage(self, name: str) -> Vantage:
        """Return one of the places from which the stack is reached; the name says over which path."""
        published, stranger = self.ports, "stranger"
        match name:
            case "host":
                return Vantage(name=name, host="127.0.0.1", ports=published)
            case "host6":
                return Vantage(name=name, host="::1", ports=published)
            case "outside":
                relay = self.world.relay("outside")
                return Vantage(name=name, host=addresses.HOST_OUTSIDE, ports=published, relay=relay)
            case "outside6":
                relay = self.world.relay("outside")
                return Vantage(name=name, host=addresses.HOST_OUTSIDE6, ports=published, relay=relay)
            case "sibling":
                relay = self.world.relay(stranger)
                return Vantage(name=name, host=addresses.POSTFIX, ports=INNER, relay=relay)
            case "sibling6":
                relay = self.world.relay(stranger)
                return Vantage(name=name, host=addresses.POSTFIX6, ports=INNER, relay=relay)
        raise ValueError(f"no vantage point is called {name!r}")

    def smtp(self, vantage: str = "outside", protocol: str = "smtp", **options: Any) -> Smtp:
        """Return a connected SMTP client that has said nothing yet."""
        wrapped = self.tls if protocol in WRAPPED else None
        return Smtp(self.vantage(vantage), protocol, wrapped=wrapped, **options)

    def deliver(self, to: str | Iterable[str], vantage: str = "outside", **parts: str) -> str:
        """Hand in a letter on port 25 as another mail server does; return its Message-ID."""
        recipients = [to] if isinstance(to, str) else list(to)
        sender = parts.pop("sender", "friend@peer.test")
        message = letter(sender or "friend@peer.test", recipients[0], **parts)
        with self.smtp(vantage) as client:
            refused = client.sendmail(sender, recipients, message.as_bytes())
        assert not refused, f"a recipient was refused: {refused}"
        return str(message["Message-ID"])

    def submission(self, user: str, protocol: str = "submissions", vantage: str = "outside") -> Smtp:
        """Return an SMTP client that is logged in as `user`."""
        client = self.smtp(vantage, protocol)
        if protocol not in WRAPPED:
            client.starttls(context=self.tls)
        client.ehlo()
        code, text = authenticate(client, user, self.password(user))
        assert code == 235, f"{user} cannot log in at {protocol}: {code} {text!r}"
        return client

    def submit(self, user: str, to: str, protocol: str = "submissions", **parts: str) -> str:
        """Send a letter as `user`; return its Message-ID."""
        sender = parts.pop("sender", user)
        message = letter(sender, to, **parts)
        with self.submission(user, protocol) as client:
            client.sendmail(sender, [to], message.as_bytes())
        return str(message["Message-ID"])

    def imap(self, user: str, protocol: str = "imaps", vantage: str = "outside") -> Imap:
        """Return an IMAP client that is logged in as `user`."""
        return self.imap_as(user, self.password(user), protocol, vantage)

    def imap_as(self, user: str, password: str, protocol: str = "imaps", vantage: str = "outside") -> Imap:
        """Return an IMAP client that is logged in; raise imaplib's error where it may not be."""
        client = Imap(self.vantage(vantage), protocol, wrapped=self.tls if protocol in WRAPPED else None)
        if protocol not in WRAPPED:
            client.starttls(ssl_context=self.tls)
        client.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
        return client

    def pop3(self, user: str, protocol: str = "pop3s", vantage: str = "outside") -> Pop3:
        """Return a POP3 client that is logged in as `user`."""
        return self.pop3_as(user, self.password(user), protocol, vantage)

    def pop3_as(self, user: str, password: str, protocol: str = "pop3s", vantage: str = "outside") -> Pop3:
        """Return a POP3 client that is logged in; raise poplib's error where it may not be."""
        client = Pop3(self.vantage(vantage), protocol, wrapped=self.tls if protocol in WRAPPED else None)
        if protocol not in WRAPPED:
            client.stls(context=self.tls)
        client.user(user)
        client.pass_(password)
        return client

    def opens(self, user: str, password: str, protocol: str = "imaps") -> bool:
        """Return whether a login works over IMAP or POP3."""
        try:
            if protocol.startswith("imap"):
                self.imap_as(user, password, protocol).logout()
            else:
                self.pop3_as(user, password, protocol).quit()
        except (imaplib.IMAP4.error, poplib.error_proto):
            return False
        return True

    def journal(self, service: str) -> str:
        """Return what a daemon's container has written since it was made."""
        return self.stack.containers()[service].logs().decode("utf-8", "replace")

    def found(self, user: str, header: str, value: str, folder: str = "INBOX") -> list[bytes]:
        """Return every message in a folder of `user` with that in a header, whole, as IMAP shows it now."""
        said = len(transcript.LINES)
        with self.imap(user) as client:
            client.select(folder, readonly=True)
            _, (numbers,) = client.search(None, "HEADER", header, f'"{value}"')
            answers = [client.fetch(number.decode(), "(BODY.PEEK[])")[1] for number in numbers.split()]
        if not answers:
            del transcript.LINES[said:]  # polling again and again is no conversation worth reading
        return [bytes(answer[0][1]) for answer in answers if isinstance(answer[0], tuple)]

    def arrives(
        self, user: str, value: str, header: str = "Message-ID", folder: str = "INBOX", seconds: float = 20
    ) -> bytes:
        """Return the one such message as soon as it is there; fail when it is missing or there twice by then.

        Who promises that it comes once counts again when the queue is empty.
        """
        what = f"{header} {value} is in {folder} of {user}"
        copies = until(lambda: self.found(user, header, value, folder), seconds, what)
        assert len(copies) == 1, f"{what} {len(copies)} times"
        return copies[0]


def authenticate(client: Smtp, user: str, password: str) -> tuple[int, bytes]:
    """Return the answer to AUTH PLAIN; smtplib's own cannot send passwords beyond ASCII."""
    return client.docmd("AUTH", "PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())
