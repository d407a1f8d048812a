"""An interrupt reaches the command that runs, once; it ends in time, and in a sentence."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CHILD = """
import signal, sys, time
heard = []
def hear(number, _):
    heard.append(number)
    print("heard", signal.Signals(number).name, flush=True)
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, hear)
print("ready", flush=True)
deadline = time.monotonic() + float(sys.argv[1])
while time.monotonic() < deadline and not (heard and sys.argv[2] == "ends"):
    time.sleep(0.05)
time.sleep(0.5)
sys.exit(3 if heard else 0)
"""
PARENT = """
import os, sys
from pathlib import Path
from bootstrap import commands
commands.HARDER_SECONDS = 0.5
try:
    argv = [sys.executable, "-c", sys.argv[1], sys.argv[2], sys.argv[3]]
    given = {"env": dict(os.environ), "cwd": Path("."), "patience_seconds": float(sys.argv[4])}
    code = commands.pass_through(argv, **given)
    print("ended with", code, flush=True)
except commands.Interrupted:
    print("interrupted", flush=True)
"""


def words(seconds: float, how: str, patience: float) -> list[str]:
    return [sys.executable, "-c", PARENT, CHILD, str(seconds), how, str(patience)]


@contextmanager
def started(seconds: float, how: str, patience: float) -> Iterator[subprocess.Popen[str]]:
    """Run a command through another process that is no terminal's."""
    with on_no_terminal(words(seconds, how, patience)) as process:
        yield process
        process.kill()


@contextmanager
def on_no_terminal(argv: list[str], ready: int = 1) -> Iterator[subprocess.Popen[str]]:
    """Run a program that is no terminal's, in a group of its own, and yield it once so many say `ready`."""
    process = subprocess.Popen(
        argv,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    assert process.stdout is not None
    with process:
        assert [process.stdout.readline() for _ in range(ready)] == ["ready\n"] * ready
        yield process


def test_a_command_that_nobody_interrupts_ends_with_its_own_status() -> None:
    with started(0.1, "ends", 5) as process:
        assert process.communicate(timeout=10)[0] == "ended with 0\n"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whom", ["it", "its group"])
def test_an_interrupt_reaches_the_command_once_whoever_sends_it(sign: signal.Signals, whom: str) -> None:
    with started(30, "ends", 20) as process:
        (os.kill if whom == "it" else os.killpg)(process.pid, sign)
        said, _ = process.communicate(timeout=10)
    assert said == f"heard {sign.name}\ninterrupted\n", (
        "a second one would make Pulumi drop what it has begun"
    )


def test_a_command_that_does_not_end_is_ended() -> None:
    began = time.monotonic()
    with started(60, "goes on", 0.5) as process:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=20)
    assert said == "heard SIGINT\nheard SIGINT\ninterrupted\n"
    assert time.monotonic() - began < 15


def on_terminal(argv: list[str], keys: bytes, ready: int = 1) -> tuple[int, str]:
    """Run a program on a terminal, type once it is ready, or all of it that say so, and return its status and
    what a person reads."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(ROOT)
        os.execv(argv[0], argv)
    text = b""
    while select.select([terminal], [], [], 20)[0]:
        try:
            read = os.read(terminal, 4096)
        except OSError:
            break
        before, text = text.count(b"ready"), text + read
        if before < ready <= text.count(b"ready"):
            os.write(terminal, keys)
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode().replace("\r\n", "\n")


def test_the_key_of_a_terminal_reaches_the_command_once() -> None:
    code, said = on_terminal(words(30, "ends", 20), b"\x03")
    assert code == 0
    assert said.count("heard SIGINT") == 1
    assert said.endswith("interrupted\n")


def test_whoever_interrupts_make_reads_one_sentence(tmp_path: Path) -> None:
    python = tmp_path / "python"
    # The whole of make, in which one command goes on until it is interrupted.
    script = (
        "import sys; sys.argv = ['x', 'stop', '--stack', '']; from bootstrap import cli, commands;"
        "from pathlib import Path; import os;"
        f"child = [{sys.executable!r}, '-c', {CHILD!r}, '30', 'ends'];"
        "go = lambda machine, _: commands.pass_through(child, env=dict(os.environ), cwd=Path('.'));"
        "go.__doc__ = 'Goes on.'; cli.COMMANDS = {**cli.COMMANDS, 'stop': go};"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    (tmp_path / "script.py").write_text(script)
    python.write_text(f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} {tmp_path}/script.py\n")
    python.chmod(0o755)
    # Within another make (`make test`) it would now and then say which directory it leaves.
    _, said = on_terminal(["/usr/bin/env", "-u", "MAKELEVEL", "make", "stop", f"PYTHON={python}"], b"\x03")
    read = re.sub(r"\^C", "", said).split("heard SIGINT\n")
    assert len(read) == 2
    assert read[1].strip() == "Stopped by you; running it again goes on from here."
