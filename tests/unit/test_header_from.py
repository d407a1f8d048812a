"""The helper that reads From (configs/postfix/header-from), asked as Postfix asks it, as a milter."""

import base64
import socket
import socketserver
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mailinfra.components import postfix
from mailinfra.containers.rendering import render
from tests.samples import postfix_args

ALICE, BOB = "alice@example.test", "bob@example.test"
OWN = {ALICE, "sales@example.test", "alice@xn--bcher-kva.test"}
"""What ALICE may send as; of each, its details, too."""

Headers = Sequence[tuple[str, str]]


class Smtpd(socketserver.ThreadingTCPServer):
    """Stands in for the service that knows whom a login may send as, and notes what it was asked."""

    daemon_threads = True
    asked: list[str]
    answer: str | None = None
    """In place of the one to MAIL FROM."""


class Session(socketserver.StreamRequestHandler):
    """One session: XCLIENT says for whom it asks."""

    server: Smtpd

    def handle(self) -> None:
        self.say("220 here")
        login = ""
        for line in self.rfile:
            verb, _, said = line.decode().strip().partition(" ")
            if verb == "XCLIENT":
                login = said.partition("LOGIN=")[2]
                self.say("220 here")
            elif verb == "MAIL":
                self.say(self.server.answer or self.owned(login, said[6:-1]))
            else:
                self.say("250 ok")

    def owned(self, login: str, address: str) -> str:
        self.server.asked.append(address)
        name, _, domain = address.partition("@")
        is_own = login == ALICE and f"{name.partition('+')[0]}@{domain}" in OWN
        return "250 2.1.0 Ok" if is_own else f"553 5.7.1 <{address}>: not owned by user {login}"

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture(scope="module")
def owners() -> Iterator[Smtpd]:
    server = Smtpd(("127.0.0.1", 0), Session)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def helper(owners: Smtpd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return where the helper listens."""
    folder = tmp_path_factory.mktemp("h")
    values: dict[str, Any] = {**postfix.values(postfix_args()), "owners_port": owners.server_address[1]}
    (folder / "etc").mkdir()
    for name in ("helper", "header-from"):
        text = render(f"postfix/{name}", values)
        text = text.replace("/run/helper/", f"{folder}/").replace("/etc/postfix/", f"{folder}/etc/")
        (folder / "etc" / name).write_text(text)
    running = subprocess.Popen(["/usr/bin/perl", str(folder / "etc" / "helper")])
    until = time.monotonic() + 60
    while not (folder / "header-from").exists():
        assert running.poll() is None, "it has ended"
        assert time.monotonic() < until
        time.sleep(0.02)
    yield folder / "header-from"
    running.terminate()
    running.wait()


class Milter:
    """One session of smtpd's with the helper."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(str(path))
        self.say(b"O" + struct.pack(">III", 6, 0x1FF, 0x1FFFFF))
        assert self.hear()[:1] == b"O"

    def say(self, packet: bytes) -> None:
        self.socket.sendall(struct.pack(">I", len(packet)) + packet)

    def hear(self) -> bytes:
        (length,) = struct.unpack(">I", self._bytes(4))
        return self._bytes(length)

    def _bytes(self, count: int) -> bytes:
        read = b""
        while len(read) < count:
            more = self.socket.recv(count - len(read))
            assert more, "it hung up"
            read += more
        return read

    def hand_in(self, headers: Headers, envelope: str = ALICE, login: str | None = ALICE) -> str:
        """Return the answer to a message: empty where it is taken."""
        macros = ["{auth_authen}", login, "{mail_addr}", envelope] if login else ["{mail_addr}", envelope]
        self.say(b"DM" + b"".join(word.encode() + b"\0" for word in macros))
        self.say(f"M<{envelope}>\0SIZE=100\0".encode())
        for name, value in headers:
            self.say(f"L{name}\0{value}\0".encode("latin-1"))
        self.say(b"E")
        answer = self.hear()
        assert answer[:1] in {b"c", b"y"}, answer
        return answer[1:].rstrip(b"\0").decode()


@pytest.fixture
def milter(helper: Path, owners: Smtpd) -> Iterator[Milter]:
    owners.asked.clear()
    owners.answer = None
    session = Milter(helper)
    yield session
    session.socket.close()


def encoded(text: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(text.encode()).decode()}?="


@pytest.mark.parametrize(
    "value",
    [
        ALICE,
        f"<{ALICE}>",
        f"Alice <{ALICE}>",
        "Alice <ALICE@Example.Test>",
        f'"Alice, of \\"us\\"" <{ALICE}>',
        f"Alice B. Carol [Sales] <{ALICE}>",
        f"{ALICE} (Alice (of us))",
        f"Alice (of us)\n\t<{ALICE}>",
        f"=?utf-8?q?Gr=C3=BC=C3=9Fe?= <{ALICE}>",
        f"{encoded('Grüße')}\n {encoded('an alle')} <{ALICE}>",
        f"Gr\xc3\xbc\xc3\x9fe <{ALICE}>",
        f"=?ISO-2022-JP?B?GyRCOzNFRBsoQg==?= <{ALICE}>",
        f'"{ALICE}" <{ALICE}>',
        f"{ALICE} <{ALICE}>",
        '"boss@elsewhere.test via Sales" <sales@example.test>',
        "alice+shop@example.test",
        "Sales <sales+eu@example.test>",
        "alice@xn--bcher-kva.test",
        f"Alice <{ALICE}>, sales@example.test",
    ],
)
def test_an_own_address_is_taken_however_mail_programs_write_it(milter: Milter, value: str) -> None:
    assert milter.hand_in([("Subject", "hello"), ("From", value), ("To", BOB)]) == ""


@pytest.mark.parametrize(
    "value",
    [
        BOB,
        f"<{BOB}>",
        f"Alice <{BOB}>",
        "Alice <BOB@example.test>",
        f"{ALICE} <{BOB}>",
        f"{ALICE}, {BOB}",
        f"{BOB} ({ALICE})",
        f"\n {BOB}",
        "bob+alice@example.test",
        # Shown in place of the address.
        f'"{BOB}" <{ALICE}>',
        f"{BOB} <{ALICE}>",
        f"{encoded(BOB)} <{ALICE}>",
        f"{encoded('bob@')} {encoded('example.test')} <{ALICE}>",
        f"=?utf-8?q?bob=40example.test?= <{ALICE}>",
        f"{ALICE} ({BOB})",
        f'"<{BOB}>" <{ALICE}>',
    ],
)
def test_somebody_elses_is_refused_by_name(milter: Milter, value: str) -> None:
    answer = milter.hand_in([("From", value)])
    assert answer.startswith(f"553 5.7.1 From: {ALICE} may not send as bob"), answer


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "no address"),
        ("Alice", "no address"),
        ("MAILER-DAEMON", "no address"),
        ("Alice <alice>", "no address"),
        (f"friends: {ALICE};", "differently"),
        ("undisclosed:;", "no address"),
        (f"<@bank.test:{ALICE}>", "differently"),
        (f"<{ALICE}> <{BOB}>", "differently"),
        (f"{BOB} {ALICE}", "differently"),
        (f"<{ALICE}", "differently"),
        (f'"Alice <{ALICE}>', "differently"),
        (f"Alice (of us <{ALICE}>", "differently"),
        (f"Alice) <{ALICE}>", "differently"),
        (f"<{ALICE}> Alice", "differently"),
        (f"Alice@home <{ALICE}>", "differently"),
        (f"Alice\\ <{ALICE}>", "differently"),
        (f"{ALICE},", "differently"),
        ('"alice"@example.test', "differently"),
        (f"alice+{encoded(BOB)}@example.test", "differently"),
        (f"{encoded(ALICE)}", "no address"),
        ("alice@[192.0.2.1]", "differently"),
        (f"{encoded(BOB + chr(0))} <{ALICE}>", "control character"),
        (f"=?utf-8?q?bob=0A?= <{ALICE}>", "control character"),
        (f"Alice\x01 <{ALICE}>", "control character"),
        (f"Alice\rFrom: {BOB} <{ALICE}>", "control character"),
        ("alice@b\xc3\xbccher.test", "xn--"),
        ("alic\xc3\xa9@example.test", "xn--"),
        (f"{ALICE}, " * 1000, "longer"),
    ],
)
def test_what_is_read_in_two_ways_is_refused(milter: Milter, value: str, reason: str) -> None:
    answer = milter.hand_in([("From", value)])
    assert answer.startswith("550 5.7.1 From "), answer
    assert reason in answer


@pytest.mark.parametrize(
    "headers",
    [
        [("From", ALICE), ("From", ALICE)],
        [("From", ALICE), ("Subject", "hello"), ("FROM", BOB)],
        [("From", ALICE), ("From ", BOB)],
        [("From\x0b", BOB), ("From", ALICE)],
        [("From", ALICE), ("Sender", ALICE), ("sender", BOB)],
    ],
)
def test_a_header_that_is_there_twice_is_refused(milter: Milter, headers: Headers) -> None:
    assert milter.hand_in(headers).startswith("550 5.7.1 There are 2 headers ")


@pytest.mark.parametrize("name", ["Sender", "Resent-From", "Resent-Sender", "SENDER"])
def test_who_sends_for_the_writer_is_an_own_address_too(milter: Milter, name: str) -> None:
    assert milter.hand_in([("From", ALICE), (name, BOB)]).startswith(f"553 5.7.1 {name}: {ALICE} may not")
    assert milter.hand_in([("From", ALICE), (name, "sales@example.test")]) == ""


def test_a_message_without_from_is_refused(milter: Milter) -> None:
    assert "no From" in milter.hand_in([("Subject", "hello")])
    assert "no From" in milter.hand_in([("Resent-From", ALICE)])


def test_the_envelopes_sender_is_not_asked_about_again(milter: Milter, owners: Smtpd) -> None:
    assert milter.hand_in([("From", f"Alice <{ALICE}>"), ("Sender", ALICE.upper())]) == ""
    assert owners.asked == []


def test_without_an_envelope_from_is_an_own_address_all_the_same(milter: Milter) -> None:
    assert milter.hand_in([("From", "sales@example.test")], envelope="") == ""
    assert milter.hand_in([("From", BOB)], envelope="").startswith("553 ")


def test_one_session_hands_in_many_messages(milter: Milter) -> None:
    for _ in range(3):
        assert milter.hand_in([("From", BOB)]).startswith("553 ")
        milter.say(b"A")
        assert milter.hand_in([("From", ALICE)]) == ""


def test_nobody_hands_in_without_a_login(milter: Milter) -> None:
    assert milter.hand_in([("From", ALICE)]) == ""
    assert milter.hand_in([("From", ALICE)], login=None).startswith("550 ")


def test_more_addresses_than_anybody_has_are_refused(milter: Milter, owners: Smtpd) -> None:
    many = ", ".join(f"alice+{number}@example.test" for number in range(11))
    assert "more than 10" in milter.hand_in([("From", many)])
    assert owners.asked == []


@pytest.mark.parametrize("answer", ["451 4.3.0 <x>: Temporary lookup failure", "421 4.3.0 bye"])
def test_while_nobody_knows_a_message_waits(milter: Milter, owners: Smtpd, answer: str) -> None:
    owners.answer = answer
    assert milter.hand_in([("From", BOB)]).startswith("451 4.3.0 ")
    assert milter.hand_in([("From", ALICE)]) == "", "for whom the envelope names nobody has to be asked"
    owners.answer = None
    assert milter.hand_in([("From", "sales@example.test")]) == ""
