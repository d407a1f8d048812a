"""In which order the docker provider lists the items of a set: texts as they are, objects by their content.

Owns the order alone. It is that of Terraform's values (`go-cty`), which sorts objects by all that they hold,
field after field by name.
"""

import json
from typing import Any

from bootstrap.providers.declaration import Property
from bootstrap.providers.values import UNKNOWN

__all__ = ["ordered"]


def ordered(items: list[Any], declared: Property) -> list[Any]:
    """Return the items of a set in the order in which states list them."""
    return sorted(items, key=lambda item: _content(item, declared))


def _content(item: Any, declared: Property) -> str:
    if not isinstance(item, dict):
        return str(item)
    parts = (_field(item.get(name), inner) for name, inner in sorted(declared.fields.items()))
    return f"<{''.join(f'{part};' for part in parts)}>"


def _field(value: Any, declared: Property) -> str:
    if declared.kind == "list":
        items = "".join(f"{_field(item, Property())};" for item in sorted(value or []))
        return f"[{items}]"
    if declared.kind == "object":
        return f"[{_content(value, declared)};]" if value else "[]"
    if value is None:
        return "~"
    if value == UNKNOWN:
        return "?"
    if isinstance(value, bool):
        return "T" if value else "F"
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
