"""The filter: what it costs a message, how many a second are left, and what memory it holds.

Owns a second stack, the same as the first but for the filter, and what it learns beforehand. Does not own the
way to the mailbox (mail.py). There is no DNS here, so no sender is asked about: that is time of others.
"""

import random
import smtplib
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from itertools import count
from typing import Any

from bench.figures import Figure, interleaved, ratios
from bench.lifecycle import memory, used
from bench.mail import MESSAGES, ROUNDS, TRUSTING, Reader, Way, emptied, load
from bench.stock import address
from tests.e2e import stackfile
from tests.e2e.stack import EngineError, Stack

STRANGER = "friend@example.net"
SUBNET = "192.168.96.0/24"
PARTS = ("rspamd", "valkey", "resolver")
SENT = {"2 kB": (2_000, 100), "200 kB": (200_000, 30)}
"""What is handed in -> bytes of it, and how often."""

LEARNED = 210
"""Messages of each kind: from 200 on what was learned is asked for."""

MANY = 1000
"""Messages after which the memory is looked at again."""

WORDS = [f"{first}{second}{third}" for first in "bdfgklm" for second in "aeiou" for third in "nrstxz"]

LEARN = r"""
set -e
read -r password < <(sed -n 's/^password = "\(.*\)";/\1/p' /run/secrets/controller.inc)
words=($3)
for number in $(seq "$2"); do
    text="Subject: $1 $number"$'\r\n\r\n'
    for _ in {1..60}; do text+="${words[RANDOM % ${#words[@]}]}$1 "; done
    exec 3<>/dev/tcp/127.0.0.1/11334
    printf 'POST /learn%s HTTP/1.0\r\nPassword: %s\r\n' "$1" "$password" >&3
    printf 'Content-Length: %d\r\n\r\n%s' "${#text}" "$text" >&3
    head -n 1 <&3
    exec 3<&-
done
"""
"""Teaches a kind, so many messages, of these words; prints an answer for each."""

Both = tuple[tuple[Stack, Reader], tuple[Stack, Reader]]
"""The stack with the filter, then the one without, each with who reads there."""

numbers = count(1)


def text(sender: str, recipient: str, size: int) -> str:
    """Return a message of so many bytes that nobody has sent before; words, as people write."""
    number, lines = next(numbers), []
    chosen = random.Random(number)  # noqa: S311
    for _ in range(size // 48):
        lines.append(" ".join(chosen.choices(WORDS, k=12)))
    head = f"From: {sender}\r\nTo: {recipient}\r\nSubject: {number}\r\nDate: {formatdate()}\r\n"
    return f"{head}Message-ID: <{number}@example.net>\r\n\r\n" + "\r\n".join([*lines, ""])


class Door:
    """One open session of a stack: a stranger's, or that of a user who writes to himself."""

    def __init__(self, stack: Stack, reader: Reader, *, by_user: bool) -> None:
        host = address(stack.containers()["postfix"])
        self.recipient, self.sender = reader.user, reader.user if by_user else STRANGER
        self.link: smtplib.SMTP
        if by_user:
            self.link = smtplib.SMTP_SSL(host, 465, local_hostname="bench", timeout=120, context=TRUSTING)
            self.link.login(reader.user, reader.password)
        else:
            self.link = smtplib.SMTP(host, 25, local_hostname="bench.example.net", timeout=120)
            self.link.ehlo()

    def milliseconds(self, size: int) -> float:
        """Return how long the server takes for the data of a message, to its answer."""
        given = text(self.sender, self.recipient, size)
        self.link.mail(self.sender)
        self.link.rcpt(self.recipient)
        began = time.monotonic()
        code, said = self.link.data(given)
        spent = (time.monotonic() - began) * 1000
        if code != 250:
            raise RuntimeError(f"a message was not taken: {code} {said!r}")
        return spent


@contextmanager
def filtered(stack: Stack, tell: Callable[[str], None]) -> Iterator[Stack]:
    """Yield the same stack with the filter, beside it."""
    made = Stack(stack.workspace, "bench-filtered")
    made.purge()
    settings = stack.settings
    made.configure(
        {
            **settings,
            "ports": stackfile.free_ports(list(settings["ports"])),
            "network": {"subnet": SUBNET},
            "filtering": {"recipientsPerHour": 100_000},
        }
    )
    try:
        tell("bringing the same stack up with the filter")
        made.up()
        yield made
    finally:
        with suppress(EngineError):
            made.destroy()
        made.purge()


def cost(stack: Stack, reader: Reader, tell: Callable[[str], None]) -> Iterator[tuple[str, list[Figure]]]:
    """Measure both stacks in turn, message by message, then load by load, then memory: title and figures."""
    with filtered(stack, tell) as other:
        at_rest = _memory(other)
        theirs = Reader(
            host=reader.host,
            port=other.settings["ports"]["imaps"],
            user=reader.user,
            password=other.outputs()["mailboxes"][reader.user],
        )
        tell(f"learning {LEARNED} messages of each kind")
        _learn(other)
        both = ((other, theirs), (stack, reader))
        yield "A message and the filter", _one_by_one(both, tell)
        yield "Many messages and the filter", _together(both, tell)
        tell(f"{MANY} messages for the memory after")
        for _ in range(-(-MANY // MESSAGES)):
            load(address(other.containers()["postfix"]), reader.user)
        after = _memory(other)
    whole = "memory of all containers at rest"
    found = [
        Figure(name=whole, values=[at_rest["all"]], unit="MiB", aim="at most 512 MiB"),
        Figure(
            name="of it what is there without a filter",
            values=[at_rest["all"] - sum(at_rest[part] for part in PARTS)],
            unit="MiB",
        ),
        *(
            Figure(name=f"{part}, {when}", values=[parts[part]], unit="MiB")
            for when, parts in (("at rest", at_rest), (f"after {MANY} messages and more", after))
            for part in PARTS
            if part in parts
        ),
    ]
    yield "Memory and the filter", found


def _one_by_one(both: Both, tell: Callable[[str], None]) -> list[Figure]:
    figures = []
    for by_user, who in ((False, "a stranger"), (True, "a user, signed twice")):
        filtering, plain = (Door(stack, reader, by_user=by_user) for stack, reader in both)
        for name, (size, times) in SENT.items():
            tell(f"{times} messages of {name} of {who}, in turn with and without the filter")
            figures += _compared(f"{name} of {who}", filtering, plain, size, times)
        filtering.link.quit()
        plain.link.quit()
    return figures


def _compared(name: str, filtering: Door, plain: Door, size: int, times: int) -> list[Figure]:
    for door in (filtering, plain):
        door.milliseconds(size)  # processes start
    spent, bare, _ = interleaved(
        lambda: filtering.milliseconds(size), lambda: plain.milliseconds(size), times
    )
    between = statistics.median(spent) - statistics.median(bare)
    aim = "at most 15 ms" if name == "2 kB of a stranger" else ""
    return [
        Figure(name=f"{name}, with the filter", values=spent, unit="ms"),
        Figure(name="the same without", values=bare, unit="ms"),
        Figure(name="what the filter costs (medians)", values=[between], unit="ms", aim=aim),
    ]


def _together(both: Both, tell: Callable[[str], None]) -> list[Figure]:
    tell(f"{MESSAGES} messages from port 25 to the mailbox, {ROUNDS} times in turn with and without it")
    for stack, reader in both:
        emptied(stack.containers()["dovecot"], reader.user)
    ways = [Way({name: stack.containers()[name] for name in ("postfix", "dovecot")}) for stack, _ in both]
    rates: list[list[float]] = [[], []]
    for _ in range(1 + ROUNDS):  # in the first one processes start that stay for the others
        for (stack, reader), way, rate in zip(both, ways, rates, strict=True):
            rate.append(way.rate(reader.imap, address(stack.containers()["postfix"]), reader.user))
    found, bare = (rate[1:] for rate in rates)
    return [
        Figure(name="port 25 to the mailbox, with the filter", values=found, unit="messages/s"),
        Figure(name="the same without", values=bare, unit="messages/s"),
        Figure(name="ratio of the two", values=ratios(found, bare), unit="", aim="at least 0.6"),
    ]


def _memory(stack: Stack) -> dict[str, float]:
    """Return MiB of each part of the filter, and of the whole stack."""
    containers = stack.containers()
    return {"all": memory(stack), **{part: used(containers[part]) for part in PARTS if part in containers}}


def _learn(stack: Stack) -> None:
    rspamd = stack.containers()["rspamd"]
    for kind in ("spam", "ham"):
        done: Any = rspamd.exec_run(["bash", "-c", LEARN, "learn", kind, str(LEARNED), " ".join(WORDS)])
        if done.exit_code or done.output.count(b" 200 ") < 200:
            raise RuntimeError(f"the filter learns nothing: {done.output[-300:]!r}")
