"""Canaries: secrets, in every form in which they may be written down, looked for in texts and files.

Owns the forms and the search. Does not own which secrets there are, nor where is looked for them.
"""

import base64
import html
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from urllib.parse import quote, quote_plus

PROGRAM = Path(__file__).parent / "e2e/ground/image/search.py"

PIECE = 16
"""Characters of a generated secret that nobody writes by chance: so much of it is a leak, too."""

Hit = tuple[str, str]
"""What it is, and where it stands."""


class Random(str):
    """A secret that a generator has made: its beginning and its end are looked for as well as the whole."""

    __slots__ = ()


Known = Mapping[str, str | bytes]
"""What it is -> the secret."""


def encoded(secret: bytes) -> set[bytes]:
    """Return the forms of bytes: hexadecimal, and base64 wherever in a text they begin."""
    found = {secret.hex().encode(), secret.hex().upper().encode()}
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret)
        # Only the characters that depend on nothing but the secret.
        first, last = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
        found.add(whole[first:last])
    return found | {each.replace(b"+", b"-").replace(b"/", b"_") for each in found}


def forms(secret: str | bytes) -> set[bytes]:
    """Return the ways in which a secret, which has no ends of lines in it, may be written down."""
    if isinstance(secret, bytes):
        whole = max(re.split(rb"[\r\n]", secret), key=len)  # the search is by line
        return {whole, whole[::-1], *encoded(secret)}
    found = {secret, secret[::-1], quote(secret), quote(secret, safe=""), quote_plus(secret)}
    found |= {html.escape(secret), shlex.quote(secret)[1:-1] if "'" in secret else secret}
    found |= {secret.replace("\\", "\\\\").replace(mark, f"\\{mark}") for mark in "\"'"}  # SQL, PHP, Lua
    for ascii_only in (True, False):  # as JSON, and as JSON inside of JSON
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        # Go, and so the engine, writes & < > as numbers: https://pkg.go.dev/encoding/json#HTMLEscape
        escaped = once.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
        found |= {
            each for one in (once, escaped) for each in (one, json.dumps(one, ensure_ascii=ascii_only)[1:-1])
        }
    return {form.encode() for form in found} | encoded(secret.encode()) | {secret.encode("utf-16-le")}


def pieces(secret: str | bytes) -> Iterable[str | bytes]:
    """Return a secret, and what is enough of it."""
    yield secret
    if isinstance(secret, Random) and len(secret) > PIECE:
        yield from (secret[:PIECE], secret[-PIECE:])


def written(known: Known) -> dict[bytes, set[str]]:
    """Return form -> of what, for all of them."""
    found: dict[bytes, set[str]] = {}
    for what, secret in known.items():
        for piece in pieces(secret):
            for form in forms(piece):
                found.setdefault(form, set()).add(what)
    return found


def job(known: Known, places: Mapping[str, Iterable[str]]) -> dict[str, bytes]:
    """Return file -> its content, of what search.py is given."""
    texts = b"".join(form + b"\n" for form in sorted(written(known)))
    return {
        "texts": texts,
        "places.json": json.dumps({name: list(paths) for name, paths in places.items()}).encode(),
    }


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return files as a tar archive."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def read(known: Known, printed: str) -> set[tuple[str, str, str]]:
    """Return what, place and path of each line that search.py printed."""
    whats = [whose for _, whose in sorted(written(known).items())]
    lines = [json.loads(line) for line in printed.splitlines()]
    return {(what, place, path) for place, path, number in lines for what in whats[number]}


def in_files(
    known: Known, places: Mapping[str, Iterable[str | Path]], folder: Path
) -> set[tuple[str, str, str]]:
    """Return what stands in which place at which path; `folder` is made for the search, and gone after it."""
    named = {name: [str(path) for path in paths] for name, paths in places.items()}
    folder.mkdir()
    try:
        for name, content in job(known, named).items():
            (folder / name).write_bytes(content)
        done = subprocess.run([sys.executable, PROGRAM, folder], capture_output=True, text=True, check=True)
    finally:
        shutil.rmtree(folder)
    return read(known, done.stdout)


def in_texts(known: Known, texts: Mapping[str, str | bytes], folder: Path) -> set[Hit]:
    """Return what stands in which text; `folder` is made for the search, and gone after it."""
    places, numbers = {}, count()
    folder.mkdir()
    try:
        for name, text in texts.items():
            path = folder / str(next(numbers))
            path.write_bytes(text.encode(errors="surrogateescape") if isinstance(text, str) else text)
            places[name] = [path]
        return {(what, place) for what, place, _ in in_files(known, places, folder / "search")}
    finally:
        shutil.rmtree(folder)
