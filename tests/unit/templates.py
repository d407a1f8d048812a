"""What the templates under configs/ ask for, and the same values with one taken away."""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import Environment, FileSystemLoader, meta, nodes

from mailinfra.containers.rendering import CONFIGS

ENVIRONMENT = Environment(loader=FileSystemLoader(CONFIGS), autoescape=False)


def names_in(path: str) -> set[str]:
    """Return what a template, and those that it includes, ask for: `limits`, `limits.message_size`."""
    assert ENVIRONMENT.loader is not None
    tree = ENVIRONMENT.parse(ENVIRONMENT.loader.get_source(ENVIRONMENT, path)[0])
    given = meta.find_undeclared_variables(tree)
    found = {_dotted(node) for node in tree.find_all((nodes.Getattr, nodes.Name))}
    inner = [names_in(included) for included in meta.find_referenced_templates(tree) if included]
    return {name for name in found if name.partition(".")[0] in given}.union(*inner)


def _dotted(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr):
        return f"{_dotted(node.node)}.{node.attr}"
    return node.name if isinstance(node, nodes.Name) else ""


def without(values: object, missing: str) -> dict[str, Any]:
    """Return `values` as mappings, with one name taken away, however deep it is."""
    first, _, rest = missing.partition(".")
    known = dict(values) if isinstance(values, Mapping) else dict(vars(values))
    assert first in known, f"{missing} is asked for, and nothing gives it"
    inner = {first: without(known[first], rest)} if rest else {}
    return {**{name: value for name, value in known.items() if name != first}, **inner}


def leaves(values: Mapping[str, Any], start: str = "") -> Iterator[str]:
    """Return the names that mappings give; a section of the form and a peer's ports are one name each."""
    for name, value in values.items():
        if isinstance(value, Mapping) and name != "ports":
            yield from leaves(value, f"{start}{name}.")
        else:
            yield f"{start}{name}"
