"""What is true for every tier: what the garbage collector walks, and what a long run says meanwhile."""

import gc
import os
import threading
import time
from collections.abc import Iterator

import pytest

from bootstrap.lanes import ASIDE
from bootstrap.report import duration

MINUTE = 60.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Make the pause configurable, so that a test of it need not take minutes."""
    parser.addini("progress_seconds", "how often a run says how far it is", default=str(MINUTE))


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.pluginmanager.register(Progress(float(config.getini("progress_seconds"))))


class Progress:
    """Says once a minute how many tests are through, and which one goes on."""

    def __init__(self, pause_seconds: float) -> None:
        self.pause_seconds = pause_seconds
        self.began = time.monotonic()
        self.total = self.through = 0
        self.current = ""
        # While a test runs, what is written to standard output is captured; and of a tier that runs beside
        # another one, all of it is kept until the end. What the tests start is not to speak there.
        aside = os.environ.pop(ASIDE, "")
        self.output = os.dup(int(aside or 1))
        self.form = "{}\n" if aside else "\n{}\n"

    def line(self) -> str:
        """Return something like `12:03 e2e: 120 of 390 after 10 min 2 s, now test_life.py::test_second`."""
        path, _, name = self.current.partition("::")
        folder, _, file = path.rpartition("/")
        passed = duration(time.monotonic() - self.began)
        tier = folder.rpartition("/")[2] or "tests"
        count = f"{self.through} of {self.total}"
        return f"{time.strftime('%H:%M')} {tier}: {count} after {passed}, now {file}::{name}"

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note which test begins."""
        self.current = nodeid

    def pytest_runtest_logfinish(self) -> None:
        """Count it."""
        self.through += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[None]:
        """Speak while the tests run."""
        self.total = session.testscollected
        over = threading.Event()
        speaker = threading.Thread(target=self._speak, args=(over,), daemon=True)
        speaker.start()
        try:
            return (yield)
        finally:
            over.set()
            speaker.join()
            os.close(self.output)

    def _speak(self, over: threading.Event) -> None:
        while not over.wait(self.pause_seconds):
            os.write(self.output, self.form.format(self.line()).encode())


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take modules and tests, which stay to the end, out of each collection: they were most of its work."""
    gc.collect()
    gc.freeze()
