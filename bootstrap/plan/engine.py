"""The engine's answer: its steps, what it said beside them, and what the state holds before.

Owns the way from JSON to steps. Does not own what a step means (the modules beside it).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
NETWORK = "docker:index/network:Network"
SERVER = "mailinfra:index:MailServer"
DIRECTORY = "mailinfra:index:Directory"
SCHEMA = "mailinfra:index:Schema"

ECHOES = ("an unhandled error occurred", "preview failed", "update failed")
"""What the engine adds to an error that it has told already."""

HABITS = (
    "The provider for this resource has inputs that are not known during preview",
    "the data of this stack belongs to the users of before",
)
"""Warnings that make has no use for: every first preview has one, for the database's server is made by this
very update; and of data that is to be given over make tells itself (bootstrap/owners.py)."""

PROTECTED = re.compile(r'resource "(?P<urn>urn:[^"]+)"\s[^.]*\bprotect(ed|ion)\b')
"""What the engine says where a change would let go of a resource that the state protects."""

ENDED = re.compile(
    r"Detected that (?P<plugin>\S+) exited prematurely\..*?streams of the plugin:\s*(?P<said>.*)", re.S
)
"""What the engine says of a plugin that was killed, as of one that crashed."""

UNREADABLE = re.compile(r"could not read plugin \[(?P<plugin>\S+)\]: exit status -1")
"""What it says of one that was killed as it began."""

KILLED = "program exited with non-zero exit code: -1"
"""What it says of a program that a signal ended."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is to happen to one resource."""

    op: str
    """`create`, `update`, `replace`, `delete` or `import`."""

    urn: str
    """The resource's name in the engine."""

    old: Mapping[str, Any]
    """Its inputs in the state; empty where it is new. Secrets are the text `[secret]`."""

    new: Mapping[str, Any]
    """Its inputs as declared now; empty where it goes."""

    paths: Mapping[str, str] = field(default_factory=dict)
    """Property path -> kind of change, as far as its provider told them."""

    is_kept: bool = False
    """Whether what it stands for stays when the resource goes."""

    @property
    def type(self) -> str:
        """The resource's own type."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an update would do."""

    stack: str
    """Name of the stack."""

    steps: Sequence[Step] = ()
    """What changes; a resource that stays as it is has no step."""

    notes: Sequence[str] = ()
    """What our own provider says of the accounts."""

    warnings: Sequence[str] = ()
    """What the engine warns of."""

    errors: Sequence[str] = ()
    """Why there is no plan."""

    resources: Sequence[Mapping[str, Any]] = ()
    """The state before."""

    def of(self, kind: str) -> Iterator[Step]:
        """Return the steps of one type of resource."""
        return (step for step in self.steps if step.type == kind)

    @cached_property
    def is_new(self) -> bool:
        """Whether nothing of the stack has been made yet."""
        return not any(resource["type"] == CONTAINER for resource in self.resources)

    @property
    def recorded(self) -> Mapping[str, Any] | None:
        """The settings that the stack was last brought up with; None in a state from before they were
        kept."""
        for resource in self.resources:
            if resource["type"] == SERVER:
                found: Mapping[str, Any] | None = (resource.get("inputs") or {}).get("settings")
                return found
        return None

    @property
    def declared(self) -> Mapping[str, Any] | None:
        """The settings as they are now; None where they were not kept and do not change."""
        found = next((step.new.get("settings") for step in self.of(SERVER)), None)
        return found if isinstance(found, Mapping) else self.recorded


def read(stack: str, answer: str, resources: Sequence[Mapping[str, Any]]) -> Plan:
    """Return the plan in the engine's answer; raise ValueError where that is none."""
    content = json.loads(answer)
    notes, warnings, errors = [], [], []
    for said in content.get("diagnostics") or []:
        severity, text = said.get("severity"), str(said.get("message", "")).strip()
        text = text.removeprefix(f"{severity}: ").strip()
        if severity in {"info", "info#err"}:
            notes.append(text)
        elif severity == "warning":
            warnings.append(text)
        elif severity == "error":
            errors.append(_in_words(text))
    told = [text for text in errors if not text.startswith(ECHOES)]
    return Plan(
        stack=stack,
        steps=[step for step in map(_step, content.get("steps") or []) if step is not None],
        notes=list(dict.fromkeys(notes)),
        warnings=[text for text in dict.fromkeys(warnings) if not text.startswith(HABITS)],
        errors=list(dict.fromkeys(told or errors)),
        resources=resources,
    )


def _in_words(error: str) -> str:
    """Return an error as it is told to people.

    The engine calls whatever ends a plugin a bug of it; its remedy for protection edits the state by hand.
    """
    if gone := ENDED.search(error) or UNREADABLE.search(error):
        said = gone.groupdict().get("said", "").strip()
        return _ended(Path(gone["plugin"]).name, said)
    if KILLED in error:
        return _ended("the program that declares the server", "")
    found = PROTECTED.search(error)
    if not found:
        return error
    name = found["urn"].rpartition("::")[2]
    return (
        f"{name} holds data and is protected (storage.onDestroy: protect), and this change lets go of it. "
        "Set storage.onDestroy: retain with all else as it was, run `make up`, and make this change then: "
        "the data stays where it is."
    )


def _ended(who: str, said: str) -> str:
    """Return what is true where a process of a preview ended before its time."""
    why = f" Its last words:\n{said}" if said else " Somebody killed it, or the system for want of memory."
    return f"{who} ended in the middle. Nothing was changed; run the command again.{why}"


def _step(item: Mapping[str, Any]) -> Step | None:
    old, new = item.get("oldState") or {}, item.get("newState") or {}
    # A replacement is told once as such, and again as the two steps that it is made of.
    if item["op"] in {"same", "read", "create-replacement", "delete-replaced", "discard-replaced"}:
        return None
    return Step(
        op=str(item["op"]),
        urn=str(item["urn"]),
        old=old.get("inputs") or {},
        new=new.get("inputs") or {},
        paths={path: str(one["kind"]) for path, one in (item.get("detailedDiff") or {}).items()},
        is_kept=bool(old.get("retainOnDelete")),
    )
