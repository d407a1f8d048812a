"""Property values of the engine's protocol to plain Python, and back.

Plain means: None, bool, float, str, list, dict. Secretness is lost on the way in and given again on the way
out, by name, so that no answer depends on what the engine happened to mark.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.runtime.rpc import UNKNOWN

SECRET_NAMES = frozenset({"password", "passwords", "initialPasswords", "fingerprints"})
"""Properties of a resource, or of its connection, that are secret."""


def plain(value: PropertyValue) -> Any:
    """Return `value` as plain Python; what is not known yet is the text UNKNOWN."""
    inner = value.value
    if isinstance(inner, Computed):
        return UNKNOWN
    if isinstance(inner, Mapping):
        return {name: plain(item) for name, item in inner.items()}
    if isinstance(inner, Sequence) and not isinstance(inner, str):
        return [plain(item) for item in inner]
    return inner


def plain_map(values: Mapping[str, PropertyValue]) -> dict[str, Any]:
    """Return a property bag as plain Python."""
    return {name: plain(value) for name, value in values.items()}


def marked(value: Any) -> PropertyValue:
    """Return plain Python as a property value without secrets."""
    if isinstance(value, Mapping):
        return PropertyValue({name: marked(item) for name, item in value.items()})
    if isinstance(value, list | tuple):
        return PropertyValue([marked(item) for item in value])
    if isinstance(value, int) and not isinstance(value, bool):
        return PropertyValue(float(value))
    return PropertyValue(value)


def marked_map(bag: Mapping[str, Any]) -> dict[str, PropertyValue]:
    """Return a resource's properties with everything secret marked so, whatever came in."""
    result = {}
    for name, value in bag.items():
        if name in SECRET_NAMES:
            result[name] = marked(value).with_secret(True)
        elif name == "connection" and isinstance(value, Mapping):
            result[name] = PropertyValue(marked_map(value))
        else:
            result[name] = marked(value)
    return result


def is_known(value: Any) -> bool:
    """Return whether nothing in plain `value` still waits for another resource."""
    if isinstance(value, Mapping):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return not (isinstance(value, str) and value == UNKNOWN)
