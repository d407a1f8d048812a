"""Waiting: for what comes to be by itself, and no longer than is said."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(find: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """Return what `find` returns as soon as it is something; fail with `what` after that many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        found = find()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} not within {seconds} s"
        time.sleep(0.2)
