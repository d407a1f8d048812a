"""Settings: which one changed, from what to what.

The form of the last update is kept in the state, as inputs of the whole server.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.plan.engine import SERVER, Plan


@dataclass(frozen=True, kw_only=True)
class Changed:
    """One setting that changed."""

    path: str
    """Place in the form, below `server`."""

    old: Any
    """None where it was not there."""

    new: Any
    """None where it goes."""

    def line(self) -> str:
        """Return the change as a person reads it."""
        return f"{self.path}: {_text(self.old)} -> {_text(self.new)}"


def changes(plan: Plan) -> list[Changed]:
    """Return every setting that differs from the last update; empty where those are not known.

    A setting that the form has got since then and that says nothing, like an empty list, is none.
    """
    before, after = plan.recorded, plan.declared
    if before is None or after is None:
        return []
    old, new = dict(_flat(before)), dict(_flat(after))
    return [
        Changed(path=path, old=old.get(path), new=new.get(path))
        for path in sorted({*old, *new}, key=lambda path: list(new).index(path) if path in new else -1)
        if _text(old.get(path)) != _text(new.get(path))
    ]


def is_recorded_first(plan: Plan) -> bool:
    """Return whether this update is the first one that keeps the settings of a stack that is there."""
    return not plan.is_new and plan.recorded is None and any(plan.of(SERVER))


def _flat(settings: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            yield from _flat(value, here)
        elif value is not None:
            yield here, value


def _text(value: Any) -> str:
    if value in (None, [], ""):
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
