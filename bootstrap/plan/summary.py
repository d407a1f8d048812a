"""Summary: the plan as a page that a person reads before saying yes.

Owns its order and how much of it is shown. Does not own what is said of a part (the modules beside it).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bootstrap.plan.accounts import accounts
from bootstrap.plan.daemons import MEANWHILE, Daemon, daemons
from bootstrap.plan.data import data, renewed
from bootstrap.plan.engine import SERVER, Plan
from bootstrap.plan.keys import signatures
from bootstrap.plan.settings import changes, is_recorded_first
from bootstrap.plan.tlsa import unpublished

MOST_LINES = 40
"""Lines of one part, before the rest is only counted."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One heading with its lines."""

    title: str
    lines: Sequence[str]


def page(plan: Plan, there: Sequence[str] = (), named: str | None = None) -> list[str]:
    """Return the plan in words; `there` are the data volumes of this stack that the machine has, `named` is
    what the DNS has against another key (tlsa.py)."""
    if not plan.steps and not plan.notes and not plan.warnings:
        return [f"Nothing changes in stack {plan.stack}."]
    if {step.type for step in plan.steps} == {SERVER} and is_recorded_first(plan):
        return [
            f"Nothing changes in stack {plan.stack}, but that its settings are kept from now on,",
            "so that the next preview can say which of them changed.",
        ]
    lines = [f"Stack {plan.stack}: {'a new mail server' if plan.is_new else 'what would change'}"]
    for part in parts(plan, there, named):
        if part.lines:
            lines += ["", part.title, *(f"  {line}" for line in _capped(part.lines))]
    return lines


def parts(plan: Plan, there: Sequence[str] = (), named: str | None = None) -> Iterator[Part]:
    """Return each part of the page."""
    rows, kept = accounts(plan), data(plan, there)
    yield Part(title="Settings", lines=list(_settings(plan)))
    yield Part(title="Daemons", lines=[line for one in daemons(plan) for line in _daemon(one)])
    keys = [] if plan.is_new else [*renewed(plan), *unpublished(plan, named)]
    yield Part(title="Certificates", lines=keys)
    yield Part(title="Signatures", lines=signatures(plan))
    yield Part(title="Accounts", lines=rows.lines)
    touched = [*kept.lines, *(f"mail goes along with its mailbox: {one}" for one in rows.moved)]
    touched += [f"mail of {one} is deleted" for one in rows.erased]
    if touched and not plan.is_new:
        touched.append("all other mail and what waits in the queue stay as they are")
    elif not touched:
        touched = [f"no {'mail or queue' if rows.touched else 'mail, account or queue'} is touched"]
    yield Part(title="Data", lines=touched)
    lost = [*rows.lost, *kept.lost]
    yield Part(title="Cannot be undone", lines=lost or ([] if plan.is_new else ["nothing"]))
    yield Part(title="The engine warns", lines=[line for text in plan.warnings for line in text.splitlines()])


def _settings(plan: Plan) -> Iterator[str]:
    if plan.is_new:
        return
    found = [one.line() for one in changes(plan)]
    yield from found
    if is_recorded_first(plan):
        yield "not known: this update is the first one that keeps them, and the next preview compares them"
    elif not found and any(step.type != SERVER for step in plan.steps):
        yield "none changed since the last update"


def _daemon(one: Daemon) -> Iterator[str]:
    if one.fate != "replaced":
        yield f"{one.name:<8} {one.fate}{': ' + ', '.join(one.reasons) if one.reasons else ''}"
        return
    yield f"{one.name:<8} replaced: {', '.join(one.reasons) or 'what it depends on is another one'}"
    ports = f": {', '.join(one.ports)}" if one.ports else ""
    yield f"{'':<8} away for at most {one.away_seconds} s{ports}"
    yield f"{'':<8} meanwhile {MEANWHILE[one.name]}"


def _capped(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], *([f"and {more} more like these; DIFF=1 shows all"] if more > 0 else [])]
