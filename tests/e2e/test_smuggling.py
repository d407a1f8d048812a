"""One message in is one message out: whatever bytes a client sends, no second one hides in the first."""

import re
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from tests.e2e import load, transcript
from tests.e2e.clients import Smtp
from tests.e2e.ground import addresses
from tests.e2e.server import Server, letter
from tests.e2e.stackfile import ALICE, BOB
from tests.e2e.vantage import Vantage
from tests.waiting import until

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

STANDARD = b"\r\n.\r\n"
"""What everybody takes for one."""

FAREWELL = [b"250 2.0.0 Ok", b"221 2.0.0 Bye"]
"""What Postfix answers to NOOP and QUIT, and to nothing else."""

MESSAGE_ID = re.compile(rb"(?m)^Message-ID: (\S+)")

numbers = count(1)


class Raw:
    """A client that sends what it likes."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
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
            except (ConnectionError, ssl.SSLError):
                more = b""
            if not more:
                return b""
            self.buffer += more

    def ask(self, command: str) -> bytes:
        """Send one command and return the last line of its reply; empty when the server has hung up."""
        try:
            self.say(command.encode() + b"\r\n")
        except (ConnectionError, ssl.SSLError):
            return b""
        return self.reply()

    def until_data(self, sender: str, to: str) -> None:
        """Say everything that comes between EHLO and a message."""
        for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>"):
            assert self.ask(command).startswith(b"250"), command
        assert self.ask("DATA").startswith(b"354")


@pytest.fixture
def raw(server: Server) -> Iterator[Raw]:
    """A raw client at port 25 from an address of its own."""
    client = Raw(server.vantage("sibling").open("smtp"))
    yield client
    client.socket.close()


def entered(client: Smtp) -> Raw:
    """Return a raw client in the place of one that has said who it is."""
    client.ehlo_or_helo_if_needed()
    return Raw(client.sock)


def plain_peer(server: Server) -> Raw:
    """Return a raw client at a peer that says what it takes."""
    relay = server.world.relay("stranger")
    peer = Vantage(name="sibling", host=addresses.PEERS["plain"][0], ports={"smtp": 25}, relay=relay)
    return entered(Smtp(peer, "smtp"))


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


def betrayed(
    connect: Callable[[], Raw],
    envelope: tuple[str, str],
    ends: list[bytes],
    delivered: Callable[[], Counter[str]],
) -> list[str]:
    """Return what tells of a second message behind each of `ends`: replies too many, messages too many.

    `delivered` returns Message-ID -> copies, when all that was taken is there.
    """
    found, expected = [], {}
    for end in ends:
        first, second = ids()
        client = connect()
        client.until_data(*envelope)
        client.say(smuggled(end, first, second))
        answer = client.reply()
        assert answer[:3] == b"250" or answer[:1] in (b"5", b"4", b""), answer
        replies = [one for one in (client.ask("NOOP"), client.ask("QUIT"), *iter(client.reply, b"")) if one]
        client.socket.close()
        hung_up = not replies or [one[:3] for one in replies] == [b"421"]
        if not hung_up and replies != FAREWELL:
            found.append(f"{end!r} is answered with {answer!r}, what follows with {replies}")
        expected[first], expected[second] = (end, int(answer.startswith(b"250"))), (end, 0)
    assert any(wanted for _, wanted in expected.values()), "not one was taken, so nothing could hide"
    there = delivered()
    return found + [
        f"{end!r}: {one} is there {there[one]} times"
        for one, (end, wanted) in expected.items()
        if there[one] != wanted
    ]


@pytest.mark.parametrize("protocol", ["smtp", "submissions"])
def test_only_the_standard_end_ends_a_message(server: Server, protocol: str) -> None:
    def connect() -> Raw:
        user = protocol == "submissions"
        return entered(server.submission(ALICE, vantage="sibling") if user else server.smtp("sibling"))

    def delivered() -> Counter[str]:
        server.arrives(BOB, server.deliver(BOB))  # behind all that this test has sent
        load.emptied(server)
        return load.received(server, BOB)

    sender = ALICE if protocol == "submissions" else "friend@peer.test"
    assert betrayed(connect, (sender, BOB), ENDS, delivered) == []


def test_the_smuggling_test_finds_a_second_message_where_a_server_takes_one(server: Server) -> None:
    def delivered() -> Counter[str]:
        heads = [MESSAGE_ID.search(mail.raw) for mail in server.world.received("plain")]
        return Counter(head[1].decode() for head in heads if head)

    envelope = ("friend@peer.test", "victim@plain.test")
    replies, message = betrayed(lambda: plain_peer(server), envelope, [STANDARD], delivered)
    assert "250 2.1.0" in replies, "the peer answered the second MAIL"
    assert "smuggled" in message, "the peer has the second message"


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
    peer = plain_peer(server)
    peer.until_data("friend@peer.test", "control@plain.test")
    peer.say(b"a\nb\rc\r\n.\r\n")
    assert peer.reply().startswith(b"250")
    peer.socket.close()
    (one,) = [
        mail.raw for mail in server.world.received("plain") if mail.recipients == ("control@plain.test",)
    ]
    assert one == b"a\nb\rc\r\n"
