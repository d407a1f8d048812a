"""Lanes: what runs side by side is read one after the other, and hears an interrupt as one."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from bootstrap import checks
from bootstrap.lanes import ASIDE, Job, side_by_side
from tests.bootstrap.conftest import World
from tests.bootstrap.test_interrupts import on_no_terminal, on_terminal

LIMIT = "for _ in $(seq 600); do [ -e {} ] && exit 0; sleep 0.1; done; exit 9"
"""Waits for a file, for a minute at most."""


def job(name: str, script: str) -> Job:
    return Job(name=name, argv=["sh", "-c", script])


def run(world: World, *lanes: list[Job]) -> dict[str, int]:
    return {one.name: one.code for one in side_by_side(world.machine(), lanes, env=dict(os.environ))}


def wait(file: Path) -> str:
    return LIMIT.format(file)


def plain(said: str) -> str:
    """Return what was said with no number of seconds."""
    return re.sub(r"^(== .*) in \d+ s$", r"\1 in N s", said, flags=re.MULTILINE)


def test_lanes_run_side_by_side_and_the_jobs_of_a_lane_one_after_the_other(world: World) -> None:
    met, ended = world.folder / "met", world.folder / "ended"
    codes = run(
        world,
        [job("first", wait(met)), job("second", f"[ -e {met} ] && touch {ended}")],
        [job("beside", f"touch {met}; {wait(ended)}")],
    )
    assert codes == {"first": 0, "second": 0, "beside": 0}


def test_each_shows_all_that_it_said_a_failure_at_once_and_the_others_in_the_order_in_which_they_stand(
    world: World,
) -> None:
    over = world.folder / "over"
    run(
        world,
        [job("first", f"echo one; {wait(over)}"), job("second", "echo two >&2; echo too")],
        [job("third", "echo three; exit 1"), job("fourth", f"echo four; touch {over}")],
    )
    assert plain(world.said).strip() == (
        "== third: FAILED in N s\nthree\n\n== first: passed in N s\none\n\n"
        "== second: passed in N s\ntwo\ntoo\n\n== fourth: passed in N s\nfour"
    )


def test_a_failure_keeps_nobody_from_running(world: World) -> None:
    codes = run(world, [job("bad", "exit 4"), job("after", "true")], [job("beside", "kill -9 $$")])
    assert codes == {"bad": 4, "after": 0, "beside": -9}


def test_a_job_can_say_meanwhile_how_far_it_is(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    speaks = f"import os; os.write(int(os.environ[{ASIDE!r}]), b'half of it')"
    run(world, [job("first", f'echo kept; {sys.executable} -c "{speaks}"')], [job("beside", "cat")])
    assert capfd.readouterr().out == "half of it"
    assert "kept" in world.said
    assert "half" not in world.said


def test_a_job_has_what_is_its_own_beside_what_all_have(world: World) -> None:
    said = 'echo "$ALL and $OWN"'
    one = Job(name="one", argv=["sh", "-c", said], env={"OWN": "mine"})
    side_by_side(world.machine(), [[one], [job("two", said)]], env={**os.environ, "ALL": "ours"})
    assert plain(world.said).split("\n") == [
        *("", "== one: passed in N s", "ours and mine"),
        *("", "== two: passed in N s", "ours and", ""),
    ]


def test_the_two_parts_of_the_interruptions_have_a_stack_each() -> None:
    parts = [tier for tier in checks.TIERS if "tests/interruptions" in str(tier.arguments)]
    assert len({tier.env.get(checks.OTHER_STACK, "") for tier in parts}) == len(parts) == 2


CHILD = """
import os, signal, sys, time
def say(text): os.write(int(os.environ["MAILINFRA_ASIDE"]), text.encode())
heard = []
def hear(number, _):
    heard.append(number)
    say(f"heard {signal.Signals(number).name}\\n")
for each in (signal.SIGINT, signal.SIGTERM):
    signal.signal(each, hear)
print("kept", flush=True)
say("ready\\n")
deadline = time.monotonic() + 60
while time.monotonic() < deadline and not heard:
    time.sleep(0.05)
time.sleep(0.5)
sys.exit(3 if heard else 0)
"""
PARENT = """
import os, sys
from pathlib import Path
from bootstrap import commands, lanes
from bootstrap.machine import Machine
from bootstrap.report import Report
machine = Machine(project=Path("."), env=dict(os.environ), report=Report(sys.stdout), is_root=True)
jobs = [lanes.Job(name=name, argv=[sys.executable, "-c", sys.argv[1]]) for name in ("one", "never", "two")]
try:
    lanes.side_by_side(machine, [jobs[:2], jobs[2:]], env=dict(os.environ))
except commands.Interrupted:
    print("interrupted", flush=True)
"""


def is_told_once(said: str, sign: signal.Signals) -> bool:
    """Whether both have heard a signal once, what they had said is shown, and nothing follows."""
    *parts, end = plain(said).replace("interrupted\n", "\n== interrupted").split("\n== ")
    shown = sorted(part.strip() for part in parts[1:])
    assert shown == ["one: FAILED in N s\nkept", "two: FAILED in N s\nkept"], said
    return said.count(f"heard {sign.name}\n") == 2 and end == "interrupted"


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whom", ["it", "its group"])
def test_an_interrupt_reaches_all_that_run_once_and_no_other_begins(sign: signal.Signals, whom: str) -> None:
    with on_no_terminal([sys.executable, "-c", PARENT, CHILD], ready=2) as process:
        (os.kill if whom == "it" else os.killpg)(process.pid, sign)
        said, _ = process.communicate(timeout=60)
    assert is_told_once(said, sign), said


def test_the_key_of_a_terminal_reaches_each_once() -> None:
    code, said = on_terminal([sys.executable, "-c", PARENT, CHILD], b"\x03", ready=2)
    assert code == 0
    assert is_told_once(said, signal.SIGINT), said
