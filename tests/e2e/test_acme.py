"""The certificate is renewed again and again while people connect, log in and wait: nobody notices."""

import imaplib
import io
import poplib
import smtplib
import socket
import ssl
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from docker.models.containers import Container

from mailinfra.containers.images import DEBIAN
from mailinfra.user_ids import ACME
from tests import canaries
from tests.certificates.authority import DIRECTORY, Authority, authority, built, own_certificate
from tests.e2e.belongings import ACME as BELONGING
from tests.e2e.belongings import CREDENTIALS, FILTERS, PLACES, by_acme, misplaced, missing, rows, secrets
from tests.e2e.clients import Imap
from tests.e2e.conftest import tell
from tests.e2e.ground import addresses
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.places import Places
from tests.e2e.server import Server
from tests.e2e.stackfile import ALICE, BOB, PROTOCOLS
from tests.e2e.test_tls import STARTTLS, reply
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600), pytest.mark.long]

LIFETIME = 180
"""Seconds for which a certificate holds; the next one is had after two thirds of it."""

RENEWALS = 15
"""Half an hour."""

SESSIONS = 12
SHOWN = "a new certificate is shown"


@pytest.fixture
def ca(server: Server, tmp_path: Path) -> Iterator[Authority]:
    """Yield a CA in the stack's network, of which the stack has its certificate while this holds."""
    settings = server.stack.settings
    image = built(settings.get("images", {}).get("base", DEBIAN))
    # Addresses that nobody of the stack has: Docker would give out that of the container which is to come.
    names, pebble = ((str(addresses.FRONT[number]), str(addresses.SUBNET6[number])) for number in (8, 9))
    front = server.stack.network("front")
    with authority(image, front, 8000, lifetime=LIFETIME, names=names, pebble=pebble) as made:
        made.lead(HOSTNAME, addresses.WEBMAIL)
        file = tmp_path / "ca.pem"
        file.write_bytes(made.trusted())
        acme = {"email": "postmaster@example.test", "directory": DIRECTORY, "caFile": str(file)}
        try:
            server.stack.configure({**settings, "addresses": [], "certificate": {"acme": acme}})
            server.stack.up()
            server.read()
            until(lambda: all_show_it(server), 180, "all show the first certificate")
            yield made
        finally:
            server.stack.configure(settings)
            server.stack.up()
            server.read()


def peer(server: Server, name: str) -> bytes:
    """Return the certificate that is shown at a port, after a handshake that verifies it."""
    webmail = urlsplit(str(server.outputs["endpoints"]["webmail"]["url"])).port
    port = webmail if name == "webmail" else server.ports[name]
    with socket.create_connection(("127.0.0.1", port or 443), 60) as plain:
        if name in STARTTLS:
            hello, ask, agrees = STARTTLS[name]
            reply(plain)
            if hello:
                plain.sendall(hello)
                reply(plain)
            plain.sendall(ask)
            assert reply(plain).startswith(agrees)
        with server.tls.wrap_socket(plain, server_hostname=HOSTNAME) as tls:
            return tls.getpeercert(True) or b""


def all_show_it(server: Server) -> bool:
    """Return whether every port shows what the CA gave: webmail and Postfix take it within seconds."""
    try:
        return all(peer(server, name) for name in (*PROTOCOLS, "webmail"))
    except OSError:
        return False


def waiting(server: Server) -> Imap:
    """Return a session that is told of new mail."""
    client = server.imap(BOB)
    client.select("INBOX")
    client.send(b"z IDLE\r\n")
    assert client.readline().startswith(b"+")
    return client


def is_told(client: Imap) -> bool:
    """Return whether a waiting session hears of new mail, within a minute."""
    client.sock.settimeout(60)
    try:
        while line := client.readline():
            if line.endswith(b"EXISTS\r\n"):
                return True
            if line.startswith(b"* BYE"):
                return False
    except OSError:
        pass
    return False


def show_a_mixed_pair(container: Container) -> Callable[[], None]:
    """Have a key be shown with a certificate that is not its own; return what undoes it."""
    before = bytes(container.exec_run(["readlink", "/tls/current"]).output).decode().strip()  # type: ignore[arg-type]
    chain = bytes(container.exec_run(["cat", "/tls/current/chain.pem"]).output)  # type: ignore[arg-type]
    key, _ = own_certificate([HOSTNAME])
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in {"key.pem": key, "chain.pem": chain, "all.pem": key + chain}.items():
            entry = tarfile.TarInfo(f"mixed/{name}")
            entry.size, entry.mode, entry.uid, entry.gid = len(text), 0o640, ACME, ACME
            archive.addfile(entry, io.BytesIO(text))
    assert container.put_archive("/tls", content.getvalue())

    def turn(to: str) -> None:
        words = f"ln -s {to} /tls/turned && mv -T /tls/turned /tls/current"
        assert container.exec_run(["sh", "-c", words]).exit_code == 0

    turn("mixed")
    return lambda: turn(before)


def test_half_an_hour_of_renewals_fails_no_connection_no_login_and_no_session(
    server: Server, ca: Authority, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    names = [*PROTOCOLS, "webmail"]
    end, counted, failed = threading.Event(), Counter[str](), list[str]()
    seen: dict[str, set[bytes]] = {name: set() for name in names}

    def submission() -> None:
        server.submission(ALICE).quit()

    def again(name: str, act: Callable[[], object]) -> None:
        while not end.is_set():
            try:
                act()
                counted[name] += 1
            except (
                OSError,
                AssertionError,
                EOFError,
                smtplib.SMTPException,
                imaplib.IMAP4.error,
                poplib.error_proto,
            ) as error:
                failed.append(f"{name}: {error!r}")
            end.wait(0.5)

    acts: dict[str, Callable[[], object]] = {
        name: lambda name=name: seen[name].add(peer(server, name))  # type: ignore[misc]
        for name in names
    }
    acts |= {
        "login imap": lambda: server.imap(ALICE, vantage="host").logout(),
        "login pop3": lambda: server.pop3(ALICE, vantage="host").quit(),
        "login submission": submission,
    }
    sessions = [waiting(server) for _ in range(SESSIONS)]
    begun = server.journal("acme").count(SHOWN)
    containers = {name: one.id for name, one in server.stack.containers().items()}
    with ThreadPoolExecutor(len(acts)) as pool:
        pending = [pool.submit(again, name, act) for name, act in acts.items()]
        try:
            until(
                lambda: server.journal("acme").count(SHOWN) >= begun + RENEWALS,
                LIFETIME * (RENEWALS + 1),
                "half an hour of renewals",
            )
            time.sleep(30)  # in which the last one is taken by all
        finally:
            end.set()
        for one in pending:
            one.result()
    tell(pytestconfig, f"{sum(counted.values())} connections over {RENEWALS} renewals: {dict(counted)}")
    assert not failed, failed[:20]
    assert all(len(found) > RENEWALS for found in seen.values()), {
        name: len(found) for name, found in seen.items()
    }
    assert {name: one.id for name, one in server.stack.containers().items()} == containers
    server.deliver(BOB)
    assert [is_told(session) for session in sessions] == [True] * SESSIONS

    places = Places(server.stack.docker, server.stack.full_name, server.world.image)
    known = secrets(server)
    found = canaries.in_texts(known, {**places.texts(), **rows(server)}, tmp_path / "texts")
    found |= places.files(known)
    assert misplaced(found, by_acme({**PLACES, **FILTERS})) == []
    assert {(place, what) for place, what in missing(found, BELONGING) if what != CREDENTIALS} == set()

    # What this would notice:
    undo = show_a_mixed_pair(server.stack.containers()["acme"])
    try:
        with pytest.raises((ssl.SSLError, OSError)):
            peer(server, "imaps")
    finally:
        undo()
    assert peer(server, "imaps")
    server.stack.containers()["dovecot"].exec_run(["doveadm", "reload"])
    assert [is_told(session) for session in sessions] == [False] * SESSIONS
