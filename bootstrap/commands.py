"""Commands: other programs, run with a bound on their time and their output kept in a file.

No command may hang the bootstrap: every call says how long it may take, and is ended with all it started.
"""

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bootstrap.problem import Problem

PATIENCE_SECONDS = 60.0
"""How long a command may take to end after an interrupt: a container that is being made may need it."""

HARDER_SECONDS = 10.0
"""How long it may take after each of the harder signals that follow."""

KERNEL = 0x80
"""`si_code` of a signal from the keyboard: everybody in the terminal's group has got it (sigaction(2))."""

WATCHED = {signal.SIGINT, signal.SIGTERM, signal.SIGCHLD}
"""What is waited for while a command runs."""

TAIL_LINES = 12
"""Lines of a failed command's output that are shown; the rest is in its log."""


class CommandFailed(Problem):
    """A command that ended with an error or had to be ended."""

    def __init__(self, what: str, log: Path | None, tail: Sequence[str]) -> None:
        shown = "".join(f"\n    {line}" for line in tail)
        super().__init__(
            f"{what}{':' if tail else ''}{shown}", f"Its output is in {log}" if log else "Try it by hand"
        )
        self.last = tail[-1].strip() if tail else what


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a short command said."""

    code: int
    """Exit status; 124 where it had to be ended, 127 where it could not be started."""

    text: str
    """Standard output, stripped."""

    error: str
    """Standard error, stripped."""

    @property
    def good(self) -> bool:
        """Whether it ended with 0."""
        return self.code == 0


def ask(
    argv: Sequence[object],
    *,
    env: Mapping[str, str],
    timeout_seconds: float,
    cwd: Path | None = None,
    given: str = "",
) -> Answer:
    """Return the answer of a short command, which reads what is `given`; a hang and a missing program are
    answers too."""
    try:
        done = subprocess.run(
            [str(word) for word in argv],
            env=env,
            cwd=cwd,
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Answer(code=124, text="", error=f"no answer within {timeout_seconds:g} s")
    except OSError as error:
        return Answer(code=127, text="", error=str(error))
    return Answer(code=done.returncode, text=done.stdout.strip(), error=done.stderr.strip())


def run(
    argv: Sequence[object],
    *,
    env: Mapping[str, str],
    timeout_seconds: float,
    log: Path,
    cwd: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Run a long command, hand each line of its output to `tell` and keep all of it in `log`.

    Raises CommandFailed with the last lines when it fails or takes longer than `timeout_seconds`.
    """
    words = [str(word) for word in argv]
    name = " ".join([Path(words[0]).name, *words[1:3]])
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        process = subprocess.Popen(
            words,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # a group of its own, so that its children end with it
        )
    except OSError as error:
        raise CommandFailed(f"{name} cannot be started: {error.strerror}", None, []) from None
    tail: list[str] = []
    reader = threading.Thread(target=_read, args=(process, log, tail, tell), daemon=True)
    reader.start()
    try:
        code = process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        end(process)
        reader.join(5)
        raise CommandFailed(
            f"{name} took longer than {timeout_seconds:g} s and was ended", log, tail
        ) from None
    except BaseException:
        end(process)
        raise
    reader.join(5)
    if code:
        raise CommandFailed(f"{name} failed with {code}", log, tail)


def _read(process: subprocess.Popen[str], log: Path, tail: list[str], tell: Callable[[str], None]) -> None:
    assert process.stdout is not None  # noqa: S101 - it was asked for with PIPE
    with log.open("w", encoding="utf-8") as file, process.stdout as output:
        for line in output:
            file.write(line)
            if line.strip():
                tail[:] = [*tail, line.rstrip()][-TAIL_LINES:]
                tell(line)


def end(process: subprocess.Popen[str]) -> None:
    """End a process and all of its group: politely, then not."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + 5
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.poll() is not None:
            return


class Interrupted(KeyboardInterrupt):
    """A command that was asked to end, and has ended."""


class Attended:
    """Commands that run while somebody may interrupt them: each hears of it once, as it does in a shell.

    Pulumi then finishes what it has begun, and a second interrupt would make it drop all that. Who has not
    ended within `patience_seconds` is ended.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.interrupted = False
        self._patience_seconds = patience_seconds
        self._deadline = math.inf
        self._harder = [signal.SIGINT, signal.SIGKILL]
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> "Attended":
        # In the group of a terminal they hear the keyboard themselves. Elsewhere a group of its own makes
        # sure that whoever signals all of ours does not reach one twice.
        self._group = None if _in_foreground() else 0
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        return self

    def start(
        self,
        argv: Sequence[object],
        *,
        env: Mapping[str, str],
        cwd: Path,
        output: BinaryIO | None = None,
        pass_fds: Sequence[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a command: on this terminal, or with what it says in `output` and nothing to read."""
        before = self._before
        process = subprocess.Popen(
            [str(word) for word in argv],
            env=env,
            cwd=cwd,
            stdin=None if output is None else subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            pass_fds=pass_fds,
            process_group=self._group,
            preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before),
        )
        self._started.append(process)
        return process

    def wait(self) -> None:
        """Wait until one may have ended, half a second at most, and hand on what was heard meanwhile."""
        heard = signal.sigtimedwait(WATCHED, 0.5)
        if heard and heard.si_signo != signal.SIGCHLD:
            if heard.si_code != KERNEL or self._group is not None:
                self._signal(heard.si_signo)
            self._deadline = min(self._deadline, time.monotonic() + self._patience_seconds)
            self.interrupted = True
        if time.monotonic() > self._deadline and self._harder:
            self._signal(self._harder.pop(0))
            self._deadline = time.monotonic() + HARDER_SECONDS

    def __exit__(self, *_: object) -> None:
        # Whoever still runs was left by an error of ours.
        self._signal(signal.SIGTERM)
        _discard(WATCHED)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def _signal(self, sign: int) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(sign)


def pass_through(
    argv: Sequence[object], *, env: Mapping[str, str], cwd: Path, patience_seconds: float = PATIENCE_SECONDS
) -> int:
    """Run a command on this terminal and return its exit status; raise Interrupted if a signal ended it.

    It hears of an interrupt as `Attended` says.
    """
    with Attended(patience_seconds) as attended:
        process = attended.start(argv, env=env, cwd=cwd)
        while process.poll() is None:
            attended.wait()
    if attended.interrupted and process.returncode:
        raise Interrupted
    return process.returncode


def _in_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _discard(watched: set[signal.Signals]) -> None:
    """Forget signals that came meanwhile and were answered: unblocked, they would strike us."""
    while signal.sigtimedwait(watched & signal.sigpending(), 0):
        pass
