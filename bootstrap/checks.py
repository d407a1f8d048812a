"""Checks: the test tiers with their times, and what a reviewer's machine checks.

Owns which tiers may run beside each other. Does not own how (lanes.py).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bootstrap.commands import pass_through
from bootstrap.lanes import Ended, Job, side_by_side
from bootstrap.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A set of tests that need the same things."""

    name: str
    """What it is called in the report."""

    arguments: Sequence[str]
    """What pytest is called with."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variable -> value, beside those that all tiers have."""


OTHER_STACK = "MAILINFRA_INTERRUPTED_STACK"
"""Names the stack of tests/interruptions, so that two parts of them can run beside each other."""

KILLS = ("tests/interruptions/test_kills.py", "tests/interruptions/test_secrets.py")
REPAIRS = ("tests/interruptions/test_servers.py", "tests/interruptions/test_restore.py")
DRIFT = "tests/e2e/test_drift.py"
"""On a small stack of its own, without a browser."""

STAGES = (
    # Each computes at times and waits for a container at times: together they take little longer than the
    # longest lane. Images that the first update of one builds are there for the next.
    (
        (
            Tier(name="unit and graph", arguments=()),
            Tier(name="bootstrap", arguments=("tests/bootstrap",)),
            Tier(name="drift", arguments=(DRIFT,)),
        ),
        (
            Tier(name="kills", arguments=KILLS),
            Tier(name="accounts", arguments=("tests/accounts",)),
            Tier(name="certificates", arguments=("tests/certificates",)),
            Tier(name="filter", arguments=("tests/filter",)),
        ),
        (
            Tier(name="providers", arguments=("tests/providers",)),
            Tier(name="repairs", arguments=REPAIRS, env={OTHER_STACK: "meddled"}),
        ),
    ),
    # A browser gives up what it loads when an interface of the machine comes or goes, as containers' do.
    ((Tier(name="e2e", arguments=("tests/e2e", f"--ignore={DRIFT}")),),),
)
"""One after the other; the lanes of a stage run side by side, the tiers of a lane one after the other."""

TIERS = tuple(tier for stage in STAGES for lane in stage for tier in lane)

CHECKS = {
    "ruff": ("bin/ruff", "check", "."),
    "format": ("bin/ruff", "format", "--check", "."),
    "mypy": ("bin/mypy",),
    "generated files": ("bin/pytest", "-q", "tests/unit/test_schema.py"),
}
"""Name -> command in the virtual environment."""


def test(machine: Machine, env: Mapping[str, str], *, long: bool) -> int:
    """Run every tier, also after one has failed, and return 0 if all passed.

    `long` is whether those marked so run as well: with them the whole takes more than an hour.
    """
    ended: list[Ended] = []
    for stage in STAGES:
        lanes = [[job(machine, tier, long=long) for tier in lane] for lane in stage]
        if len(lanes) == 1:
            ended += [in_sight(machine, one, env) for one in lanes[0]]
        else:
            beside = " beside ".join(", ".join(one.name for one in lane) for lane in lanes)
            machine.report.say(f"\n== tests: {beside}; each shows what it said once it has ended")
            ended += side_by_side(machine, lanes, env=env)
    machine.report.say("")
    for one in ended:
        machine.report.say(f"{one.name:<18}{one.result}")
    return int(any(one.code for one in ended))


def job(machine: Machine, tier: Tier, *, long: bool) -> Job:
    """Return the command that runs a tier."""
    chosen = () if long else ("-m", "not long")
    # Where what it says is kept first, pytest cannot see that a terminal shows it in the end.
    colored = ("--color=yes",) if machine.report.redraws else ()
    argv = [machine.venv / "bin/pytest", *tier.arguments, *chosen, *colored]
    return Job(name=tier.name, argv=argv, env=tier.env)


def in_sight(machine: Machine, tier: Job, env: Mapping[str, str]) -> Ended:
    """Run a tier that has the machine to itself: what it says is seen as it says it."""
    machine.report.say(f"\n== tests: {tier.name}")
    began = time.monotonic()
    code = pass_through(tier.argv, env={**env, **tier.env}, cwd=machine.project)
    return Ended(name=tier.name, code=code, seconds=time.monotonic() - began)


def check(machine: Machine) -> int:
    """Run the linters and the type checker, and return 0 if all are content."""
    failed = []
    for name, (program, *arguments) in CHECKS.items():
        machine.report.say(f"\n== {name}")
        if pass_through([machine.venv / program, *arguments], env=machine.env, cwd=machine.project):
            failed.append(name)
    machine.report.say(f"\n{'Failed: ' + ', '.join(failed) if failed else 'All checks passed.'}")
    return int(bool(failed))
