"""Accounts: which ones come, go and change, and what becomes of the mail that is theirs.

Owns the lines of single entries. What our own provider says beside them is shown as it says it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.plan.engine import DIRECTORY, SCHEMA, Plan, Step

NOUNS = {"domains": "domain", "mailboxes": "mailbox", "aliases": "alias"}
ENTRY = re.compile(
    r'(?P<list>domains|mailboxes|aliases|passwords|deleteMail)(?:\["(?P<name>.*?)"\]|\.(?P<plain>\w+))(?P<rest>.*)'
)
OTHER = {
    "connection": "the way to the database is another one",
    "hashing": "hashes that are made from now on have another cost",
    "lostHomes": "mail of mailboxes whose rows were deleted by hand",
    "undeclared": "rows that nobody declared are treated otherwise from now on",
    "undeclaredRows": "rows that nobody declared are removed",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One property of one entry."""

    kind: str
    """`domains`, `mailboxes`, `aliases`, `passwords` or `deleteMail`."""

    name: str
    """Domain or address."""

    prop: str
    """Property of the entry; empty for the entry itself."""

    how: str
    """`add`, `delete` or `update`."""


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """What happens to the rows of accounts."""

    lines: Sequence[str] = ()
    """One for each entry that changes, and what the provider says beside."""

    touched: bool = False
    """Whether a row changes."""

    moved: Sequence[str] = ()
    """Mailboxes that get another address, with their mail."""

    erased: Sequence[str] = ()
    """Addresses whose former mailboxes lose their mail."""

    lost: Sequence[str] = field(default_factory=list)
    """What cannot be brought back."""


def accounts(plan: Plan) -> Accounts:
    """Return what happens to accounts."""
    lost = list(_revisions(plan))
    step = next(plan.of(DIRECTORY), None)
    if step is None:
        return Accounts(lines=plan.notes, lost=lost)
    if step.op == "create":
        return Accounts(lines=[_counts(step.new), *plan.notes], touched=True, lost=lost)
    if step.op == "delete":
        left = "the rows of all accounts stay in the database, and are left to somebody else"
        return Accounts(lines=[left, *plan.notes], lost=lost)
    changes = [change for path in sorted(step.paths) if (change := _change(path, step.paths[path]))]
    gone = [one.name for one in changes if one.kind == "mailboxes" and not one.prop and one.how == "delete"]
    renamed = _renamed(gone, step.new)
    delete_mail = step.new.get("deleteMail") or {}
    listed = [one.name for one in changes if one.kind == "deleteMail" and one.how == "add"]
    erased = dict.fromkeys([*(name for name in gone if name in delete_mail), *listed])
    others = {_top(path) for path in step.paths} - {one.kind for one in changes}
    return Accounts(
        lines=[
            *(line for line in _entries(changes, step) if not _is_told(line, plan.notes)),
            *(f"~ {OTHER[key]}" for key in sorted(others & OTHER.keys())),
            *plan.notes,
        ],
        touched=bool(changes) or "undeclaredRows" in others,
        moved=[f"{old} -> {new}" for old, new in renamed.items()],
        erased=list(erased),
        lost=[
            *(f"the mail of {name} is deleted for good" for name in erased),
            *(f"the password of {name} goes with its row" for name in gone if name not in renamed),
            *(f"the present password of {name} is overwritten" for name in _new_passwords(changes, step)),
            *(["rows that nobody declared, passwords included"] if "undeclaredRows" in others else []),
            *lost,
        ],
    )


def _change(path: str, kind: str) -> Change | None:
    match = ENTRY.fullmatch(path)
    if match is None:
        return None
    prop = _top(match["rest"].lstrip("."))
    how = kind.removesuffix("-replace")
    return Change(kind=match["list"], name=match["name"] or match["plain"], prop=prop, how=how)


def _counts(new: Mapping[str, Any]) -> str:
    numbers = {kind: len(new.get(kind) or {}) for kind in NOUNS}
    counts = [f"{number} {kind if number != 1 else NOUNS[kind]}" for kind, number in numbers.items()]
    return f"+ {', '.join(counts)}, postmaster and abuse of each domain among them"


def _entries(changes: Sequence[Change], step: Step) -> Iterator[str]:
    edited: dict[tuple[str, str], list[str]] = {}
    for one in changes:
        if one.kind == "passwords":
            yield f"~ mailbox {one.name}: its password is set to the declared one"
        elif one.kind == "deleteMail":
            continue  # the provider says what it does, and to which folder
        elif one.prop:
            edited.setdefault((one.kind, one.name), []).append(one.prop)
        elif one.how == "add":
            yield f"+ {NOUNS[one.kind]} {one.name}{_targets(step.new, one)}"
        elif one.how == "delete":
            yield f"- {NOUNS[one.kind]} {one.name}"
    for (kind, name), props in edited.items():
        before, after = (((side.get(kind) or {}).get(name) or {}) for side in (step.old, step.new))
        said = [
            f"{prop} {_text(before.get(prop))} -> {_text(after.get(prop))}" for prop in dict.fromkeys(props)
        ]
        yield f"~ {NOUNS[kind]} {name}: {', '.join(said)}"


def _is_told(line: str, notes: Sequence[str]) -> bool:
    """Return whether the provider says of an entry that comes or goes what becomes of it."""
    mark, noun, name = line.split(" ")[:3]
    return mark in {"+", "-"} and any(
        note.startswith(f"{noun} {name} ") or (noun == "mailbox" and f" becomes {name}," in note)
        for note in notes
    )


def _targets(bags: Mapping[str, Any], one: Change) -> str:
    targets = ((bags.get(one.kind) or {}).get(one.name) or {}).get("targets")
    return f" -> {', '.join(targets)}" if targets else ""


def _renamed(gone: Sequence[str], new: Mapping[str, Any]) -> dict[str, str]:
    """Return old -> new address of each mailbox that moves, alone or with its domain."""
    mailboxes, domains = new.get("mailboxes") or {}, new.get("domains") or {}
    own = {bag.get("renamedFrom"): name for name, bag in mailboxes.items()}
    of_domain = {bag.get("renamedFrom"): name for name, bag in domains.items()}
    found = {}
    for old in gone:
        local, _, domain = old.rpartition("@")
        carried = f"{local}@{of_domain.get(domain, domain)}"
        now = own.get(old) or own.get(carried) or (carried if carried in mailboxes else None)
        if now:
            found[old] = now
    return found


def _new_passwords(changes: Sequence[Change], step: Step) -> list[str]:
    mailboxes = step.new.get("mailboxes") or {}
    return list(
        dict.fromkeys(
            one.name
            for one in changes
            if one.kind == "passwords"
            or (one.kind == "mailboxes" and one.prop == "reset" and mailboxes.get(one.name, {}).get("reset"))
        )
    )


def _revisions(plan: Plan) -> Iterator[str]:
    for step in plan.of(SCHEMA):
        if step.op == "update" and "revision" in step.paths:
            old, new = step.old.get("revision"), step.new.get("revision")
            yield f"the tables go from revision {old} to {new}, and an earlier version does not read them"


def _top(path: str) -> str:
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
