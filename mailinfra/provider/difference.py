"""What differs between two property bags, by property path."""

import re
from collections.abc import Mapping
from typing import Any

from mailinfra.provider.values import is_known

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def join(path: str, key: str) -> str:
    """Return the engine's path of `key` below `path`; an address needs brackets and quotes."""
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f'{path}["{key}"]'


def differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Return path -> `add`, `delete` or `update`; what is not known yet counts as the same."""
    result: dict[str, str] = {}
    for key in sorted({*old, *new}):
        here = join(path, key)
        if key not in new:
            result[here] = "delete"
        elif key not in old:
            result[here] = "add"
        elif isinstance(old[key], Mapping) and isinstance(new[key], Mapping):
            result |= differences(old[key], new[key], here)
        elif old[key] != new[key] and is_known(new[key]):
            result[here] = "update"
    return result
