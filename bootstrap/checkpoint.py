"""Checkpoint: the file with a stack's state, where a power cut or a full disk has left half of it.

Owns the one that Pulumi's file backend keeps from just before, beside it. What was made since then is unknown
to that one, and repair.py clears it away. Does not own states in any other backend.
"""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.files import PRIVATE, write_whole
from bootstrap.inventory import PROJECT
from bootstrap.locks import backend_folder
from bootstrap.machine import Machine
from bootstrap.problem import Problem

NEED = "State"


def refuse_broken(machine: Machine, stack: str, again: str) -> None:
    """Raise Problem where the state cannot be read; `again` is the command that mends it."""
    if file := broken(machine, stack):
        before = earlier(file, stack)
        raise Problem(
            f"{file}, the state of stack {stack}, is cut short or no state",
            f"{again} takes the one of {_when(before)}, which Pulumi keeps beside it, and "
            "makes again what is missing there",
        )


def mend(machine: Machine, stack: str) -> None:
    """Take the state of just before where the newest one cannot be read, and keep that."""
    if file := broken(machine, stack):
        before = earlier(file, stack)
        shutil.copy2(file, file.with_name(f"{file.name}.broken"))
        write_whole(file, before.read_text(encoding="utf-8"), PRIVATE)
        machine.report.found(
            NEED, f"{file.name} was cut short: took the one of {_when(before)}, kept it as {file.name}.broken"
        )


def earlier(file: Path, stack: str) -> Path:
    """Return the file with the state of just before; raise Problem where there is none."""
    before = file.with_name(f"{file.name}.bak")
    if not is_state(before):
        raise Problem(
            f"{file}, the state of stack {stack}, is cut short or no state, and none lies beside it",
            "Put it back from a backup. If there is none, move it away: docs/operations.md, Restore, brings "
            "servers back without one",
        )
    return before


def broken(machine: Machine, stack: str) -> Path | None:
    """Return the file of a state that cannot be read; None where all is well, or nothing is kept here."""
    folder = backend_folder(machine)
    file = None if folder is None else folder / f".pulumi/stacks/{PROJECT}/{stack}.json"
    return file if file is not None and file.is_file() and not is_state(file) else None


def is_state(file: Path) -> bool:
    """Return whether a file is a whole state. One that this user may not read is Pulumi's to tell of."""
    try:
        kept = json.loads(file.read_bytes())
    except FileNotFoundError:
        return False
    except OSError:
        return True
    except ValueError:
        return False
    return isinstance(kept, dict) and isinstance(kept.get("checkpoint"), dict)


def _when(file: Path) -> str:
    return f"{datetime.fromtimestamp(file.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC"
