"""How a difference is told: property path -> ADD, DELETE, UPDATE, each perhaps with _REPLACE.

Owns the paths and kinds, as Pulumi's bridge to Terraform makes them from state and plan: list against list by
position, set against set by content, where an item that comes stands at its place among the inputs and one
that goes at its place in the state. A set whose new items the inputs do not show in full is told as a whole.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.providers.declaration import Property
from bootstrap.providers.plan import Plan, item_of
from bootstrap.providers.values import DEFAULTS, UNKNOWN, Properties

__all__ = ["details"]

_REPLACE = "_REPLACE"
_META = "__meta"
"""Stands for a replacement that no property shows."""


def details(
    state: Properties, planned: Plan, inputs: Properties, declaration: Mapping[str, Property]
) -> dict[str, str]:
    """Return path -> kind of every difference between a state and the plan for it."""
    told: dict[str, str] = {}
    for name, declared in declaration.items():
        old, new = state.get(name), planned.state.get(name)
        told |= dict(_told(name, old, new, inputs.get(name), declared, within=False))
    if not planned.replaces:
        return {path: kind.removesuffix(_REPLACE) for path, kind in told.items()}
    if not any(kind.endswith(_REPLACE) for kind in told.values()):
        told[_META] = f"UPDATE{_REPLACE}"
    return told


def _told(
    path: str, old: Any, new: Any, wanted: Any, declared: Property, *, within: bool
) -> Iterator[tuple[str, str]]:
    """Yield path and kind; `within`: the list or map that it stands in replaces."""
    old, new = _bare(old), _bare(new)
    replaces = declared.replaces or within
    if old is None and new is None:
        return
    if new == UNKNOWN and old != UNKNOWN:
        yield path, _kind("ADD" if old is None else "UPDATE", replaces)
    elif old is None or new is None:
        whole = old if new is None else new
        yield path, _kind("DELETE" if new is None else "ADD", replaces or _holds_replacing(whole, declared))
    elif declared.kind == "list":
        yield from _list_told(path, old, new, wanted, declared)
    elif declared.kind == "object":
        for name, inner in declared.fields.items():
            given = wanted.get(name) if isinstance(wanted, dict) else None
            yield from _told(f"{path}.{name}", old.get(name), new.get(name), given, inner, within=False)
    elif declared.kind == "map":
        for key in sorted(old.keys() | new.keys()):
            place = path + (f".{key}" if re.fullmatch(r"\w+", key) else f'["{key}"]')
            yield from _told(place, old.get(key), new.get(key), None, Property(), within=declared.replaces)
    elif old != new:
        yield path, _kind("UPDATE", replaces)


def _list_told(
    path: str, old: list[Any], new: list[Any], wanted: Any, declared: Property
) -> Iterator[tuple[str, str]]:
    item = item_of(declared)
    if declared.unordered:
        yield from _set_told(path, old, new, wanted or [], declared)
    elif declared.fields:
        for index in range(max(len(old), len(new))):
            one, other = (items[index] if index < len(items) else None for items in (old, new))
            yield from _told(f"{path}[{index}]", one, other, None, item, within=declared.replaces)
    else:
        gone, come = _edits(old, new)
        for index in sorted(gone | come):
            kind = "UPDATE" if index in gone & come else "DELETE" if index in gone else "ADD"
            yield f"{path}[{index}]", _kind(kind, declared.replaces)


def _set_told(
    path: str, old: list[Any], new: list[Any], wanted: list[Any], declared: Property
) -> Iterator[tuple[str, str]]:
    item = item_of(declared)
    gone = [index for index, one in enumerate(old) if not any(_equal(one, other) for other in new)]
    come = [one for one in new if not any(_equal(one, other) for other in old)]
    if not gone and not come:
        return
    places = _places(come, wanted, declared) if len(wanted) >= len(new) else None
    if places is None:
        yield path, _kind("UPDATE", declared.replaces)
        return
    for index in sorted({*gone, *places}):
        one = old[index] if index in gone else None
        yield from _told(f"{path}[{index}]", one, places.get(index), None, item, within=declared.replaces)


def _places(come: list[Any], wanted: list[Any], declared: Property) -> dict[int, Any] | None:
    """Return place among the inputs -> planned item, or None where one is not to be found there."""
    places: dict[int, Any] = {}
    for planned in come:
        for index, given in enumerate(wanted):
            if index not in places and _stems_from(given, planned, declared):
                places[index] = planned
                break
        else:
            return None
    return places


def _stems_from(given: Any, planned: Any, declared: Property) -> bool:
    """Tell whether a planned item shows nothing but what was given, which no filled-in text does."""
    if not declared.fields or not isinstance(given, dict):
        return bool(given == planned)
    return all(
        (inner.computed and given.get(name) is None)
        or _settled(given.get(name)) == _settled(planned.get(name))
        for name, inner in declared.fields.items()
    )


def _settled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if name != DEFAULTS and item is not None} or None
    return value or None if isinstance(value, list) else value


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return {n: v for n, v in one.items() if v is not None} == {
            n: v for n, v in other.items() if v is not None
        }
    return bool(one == other)


def _edits(old: list[Any], new: list[Any]) -> tuple[set[int], set[int]]:
    """Return the places of the old list that go and those of the new one that come."""
    longest = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            longest[i][j] = (
                longest[i + 1][j + 1] + 1 if old[i] == new[j] else max(longest[i + 1][j], longest[i][j + 1])
            )
    i = j = 0
    gone, come = set(range(len(old))), set(range(len(new)))
    while i < len(old) and j < len(new):
        if old[i] == new[j]:
            gone.discard(i)
            come.discard(j)
            i, j = i + 1, j + 1
        elif longest[i + 1][j] >= longest[i][j + 1]:
            i += 1
        else:
            j += 1
    return gone, come


def _holds_replacing(value: Any, declared: Property) -> bool:
    """Tell whether something that comes or goes as a whole holds what replaces."""
    if isinstance(value, list):
        return declared.replaces or any(_holds_replacing(one, item_of(declared)) for one in value)
    if not isinstance(value, dict) or not declared.fields:
        return declared.replaces
    return any(
        inner.replaces or _holds_replacing(value[name], inner)
        for name, inner in declared.fields.items()
        if value.get(name) is not None
    )


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if name != DEFAULTS}
    return None if value == [] else value


def _kind(kind: str, replaces: bool) -> str:
    return kind + (_REPLACE if replaces else "")
