"""Look for many texts in many files at once: `search.py FOLDER`.

FOLDER holds `texts`, one in a line, and `places.json`: name -> patterns of folders and files. A folder is
searched with all below it in the same file system; a process's root, as /proc/1/root, with what is in memory
there and without the programs in `usr`. Prints, as JSON, a line for each text that was found: place, path,
number of the text. The text itself it prints nowhere.
"""

import glob
import json
import re
import subprocess
import sys
from pathlib import Path

PLAIN = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
"""Environment in which grep reads bytes."""

ROOT = re.compile("/proc/[0-9]+/root")


def files(patterns: list[str]) -> bytes:
    """Return the files at and below some paths, each followed by a NUL."""
    paths = sorted(path for pattern in patterns for path in glob.glob(pattern))
    paths += [mount for path in paths if ROOT.fullmatch(path) for mount in in_memory(path)]
    only = ["-xdev", "-path", "/proc/*/root/usr", "-prune", "-o", "-type", "f", "-print0"]
    # With a slash behind it a root is the folder that it leads to.
    find = ["find", *(f"{path}/" if ROOT.fullmatch(path) else path for path in paths), *only]
    return subprocess.run(find, capture_output=True, check=False).stdout if paths else b""


def in_memory(root: str) -> list[str]:
    """Return where something in memory is mounted in a process's root."""
    lines = [line.split() for line in Path(root).with_name("mountinfo").read_text().splitlines()]
    return [f"{root}{line[4]}" for line in lines if line[line.index("-") + 1] == "tmpfs"]


def search(folder: Path) -> None:
    """Print what is found."""
    numbers = {line: number for number, line in enumerate((folder / "texts").read_bytes().splitlines())}
    # Fixed texts, all of them in one pass; what goes away meanwhile is no mistake.
    grep = ["xargs", "-0", "--no-run-if-empty", "grep", "-aoFHZs", "-f", str(folder / "texts")]
    for place, patterns in json.loads((folder / "places.json").read_text()).items():
        done = subprocess.run(grep, input=files(patterns), capture_output=True, env=PLAIN, check=False)
        assert not done.stderr, done.stderr
        found = {tuple(line.split(b"\0", 1)) for line in done.stdout.split(b"\n")[:-1]}
        for path, text in sorted(found):
            print(json.dumps([place, path.decode(errors="replace"), numbers[text]]), flush=True)


search(Path(sys.argv[1]))
