"""Encryption on every port: new protocols, the right name, one certificate, no carry-over from clear text."""

import hashlib
import socket
import ssl

import pytest

from tests.e2e import transcript
from tests.e2e.clients import Imap, Pop3
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.server import WRAPPED, Server
from tests.e2e.stackfile import ALICE, PROTOCOLS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

STARTTLS = {
    "smtp": (b"EHLO client.stranger.test\r\n", b"STARTTLS\r\n", b"220"),
    "submission": (b"EHLO client.stranger.test\r\n", b"STARTTLS\r\n", b"220"),
    "imap": (b"a CAPABILITY\r\n", b"b STARTTLS\r\n", b"b OK"),
    "pop3": (b"CAPA\r\n", b"STLS\r\n", b"+OK"),
}
"""Protocol -> what a client says first, how it asks for TLS, how the server agrees."""

WEAK = ("AES128-SHA:@SECLEVEL=0", "ECDHE+SHA1:@SECLEVEL=0", "aNULL:@SECLEVEL=0")
"""Ciphers of TLS 1.2 without forward secrecy, with an old hash, without a certificate."""

INJECTED = {
    "smtp": b"MAIL FROM:<friend@peer.test>\r\n",
    "submission": b"MAIL FROM:<friend@peer.test>\r\n",
    "imap": b"c CAPABILITY\r\n",
    "pop3": b"CAPA\r\n",
}


def answered(connection: socket.socket, patience: float = 20) -> bytes:
    """Return what the server says, up to a pause; empty when it says nothing for `patience` seconds."""
    said = b""
    try:
        connection.settimeout(patience)
        while more := connection.recv(65536):
            said += more
            connection.settimeout(0.1)
    except TimeoutError:
        pass
    connection.settimeout(20)
    transcript.say("S", said)
    return said


def asking(connection: socket.socket, protocol: str, behind: bytes = b"") -> socket.socket:
    """Return a connection after it asked for TLS; `behind` goes out together with STARTTLS."""
    if protocol in STARTTLS:
        first, ask, agreed = STARTTLS[protocol]
        answered(connection)
        connection.sendall(first)
        answered(connection)
        connection.sendall(ask + behind)
        assert answered(connection).startswith(agreed)
    return connection


def plain(server: Server, protocol: str) -> socket.socket:
    """Return a connection that the client may encrypt now."""
    return asking(server.vantage("outside").open(protocol, timeout=20), protocol)


def handshake(connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return the encrypted connection; a refused handshake closes it and raises."""
    try:
        return context.wrap_socket(connection, server_hostname=HOSTNAME)
    except BaseException:
        connection.close()
        raise


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_port_shows_the_same_sound_certificate(server: Server, protocol: str) -> None:
    with handshake(plain(server, protocol), server.tls) as encrypted:
        assert encrypted.version() == "TLSv1.3"
        shown = encrypted.getpeercert(binary_form=True)
    with handshake(plain(server, "imaps"), server.tls) as encrypted:
        first = encrypted.getpeercert(binary_form=True)
    assert shown is not None
    assert first is not None
    assert hashlib.sha256(shown).digest() == hashlib.sha256(first).digest()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_client_that_trusts_another_ca_refuses_the_certificate(server: Server, protocol: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(plain(server, protocol), ssl.create_default_context())


def old(version: ssl.TLSVersion, ciphers: str) -> ssl.SSLContext:
    """Return a client that speaks one version with some ciphers only, and trusts anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_protocols_and_weak_ciphers_are_refused(server: Server, protocol: str) -> None:
    refused = [
        old(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        *(old(ssl.TLSVersion.TLSv1_2, weak) for weak in WEAK),
    ]
    for context in refused:
        connection = plain(server, protocol)  # a port that is dead fails here
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(connection, context)
        with handshake(plain(server, protocol), old(ssl.TLSVersion.TLSv1_2, "ECDHE+AESGCM")) as encrypted:
            assert encrypted.version() == "TLSv1.2", "the control: the same client with a sound cipher"


@pytest.mark.parametrize("protocol", sorted(STARTTLS))
def test_commands_sent_before_encryption_are_not_run_after_it(server: Server, protocol: str) -> None:
    with handshake(plain(server, protocol), server.tls) as encrypted:
        encrypted.sendall(INJECTED[protocol])
        assert answered(encrypted), "the control: the same command inside of TLS is answered"
    connection = server.vantage("outside").open(protocol, timeout=20)
    try:
        encrypted = handshake(asking(connection, protocol, INJECTED[protocol]), server.tls)
    except (OSError, AssertionError):
        return  # hanging up on this one client is a fine answer
    with encrypted:
        said = answered(encrypted, patience=1)
    assert said == b"", "an injected command was answered"


def test_a_login_in_clear_text_is_refused_by_imap_before_a_password_counts(server: Server) -> None:
    client = Imap(server.vantage("outside"), "imap")
    assert "LOGINDISABLED" in client.capabilities
    kind, (text,) = client._simple_command("LOGIN", ALICE, "never")
    assert kind == "NO"
    assert b"PRIVACYREQUIRED" in text
    client.shutdown()


def test_a_login_in_clear_text_is_refused_by_pop3_at_the_name(server: Server) -> None:
    client = Pop3(server.vantage("outside"), "pop3")
    client._putline(f"USER {ALICE}".encode())
    answer, _ = client._getline()
    assert answer.startswith(b"-ERR")
    client.close()


def test_the_wrapped_ports_say_nothing_in_clear_text(server: Server) -> None:
    for protocol in sorted(WRAPPED):
        with server.vantage("outside").open(protocol) as connection:
            connection.sendall(b"EHLO client.stranger.test\r\n")
            said = answered(connection, patience=1)
        assert b"250" not in said
        assert b"OK" not in said
