"""What a resource answers to the engine's questions, in plain Python, and which module answers for which.

Owns the words between the server (server.py) and the resources (schema.py, directory.py).
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mailinfra.provider.errors import ProviderError

VERSION = "0.1.0"

Bag = dict[str, Any]

MOST_LINES = 100
"""Lines about single rows, before the rest is only counted."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What `diff` found."""

    paths: Mapping[str, str] = field(default_factory=dict)
    """Property path -> `add`, `delete` or `update`."""

    notes: tuple[str, ...] = ()
    """Lines for the person at the terminal."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What `create`, `read` or `update` leaves behind."""

    properties: Bag
    inputs: Bag | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Resource(Protocol):
    """One kind of resource: a module with these functions."""

    def check(self, inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
        """Return the inputs, completed, and (property path, reason) of each mistake."""

    def diff(self, state: Bag, inputs: Bag) -> Change:
        """Return what an update from `state` to `inputs` would change; connects to nothing."""

    def create(self, inputs: Bag, *, preview: bool) -> Answer:
        """Bring the resource about, or with `preview` only foretell it."""

    def read(self, identity: str, state: Bag, inputs: Bag) -> Answer | None:
        """Return what is really there, or None when nothing is."""

    def update(self, state: Bag, inputs: Bag, *, preview: bool) -> Answer:
        """Change what differs, or with `preview` only foretell it."""

    def delete(self, state: Bag) -> tuple[str, ...]:
        """Let go of the resource; return notes."""

    def identity(self, inputs: Bag) -> str:
        """Return the id under which the engine keeps the resource."""


MODULES = {
    "mailinfra:index:Access": "mailinfra.provider.access",
    "mailinfra:index:Schema": "mailinfra.provider.schema",
    "mailinfra:index:Directory": "mailinfra.provider.directory",
    "mailinfra:index:Kept": "mailinfra.provider.kept",
    "mailinfra:index:KeptNames": "mailinfra.provider.kept_names",
    "mailinfra:index:Rights": "mailinfra.provider.rights",
    "mailinfra:index:SinglePasswords": "mailinfra.provider.single_passwords",
}


def resource(urn: str) -> Resource:
    """Return the module that handles a resource; it is imported when it is first needed."""
    token = urn.split("::")[2].rpartition("$")[2]
    if token not in MODULES:
        raise ProviderError(f"this provider has no resource {token!r}; it has {', '.join(sorted(MODULES))}")
    module: Any = importlib.import_module(MODULES[token])
    return module  # type: ignore[no-any-return]


def capped(lines: Sequence[str]) -> list[str]:
    """Return the first of many lines about single rows, and how many more there are."""
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], *([f"and {more} more rows like these"] if more > 0 else [])]
