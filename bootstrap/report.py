"""Report: what a person reads while a machine is made ready, one line for each need.

On a terminal a long step is one line that ticks; elsewhere it is a plain line now and then, so that
a log stays readable and still shows that something goes on.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

PLAIN_SECONDS = 20.0
"""How often a step that goes on is told where lines cannot be redrawn."""

WIDTH = 100
"""Columns of a line that ticks; a longer one would wrap and could not be redrawn."""


def duration(seconds: float) -> str:
    """Return `seconds` as a person says it: `8 s`, `3 min 40 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class Step:
    """A step that goes on: its name and the newest detail."""

    def __init__(self, need: str, doing: str) -> None:
        self.need = need
        self.doing = doing
        self.detail = ""
        self.began = time.monotonic()

    def tell(self, detail: str) -> None:
        """Replace the detail, usually by the newest line of a command's output."""
        self.detail = " ".join(detail.split())

    @property
    def line(self) -> str:
        """Need, doing, elapsed time and detail."""
        elapsed = duration(time.monotonic() - self.began)
        return f"{self.need:<18}{self.doing}, {elapsed}" + (f": {self.detail}" if self.detail else "")


class Report:
    """Writes lines to one stream; redraws the last one while a step goes on if the stream is a terminal."""

    def __init__(self, stream: TextIO, tick_seconds: float | None = None) -> None:
        self.stream = stream
        self.redraws = stream.isatty()
        self.tick_seconds = tick_seconds or (1.0 if self.redraws else PLAIN_SECONDS)

    def say(self, text: str = "") -> None:
        """Write one line."""
        print(text, file=self.stream, flush=True)

    def found(self, need: str, text: str) -> None:
        """Write what was found or brought for a need."""
        self.say(f"{need:<18}{text}")

    @contextmanager
    def step(self, need: str, doing: str) -> Iterator[Step]:
        """Show that `doing` goes on until the block ends; its result is for `found` to tell."""
        step = Step(need, doing)
        over = threading.Event()
        if not self.redraws:
            self.found(need, f"{doing} ...")
        ticker = threading.Thread(target=self._tick, args=(step, over), daemon=True)
        ticker.start()
        try:
            yield step
        finally:
            over.set()
            ticker.join()
            if self.redraws:
                self._draw("")

    def _tick(self, step: Step, over: threading.Event) -> None:
        while not over.wait(self.tick_seconds):
            try:
                if self.redraws:
                    self._draw(step.line)
                else:
                    self.say(step.line[:WIDTH])
            except OSError:  # nobody reads any more: what is told next says so, and not from this thread
                return

    def _draw(self, text: str) -> None:
        self.stream.write("\r\033[K" + text[:WIDTH])
        self.stream.flush()
