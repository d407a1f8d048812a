"""Checks: the test tiers in order, each with its time, and what a reviewer's machine checks."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bootstrap.commands import pass_through
from bootstrap.machine import Machine
from bootstrap.report import duration


@dataclass(frozen=True, kw_only=True)
class Tier:
    """A set of tests that need the same things."""

    name: str
    """What it is called in the report."""

    arguments: Sequence[str]
    """What pytest is called with."""


TIERS = (
    Tier(name="unit and graph", arguments=()),
    Tier(name="bootstrap", arguments=("tests/bootstrap",)),
    Tier(name="providers", arguments=("tests/providers",)),
    Tier(name="accounts", arguments=("tests/accounts",)),
    Tier(name="interruptions", arguments=("tests/interruptions",)),
    Tier(name="e2e", arguments=("tests/e2e",)),
)

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
    chosen = () if long else ("-m", "not long")
    results = []
    for tier in TIERS:
        machine.report.say(f"\n== tests: {tier.name}")
        began = time.monotonic()
        code = pass_through(
            [machine.venv / "bin/pytest", *tier.arguments, *chosen], env=env, cwd=machine.project
        )
        results.append((tier.name, code, time.monotonic() - began))
    machine.report.say("")
    for name, code, seconds in results:
        machine.report.say(f"{name:<18}{'passed' if code == 0 else 'FAILED'} in {duration(seconds)}")
    return int(any(code for _, code, _ in results))


def check(machine: Machine) -> int:
    """Run the linters and the type checker, and return 0 if all are content."""
    failed = []
    for name, (program, *arguments) in CHECKS.items():
        machine.report.say(f"\n== {name}")
        if pass_through([machine.venv / program, *arguments], env=machine.env, cwd=machine.project):
            failed.append(name)
    machine.report.say(f"\n{'Failed: ' + ', '.join(failed) if failed else 'All checks passed.'}")
    return int(bool(failed))
