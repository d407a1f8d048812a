"""What a resource's properties are, and what follows from that: defaults, refusals, differences.

Owns the rules that hold for every provider. Which properties there are, the providers say.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.providers.values import DEFAULTS, UNKNOWN, Properties, empty, settled

__all__ = ["Property", "default_names", "differences", "mistakes", "same", "with_defaults"]


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property, as far as the program declares it."""

    replaces: bool = False
    """A change of it replaces the resource."""

    required: bool = False
    """A resource without it is refused."""

    computed: bool = False
    """Not given means: whatever it is."""

    secret: bool = False
    """Whatever it holds is secret."""

    unordered: bool = False
    """The order of its items says nothing."""

    default: Any = None
    """What `check` puts in where nothing is given."""

    itemwise: bool = False
    """Differences between two lists are told item by item, not as one of the whole."""

    choices: tuple[str, ...] = ()
    """What the text, or each text of the list, may be."""

    pattern: str = ""
    """Regular expression that the text must match as a whole."""

    conflicts: str = ""
    """Name of a property that must not be given beside it."""

    fields: Mapping[str, "Property"] = field(default_factory=dict)
    """Properties of the object, or of each object in the list."""


Declaration = Mapping[str, Property]


def with_defaults(given: Properties, declaration: Declaration) -> Properties:
    """Return `given` with what is missing put in, and the names of that, at every level."""
    filled = {name: _inner_defaults(value, declaration.get(name)) for name, value in given.items()}
    filled = {name: value for name, value in filled.items() if value is not None and name != DEFAULTS}
    missing = {
        name: declared.default
        for name, declared in declaration.items()
        if declared.default is not None and name not in filled
    }
    return {**filled, **missing, DEFAULTS: sorted(missing)}


def _inner_defaults(value: Any, declared: Property | None) -> Any:
    if declared is None or not declared.fields:
        return value
    if isinstance(value, list):
        return [_inner_defaults(item, declared) for item in value]
    return with_defaults(value, declared.fields) if isinstance(value, dict) else value


def default_names(inputs: Properties) -> list[str]:
    """Return the names of the inputs that `check` put in."""
    names: list[str] = inputs.get(DEFAULTS, [])
    return names


def mistakes(given: Properties, declaration: Declaration, place: str) -> Iterator[str]:
    """Yield a sentence for each property that is unknown, missing, badly shaped or given beside its rival."""
    for name in given.keys() - declaration.keys() - {DEFAULTS}:
        yield f"Invalid or unknown key. Examine values at '{place}.{name}'."
    for name, declared in declaration.items():
        value = given.get(name)
        if value is None:
            if declared.required:
                yield f"Missing required property '{name}'. Examine values at '{place}.{name}'."
            continue
        if declared.pattern and value != UNKNOWN and not re.fullmatch(declared.pattern, str(value)):
            rule = f"'{value}' doesn't match the pattern '{declared.pattern}'"
            yield f"{rule}. Examine values at '{place}.{name}'."
        if declared.conflicts and given.get(declared.conflicts) is not None:
            yield f"\"{name}\": conflicts with {declared.conflicts}. Examine values at '{place}.{name}'."
        items = value if isinstance(value, list) else [value]
        for index, item in enumerate(items):
            if declared.choices and item not in (*declared.choices, UNKNOWN):
                known = " ".join(f'"{choice}"' for choice in sorted(declared.choices))
                at = f"{name}[{index}]" if isinstance(value, list) else name
                yield (
                    f"Invalid Attribute Value Match. Attribute {at} value must be one of: [{known}], "
                    f"got: \"{item}\". Examine values at '{place}.{at}'."
                )
            if declared.fields and isinstance(item, dict):
                yield from mistakes(item, declared.fields, f"{place}.{name}")


def same(old: Any, new: Any, declared: Property) -> bool:
    """Tell whether two values of a property say the same."""
    old, new = settled(old), settled(new)
    if declared.unordered and isinstance(old, list) and isinstance(new, list):
        return sorted(map(_sortable, old)) == sorted(map(_sortable, new))
    if declared.fields and isinstance(old, dict) and isinstance(new, dict):
        return all(
            same(old.get(name), new.get(name), inner) or (inner.computed and name not in new)
            for name, inner in declared.fields.items()
        )
    return bool(old == new) or (empty(old) and empty(new))


def differences(state: Properties, inputs: Properties, declaration: Declaration) -> Iterator[tuple[str, str]]:
    """Yield path and kind (ADD, DELETE, UPDATE) of each difference between what is and what is wanted."""
    for name, declared in declaration.items():
        old, new = state.get(name), inputs.get(name)
        if same(old, new, declared) or (new is None and declared.computed):
            continue
        yield from _details(name, settled(old), settled(new), declared)


def _details(path: str, old: Any, new: Any, declared: Property) -> Iterator[tuple[str, str]]:
    if old is None or old == [] or old == {}:
        yield path, "ADD"
    elif new is None or new == []:
        yield path, "DELETE"
    elif isinstance(old, dict) and isinstance(new, dict):
        yield from _object_details(path, old, new, declared)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _list_details(path, old, new, declared)
    else:
        yield path, "UPDATE"


def _object_details(
    path: str, old: Properties, new: Properties, declared: Property
) -> Iterator[tuple[str, str]]:
    for key in sorted(old.keys() | new.keys()):
        inner = declared.fields.get(key, Property())
        if not same(old.get(key), new.get(key), inner) and not (key not in new and inner.computed):
            step = f".{key}" if re.fullmatch(r"\w+", key) else f'["{key}"]'
            yield from _details(path + step, old.get(key), new.get(key), inner)


def _list_details(path: str, old: list[Any], new: list[Any], declared: Property) -> Iterator[tuple[str, str]]:
    if declared.unordered:
        gone = [item for item in old if item not in new]
        come = [item for item in new if item not in old]
        if gone and come and declared.fields and not declared.itemwise:
            yield path, "UPDATE"
            return
        if not (gone and come):
            yield from ((f"{path}[{old.index(item)}]", "DELETE") for item in gone)
            yield from ((f"{path}[{new.index(item)}]", "ADD") for item in come)
            return
        old, new = sorted(old, key=_sortable), sorted(new, key=_sortable)
    item = Property(fields=declared.fields)
    for index in range(max(len(old), len(new))):
        before = old[index] if index < len(old) else None
        after = new[index] if index < len(new) else None
        if before != after:
            yield from _details(f"{path}[{index}]", before, after, item)


def _sortable(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
