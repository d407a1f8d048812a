"""A database server that does not answer, or refuses, is one sentence within ten seconds."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from mailinfra.provider import access
from mailinfra.provider.errors import ProviderError
from tests.accounts.server import Server

pytestmark = pytest.mark.accounts

NAMES = ["mail_a", "mail_b"]


def said(connection: dict[str, Any]) -> str:
    """Return what a person reads; it is one line and takes less than ten seconds."""
    began = time.monotonic()
    _, mistakes = access.check({"connection": connection, "databases": "create", "names": NAMES})
    assert time.monotonic() - began < 10
    ((place, reason),) = mistakes
    assert place == "database.external"
    assert "\n" not in reason
    return reason


@contextmanager
def greeting(words: bytes) -> Iterator[int]:
    """Listen on a port of this machine, and say this to whoever comes, until they leave."""

    class Greeter(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.wfile.write(words)
                self.rfile.read()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greeter) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            serving.join()


def test_a_server_that_lets_us_in_is_met(server: Server) -> None:
    connection = server.connection("")
    assert access.check({"connection": connection, "databases": "create", "names": NAMES})[1] == []
    assert access.meet(connection).version.startswith(("8.", "9."))


def test_a_wrong_password_is_said(server: Server) -> None:
    reason = said({**server.connection(""), "password": "wrong"})
    assert "Access denied for user 'root'" in reason
    assert reason.endswith("check the account's password")
    assert "'wrong'" not in reason


def test_a_closed_port_is_said() -> None:
    reason = said({"host": "127.0.0.1", "port": 1.0, "user": "a", "password": "b", "ca": "", "database": ""})
    assert reason.startswith("database server 127.0.0.1:1: Can't connect to MySQL server")
    assert reason.endswith("start the server, or correct host and port")


def test_a_name_that_nobody_knows_is_said(server: Server) -> None:
    reason = said({**server.connection(""), "host": "db.nowhere.invalid"})
    assert reason.startswith("database server db.nowhere.invalid:")


def test_a_server_that_says_nothing_is_said(server: Server) -> None:
    with greeting(b"") as port:
        reason = said({**server.connection(""), "port": float(port)})
    assert "takes the connection and says nothing" in reason


def test_something_else_than_mysql_is_said(server: Server) -> None:
    for words in (b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 mail ESMTP\r\n"):
        with greeting(words) as port:
            assert f"127.0.0.1:{port}" in said({**server.connection(""), "port": float(port)})


def test_a_server_behind_a_lookup_that_hangs_is_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "WHOLE_SECONDS", 1)
    monkeypatch.setattr(access, "_ask", lambda _: time.sleep(30))
    assert "does not answer within 1 s; start the server, or correct host, port or the firewall" in said(
        server.connection("")
    )


def test_a_server_that_nobody_has_signed_for_is_said(server: Server) -> None:
    reason = said({**server.connection(""), "ca": ""})
    assert "certificate verify failed" in reason
    assert "give the CA that signed the server's certificate" in reason


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("5.7.44-log", "is MySQL 5.7.44-log; 8.4 or newer is needed"),
        ("8.0.36", "is MySQL 8.0.36; 8.4 or newer is needed"),
        ("11.4.2-MariaDB-ubu2404", "is MariaDB"),
        ("8.4.0", None),
        ("9.7.2", None),
        ("10.1.0", None),
    ],
)
def test_a_server_that_is_too_old_or_another_one_is_said(version: str, words: str | None) -> None:
    fault = access.version_fault(version)
    assert (fault or "").startswith(words) if words else fault is None


def test_databases_that_are_there_are_not_created_and_missing_ones_not_adopted(server: Server) -> None:
    inputs = {"connection": server.connection(""), "names": NAMES}
    with pytest.raises(ProviderError, match=r"no databases 'mail_a' and 'mail_b' is there to adopt"):
        access.create({**inputs, "databases": "adopt"}, preview=True)
    assert access.create({**inputs, "databases": "create"}, preview=True).properties["endpoint"]
    server.sql("CREATE DATABASE mail_a")
    try:
        with pytest.raises(ProviderError, match=r"the database 'mail_a' exists; write 'databases: adopt'"):
            access.create({**inputs, "databases": "create"}, preview=True)
        with pytest.raises(ProviderError, match=r"no database 'mail_b' is there to adopt"):
            access.create({**inputs, "databases": "adopt"}, preview=True)
    finally:
        server.sql("DROP DATABASE mail_a")
