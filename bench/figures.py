"""Figures: several measurements as one line that can be compared.

Owns median, spread and ratios. Does not own what is measured.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the result."""

    name: str
    """What was measured."""

    values: Sequence[float]
    """Each measurement."""

    unit: str
    """What they count."""

    aim: str = ""
    """Where it should end up."""

    def cells(self) -> tuple[str, str, str, str]:
        """Return name, median, range and aim."""
        low, high = min(self.values), max(self.values)
        spread = f"{low:.3g} to {high:.3g}, {len(self.values)} runs" if len(self.values) > 1 else "1 run"
        return self.name, f"{statistics.median(self.values):.3g} {self.unit}".strip(), spread, self.aim


@dataclass
class Seconds:
    """How long something took; filled when it has ended."""

    value: float = 0.0


@contextmanager
def taken() -> Iterator[Seconds]:
    """Measure the block."""
    seconds, began = Seconds(), time.monotonic()
    yield seconds
    seconds.value = time.monotonic() - began


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    with taken() as measured:
        work()
    return measured.value


def interleaved(
    first: Callable[[], float], second: Callable[[], float], rounds: int
) -> tuple[list[float], list[float], list[float]]:
    """Return the measurements of both, taken in turn, and their ratio first over second, pair by pair."""
    pairs = [(first(), second()) for _ in range(rounds)]
    ones, others = [a for a, _ in pairs], [b for _, b in pairs]
    return ones, others, ratios(ones, others)


def ratios(these: Sequence[float], those: Sequence[float]) -> list[float]:
    """Return these over those, pair by pair."""
    return [one / other for one, other in zip(these, those, strict=True)]


def show(console: Console, title: str, figures: Sequence[Figure]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for heading in ("", "median", "range", "aim"):
        table.add_column(heading)
    for figure in figures:
        table.add_row(*figure.cells())
    console.print(table)
