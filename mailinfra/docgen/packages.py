"""Packages: what each part of the program is for, and what it imports.

Owns the reading of the source files. Does not own which imports are right: a test holds their table.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One package, or one module that stands beside the packages."""

    name: str
    """As it is imported from `mailinfra`."""

    purpose: str
    """First sentence of its docstring."""

    imports: frozenset[str]
    """The other parts that it imports."""


def parts() -> list[Part]:
    """Return the parts of the program: after those that they import, and by name among equals."""
    found: dict[str, Part] = {}
    for path in sorted(ROOT.iterdir()):
        modules = [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
        if path.stem.startswith("_") or not modules:
            continue
        head = path / "__init__.py" if path.is_dir() else path
        imports = {other for module in modules for other in _imported(module)}
        found[path.stem] = Part(
            name=path.stem,
            purpose=_first_sentence(ast.get_docstring(ast.parse(head.read_text())) or ""),
            imports=frozenset(imports - {path.stem}),
        )
    return sorted(found.values(), key=lambda part: (_height(part, found), part.name))


def _height(part: Part, found: Mapping[str, Part]) -> int:
    return max((1 + _height(found[other], found) for other in part.imports), default=0)


def _imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.ImportFrom(module="mailinfra"):
                yield from (alias.name for alias in node.names if alias.name.islower())
            case ast.ImportFrom(module=str(name)) if name.startswith("mailinfra."):
                yield name.split(".")[1]
            case ast.Import():
                names = [alias.name.split(".") for alias in node.names]
                yield from (words[1] for words in names if words[0] == "mailinfra" and len(words) > 1)


def _first_sentence(docstring: str) -> str:
    text = " ".join(docstring.split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".") + "."
