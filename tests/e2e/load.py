"""Many messages with known ids, and the count of what became of them.

Owns the ledger: a message counts as acknowledged only after a 250 to its data; what broke off is unknown.
Does not own the faults that happen meanwhile (the tests).
"""

import json
import smtplib
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.e2e import transcript
from tests.e2e.server import Server, letter
from tests.waiting import until

PER_SESSION = 10

numbers = count(1)


@dataclass(kw_only=True)
class Ledger:
    """What was sent to one mailbox, as the clients saw it."""

    mailbox: str
    acknowledged: set[str] = field(default_factory=set)
    """Message-IDs with a 250 to their data."""

    unknown: set[str] = field(default_factory=set)
    """Message-IDs whose session broke off: they may be there or not."""

    refused_for_ever: list[str] = field(default_factory=list)
    """5xx replies: each is wrong, for every message is a good one."""

    moments: list[float] = field(default_factory=list)
    """When each 250 came, in seconds since the epoch."""

    def add(self, message_id: str, error: Exception | None) -> None:
        """Enter what became of one attempt."""
        match error:
            case None:
                self.acknowledged.add(message_id)
                self.moments.append(time.time())
            case smtplib.SMTPRecipientsRefused() if any(code >= 500 for code, _ in error.recipients.values()):
                self.refused_for_ever.append(str(error))
            case smtplib.SMTPResponseException() if error.smtp_code >= 500:
                self.refused_for_ever.append(str(error))
            case _:
                self.unknown.add(message_id)


def pour(
    server: Server,
    mailbox: str,
    number: int,
    halfway: threading.Event,
    *,
    workers: int = 4,
    until_set: threading.Event | None = None,
) -> Ledger:
    """Get `number` messages acknowledged, however often a session breaks; `halfway` is set after half.

    With `until_set` go on until that is set, too.
    """
    ledger, lock = Ledger(mailbox=mailbox), threading.Lock()
    seconds = 120 + number / 20 + (300 if until_set else 0)
    deadline = time.monotonic() + seconds

    def short() -> bool:
        with lock:
            if len(ledger.acknowledged) >= number // 2:
                halfway.set()
            wanted = len(ledger.acknowledged) < number or (until_set is not None and not until_set.is_set())
            return wanted and time.monotonic() < deadline

    def work(_: int) -> None:
        while short():
            with suppress(OSError, smtplib.SMTPException), server.smtp("sibling", timeout=20) as client:
                for _ in range(PER_SESSION):
                    # A process of Postfix goes on remembering that it could not look a sender up.
                    sender = f"friend-{next(numbers)}@peer.test"
                    message = letter(sender, mailbox)
                    error: Exception | None = None
                    try:
                        client.sendmail(sender, [mailbox], message.as_bytes())
                    except (OSError, smtplib.SMTPException) as caught:
                        error = caught
                    with lock:
                        ledger.add(str(message["Message-ID"]), error)
                    if error is not None:
                        time.sleep(0.5)
                        raise error
            del transcript.LINES[:]  # thousands of good conversations tell nothing

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    halfway.set()
    taken = len(ledger.acknowledged)
    assert taken >= number, f"only {taken} of {number} messages were taken in {seconds:.0f} s"
    return ledger


def waiting(server: Server) -> set[str]:
    """Return the ids of all messages in the queue."""
    output: Any = server.stack.containers()["postfix"].exec_run(["postqueue", "-j"]).output
    return {json.loads(line)["queue_id"] for line in output.splitlines()}


def queued(server: Server) -> int:
    """Return how many messages wait in the queue."""
    return len(waiting(server))


def emptied(server: Server) -> None:
    """Wait until the queue is empty, the longer the more there is; deferred mail is tried again at once."""
    seconds = 90 + queued(server) / 10

    def empty() -> bool:
        server.stack.containers()["postfix"].exec_run(["postqueue", "-f"])
        time.sleep(1)
        return queued(server) == 0

    until(empty, seconds, "the queue is empty")


def found(server: Server, mailbox: str, folder: str = "INBOX") -> Counter[str]:
    """Return Message-ID -> how often it is in a folder."""
    with server.imap(mailbox) as client:
        client.select(folder, readonly=True)
        # By UID: the sequence 1:* is a mistake in a folder that is empty.
        _, answers = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    heads = [answer[1].decode() for answer in answers if isinstance(answer, tuple)]
    return Counter(head.partition(":")[2].strip() for head in heads)


def received(server: Server, mailbox: str) -> Counter[str]:
    """Return Message-ID -> how often it is in the inbox or, where the filter takes it for spam, in Junk."""
    return found(server, mailbox) + found(server, mailbox, "Junk")


def lost(server: Server, ledger: Ledger) -> set[str]:
    """Return the acknowledged messages that are nowhere."""
    return ledger.acknowledged - set(found(server, ledger.mailbox))
