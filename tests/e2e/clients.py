"""Real clients over any vantage point: smtplib, imaplib and poplib that write down what is said.

Owns how a client gets its connection. Does not own where from (vantage.py) or what is asked (the tests).
"""

import imaplib
import poplib
import smtplib
import socket
import ssl
from typing import Any

from tests.e2e import transcript
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.vantage import Vantage

OPEN: list["Smtp | Imap | Pop3"] = []
"""Clients of the running test."""


def opened(vantage: Vantage, protocol: str, wrapped: ssl.SSLContext | None, timeout: float) -> socket.socket:
    """Return a connection to `protocol`, with TLS from the first byte where that is asked for."""
    connection = vantage.open(protocol, timeout)
    if wrapped:
        connection = wrapped.wrap_socket(connection, server_hostname=HOSTNAME)
    return connection


def close_all() -> None:
    """Close what the test left open, also after a failure."""
    while OPEN:
        client = OPEN.pop()
        for end in (vars(client).get("file"), vars(client).get("_file"), client.sock):
            if end is not None:
                end.close()


def trusting(ca: str) -> ssl.SSLContext:
    """Return the TLS settings of a client that trusts one CA and checks the name."""
    return ssl.create_default_context(cadata=ca)


class Smtp(smtplib.SMTP):
    """An SMTP client; with `wrapped` TLS is spoken from the first byte."""

    def __init__(
        self,
        vantage: Vantage,
        protocol: str,
        *,
        wrapped: ssl.SSLContext | None = None,
        helo: str = "client.stranger.test",
        timeout: float = 60,
    ) -> None:
        OPEN.append(self)
        self.sock: Any = None
        self.vantage, self.protocol, self.wrapped = vantage, protocol, wrapped
        super().__init__("stack", 1, local_hostname=helo, timeout=timeout)
        self._host = HOSTNAME  # the name that STARTTLS checks

    def _get_socket(self, _host: str, _port: int, timeout: float) -> socket.socket:
        return opened(self.vantage, self.protocol, self.wrapped, timeout)

    def send(self, s: Any) -> None:
        """Send and write down."""
        transcript.say("C", s)
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Read one reply and write it down."""
        code, text = super().getreply()
        transcript.say("S", f"{code} ".encode() + text)
        return code, text

    def rcpt_codes(self, *recipients: str, sender: str) -> list[tuple[int, str]]:
        """Return the replies to each RCPT of one envelope that is then given up."""
        self.ehlo_or_helo_if_needed()
        code, text = self.mail(sender)
        if code != 250:
            return [(code, text.decode())] * len(recipients)
        answers = [self.rcpt(recipient) for recipient in recipients]
        self.rset()
        return [(code, text.decode()) for code, text in answers]


class Imap(imaplib.IMAP4):
    """An IMAP client; with `wrapped` TLS is spoken from the first byte."""

    def __init__(
        self, vantage: Vantage, protocol: str, *, wrapped: ssl.SSLContext | None = None, timeout: float = 60
    ) -> None:
        OPEN.append(self)
        self.sock: Any = None
        self.vantage, self.protocol, self.wrapped = vantage, protocol, wrapped
        super().__init__(HOSTNAME, 1, timeout)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return opened(self.vantage, self.protocol, self.wrapped, timeout or 60)

    def send(self, data: Any) -> None:
        """Send and write down."""
        transcript.say("C", bytes(data))
        super().send(data)

    def readline(self) -> bytes:
        """Read one line and write it down."""
        line = super().readline()
        transcript.say("S", line)
        return line


class Pop3(poplib.POP3):
    """A POP3 client; with `wrapped` TLS is spoken from the first byte."""

    def __init__(
        self, vantage: Vantage, protocol: str, *, wrapped: ssl.SSLContext | None = None, timeout: float = 60
    ) -> None:
        OPEN.append(self)
        self.sock: Any = None
        self.vantage, self.protocol, self.wrapped = vantage, protocol, wrapped
        super().__init__(HOSTNAME, 1, timeout)

    def _create_socket(self, timeout: float) -> socket.socket:
        return opened(self.vantage, self.protocol, self.wrapped, timeout)

    def _putline(self, line: bytes) -> None:
        transcript.say("C", line)
        super()._putline(line)  # type: ignore[misc]

    def _getline(self) -> tuple[bytes, int]:
        line, octets = super()._getline()  # type: ignore[misc]
        transcript.say("S", line)
        return line, octets
