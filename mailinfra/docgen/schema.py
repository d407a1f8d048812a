"""Schema: the configuration's form for editors and readers, made from the models.

Owns the form of Pulumi.schema.json and accounts.schema.json. Does not own any rule: the models do.
"""

import json
from typing import Any

from mailinfra.config.load import ServerConfig
from mailinfra.config.model import Model
from mailinfra.types import UNITS

DIALECT = "http://json-schema.org/draft-07/schema#"
SECRETS = {
    "passwords": "Secret object: address -> password, or hash from another system.",
    "databasePassword": "Secret: password of the external database's administrator.",
    "smarthostPassword": "Secret: password at the smarthost.",
}


def stack_schema() -> dict[str, Any]:
    """Return the JSON Schema of a stack file; keys of Pulumi and of other projects are left alone."""
    server = schema(ServerConfig)
    definitions = server.pop("$defs")
    properties = {"mailinfra:server": server}
    for key, description in SECRETS.items():
        secure = {"required": ["secure"], "properties": {"secure": {"type": "string"}}}
        properties[f"mailinfra:{key}"] = {"type": "object", "description": description}
        if key != "passwords":
            properties[f"mailinfra:{key}"] |= secure
    return {
        "$schema": DIALECT,
        "title": "Stack file of mailinfra",
        "type": "object",
        "properties": {"config": {"type": "object", "properties": properties}},
        "$defs": definitions,
    }


def schema(model: type[Model]) -> dict[str, Any]:
    """Return the JSON Schema of a model as a person may write it."""
    tidied: dict[str, Any] = _tidy(model.model_json_schema())
    return tidied


def as_json(content: Any) -> str:
    """Return JSON for a file that people read in diffs."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> Any:
    """Return a part of pydantic's schema without what says nothing, and with defaults as they are written."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = _without_null(node)
    tidied: dict[str, Any] = {}
    for key, value in node.items():
        match key:
            case "properties" | "$defs":
                tidied[key] = {name: _tidy(item) for name, item in value.items()}
            case "description":
                tidied[key] = " ".join(value.split())
            case "default" if value is not None and not isinstance(value, dict):
                tidied[key] = _written(value, node)
            case "default" | "title":
                pass
            case _:
                tidied[key] = _tidy(value)
    return tidied


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    """Return a field that is left out rather than set to null: the only other choice becomes the field
    itself."""
    sound = [choice for choice in node.get("anyOf", []) if choice != {"type": "null"}]
    if len(sound) == 1:
        return {**sound[0], **{key: value for key, value in node.items() if key != "anyOf"}}
    return {**node, "anyOf": sound} if sound else node


def _written(default: Any, node: dict[str, Any]) -> Any:
    """Return a default as a person writes it: bytes as a size."""
    if node.get("format") != "size":
        return default
    unit = next(unit for unit in ("G", "M", "K") if default % UNITS[unit] == 0)
    return f"{default // UNITS[unit]}{unit}"
