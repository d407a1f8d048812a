"""Consent: the plan is shown, and a person asked before a server that has mail is changed.

Owns who is asked. Does not own the words of the plan (summary.py).
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from bootstrap.plan.engine import SERVER, Plan
from bootstrap.plan.summary import page
from bootstrap.report import Report


def show(plan: Plan, report: Report, there: Sequence[str], named: str | None = None) -> bool:
    """Show the plan and return True; where there is none show why, to standard error, and return False.
    `there` and `named` are what summary.page wants."""
    if plan.errors:
        print("\nStopped: " + "\n\n".join(plan.errors), file=sys.stderr)
        return False
    report.say()
    for line in page(plan, there, named):
        report.say(line)
    return True


def asks(plan: Plan, *, yes: bool, env: Mapping[str, str] = os.environ, terminal: bool | None = None) -> bool:
    """Return whether somebody is to be asked: there is mail, something changes, and a person is there."""
    if terminal is None:
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
    changes = any(step.type != SERVER for step in plan.steps)
    return terminal and changes and not plan.is_new and not yes and not env.get("CI")


def agrees(report: Report, read: Callable[[], str]) -> bool:
    """Ask, and return whether the answer was yes."""
    report.say("\nMake it so? Type yes to go on (YES=1 does not ask):")
    if read().strip().lower() in {"y", "yes"}:
        return True
    report.say("Nothing was changed.")
    return False
