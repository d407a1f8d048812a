"""Guesses: what a guesser gets checked in an hour, and what others notice of it.

Owns how often and how long is guessed. Does not own the guesser (tests/e2e/guesser.py). Counts in Dovecot's
log, where passwords are checked.
"""

import imaplib
import itertools
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bench.figures import Figure, seconds
from bench.mail import Reader
from tests.e2e.guesser import checked, guesser
from tests.e2e.stack import Stack

CONNECTIONS = {"imap": 20, "pop3": 10, "smtp": 10, "webmail": 10}
DURATION, QUIET = 120, 20


def guessed(stack: Stack, reader: Reader, tell: Callable[[str], None]) -> list[Figure]:
    """Measure what is checked of many guesses, and the logins of somebody else meanwhile.

    What is checked in this time is all of the hour: it ends at the bound, which nothing moves before an hour
    is over.
    """
    refused = 0

    def login() -> None:
        nonlocal refused
        try:
            with reader.imap():
                pass
        except (imaplib.IMAP4.error, OSError):
            refused += 1

    def logins(duration: float) -> list[float]:
        end, times = time.monotonic() + duration, []
        while time.monotonic() < end:
            times.append(seconds(login) * 1000)
            time.sleep(0.3)
        return times

    total = sum(CONNECTIONS.values())
    tell(f"{total} connections that guess for {DURATION} s, and somebody else's logins beside them")
    quiet, number, began = logins(QUIET), itertools.count(), time.time()
    with guesser(stack) as stranger, ThreadPoolExecutor(total) as pool:
        end = time.monotonic() + DURATION

        def guess(way: str) -> int:
            tried = 0
            while time.monotonic() < end:
                try:
                    stranger.log_in(way, reader.user, f"guess {next(number)} of {began}")
                except (OSError, EOFError):
                    continue  # a limit of connections
                tried += 1
            return tried

        running = [pool.submit(guess, way) for way, count in CONNECTIONS.items() for _ in range(count)]
        beside = logins(DURATION)
        tried = sum(each.result() for each in running)
        found = checked(stack, stranger.source, reader.user, began)
    ratio = statistics.median(beside) / statistics.median(quiet)
    return [
        Figure(name=f"guesses answered in {DURATION} s", values=[tried], unit=""),
        Figure(name="passwords checked, in the hour", values=[found], unit="", aim="at most 100"),
        Figure(name="somebody else's login, quiet", values=quiet, unit="ms"),
        Figure(name="the same under guesses", values=beside, unit="ms"),
        Figure(name="ratio of the medians", values=[ratio], unit="", aim="at most 2"),
        Figure(name="somebody else's logins refused", values=[refused], unit="", aim="0"),
    ]
