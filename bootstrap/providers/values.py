"""Property values of Pulumi's protocol as plain Python data, and back.

Owns the translation only: whole numbers are `int`, an unknown is the text `UNKNOWN`, and which properties
hold a secret is a set of names beside the data.
"""

from collections.abc import Collection, Mapping
from typing import Any

from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime.rpc import UNKNOWN

__all__ = ["DEFAULTS", "UNKNOWN", "Properties", "empty", "plain", "secret_names", "settled", "wrap"]

Properties = dict[str, Any]

DEFAULTS = "__defaults"
"""Beside the inputs: names of those that were not given but put in by `check`."""


def plain(values: Mapping[str, PropertyValue]) -> Properties:
    """Return `values` as plain data."""
    return {name: _plain(value) for name, value in values.items()}


def secret_names(values: Mapping[str, PropertyValue]) -> frozenset[str]:
    """Return the names of those properties that are secret or hold a secret."""
    return frozenset(name for name, value in values.items() if value.contains_secret())


def wrap(values: Mapping[str, Any], secrets: Collection[str] = ()) -> dict[str, PropertyValue]:
    """Return plain data as property values; those named in `secrets` are secret as a whole."""
    return {name: _wrapped(value).with_secret(name in secrets) for name, value in values.items()}


def empty(value: Any) -> bool:
    """Tell whether a value says the same as one that was not given."""
    return value is None or value in ("", 0, False) or value == [] or value == {}


def settled(value: Any) -> Any:
    """Return `value` without the names of defaults and, inside of objects, without what is empty."""
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, dict):
        return {
            name: settled(item)
            for name, item in value.items()
            if name != DEFAULTS and not empty(settled(item))
        }
    return value


def _plain(value: PropertyValue) -> Any:
    inner = value.value
    if isinstance(inner, float):
        return int(inner) if inner.is_integer() else inner
    if isinstance(inner, Mapping):
        return {name: _plain(item) for name, item in inner.items()}
    if isinstance(inner, tuple):
        return [_plain(item) for item in inner]
    return inner


def _wrapped(value: Any) -> PropertyValue:
    if isinstance(value, int) and not isinstance(value, bool):
        return PropertyValue(float(value))
    if isinstance(value, Mapping):
        return PropertyValue({name: _wrapped(item) for name, item in value.items()})
    if isinstance(value, list | tuple):
        return PropertyValue([_wrapped(item) for item in value])
    return PropertyValue(value)
