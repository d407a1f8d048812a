"""What a resource will be: its state, and what is wanted, put together as Terraform's SDK does it.

Owns which difference counts, which replaces the resource, and in which form a planned value stands. How a
difference is told, `details` says. Each rule is one that the recordings of the real providers show.
"""

from collections.abc import Mapping
from typing import Any

from bootstrap.providers.declaration import Property
from bootstrap.providers.order import ordered
from bootstrap.providers.values import DEFAULTS, UNKNOWN, Properties

__all__ = ["Plan", "alike", "filled", "item_of", "plan", "zeroed"]


class Plan:
    """A resource's planned state."""

    def __init__(self, state: Properties, *, changes: bool, replaces: bool) -> None:
        """Hold `state`; it `changes` what is, or even `replaces` it."""
        self.state = state
        self.changes = changes
        self.replaces = replaces


def plan(state: Properties, inputs: Properties, declaration: Mapping[str, Property]) -> Plan:
    """Return what `state` becomes by `inputs`."""
    planned, changed, replaces = dict(state), False, False
    for name, declared in declaration.items():
        old, new = state.get(name), inputs.get(name, declared.falls_to)
        if alike(old, new, declared):
            continue
        changed = True
        replaces = replaces or _replaces(old, new, declared)
        planned[name] = _planned(old, new, declared)
    if changed:
        for name, declared in declaration.items():
            if declared.zeroed and isinstance(state.get(name), dict) and planned[name] == state[name]:
                planned[name] = zeroed(state[name], declared)
    return Plan(planned, changes=changed, replaces=replaces)


def alike(old: Any, new: Any, declared: Property) -> bool:
    """Tell whether two values of a property say the same: nothing, zero and empty are one."""
    if (declared.computed or declared.lenient) and new in (None, "", [], {}):
        return True
    if old == UNKNOWN or new == UNKNOWN:
        return bool(old == new)
    if declared.kind == "list":
        return _same_items(old or [], new or [], declared)
    if declared.fields:
        if _nothing(old) or _nothing(new):
            return _nothing(old) and _nothing(new)
        return all(
            alike(old.get(name), _wanted(new, name, inner), inner) for name, inner in declared.fields.items()
        )
    return bool(old == new) or (_nothing(old) and _nothing(new))


def item_of(declared: Property) -> Property:
    """Return what one item of the list is."""
    return Property(kind="object" if declared.fields else "text", fields=declared.fields)


def _wanted(item: Properties, name: str, declared: Property) -> Any:
    value = item.get(name)
    return declared.absent if value is None and declared.absent not in (None, "", []) else value


def _same_items(old: list[Any], new: list[Any], declared: Property) -> bool:
    if len(old) != len(new):
        return False
    item = item_of(declared)
    if not declared.unordered:
        return all(alike(one, other, item) for one, other in zip(old, new, strict=True))
    return not _without(old, new, item) and not _without(new, old, item)


def _without(items: list[Any], others: list[Any], item: Property) -> list[Any]:
    """Return the items of a set that are not in the other one."""
    return [one for one in items if not any(alike(one, other, item) for other in others)]


def _replaces(old: Any, new: Any, declared: Property) -> bool:
    """Tell whether this difference replaces the resource."""
    if not declared.fields or new == UNKNOWN:
        return declared.replaces
    if declared.kind == "object":
        if _nothing(old) or _nothing(new):
            return declared.replaces or _replacing_fields(old or new, declared)
        if declared.unordered:  # a set of one: another content is another item
            return _replacing_fields(old, declared) or _replacing_fields(new, declared)
        return _field_replaces(old, new, declared)
    old, new = old or [], new or []
    if len(old) != len(new) and declared.replaces:
        return True
    item = item_of(declared)
    if declared.unordered:
        moved = [*_without(old, new, item), *_without(new, old, item)]
        return any(_replacing_fields(one, declared) for one in moved)
    return any(_field_replaces(one, other, declared) for one, other in zip(old, new, strict=False))


def _field_replaces(old: Properties, new: Properties, declared: Property) -> bool:
    return any(
        not alike(old.get(name), _wanted(new, name, inner), inner)
        and _replaces(old.get(name), _wanted(new, name, inner), inner)
        for name, inner in declared.fields.items()
    )


def _replacing_fields(item: Any, declared: Property) -> bool:
    """Tell whether an item that comes or goes holds a field whose change replaces."""
    return isinstance(item, dict) and any(
        inner.replaces or _replacing_fields(item[name], inner)
        for name, inner in declared.fields.items()
        if not _nothing(item.get(name))
    )


def _planned(old: Any, new: Any, declared: Property) -> Any:
    """Return the form in which a changed property is planned."""
    if new == UNKNOWN:
        return UNKNOWN
    if declared.kind == "map":
        return new or {}
    if declared.kind == "list":
        return _planned_items(old or [], new or [], declared) or None
    if not declared.fields or _nothing(new):
        return new
    if declared.unordered or _nothing(old):
        return filled(new, declared)
    return {
        name: old.get(name)
        if alike(old.get(name), _wanted(new, name, inner), inner)
        else _planned(old.get(name), _wanted(new, name, inner), inner)
        for name, inner in declared.fields.items()
    }


def _planned_items(old: list[Any], new: list[Any], declared: Property) -> list[Any]:
    item = item_of(declared)
    if declared.unordered:  # an item that was there keeps the form that it had
        kept = [
            next((one for one in old if alike(one, other, item)), filled(other, declared)) for other in new
        ]
        return ordered(kept, declared)
    if not declared.fields:
        return list(new)
    before = [*old, *([{}] * len(new))]
    return [_planned(before[index], other, item) for index, other in enumerate(new)]


def filled(item: Any, declared: Property) -> Any:
    """Return an object as it is planned: with what stands for the fields that were not given."""
    if not isinstance(item, dict):
        return item
    return {
        name: inner.absent if item.get(name) is None else _filled_field(item[name], inner)
        for name, inner in declared.fields.items()
    }


def _filled_field(value: Any, declared: Property) -> Any:
    if declared.kind == "object":
        return filled(value, declared)
    return ordered(value, declared) if declared.kind == "list" and declared.unordered else value


def zeroed(item: Properties, declared: Property) -> Properties:
    """Return an object with zero for each field that nobody gave."""
    zeros = {name: inner.zero for name, inner in declared.fields.items() if item.get(name) is None}
    return {**item, **zeros}


def _nothing(value: Any) -> bool:
    if isinstance(value, dict):
        return not value.keys() - {DEFAULTS}
    return value is None or value in ("", 0, False) or value == []
