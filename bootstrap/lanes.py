"""Lanes: commands side by side, where each waits at times; in one lane they follow one another.

Owns who begins when, and that what they say stays readable: each says all of it at once when it has ended.
Does not own what runs (checks.py), nor how an interrupt is answered (commands.py).
"""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from bootstrap.commands import Attended, Interrupted
from bootstrap.machine import Machine
from bootstrap.report import Report, duration

ASIDE = "MAILINFRA_ASIDE"
"""Environment variable: the file descriptor at which a job may say how far it is, while all else is kept."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A command of a lane."""

    name: str
    """What it is called in the report."""

    argv: Sequence[object]
    """The command."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variable -> value, beside those that all have."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a job ended."""

    name: str
    """The job's."""

    code: int
    """Its exit status."""

    seconds: float
    """How long it took."""

    said: str = ""
    """All that it said, where that was kept."""

    @property
    def result(self) -> str:
        """Return something like `FAILED in 1 min 20 s`."""
        return f"{'FAILED' if self.code else 'passed'} in {duration(self.seconds)}"


@dataclass(frozen=True, kw_only=True)
class _Running:
    job: Job
    process: Popen[bytes]
    output: Path
    began: float

    def ended(self) -> Ended:
        seconds = time.monotonic() - self.began
        said = self.output.read_text(errors="replace")
        return Ended(name=self.job.name, code=self.process.returncode, seconds=seconds, said=said)


class _Page:
    """What a person reads: a failure at once, and what went well in the order of the jobs."""

    def __init__(self, report: Report, names: Sequence[str]) -> None:
        self._report, self._left = report, list(names)
        self._passed: dict[str, Ended] = {}

    def add(self, ended: Ended) -> None:
        """Show all that an ended job said, unless it went well and one that stands before it still runs."""
        if ended.code:
            self._show(ended)
        else:
            self._passed[ended.name] = ended
        while self._left and self._left[0] in self._passed:
            self._show(self._passed[self._left[0]])

    def close(self) -> None:
        """Show the rest, where some never ran."""
        for name in list(self._left):
            if name in self._passed:
                self._show(self._passed[name])

    def _show(self, ended: Ended) -> None:
        self._left.remove(ended.name)
        self._report.say(f"\n== {ended.name}: {ended.result}\n{ended.said.rstrip()}")


def side_by_side(machine: Machine, lanes: Sequence[Sequence[Job]], *, env: Mapping[str, str]) -> list[Ended]:
    """Run the jobs of all lanes, also after one has failed, and return how each ended, in their order.

    When somebody interrupts, all that run hear of it, no other one begins, and Interrupted follows what they
    said.
    """
    names = [job.name for lane in lanes for job in lane]
    page = _Page(machine.report, names)
    results: dict[str, Ended] = {}
    with tempfile.TemporaryDirectory(prefix="mailinfra-") as folder, Attended() as attended, aside() as fd:

        def start(job: Job) -> _Running:
            output = Path(folder) / str(names.index(job.name))
            told = {**env, **job.env, ASIDE: str(fd)}
            with output.open("wb") as file:
                process = attended.start(job.argv, env=told, cwd=machine.project, output=file, pass_fds=[fd])
            return _Running(job=job, process=process, output=output, began=time.monotonic())

        left = [iter(lane) for lane in lanes]
        running: list[_Running | None] = [None for _ in lanes]
        while True:
            for number, one in enumerate(running):
                if one is not None:
                    if one.process.poll() is None:
                        continue
                    results[one.job.name] = one.ended()
                    page.add(results[one.job.name])
                following = None if attended.interrupted else next(left[number], None)
                running[number] = start(following) if following else None
            if not any(running):
                break
            attended.wait()
    page.close()
    if attended.interrupted:
        raise Interrupted
    return [results[name] for name in names]


@contextmanager
def aside() -> Iterator[int]:
    """Give a file descriptor of our own standard output, under another number than the jobs' own."""
    fd = os.dup(1)
    try:
        yield fd
    finally:
        os.close(fd)
