"""What a resource's properties are, and what follows from that at `check`: defaults and refusals.

Owns the rules that hold for every provider. Which properties there are, the providers say; what a change of
them means, `plan` says.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bootstrap.providers.values import DEFAULTS, UNKNOWN, Properties

__all__ = ["Kind", "Property", "default_names", "mistakes", "with_defaults"]

Kind = Literal["text", "number", "truth", "list", "map", "object"]


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property, as far as the program declares it."""

    kind: Kind = "text"
    """What it holds; an item's kind is that of its list."""

    replaces: bool = False
    """A change of it replaces the resource; of a list: of how many items it has, or of a plain item."""

    required: bool = False
    """A resource without it is refused."""

    computed: bool = False
    """Not given means: whatever it is."""

    lenient: bool = False
    """Not given, or given empty, means: whatever it is, without a difference."""

    secret: bool = False
    """Whatever it holds is secret."""

    unordered: bool = False
    """The order of its items says nothing: a set."""

    default: Any = None
    """What `check` puts in where nothing is given."""

    falls_to: Any = None
    """What it is where it is not given and `check` puts in nothing."""

    zeroed: bool = False
    """An object whose fields that nobody gave turn from nothing to zero as soon as anything else changes."""

    foreign: bool = False
    """Only the real provider takes it; here it stands in states, as it does there where nobody gave it."""

    resting: Any = None
    """What a foreign property holds in a state."""

    choices: tuple[str, ...] = ()
    """What the text, or each text of the list, may be."""

    pattern: str = ""
    """Regular expression that the text must match as a whole."""

    conflicts: str = ""
    """Name of a property that must not be given beside it."""

    fields: Mapping[str, "Property"] = field(default_factory=dict)
    """Properties of the object, or of each object in the list."""

    @property
    def absent(self) -> Any:
        """What stands in an item of a list for a field that was not given."""
        if self.default is not None or self.falls_to is not None:
            return self.default if self.default is not None else self.falls_to
        return {"text": "", "list": []}.get(self.kind)

    @property
    def zero(self) -> Any:
        """What stands for a field that was not given, after a refresh."""
        return {"text": "", "number": 0, "truth": False, "list": [], "map": {}}.get(self.kind)


Declaration = Mapping[str, Property]


def with_defaults(given: Properties, declaration: Declaration, old: Properties | None = None) -> Properties:
    """Return `given` with what is missing put in, and the names of that, at every level.

    Where `old` inputs say nothing of defaults, as after a refresh, what they hold is the default.
    """
    filled = {name: _inner_defaults(value, declaration.get(name)) for name, value in given.items()}
    filled = {name: value for name, value in filled.items() if value is not None and name != DEFAULTS}
    kept = old if old and DEFAULTS not in old else {}
    missing = {
        name: kept.get(name, declared.default)
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
    foreign = {name for name, declared in declaration.items() if declared.foreign}
    for name in sorted(given.keys() & foreign):
        at = f"Examine values at '{place}.{name}'."
        yield f"The local provider does not have '{name}'; take it away, or use the real one. {at}"
    for name, declared in declaration.items():
        value = given.get(name)
        if value is not None:
            yield from _value_mistakes(name, value, given, declared, place)
        elif declared.required:
            yield f"Missing required property '{name}'. Examine values at '{place}.{name}'."


def _value_mistakes(
    name: str, value: Any, given: Properties, declared: Property, place: str
) -> Iterator[str]:
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
