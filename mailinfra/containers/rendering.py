"""Rendering: a template under configs/ and a typed object become text, and texts become a hash.

Owns reading the texts that a person names, too. Knows nothing of what the values mean, nor of how a file
reaches a container (config_volumes.py).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CONFIGS = Path(__file__).parents[2] / "configs"

_environment = Environment(
    autoescape=False,  # noqa: S701 - configuration files, not HTML; values are checked before they come here
    loader=FileSystemLoader(CONFIGS),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(path: str, values: "DataclassInstance") -> str:
    """Return `configs/<path>` filled from the fields of `values`, a frozen dataclass.

    Raises jinja2.UndefinedError where the file asks for a name that `values` does not have, and
    ValueError where a plain value holds a line break: one value must not become two settings.
    """
    names = {field.name: getattr(values, field.name) for field in fields(values)}
    for name, value in names.items():
        if isinstance(value, str) and any(mark in value for mark in "\r\n\0"):
            raise ValueError(f"configs/{path}: {name} holds a line break; a setting is one line")
    return _environment.get_template(path).render(names)


def text_of(path: str) -> str:
    """Return a PEM file that a person named, without what is not ASCII: that stands in comments, and Python's
    TLS takes none of it."""
    return Path(path).read_text(encoding="ascii", errors="ignore")


def digest(files: Mapping[str, str]) -> str:
    """Return 16 hexadecimal digits that change when a name or a text in `files` changes."""
    state = hashlib.sha256()
    for name in sorted(files):
        for part in (name, files[name]):
            encoded = part.encode()
            state.update(f"{len(encoded)}:".encode() + encoded)
    return state.hexdigest()[:16]
