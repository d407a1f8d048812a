"""A mail server's side of the milter protocol: what a filter is told of one message, and what comes back.

Owns the protocol and the message as it is after the filter's changes. Does not own the filter (yard.py). The
protocol is written down in Postfix's src/milter/milter8.c, and in libmilter's mfdef.h.
"""

import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from enum import Enum
from ipaddress import ip_address

HOSTNAME = "mail.example.test"
"""Name of the mail server whose filter is asked."""

STRANGER = "198.51.100.7"
"""Where strangers come from, if nothing else is said."""

VERSION, ACTIONS = 6, 0x1FF
CHUNK = 65535

SILENT = {
    "C": 0x1000,
    "H": 0x2000,
    "M": 0x4000,
    "R": 0x8000,
    "T": 0x10000,
    "L": 0x80,
    "N": 0x40000,
    "B": 0x80000,
}
"""Step -> the flag by which a filter says that it does not answer it."""

LEFT_OUT = {"C": 0x1, "H": 0x2, "M": 0x4, "R": 0x8, "T": 0x200, "L": 0x20, "N": 0x40, "B": 0x10}
"""Step -> the flag by which a filter says that it does not want to hear it."""


class Answer(Enum):
    """What becomes of a message."""

    TAKEN = "a"
    REFUSED = "r"
    PUT_OFF = "t"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A message on its way, and who brings it."""

    raw: bytes
    """All of it; lines end in CR LF."""

    sender: str
    """Of the envelope; empty for a bounce."""

    recipients: Sequence[str] = ("alice@example.test",)
    client: str = STRANGER
    """Address that it comes from."""

    client_name: str = "mx.honest.test"
    """What the DNS says of that address."""

    helo: str = "mx.honest.test"
    login: str = ""
    """Who logged in; nobody where it is empty."""


@dataclass(kw_only=True)
class Verdict:
    """What the filter says of a message."""

    answer: Answer
    code: int = 250
    text: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    """All headers, the filter's changes made."""

    body: bytes = b""

    @property
    def raw(self) -> bytes:
        """The message as Postfix would pass it on."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return (
            head.replace("\r\n", "\n").replace("\n", "\r\n").encode("utf-8", "surrogateescape")
            + b"\r\n"
            + self.body
        )

    @property
    def message(self) -> Message:
        """The same, to be asked for its headers."""
        return message_from_bytes(self.raw)

    @property
    def is_junk(self) -> bool:
        """Whether Dovecot would file it into Junk."""
        return self.answer is Answer.TAKEN and self.message["X-Spam"] == "Yes"

    @property
    def is_welcome(self) -> bool:
        """Whether it would lie in the inbox."""
        return self.answer is Answer.TAKEN and not self.is_junk


class Milter:
    """One connection to a filter."""

    def __init__(self, address: tuple[str, int], timeout: float) -> None:
        self.socket = socket.create_connection(address, timeout)
        self.socket.settimeout(timeout)
        self._say("O", struct.pack("!III", VERSION, ACTIONS, sum({*SILENT.values(), *LEFT_OUT.values()})))
        kind, content = self._hear()
        assert kind == "O", f"the filter begins with {kind!r}"
        _, _, self.flags = struct.unpack("!III", content[:12])
        self.before_the_end: Callable[[], None] = lambda: None
        """Runs when all of a message is told but its end."""

    def __enter__(self) -> "Milter":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _say(self, kind: str, content: bytes = b"") -> None:
        self.socket.sendall(struct.pack("!I", len(content) + 1) + kind.encode() + content)

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            more = self.socket.recv(count - len(found))
            if not more:
                raise ConnectionError("the filter has hung up")
            found += more
        return found

    def _hear(self) -> tuple[str, bytes]:
        (length,) = struct.unpack("!I", self._exactly(4))
        content = self._exactly(length)
        return chr(content[0]), content[1:]

    def _step(
        self, kind: str, content: bytes = b"", macros: Mapping[str, str] | None = None
    ) -> Verdict | None:
        """Tell one step; return a verdict that comes before the end."""
        if self.flags & LEFT_OUT.get(kind, 0):
            return None
        if macros:
            self._say("D", kind.encode() + _strings(*(each for pair in macros.items() for each in pair)))
        self._say(kind, content)
        if self.flags & SILENT.get(kind, 0):
            return None
        answer, said = self._hear()
        return None if answer == "c" else _final(answer, said)

    def ask(self, letter: Letter) -> Verdict:
        """Return what becomes of a message."""
        head, _, body = letter.raw.partition(b"\r\n\r\n")
        headers = _headers(head)
        family = "6" if ip_address(letter.client).version == 6 else "4"
        connect = (
            _strings(letter.client_name)
            + family.encode()
            + struct.pack("!H", 40000)
            + _strings(letter.client)
        )
        at_mail = {"i": "4dJk2Q1zqcz9", "{mail_addr}": letter.sender}
        if letter.login:
            at_mail |= {"{auth_authen}": letter.login, "{auth_type}": "PLAIN"}
        steps = [
            ("C", connect, {"j": HOSTNAME, "{daemon_name}": HOSTNAME, "v": "Postfix"}),
            ("H", _strings(letter.helo), None),
            ("M", _strings(f"<{letter.sender}>"), at_mail),
            *(("R", _strings(f"<{each}>"), {"{rcpt_addr}": each}) for each in letter.recipients),
            ("T", b"", None),
            *(("L", _strings(name, value), None) for name, value in headers),
            ("N", b"", None),
            *(("B", body[start : start + CHUNK], None) for start in range(0, len(body), CHUNK)),
        ]
        for kind, content, macros in steps:
            early = self._step(kind, content, macros)
            if early:
                return early
        self.before_the_end()
        self._say("E")
        changes: list[tuple[str, bytes]] = []
        while True:
            kind, content = self._hear()
            if kind in "acdrty":
                verdict = _final(kind, content)
                verdict.headers, verdict.body = _changed(headers, changes), body
                return verdict
            changes.append((kind, content))


def _strings(*texts: str) -> bytes:
    return b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts)


def _split(content: bytes) -> list[str]:
    return [part.decode("utf-8", "surrogateescape") for part in content.split(b"\0")[:-1]]


def _headers(head: bytes) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for line in head.decode("utf-8", "surrogateescape").split("\r\n"):
        if line[:1] in {" ", "\t"}:
            name, value = found.pop()
            found.append((name, f"{value}\n{line}"))
        else:
            name, _, value = line.partition(":")
            found.append((name, value.removeprefix(" ")))
    return found


def _final(kind: str, content: bytes) -> Verdict:
    if kind == "y":
        said = content.rstrip(b"\0").decode()
        code = int(said[:3])
        return Verdict(answer=Answer.PUT_OFF if code < 500 else Answer.REFUSED, code=code, text=said[4:])
    answer = Answer.TAKEN if kind == "c" else Answer(kind)
    return Verdict(answer=answer, code={"a": 250, "r": 550, "t": 451}[answer.value])


def _changed(
    headers: Sequence[tuple[str, str]], changes: Sequence[tuple[str, bytes]]
) -> list[tuple[str, str]]:
    """Return the headers after all changes, as Postfix makes them."""
    found = list(headers)
    for kind, content in changes:
        match kind:
            case "h":
                name, value = _split(content)
                found.append((name, value))
            case "i":
                (place,) = struct.unpack("!I", content[:4])
                name, value = _split(content[4:])
                found.insert(place, (name, value))
            case "m":
                (number,) = struct.unpack("!I", content[:4])
                name, value = _split(content[4:])
                places = [place for place, each in enumerate(found) if each[0].lower() == name.lower()]
                if len(places) >= max(number, 1):
                    place = places[max(number, 1) - 1]
                    found[place : place + 1] = [(name, value)] if value else []
                elif value:
                    found.append((name, value))
            case _:
                raise AssertionError(f"the filter asks for {kind!r}, which nothing here expects")
    return found
