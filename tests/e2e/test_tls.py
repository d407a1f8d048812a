"""Encryption on every port: new protocols, the right name, one certificate, no carry-over from clear text."""

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.e2e import transcript
from tests.e2e.clients import Imap, Pop3
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.server import WRAPPED, Server
from tests.e2e.stackfile import ALICE, PROTOCOLS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

STARTTLS = {
    "smtp": (b"EHLO client.stranger.test\r\n", b"STARTTLS\r\n", b"220"),
    "submission": (b"EHLO client.stranger.test\r\n", b"STARTTLS\r\n", b"220"),
    "imap": (b"", b"b STARTTLS\r\n", b"b OK"),
    "pop3": (b"", b"STLS\r\n", b"+OK"),
}
"""Protocol -> what a client has to say first, how it asks for TLS, how the server agrees."""

OBSOLETE = {
    "TLS 1.1": (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
    "no forward secrecy": (ssl.TLSVersion.TLSv1_2, "AES128-SHA:@SECLEVEL=0"),
    "old hash": (ssl.TLSVersion.TLSv1_2, "ECDHE+SHA1:@SECLEVEL=0"),
    "no certificate": (ssl.TLSVersion.TLSv1_2, "aNULL:@SECLEVEL=0"),
    "no encryption": (ssl.TLSVersion.TLSv1_2, "eNULL:@SECLEVEL=0"),
}
"""What is refused -> version and ciphers of a client that speaks nothing else."""

AGED = {
    "RSA, CBC": "AES128-SHA:AES256-SHA",
    "RSA, CBC, SHA-2": "AES128-SHA256:AES256-SHA256",
    "RSA, GCM": "AES128-GCM-SHA256:AES256-GCM-SHA384",
    "ECDHE, CBC": "ECDHE+SHA1",
    "ECDHE, CBC, SHA-2": "ECDHE+SHA256:ECDHE+SHA384:!AESGCM:!CHACHA20",
    "ECDHE, RSA": "ECDHE-RSA-AES128-GCM-SHA256",
}
"""What another server may be left with -> its ciphers. On port 25 the other choice is clear text."""

DELIVERED = {"no forward secrecy", "old hash"}
"""What port 25 takes of those, for other servers' sake."""

INJECTED = {
    "smtp": b"MAIL FROM:<friend@peer.test>\r\n",
    "submission": b"MAIL FROM:<friend@peer.test>\r\n",
    "imap": b"c CAPABILITY\r\n",
    "pop3": b"CAPA\r\n",
}

GOODBYE = {"smtp": b"QUIT\r\n", "submission": b"QUIT\r\n", "imap": b"d LOGOUT\r\n", "pop3": b"QUIT\r\n"}


def reply(connection: socket.socket) -> bytes:
    """Return one whole reply and not a byte more; what a server said before it hung up where it did."""
    said = line = b""
    while not line or line[3:4] == b"-":  # SMTP alone has replies of several lines here
        line = b""
        while not line.endswith(b"\n"):
            byte = connection.recv(1)
            if not byte:
                return said + line
            line += byte
        transcript.say("S", line)
        said += line
    return said


def everything(connection: socket.socket) -> bytes:
    """Return all that the server says until it hangs up."""
    said = b""
    with suppress(ssl.SSLError, ConnectionError):
        while more := connection.recv(65536):
            transcript.say("S", more)
            said += more
    return said


def asking(connection: socket.socket, protocol: str, behind: bytes = b"") -> socket.socket:
    """Return a connection on which the server agreed to TLS; `behind` goes out together with the request."""
    if protocol in STARTTLS:
        first, ask, agreed = STARTTLS[protocol]
        reply(connection)
        if first:
            connection.sendall(first)
            reply(connection)
        connection.sendall(ask + behind)
        answer = reply(connection)
        assert answer.startswith(agreed), answer
    return connection


def plain(server: Server, protocol: str) -> socket.socket:
    """Return a connection that is ready for the handshake."""
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


def beside(talk: Callable[[socket.socket], None]) -> socket.socket:
    """Return a connection to a server of the test's own, which does what `talk` does."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs, suppress(OSError):
            talk(theirs)

    for end in (ours, theirs):
        end.settimeout(20)
    threading.Thread(target=serve, daemon=True).start()
    return ours


@pytest.fixture(scope="module")
def careless(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """The TLS settings of a server that takes whatever OpenSSL still can."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOSTNAME)]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    file = tmp_path_factory.mktemp("careless") / "both.pem"
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()) + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.set_ciphers("ALL:eNULL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_protocols_and_weak_ciphers_are_refused(server: Server, protocol: str) -> None:
    offers = dict(OBSOLETE)
    if protocol == "smtp":
        offers = {what: offer for what, offer in OBSOLETE.items() if what not in DELIVERED}
    for what, offer in offers.items():
        connection = plain(server, protocol)  # a port that is dead fails here
        try:
            handshake(connection, old(*offer)).close()
        except (ssl.SSLError, ConnectionError):
            continue
        pytest.fail(f"a client with {what} is served")
    with handshake(plain(server, protocol), old(ssl.TLSVersion.TLSv1_2, "ECDHE+AESGCM")) as encrypted:
        assert encrypted.version() == "TLSv1.2", "the control: the same client with a sound cipher"


@pytest.mark.parametrize("what", AGED)
def test_an_old_server_delivers_over_tls(server: Server, what: str) -> None:
    with handshake(
        plain(server, "smtp"), old(ssl.TLSVersion.TLSv1_2, f"{AGED[what]}:@SECLEVEL=0")
    ) as encrypted:
        assert encrypted.version() == "TLSv1.2"
        encrypted.sendall(b"EHLO client.stranger.test\r\n")
        assert reply(encrypted).startswith(b"250"), "mail is taken inside"


@pytest.mark.parametrize("protocol", [one for one in PROTOCOLS if one != "smtp"])
@pytest.mark.parametrize("what", [one for one in AGED if one != "ECDHE, RSA"])
def test_where_users_log_in_the_suites_of_old_servers_are_refused(
    server: Server, protocol: str, what: str
) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(plain(server, protocol), old(ssl.TLSVersion.TLSv1_2, f"{AGED[what]}:@SECLEVEL=0"))


@pytest.mark.parametrize("what", OBSOLETE)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_the_old_clients_get_through_where_a_server_takes_them(careless: ssl.SSLContext, what: str) -> None:
    def talk(connection: socket.socket) -> None:
        careless.wrap_socket(connection, server_side=True).close()

    version, _ = offer = OBSOLETE[what]
    with handshake(beside(talk), old(*offer)) as encrypted:
        assert encrypted.version() == version.name.replace("_", ".")
        assert bool(encrypted.getpeercert(binary_form=True)) == (what != "no certificate")


def farewell(
    connection: socket.socket,
    protocol: str,
    context: ssl.SSLContext,
    *,
    before: bytes = b"",
    inside: bytes = b"",
) -> list[bytes]:
    """Return the lines that a server says inside of TLS to a goodbye, and to what else it runs there.

    `before` goes out together with the request for TLS, `inside` with the goodbye.
    """
    agreed = asking(connection, protocol, before)
    try:
        encrypted = handshake(agreed, context)
    except (ssl.SSLError, ConnectionError):
        return []  # hanging up on this one client is a fine answer
    with encrypted:
        with suppress(ssl.SSLError, ConnectionError):
            encrypted.sendall(inside + GOODBYE[protocol])
        return everything(encrypted).splitlines()


def carried_over(connect: Callable[[], socket.socket], protocol: str, context: ssl.SSLContext) -> list[bytes]:
    """Return what a server says inside of TLS to a command that it got in clear text."""
    injected = INJECTED[protocol]
    alone = farewell(connect(), protocol, context)
    assert alone, "the control: a goodbye is answered"
    both = farewell(connect(), protocol, context, inside=injected)
    assert len(both) > len(alone), "the control: the same command inside of TLS is answered"
    return farewell(connect(), protocol, context, before=injected)[len(alone) :]


@pytest.mark.parametrize("protocol", sorted(STARTTLS))
def test_commands_sent_before_encryption_are_not_run_after_it(server: Server, protocol: str) -> None:
    def connect() -> socket.socket:
        return server.vantage("outside").open(protocol, timeout=20)

    assert carried_over(connect, protocol, server.tls) == []


@pytest.mark.parametrize("forgets", [True, False])
@pytest.mark.parametrize("protocol", sorted(STARTTLS))
def test_a_server_that_keeps_clear_text_for_later_is_found(
    careless: ssl.SSLContext, protocol: str, forgets: bool
) -> None:
    _, ask, agreed = STARTTLS[protocol]

    def converse(connection: socket.socket, heard: bytes, last: bytes) -> bytes:
        line = b""
        while line != last:
            while b"\n" not in heard:
                heard += connection.recv(4096) or last
            line, end, heard = heard.partition(b"\n")
            line += end
            connection.sendall(agreed + b" done\r\n")
        return heard

    def talk(connection: socket.socket) -> None:
        connection.sendall(agreed + b" welcome\r\n")
        heard = converse(connection, b"", ask)
        with careless.wrap_socket(connection, server_side=True) as encrypted:
            converse(encrypted, b"" if forgets else heard, GOODBYE[protocol])

    anybody = old(ssl.TLSVersion.TLSv1_2, "ECDHE+AESGCM")
    found = carried_over(lambda: beside(talk), protocol, anybody)
    assert bool(found) is not forgets


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
            said = everything(connection)
        assert b"250" not in said
        assert b"OK" not in said
