"""One message in is one message out: whatever bytes a client sends, no second one hides in the first."""

import socket
from collections.abc import Iterator
from itertools import count

import pytest

from tests.e2e import transcript
from tests.e2e.ground import addresses
from tests.e2e.server import Server, letter, until
from tests.e2e.stackfile import ALICE, BOB
from tests.e2e.vantage import Vantage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ENDS = [
    b"\n.\n",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\n\n.\r\n",
    b"\r\n\r.\r\n",
]
"""What is no end of a message, and what some servers take for one."""

numbers = count(1)


class Raw:
    """A client that sends what it likes."""

    def __init__(self, vantage: Vantage) -> None:
        self.socket: socket.socket = vantage.open("smtp", timeout=10)
        self.buffer = b""

    def say(self, data: bytes) -> None:
        """Send some bytes."""
        transcript.say("C", repr(data[:300]))
        self.socket.sendall(data)

    def reply(self) -> bytes:
        """Return the next reply, the last line of it; empty when the server has hung up."""
        while True:
            line, found, rest = self.buffer.partition(b"\n")
            if found:
                self.buffer = rest
                transcript.say("S", line)
                if line[3:4] != b"-":
                    return line.rstrip(b"\r")
                continue
            try:
                more = self.socket.recv(65536)
            except (TimeoutError, ConnectionError):
                more = b""
            if not more:
                return b""
            self.buffer += more

    def ask(self, command: str) -> bytes:
        """Send one command and return the last line of its reply."""
        self.say(command.encode() + b"\r\n")
        return self.reply()

    def until_data(self, sender: str, to: str) -> None:
        """Say everything that comes before a message."""
        self.reply()
        for command in ("EHLO client.stranger.test", f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>"):
            assert self.ask(command).startswith(b"250"), command
        assert self.ask("DATA").startswith(b"354")


@pytest.fixture
def raw(server: Server) -> Iterator[Raw]:
    """A raw client at port 25 from an address of its own."""
    client = Raw(server.vantage("sibling"))
    yield client
    client.socket.close()


def smuggled(end: bytes, first: str, second: str) -> bytes:
    """Return a message that holds a whole second one behind `end`."""
    inner = (
        f"MAIL FROM:<{ALICE}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\nMessage-ID: {second}\r\n"
        f"From: {ALICE}\r\nSubject: smuggled\r\n\r\nhidden"
    )
    return (
        f"Message-ID: {first}\r\nSubject: outer\r\n\r\nvisible".encode() + end + inner.encode() + b"\r\n.\r\n"
    )


def ids() -> tuple[str, str]:
    """Return two Message-IDs that nobody else uses."""
    number = next(numbers)
    return f"<outer-{number}@stranger.test>", f"<smuggled-{number}@stranger.test>"


@pytest.mark.parametrize("end", ENDS, ids=repr)
def test_only_the_standard_end_ends_a_message(server: Server, raw: Raw, end: bytes) -> None:
    first, second = ids()
    raw.until_data("friend@peer.test", BOB)
    raw.say(smuggled(end, first, second))
    answer = raw.reply()
    if answer.startswith(b"250"):
        server.arrives(BOB, first)
    else:
        assert answer[:1] in (b"5", b"4", b""), answer
        assert not server.found(BOB, "Message-ID", first)
    assert raw.ask("NOOP")[:3] in (b"250", b"421", b""), "commands behind the message were answered"
    assert not server.found(BOB, "Message-ID", second)


def test_the_smuggling_test_finds_a_second_message_where_a_server_takes_one(server: Server) -> None:
    first, second = ids()
    relay = server.world.relay("stranger")
    peer = Raw(Vantage(name="sibling", host=addresses.PEERS["plain"][0], ports={"smtp": 25}, relay=relay))
    peer.until_data("friend@peer.test", "victim@plain.test")
    peer.say(smuggled(b"\r\n.\r\n", first, second))
    assert peer.reply().startswith(b"250")
    assert [peer.reply()[:3] for _ in range(4)] == [b"250", b"250", b"354", b"250"], "the peer ran it all"
    peer.socket.close()
    taken = [mail.raw for mail in server.world.received("plain")]
    assert [len([raw for raw in taken if wanted.encode() in raw]) for wanted in (first, second)] == [1, 1]


def test_a_client_that_talks_before_its_turn_is_refused(raw: Raw) -> None:
    raw.say(
        f"EHLO client.stranger.test\r\nMAIL FROM:<friend@peer.test>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n".encode()
    )
    answers = [raw.reply() for _ in range(5)]
    assert not any(answer.startswith(b"354") for answer in answers), answers


def test_chunks_are_not_offered(raw: Raw) -> None:
    raw.reply()
    raw.say(b"EHLO client.stranger.test\r\n")
    lines = b""
    while not (lines.endswith(b"\n") and b"\n250 " in b"\n" + lines):
        lines += raw.socket.recv(4096)
    assert b"CHUNKING" not in lines.upper()
    assert raw.ask("BDAT 5 LAST").startswith(b"5")


@pytest.mark.parametrize("stray", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"a\nb\rc"], ids=repr)
def test_what_users_send_leaves_with_clean_line_ends(server: Server, stray: bytes) -> None:
    message = letter(ALICE, "friend@plain.test")
    data = message.as_bytes() + b"before" + stray + b"after\r\n"
    with server.submission(ALICE) as client:
        client.mail(ALICE)
        client.rcpt("friend@plain.test")
        assert client.docmd("DATA")[0] == 354
        client.send(data + b"\r\n.\r\n")
        code, _ = client.getreply()
    if code != 250:
        assert code >= 500, "a stray line end is for ever"
        return
    wanted = str(message["Message-ID"]).encode()
    received = server.world.received
    (one,) = until(
        lambda: [mail.raw for mail in received("plain") if wanted in mail.raw], 20, "it is at the peer"
    )
    rest = one.replace(b"\r\n", b"")
    assert b"\n" not in rest
    assert b"\r" not in rest
    assert b"\r\n.\r\n" not in one


def test_the_peer_shows_stray_line_ends_where_there_are_some(server: Server) -> None:
    relay = server.world.relay("stranger")
    peer = Raw(Vantage(name="sibling", host=addresses.PEERS["plain"][0], ports={"smtp": 25}, relay=relay))
    peer.until_data("friend@peer.test", "control@plain.test")
    peer.say(b"a\nb\rc\r\n.\r\n")
    assert peer.reply().startswith(b"250")
    peer.socket.close()
    (one,) = [
        mail.raw for mail in server.world.received("plain") if mail.recipients == ("control@plain.test",)
    ]
    assert one == b"a\nb\rc\r\n"
