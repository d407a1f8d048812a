"""Matrix: every resource, every victim, every signal, each followed by one plain `make up`.

`python -m tests.interruptions.matrix --folder FOLDER` goes on where an earlier run in that folder ended, and
counts. Does not own the representative part that runs with the other tests (test_kills.py).
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from tests.interruptions import evidence, moments
from tests.interruptions.yard import Yard

PROVIDERS = "pulumi:providers:"


def resources(yard: Yard) -> list[str]:
    """Return the URNs of all that an update makes, in the order in which the last one made it."""
    found = yard.checkpoint.get("resources") or []
    return [each["urn"] for each in found if each.get("custom") and not each["type"].startswith(PROVIDERS)]


def cases(urns: list[str], victims: list[str], signals: list[str]) -> Iterator[tuple[str, str, str]]:
    """Return every case, those first of which most is learnt: the engine's, then each plugin's."""
    for victim, name, urn in product(victims, signals, urns):
        yield urn, victim, name


def one(yard: Yard, urn: str, victim: str, name: str, before: evidence.Evidence) -> dict[str, Any]:
    """Run one case from a stack that was destroyed, and return what came of it."""
    began = time.monotonic()
    hit, said, error = False, "", ""
    try:
        hit, said = moments.strike(yard, urn, victim, signal.Signals[name])
        assert "Traceback" not in said, "a person read a traceback of Python"
        said += "\n--- make up\n" + yard.up()
        assert evidence.find(yard) == before, "data is not what it was"
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
    return {"hit": hit, "error": error, "said": said if error else "", "seconds": time.monotonic() - began}


def main(arguments: list[str]) -> int:
    """Run what is left of the matrix and print the counts; 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.interruptions.matrix", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where state and results are kept")
    parser.add_argument("--victims", nargs="+", default=list(moments.VICTIMS), choices=moments.VICTIMS)
    parser.add_argument("--signals", nargs="+", default=[each.name for each in moments.SIGNALS])
    parser.add_argument("--resources", default="", help="a part of the name of those to stop at")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="stop after the case that is on then"
    )
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    log = given.folder / "results.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {(line["urn"], line["victim"], line["signal"]) for line in lines}
    deadline = time.monotonic() + given.minutes * 60
    yard = Yard(given.folder)
    yard.up()
    before = evidence.find(yard) if done else evidence.put(yard)
    urns = [urn for urn in resources(yard) if given.resources in urn]
    for urn, victim, name in cases(urns, given.victims, given.signals):
        if (urn, victim, name) in done or time.monotonic() > deadline:
            continue
        yard.make("destroy")
        result = {"urn": urn, "victim": victim, "signal": name, **one(yard, urn, victim, name, before)}
        lines.append(result)
        with log.open("a") as file:
            file.write(json.dumps(result) + "\n")
        came = "FAILED" if result["error"] else "recovered" if result["hit"] else "not hit"
        print(
            f"{urn.rpartition('::')[2]:<50} {victim:<10} {name:<8} {came:<10} {result['seconds']:4.0f} s",
            flush=True,
        )
        if result["error"]:
            yard.remove()
            yard.forget()
            yard.up()
            before = evidence.put(yard)
    return count(lines)


def count(lines: list[dict[str, Any]]) -> int:
    """Print how many recovered, by victim and signal; return 1 if any did not."""
    total: Counter[tuple[str, str]] = Counter()
    good: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if line["hit"] or line["error"]:
            total[line["victim"], line["signal"]] += 1
            good[line["victim"], line["signal"]] += not line["error"]
    for victim, name in sorted(total):
        print(f"{victim:<10} {name:<8} {good[victim, name]} of {total[victim, name]} recovered")
    print(
        f"{'all':<19} {good.total()} of {total.total()} recovered; {len(lines) - total.total()} were not hit"
    )
    return int(good.total() != total.total())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
