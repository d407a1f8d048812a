"""Matrix: every resource meets every signal, and every process of an update is killed at many resources.

`python -m tests.interruptions.matrix --folder FOLDER` goes on where an earlier run in that folder ended, and
counts. There are three passes, one a signal further than the other. In a pass the kills follow one another in
the order in which things are made: each update gets over the kill before and is killed itself, and one plain
`make up` ends it. What was made before anybody could look is tried again from a destroyed stack.

Does not own the representative part that runs with the other tests (test_kills.py).
"""

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.interruptions import evidence, moments
from tests.interruptions.evidence import Evidence
from tests.interruptions.yard import Yard

PROVIDERS = "pulumi:providers:"
PASSES = len(moments.SIGNALS)
END = "the end of the pass"
"""What the plain `make up` after the last kill is recorded as."""

Line = dict[str, Any]


def resources(yard: Yard) -> list[str]:
    """Return the URNs of all that an update makes, in the order in which the last one made it."""
    found = yard.checkpoint.get("resources") or []
    return [each["urn"] for each in found if each.get("custom") and not each["type"].startswith(PROVIDERS)]


def blow(index: int, number: int) -> tuple[list[str], signal.Signals]:
    """Return whom to kill at a resource in a pass, the first that is there, and by which signal.

    Eight victims and three signals turn at different speeds, so that each meets each.
    """
    first = (index + 3 * number) % len(moments.VICTIMS)
    victims = [*moments.VICTIMS[first:], *moments.VICTIMS[:first]]
    return victims, moments.SIGNALS[(index + number) % len(moments.SIGNALS)]


class Matrix:
    """One run through all passes, and what came of it so far."""

    def __init__(self, folder: Path, minutes: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log, self.ground = folder / "results.jsonl", folder / "ground.json"
        self.deadline = time.monotonic() + minutes * 60
        self.lines: list[Line] = []
        if self.log.exists():
            self.lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        self.yard = Yard(folder)
        self.before: Evidence
        self.urns: list[str]
        self.volumes: list[str]

    @property
    def late(self) -> bool:
        """Whether the time for this run is up."""
        return time.monotonic() > self.deadline

    def run(self) -> int:
        """Do what is left and return the count's verdict."""
        if self.ground.exists():
            known = json.loads(self.ground.read_text())
            self.before = Evidence(**known["evidence"])
            self.urns, self.volumes = known["urns"], known["volumes"]
        else:
            self._begin()
        for number in range(PASSES):
            if not self.late and not self._lines_of(number, END):
                self._pass(number)
        return count(self.lines, self.urns)

    def _begin(self) -> None:
        """Have a server with data, and write down what must stay and what is made."""
        self.yard.up()
        self.before, self.urns = evidence.put(self.yard), resources(self.yard)
        self.volumes = self.yard.data()
        known = {"evidence": dataclasses.asdict(self.before), "urns": self.urns, "volumes": self.volumes}
        self.ground.write_text(json.dumps(known))

    def _lines_of(self, number: int, urn: str) -> list[Line]:
        return [line for line in self.lines if (line["pass"], line["urn"]) == (number, urn)]

    def _pass(self, number: int) -> None:
        """Strike at every resource; at those that were too quick once more, as long as that brings any."""
        left = [urn for urn in self.urns if not self._lines_of(number, urn)]
        begins = len(left) == len(self.urns)
        if begins:
            self.yard.make("destroy")
        struck = not begins  # where an earlier run broke off, all that is left may be made already
        while left:
            for urn in list(left):
                if self.late:
                    return
                if urn not in moments.made(self.yard) and (line := self._strike(number, urn)):
                    left.remove(urn)
                    struck = struck or bool(line["victim"])
            if not self._end(number):
                return
            if left and not struck:
                break
            if left:
                self.yard.make("destroy")
            struck = False
        for urn in left:
            self._record({"pass": number, "urn": urn, "victim": "", "signal": "", "error": "", "seconds": 0})
        self._record({"pass": number, "urn": END, "victim": "", "signal": "", "error": "", "seconds": 0})

    def _strike(self, number: int, urn: str) -> Line | None:
        """Kill an update at a resource and record it; None where it was made before anybody could look.

        That an update comes so far proves that it got over the kill before.
        """
        victims, sign = blow(self.urns.index(urn), number)
        began, hit, said = time.monotonic(), None, ""
        line: Line = {"pass": number, "urn": urn, "signal": sign.name}
        try:
            hit = moments.strike(self.yard, urn, sign, *victims)
            said = hit.said
            assert "Traceback" not in said, "a person read a traceback of Python"
            assert hit.victim or hit.status == 0, f"make up ended by itself, with {hit.status}"
            assert self.yard.data() == self.volumes, "a volume with data is gone"
        except Exception as failure:
            line |= {"victim": hit.victim if hit else "", "error": f"{type(failure).__name__}: {failure}"}
            self._record({**line, "said": said, "seconds": time.monotonic() - began})
            self._anew()
            return line
        if not hit.victim:
            return None
        line |= {"victim": hit.victim, "error": "", "seconds": time.monotonic() - began}
        self._record(line)
        return line

    def _end(self, number: int) -> bool:
        """Have one plain `make up` end it; return whether it did, and record it where not."""
        began, said = time.monotonic(), ""
        try:
            said = self.yard.up()
            assert evidence.find(self.yard) == self.before, "data is not what it was"
            self.yard.pulumi("preview", "--expect-no-changes")
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            line = {"pass": number, "urn": END, "victim": "", "signal": "", "error": error, "said": said}
            self._record({**line, "seconds": time.monotonic() - began})
            self._anew()
            return False
        return True

    def _anew(self) -> None:
        """After a failure, have what there was at the beginning."""
        self.yard.remove()
        self.yard.forget()
        self._begin()
        self.yard.make("destroy")

    def _record(self, line: Line) -> None:
        self.lines.append(line)
        with self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        came = "struck" if line["victim"] else "ended" if line["urn"] == END else "too quick"
        came = "FAILED" if line["error"] else came
        name = line["urn"].rpartition("::")[2]
        print(
            f"{line['pass'] + 1} {name:<50} {line['victim']:<10} {line['signal']:<8} {came:<10}"
            f" {line['seconds']:4.0f} s",
            flush=True,
        )


def count(lines: Sequence[Mapping[str, Any]], urns: Sequence[str]) -> int:
    """Print how many kills were got over, by victim and signal; return 1 if any was not."""
    struck: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if line["victim"]:
            struck[line["victim"], line["signal"]] += 1
    failed = [line for line in lines if line["error"]]
    met = {(line["urn"], line["signal"]) for line in lines if line["victim"]}
    quick = [line for line in lines if not line["victim"] and not line["error"] and line["urn"] != END]
    print()
    for victim in moments.VICTIMS:
        by_signal = [f"{sign.name} {struck[victim, sign.name]:>3}" for sign in moments.SIGNALS]
        print(f"{victim:<10} {'  '.join(by_signal)}")
    print(
        f"{struck.total()} kills at {len({urn for urn, _ in met})} of {len(urns)} resources, {len(met)} of "
        f"{len(urns) * PASSES} pairs of resource and signal; {len(quick)} were made too quickly to be caught"
    )
    ends = sum(line["urn"] == END and not line["error"] for line in lines)
    print(f"{ends} of {PASSES} passes came to their end, with all data; {len(failed)} failures")
    for line in failed:
        print(f"  pass {line['pass'] + 1}, {line['urn']}: {line['error'].splitlines()[0]}")
    return int(bool(failed))


def main(arguments: Sequence[str]) -> int:
    """Run what is left of the matrix and print the counts; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.interruptions.matrix", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where state and results are kept")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after the kill that is on then"
    )
    given = parser.parse_args(arguments)
    return Matrix(given.folder, given.minutes).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
