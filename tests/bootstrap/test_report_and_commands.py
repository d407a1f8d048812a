"""What a person reads meanwhile, and that no command outlives its time."""

import io
import os
import time
from pathlib import Path

import pytest

from bootstrap.commands import CommandFailed, ask, run
from bootstrap.problem import Problem
from bootstrap.report import Report, duration
from tests.bootstrap.conftest import World


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_long_step_ticks_on_a_terminal_and_leaves_no_trace() -> None:
    terminal = Terminal()
    with Report(terminal, tick_seconds=0.01).step("Engine", "building") as step:
        step.tell("  net/http\n")
        time.sleep(0.1)
    assert "\r\033[KEngine            building, 0 s: net/http" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[K"), "the ticking line makes room for the result"


def test_a_long_step_is_plain_lines_in_a_log() -> None:
    log = io.StringIO()
    with Report(log, tick_seconds=0.01).step("Engine", "building") as step:
        step.tell("x" * 300)
        time.sleep(0.1)
    lines = log.getvalue().splitlines()
    assert lines[0] == "Engine            building ..."
    assert len(lines) > 2, "a reader of the log must see that something goes on"
    assert max(map(len, lines)) <= 100
    assert "\r" not in log.getvalue()


@pytest.mark.parametrize(("seconds", "words"), [(7.6, "8 s"), (220, "3 min 40 s"), (60, "1 min 0 s")])
def test_durations_read_as_people_say_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_command_that_hangs_is_ended_with_its_children(world: World, tmp_path: Path) -> None:
    world.program("hangs", f"sleep 60 & echo $! > {tmp_path}/child; echo half way; wait")
    began = time.monotonic()
    with pytest.raises(CommandFailed, match=r"hangs took longer than 0.5 s and was ended:\n    half way"):
        run([world.bin / "hangs"], env=world.machine().env, timeout_seconds=0.5, log=tmp_path / "log")
    assert time.monotonic() - began < 10
    child = int((tmp_path / "child").read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z", "its child still runs"


def test_a_command_that_fails_shows_its_last_lines_and_where_the_rest_is(
    world: World, tmp_path: Path
) -> None:
    world.program("fails", "for n in 1 2 3; do echo line $n; done; exit 4")
    heard: list[str] = []
    with pytest.raises(CommandFailed) as failure:
        run([world.bin / "fails", "now"], env={}, timeout_seconds=9, log=tmp_path / "log", tell=heard.append)
    assert str(failure.value).startswith("fails now failed with 4:\n    line 1\n    line 2\n    line 3.")
    assert str(tmp_path / "log") in str(failure.value)
    assert (tmp_path / "log").read_text().splitlines() == ["line 1", "line 2", "line 3"]
    assert [line.strip() for line in heard] == ["line 1", "line 2", "line 3"]


def test_a_missing_program_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="nothing cannot be started: No such file"):
        run([tmp_path / "nothing"], env={}, timeout_seconds=1, log=tmp_path / "log")
    assert ask([tmp_path / "nothing"], env={}, timeout_seconds=1).code == 127


def test_a_question_without_an_answer_is_given_up(world: World) -> None:
    world.program("silent", "exec sleep 60")
    said = ask([world.bin / "silent"], env=world.machine().env, timeout_seconds=0.3)
    assert (said.code, said.good) == (124, False)


def test_a_problem_is_two_sentences() -> None:
    assert (
        str(Problem("port 25 is taken", "Stop what listens there"))
        == "port 25 is taken. Stop what listens there."
    )


def test_two_makes_take_turns(world: World) -> None:
    import fcntl

    from bootstrap.ready import alone

    machine = world.machine()
    with alone(machine):
        other = os.open(machine.cache / "lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
