"""Endings: what is said where a command ends as nobody meant it to: no room, no right, no reader, a bug.

Owns that a person reads a sentence and never a traceback. Does not own what is known to go wrong, for which
its own module raises a Problem.
"""

import errno
import io
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

UNREAD = 141
"""The status of a command whose reader has left, as a shell counts it: 128 and the number of SIGPIPE."""

REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "Free some room there",
    errno.EDQUOT: "Free some room there",
    errno.EROFS: "Make it writable, or work in a copy of this folder",
    errno.EACCES: "Give this user the right to it, or run make as the user whose it is",
    errno.EPERM: "Give this user the right to it, or run make as the user whose it is",
    errno.ENOENT: "Put it back",
    errno.EISDIR: "Put a file in its place",
    errno.ENOTDIR: "Put a folder in its place",
    errno.EMFILE: "Raise the limit of open files (ulimit -n)",
    errno.ENFILE: "End something: this machine has no more open files",
    errno.ENOMEM: "End something, or add memory",
    errno.EAGAIN: "End something: this user may start no more processes",
}
"""What the system refuses with -> what a person does about it."""


def open_streams() -> None:
    """Have all three standard streams: what is opened next would take the number of one that is closed, and
    every command that is started would write to it. What a terminal cannot show is a question mark."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def unread() -> int:
    """End quietly, as whoever read has left (`| head`), and return the status."""
    _silence()
    return UNREAD


def unforeseen(error: Exception, log: Path) -> int:
    """Say in a sentence what nobody expected, and return the status; a bug's traceback goes to `log`."""
    if isinstance(error, OSError) and error.errno:
        if error.errno in (errno.ENOSPC, errno.EIO, errno.EBADF) and not error.filename:
            _silence()
        where = f"{error.filename or 'what make writes to'}: "
        remedy = REMEDIES.get(error.errno, "Put that right")
        said = f"{where}{error.strerror}. {remedy}; running it again goes on from here."
    else:
        said = f"make itself has a bug: {type(error).__name__}: {error}. {_kept(error, log)}"
    _tell(f"\nStopped: {said}")
    return 1


def _kept(error: Exception, log: Path) -> str:
    text = "".join(traceback.format_exception(error))
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text, encoding="utf-8")
    except OSError:
        return "Please report it; running it again does no harm."
    return f"Please report it with {log}; running it again does no harm."


def _tell(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _silence()


def _silence() -> None:
    """Have what is still to be written go nowhere: Python would complain of it as it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
