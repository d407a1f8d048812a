"""Pages: the records, and what has become of them, as tables for a terminal.

Owns what is shown and how much of it. Does not own the records or the verdicts.
"""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from mailinfra.cli.dns.comparison import State, Verdict
from mailinfra.cli.dns.records import Record, zones

LONGEST = 64
"""Letters of a value in a table; the whole is in the zone file."""

WIDTH = 300
"""Columns where no terminal says how many it has."""

MOST = 200
"""Records beyond which those that are right are only counted."""

STYLES = {State.RIGHT: "green", State.MISSING: "yellow", State.DIFFERENT: "red", State.UNKNOWN: "magenta"}


def console() -> Console:
    """Return the terminal, or a file that has room for whole lines."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=WIDTH)


def table(records: Sequence[Record]) -> RenderableType:
    """Return all records, zone by zone."""
    pages: list[RenderableType] = []
    reverse = [each for each in records if each.is_reverse]
    for title, rows in [
        *((f"Zone {zone}", rows) for zone, rows in zones(records).items()),
        *([("Where the addresses are rented", reverse)] if reverse else []),
    ]:
        shown = Table(title=title, title_justify="left", title_style="bold", expand=False)
        shown.add_column("urgency", no_wrap=True)
        shown.add_column("name", overflow="fold")
        shown.add_column("type", no_wrap=True)
        shown.add_column("value", overflow="fold")
        shown.add_column("what it is for", ratio=1)
        for row in rows:
            shown.add_row(row.urgency, row.name, row.type, Text(short(row.whole)), Text(row.purpose))
        pages += [shown, ""]
    return Group(*pages)


def verdicts(found: Sequence[Verdict]) -> RenderableType:
    """Return what has become of each record, both values where they differ, and the sum."""
    shown = Table(expand=False)
    shown.add_column("in the DNS", no_wrap=True)
    shown.add_column("urgency", no_wrap=True)
    shown.add_column("name", overflow="fold")
    shown.add_column("type", no_wrap=True)
    shown.add_column("wanted, found", overflow="fold")
    all_of_them = len(found) <= MOST
    for each in found:
        if all_of_them or each.state is not State.RIGHT:
            record = each.record
            shown.add_row(
                Text(each.state.value, style=STYLES[each.state]),
                record.urgency,
                record.name,
                record.type,
                Text("\n".join(_values(each))),
            )
    counted = Counter(each.state for each in found)
    silent = sum(each.breaks for each in found if each.state is State.UNKNOWN)
    broken = sum(each.breaks for each in found) - silent
    total = ", ".join(f"{counted[state]} {state.value}" for state in State if counted[state])
    ends = [f"{broken} of them required: mail suffers"] if broken else []
    ends += [f"of {silent} required ones nobody could say"] if silent else []
    ends = ends or ["all that is required is right"]
    return Group(shown, "; ".join([total, *ends]) if found else "")


def _values(verdict: Verdict) -> list[str]:
    wanted = short(verdict.record.whole)
    if verdict.state in {State.RIGHT, State.MISSING}:
        return [wanted]
    found = "\n       ".join(short(one) for one in verdict.found)
    lines = [f"wanted {wanted}"]
    if found:
        lines.append(f"found  {found}")
    return [*lines, f"       {verdict.reason}"]


def short(value: str) -> str:
    """Return a value as a table has room for it."""
    return value if len(value) <= LONGEST else f"{value[: LONGEST - 1]}…"
