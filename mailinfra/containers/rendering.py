"""Rendering: a template under configs/ and its values become text, and texts become a hash.

Owns reading the texts that a person names, too. Knows nothing of what the values mean, nor of how a file
reaches a container (config_volumes.py).
"""

import hashlib
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, meta
from pulumi import Input, Output

CONFIGS = Path(__file__).parents[2] / "configs"

_loader = FileSystemLoader(CONFIGS)
_environment = Environment(
    autoescape=False,  # noqa: S701 - configuration files, not HTML; values are checked before they come here
    loader=_loader,
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(path: str, values: Mapping[str, Any]) -> str:
    """Return `configs/<path>` filled from `values`: plain ones, sections of the form, mappings and lists.

    Raises jinja2.UndefinedError where the file asks for a name that `values` or a section does not have, and
    ValueError where a text anywhere in them holds a line break: one value must not become two settings.
    """
    for name, text in _texts(values):
        if any(mark in text for mark in "\r\n\0"):
            raise ValueError(f"configs/{path}: {name} holds a line break; a setting is one line")
    return _environment.get_template(path).render(values)


def rendered(path: str, values: Mapping[str, Any]) -> Input[str]:
    """Return `configs/<path>` filled from `values`, of which some may come from another resource.

    The file waits for those that it asks for and for no other, and is a secret where one of them is; plain
    ones alone make a plain text, which every preview shows.
    """
    asked = {name: value for name, value in values.items() if name in asked_for(path)}
    if not any(_comes_later(value) for value in asked.values()):
        return render(path, asked)
    return Output.all(**asked).apply(partial(render, path))


def sketch(path: str, values: Mapping[str, Any]) -> str:
    """Return `configs/<path>` as it is known at once; `later` stands for what another resource says."""
    return render(path, {name: _known(value) for name, value in values.items()})


@cache
def asked_for(path: str) -> frozenset[str]:
    """Return the names that `configs/<path>`, with what it includes, asks for."""
    tree = _environment.parse(_loader.get_source(_environment, path)[0])
    included = [asked_for(inner) for inner in meta.find_referenced_templates(tree) if inner]
    return frozenset(meta.find_undeclared_variables(tree)).union(*included)


def _texts(values: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Return each text in `values`, however deep, with the name that a template calls it by."""
    if isinstance(values, str):
        yield name, values
    elif isinstance(values, Mapping):
        for key, value in values.items():
            yield from _texts(value, f"{name}.{key}" if name else str(key))
    elif isinstance(values, Sequence):
        for value in values:
            yield from _texts(value, name)
    elif hasattr(values, "__dict__"):
        yield from _texts(vars(values), name)


def _known(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _known(each) for key, each in value.items()}
    return "later" if _comes_later(value) else value


def _comes_later(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_comes_later(each) for each in value.values())
    return isinstance(value, Output | Awaitable)


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
