"""Schema: the configuration's form for editors and readers, made from the models.

Owns the form of Pulumi.schema.json and accounts.schema.json. Does not own any rule: the models do.
"""

import ast
import inspect
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, cast

from mailinfra.config.load import ServerConfig
from mailinfra.config.model import Model
from mailinfra.types import UNITS

DIALECT = "http://json-schema.org/draft-07/schema#"
SECRETS = {
    "passwords": "Secret object: address -> password, or hash from another system.",
    "databasePassword": "Secret: password of the external database's administrator.",
    "smarthostPassword": "Secret: password at the smarthost.",
    "acmeCredentials": "Secret object: variable of who serves the zone -> its text.",
}


def stack_schema() -> dict[str, Any]:
    """Return the JSON Schema of a stack file; keys of Pulumi and of other projects are left alone."""
    server = schema(ServerConfig)
    definitions = server.pop("$defs")
    properties = {"mailinfra:server": server}
    for key, description in SECRETS.items():
        secure = {"required": ["secure"], "properties": {"secure": {"type": "string"}}}
        properties[f"mailinfra:{key}"] = {"type": "object", "description": description}
        if key not in {"passwords", "acmeCredentials"}:
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
    made = model.model_json_schema()
    for each in _subclasses(Model):
        part = made if each is model else made.get("$defs", {}).get(each.__name__, {})
        properties = part.get("properties", {})
        for name, text in descriptions(each).items():
            if (key := each.model_fields[name].alias) in properties:
                properties[key] = dict(sorted({"description": text, **properties[key]}.items()))
    tidied: dict[str, Any] = _tidy(made)
    return tidied


def _subclasses(model: type[Model]) -> Iterator[type[Model]]:
    for each in model.__subclasses__():
        yield each
        yield from _subclasses(each)


def descriptions(model: type[Model]) -> dict[str, str]:
    """Return field -> the string below it, with those of the models that `model` extends.

    pydantic's `use_attribute_docstrings` reads the same, but at every import: two thirds of the time that the
    models take to load.
    """
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, Model):
            body = cast("ast.ClassDef", ast.parse(inspect.getsource(each)).body[0]).body
            found |= {
                field.target.id: inspect.cleandoc(below.value.value)
                for field, below in pairwise(body)
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            }
    return found


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
