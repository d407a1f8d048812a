"""Files: written whole or not at all.

Owns how a file comes to be: beside its place, then renamed, so that whoever is interrupted leaves the old one
or none. Does not own what is in it.
"""

import os
import tempfile
from pathlib import Path

PRIVATE, READABLE = 0o600, 0o644
"""Modes: for this user alone, or for everybody."""


def write_whole(path: Path, text: str, mode: int = READABLE) -> None:
    """Make `text` the content of a file, its folder too where there is none; it survives a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(beside).rename(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
