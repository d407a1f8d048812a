"""Mail: messages a second, the time until a reader is told, logins a second.

Owns the load and a plain Postfix that throws all away. Counts at the destination, never at the sender. Does
not own the stock Postfix and Dovecot that deliver (stock.py).
"""

import imaplib
import smtplib
import ssl
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any

import docker
from argon2 import PasswordHasher
from docker.models.containers import Container

from bench.figures import Figure, interleaved, ratios
from bench.lifecycle import used
from bench.stock import USER, address, stock
from mailinfra.containers import labels
from tests.e2e.stack import Stack

MESSAGES, SENDERS, ROUNDS = 300, 4, 5
# 4 kB.
BODY = "".join(f"line {number} of a message that nobody has sent before\r\n" for number in range(75))
# Who answers is not the question here; the tests check names and chains. Made once: it reads all public CAs.
TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname, TRUSTING.verify_mode = False, ssl.CERT_NONE

AT_REST = 30
"""Seconds: as long as a proof of health holds."""

COLLECTED = "Dovecot waits 500"
"""For so many milliseconds Dovecot collects changes of a mailbox before it tells of them.

https://github.com/dovecot/core/blob/2.4.1/src/lib-storage/mailbox-watch.c, NOTIFY_DELAY_MSECS
"""

PLAIN = """
# As the package ships it, apart from where mail goes, where the log is, and a port that is a number.
sed 's/^smtp  *inet/25 inet/' /usr/share/postfix/master.cf.dist > /etc/postfix/master.cf
cat > /etc/postfix/main.cf <<END
compatibility_level = 3.10
meta_directory = /usr/share/postfix
maillog_file = /dev/stdout
myhostname = plain.test
mydestination =
mynetworks = 0.0.0.0/0
inet_protocols = ipv4
alias_maps =
default_transport = discard:
smtpd_client_connection_rate_limit = 0
END
exec postfix start-fg
"""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Somebody who reads mail."""

    host: str
    port: int
    user: str
    password: str

    def imap(self) -> imaplib.IMAP4_SSL:
        """Return a client that is logged in."""
        client = imaplib.IMAP4_SSL(self.host, self.port, ssl_context=TRUSTING)
        client.login(self.user, self.password)
        return client


def messages_in(client: imaplib.IMAP4) -> int:
    """Return how many messages the inbox holds."""
    _, (number,) = client.select("INBOX", readonly=True)
    return int(number or b"0")


def send(host: str, recipient: str, count: int) -> None:
    """Hand in `count` messages over one session."""
    with smtplib.SMTP(host, 25, local_hostname="bench.example.net", timeout=60) as client:
        for number in range(count):
            name = f"{time.monotonic_ns()}-{number}"
            # Whole, as a filter takes what lacks these for spam.
            head = (
                f"From: bench@example.net\r\nTo: {recipient}\r\nSubject: {name}\r\nDate: {formatdate()}\r\n"
            )
            text = f"{head}Message-ID: <{name}@example.net>\r\n\r\n{BODY}"
            client.sendmail("bench@example.net", [recipient], text)


def load(host: str, recipient: str) -> None:
    """Hand in all messages from several senders at once."""
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(lambda _: send(host, recipient, MESSAGES // SENDERS), range(SENDERS)))


def emptied(dovecot: Container, user: str) -> None:
    """Remove all mail of a user's inbox: a delivery takes the longer, the more there is."""
    done = dovecot.exec_run(["doveadm", "expunge", "-u", user, "mailbox", "INBOX", "all"])
    if done.exit_code:
        raise RuntimeError(f"the inbox of {user} is not emptied: {done.output!r}")


def wait_until(done: Callable[[], bool], limit: float = 300) -> None:
    """Return as soon as it is done; raise TimeoutError after so many seconds."""
    deadline = time.monotonic() + limit
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all messages arrived in {limit} s")
        time.sleep(0.1)


def throughput(stack: Stack, reader: Reader, tell: Callable[[str], None]) -> list[Figure]:
    """Measure port 25 to the mailbox, in turn with stock Postfix and Dovecot, and with one that discards."""
    services = stack.containers()
    ours = {daemon: services[daemon] for daemon in ("postfix", "dovecot", "mysql")}
    own = {labels.STACK: stack.full_name}
    plain = docker.from_env().containers.run(
        str(ours["postfix"].attrs["Image"]),
        ["-ec", PLAIN],
        entrypoint="sh",
        detach=True,
        labels=own,
    )
    try:
        with stock(ours, stack.full_name) as theirs:
            deliver, compared = Way(ours), Way(theirs.containers)
            rounds = []
            emptied(ours["dovecot"], reader.user)  # theirs is new
            tell(f"what they use at rest, {AT_REST} s")
            _rest(deliver, compared)

            def discarded() -> float:
                before, began = plain.logs().count(b"status=sent"), time.monotonic()
                load(address(plain), "nobody@elsewhere.test")
                wait_until(lambda: plain.logs().count(b"status=sent") >= before + MESSAGES)
                return MESSAGES / (time.monotonic() - began)

            tell(
                f"{MESSAGES} messages from port 25 to the mailbox, {ROUNDS} times in turn with stock Postfix "
                "and Dovecot, and with a plain Postfix that discards"
            )
            for _ in range(1 + ROUNDS):  # in the first one processes start that stay for the others
                rounds.append(
                    (
                        deliver.rate(reader.imap, address(ours["postfix"]), reader.user),
                        compared.rate(theirs.imap, theirs.address("postfix"), USER),
                        discarded(),
                    )
                )
    finally:
        plain.remove(force=True, v=True)
    mailbox, stocks, discards = (list(each) for each in zip(*rounds[1:], strict=True))
    return [
        Figure(name="port 25 to the mailbox", values=mailbox, unit="messages/s"),
        Figure(name="stock Postfix and Dovecot, static maps", values=stocks, unit="messages/s"),
        Figure(
            name="ratio of the two",
            values=ratios(mailbox, stocks),
            unit="",
            aim="at least 0.9",
        ),
        Figure(name="plain Postfix to discard", values=discards, unit="messages/s"),
        Figure(
            name="ratio to that",
            values=ratios(mailbox, discards),
            unit="",
        ),
        Figure(name="processor time of a message", values=deliver.total(), unit="ms"),
        Figure(name="the same, stock", values=compared.total(), unit="ms"),
        Figure(
            name="ratio, stock to ours",
            values=ratios(compared.total(), deliver.total()),
            unit="",
        ),
        *(
            Figure(name=f"of ours, {daemon}", values=spent, unit="ms")
            for daemon, spent in deliver.runs().items()
        ),
        *(
            Figure(name=f"of stock, {daemon}", values=spent, unit="ms")
            for daemon, spent in compared.runs().items()
        ),
    ]


class Way:
    """One way from port 25 to a mailbox, and what it costs."""

    def __init__(self, containers: Mapping[str, Container]) -> None:
        self.containers = containers
        self.spent: dict[str, list[float]] = {daemon: [] for daemon in containers}
        """Daemon -> milliseconds of processor time for one message, beyond what it uses at rest."""
        self.at_rest: dict[str, float] = dict.fromkeys(containers, 0.0)
        """Daemon -> milliseconds in a second without mail: health checks, and what watches the accounts."""

    def total(self) -> list[float]:
        """Return milliseconds for one message in all containers together, run by run."""
        return [sum(run) for run in zip(*self.runs().values(), strict=True)]

    def runs(self) -> dict[str, list[float]]:
        """Return `spent` without the first run, in which processes start."""
        return {daemon: spent[1:] for daemon, spent in self.spent.items()}

    def rate(self, imap: Callable[[], imaplib.IMAP4], host: str, recipient: str) -> float:
        """Return messages a second."""
        with imap() as client:
            before, used, began = messages_in(client), self.used(), time.monotonic()
            load(host, recipient)
            wait_until(lambda: messages_in(client) >= before + MESSAGES)
            seconds = time.monotonic() - began
        for daemon, now in self.used().items():
            self.spent[daemon].append((now - used[daemon] - self.at_rest[daemon] * seconds) / MESSAGES)
        return MESSAGES / seconds

    def used(self) -> dict[str, float]:
        """Return milliseconds that each container has used the processor."""
        found = {}
        for daemon, container in self.containers.items():
            stats: Any = container.stats(stream=False, one_shot=True)
            found[daemon] = stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e6
        return found


def _rest(*ways: Way) -> None:
    before = [way.used() for way in ways]
    time.sleep(AT_REST)
    for way, then in zip(ways, before, strict=True):
        way.at_rest = {daemon: (now - then[daemon]) / AT_REST for daemon, now in way.used().items()}


def idle_push(stack: Stack, reader: Reader, tell: Callable[[str], None], count: int = 100) -> list[Figure]:
    """Measure from the 250 to the data of a message to the notice in an IDLE session."""
    tell(f"{count} messages to somebody who waits in IDLE")
    host = address(stack.containers()["postfix"])
    waits = []
    with reader.imap() as client:
        client.select("INBOX")
        client.send(b"i IDLE\r\n")
        client.readline()
        for _ in range(count):
            with smtplib.SMTP(host, 25, local_hostname="bench.example.net", timeout=60) as sender:
                sender.sendmail("bench@example.net", [reader.user], f"Subject: push\r\n\r\n{BODY}")
                acknowledged = time.monotonic()
                while b" EXISTS" not in client.readline():
                    continue
                waits.append((time.monotonic() - acknowledged) * 1000)
        client.send(b"DONE\r\n")
        while not client.readline().startswith(b"i OK"):
            continue
    cuts = statistics.quantiles(waits, n=100)
    return [
        Figure(
            name="delivery to IDLE notice, p50", values=[cuts[49]], unit="ms", aim=f"100 ms ({COLLECTED})"
        ),
        Figure(
            name="delivery to IDLE notice, p99", values=[cuts[98]], unit="ms", aim=f"1000 ms ({COLLECTED})"
        ),
    ]


def logins(stack: Stack, reader: Reader, tell: Callable[[str], None]) -> list[Figure]:
    """Measure logins a second against what the two threads of this machine can check at the same cost."""
    tell("logins a second, in turn with bare Argon2id checks")
    # As from elsewhere: what comes from the host itself to 127.0.0.1 goes through a program of Docker's, too.
    direct = replace(reader, host=address(stack.containers()["dovecot"]), port=993)
    hasher = PasswordHasher(memory_cost=19456, time_cost=2, parallelism=1)
    known = hasher.hash(reader.password)
    count = 60

    def rate(work: Callable[[], object]) -> float:
        began = time.monotonic()
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(lambda _: work(), range(count)))
        return count / (time.monotonic() - began)

    def login() -> None:
        with direct.imap():
            pass

    real, raw, ratios = interleaved(
        lambda: rate(login), lambda: rate(lambda: hasher.verify(known, reader.password)), ROUNDS
    )
    dovecot = used(stack.containers()["dovecot"])
    return [
        Figure(name="IMAP logins", values=real, unit="logins/s"),
        Figure(name="bare Argon2id checks", values=raw, unit="checks/s"),
        Figure(name="ratio of the two", values=ratios, unit="", aim="at least 0.85"),
        Figure(name="Dovecot's memory right after", values=[dovecot], unit="MiB", aim="bounded: 1024 MiB"),
    ]
