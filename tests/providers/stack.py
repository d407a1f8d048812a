"""The recordings of a whole stack: what the real plugins answered through its life, and to edits of it.

Owns their form. A file holds `values`, each a state or inputs, written as what separates it from an earlier
one ({"of": its number, "with": ..., "without": [...]}), and `calls`, which name values by their numbers. What
stands for something secret or of one machine (`<CERTIFICATE pem 1>`, `<start+17520h>`) becomes one like it.
"""

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

__all__ = ["PACKAGES", "StackRecording"]

PACKAGES = ("docker", "mysql", "random", "tls")
_START = datetime.now(UTC).replace(microsecond=0)
_TIME = re.compile(r"<start(?:\+(\d+)h)?>")
_PEM = re.compile(r"<([A-Z ]+) pem (\d+)>")


class StackRecording:
    """The calls of one package, ready to be put to a plugin."""

    def __init__(self, package: str) -> None:
        """Read the recording of `package`."""
        path = Path(__file__).with_name("recordings") / f"stack-{package}.json"
        recorded = json.loads(path.read_text())
        self._values: list[Any] = []
        for coded in recorded["values"]:
            self._values.append(_decoded(coded, self._values))
        self._stables: list[list[str]] = recorded["stables"]
        self.calls: list[dict[str, Any]] = [formed(call) for call in recorded["calls"]]

    def value(self, number: int) -> Any:
        """Return a state, or inputs."""
        return formed(self._values[number])

    def stables(self, number: int) -> list[str]:
        """Return the names that an answer gave as stable."""
        return self._stables[number]

    def wanted(self, call: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs that an edit asked for, as the program would give them."""
        inputs = self.value(call["inputs"])
        put_in = {"__defaults", *inputs.get("__defaults", [])}
        wanted = {name: value for name, value in inputs.items() if name not in put_in}
        wanted |= call["change"]
        return {name: _without_marks(value) for name, value in wanted.items() if value is not None}


def formed(value: Any) -> Any:
    """Return recorded data with something of its form for each placeholder that a plugin reads."""
    if isinstance(value, dict):
        return {name: formed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [formed(item) for item in value]
    if not isinstance(value, str) or "<" not in value:
        return value
    if found := _PEM.fullmatch(value):
        body = base64.b64encode(hashlib.sha512(value.encode()).digest()).decode()
        return f"-----BEGIN {found[1]}-----\n{body}\n-----END {found[1]}-----\n"
    if found := _TIME.fullmatch(value):
        return (_START + timedelta(hours=int(found[1] or 0))).isoformat().replace("+00:00", "Z")
    return value


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"secret"}:
            return value["secret"]
        return {name: _without_marks(item) for name, item in value.items() if name != "__defaults"}
    return [_without_marks(item) for item in value] if isinstance(value, list) else value


def _decoded(coded: dict[str, Any], before: list[Any]) -> Any:
    if "of" not in coded:
        return coded["with"]
    gone = set(coded.get("without", []))
    base = {name: value for name, value in before[coded["of"]].items() if name not in gone}
    return {**base, **coded.get("with", {})}
