"""Property bags of the engine's protocol to plain Python, and back.

Plain means: None, bool, float, str, list, dict. Secretness is lost on the way in and given again on the way
out, by name, so that no answer depends on what the engine happened to mark. The SDK's own PropertyValue is
left out: with 10,000 mailboxes it takes most of the time of a call.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime.rpc import UNKNOWN, _special_secret_sig, _special_sig_key

SECRET_NAMES = frozenset({"password", "passwords", "initialPasswords", "fingerprints", "candidate", "kept"})
"""Properties of a resource, or of its connection, that are secret."""


def plain_map(bag: Struct) -> dict[str, Any]:
    """Return a property bag as plain Python; what is not known yet is the text UNKNOWN."""
    return {name: plain(value) for name, value in bag.fields.items()}


def plain(value: Value) -> Any:
    """Return one property as plain Python."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _special_sig_key in fields and fields[_special_sig_key].string_value == _special_secret_sig:
            return plain(fields["value"])
        return plain_map(value.struct_value)
    if kind == "list_value":
        return [plain(item) for item in value.list_value.values]
    return value.number_value if kind == "number_value" else None


def marked_map(bag: Mapping[str, Any]) -> Struct:
    """Return a resource's properties with everything secret marked so, whatever came in."""
    result = Struct()
    result.update(_marked(bag))
    return result


def _marked(bag: Mapping[str, Any]) -> dict[str, Any]:
    result = {}
    for name, value in bag.items():
        if name in SECRET_NAMES:
            result[name] = {_special_sig_key: _special_secret_sig, "value": value}
        elif name == "connection" and isinstance(value, Mapping):
            result[name] = _marked(value)
        else:
            result[name] = value
    return result


def missing(inputs: Mapping[str, Any], names: Iterable[str]) -> list[tuple[str, str]]:
    """Return which of `names` the inputs lack, each with what to do, as `check` answers."""
    return [(name, "is missing; declare it") for name in names if not inputs.get(name)]


def is_known(value: Any) -> bool:
    """Return whether nothing in plain `value` still waits for another resource."""
    if isinstance(value, Mapping):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return not (isinstance(value, str) and value == UNKNOWN)
