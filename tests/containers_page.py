"""docs/containers.md as data: what it says that each container may.

Owns how its tables are read. Does not own whether they are right (graph/test_hardening.py,
e2e/test_hardening.py).
"""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "containers.md").read_text()


def table() -> dict[str, list[str]]:
    """Return container -> the cells beside it: as whom it runs, its capabilities, where it writes."""
    rows = re.findall(r"^\| (\w[\w ]*?) \| (.*) \|$", PAGE.split("| container |")[1].split("\n\n")[0], re.M)
    return {name: cells.split(" | ") for name, cells in rows}


def places() -> dict[str, dict[str, str]]:
    """Return container -> path -> what is there, of everything that may be written; each has a reason."""
    rows = re.findall(r"^\| (\w+) \| `(/\S+)` \| ([^|]+) \| \w[^|]* \|$", PAGE, re.M)
    found: dict[str, dict[str, str]] = {}
    for name, path, kind in rows:
        found.setdefault(name, {})[path] = kind
    return found
