"""Imports point one way: ground, forms, one hardened container, nouns, and one place where they meet."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "mailinfra"

GROUND = {"types", "images", "hashes"}
NOUNS = {
    "accounts",
    "certificates",
    "database",
    "dns",
    "dovecot",
    "grants",
    "mysql_server",
    "postfix",
    "postfix_files",
    "roundcube",
    "roundcube_files",
}
SHARED = {*GROUND, "daemons", "folders", "protection", "rendering", "resources", "service"}
# A large noun is written in several modules.
INSIDE = {
    "database": {"grants", "mysql_server"},
    "mysql_server": {"grants"},
    "postfix": {"postfix_files"},
    "roundcube": {"roundcube_files"},
}
ALLOWED: dict[str, set[str]] = {
    "types": set(),
    "hashes": set(),
    "images": set(),
    "resources": set(),
    "protection": {"types"},
    "rendering": {"types"},
    "folders": {"rendering"},
    "service": {"folders", "images", "protection", "types"},
    "daemons": {"images", "service"},
    "settings": {"hashes", "settings", "types"},
    "config": {"settings", "types"},
    "reference": {"config", "settings", "types"},
    "schema": {"config", "reference", "settings", "types"},
    "adoption": {"hashes", "settings", "types"},
    "adopt": {"adoption", "provider", "settings", "types"},
    "provider": {"hashes", "provider", "types"},
    "wiring": {*SHARED, *NOUNS, "config", "settings"},
    "parts": {*SHARED, *NOUNS, "config", "settings", "wiring"},
    "mailserver": {*SHARED, *NOUNS, "config", "parts", "settings", "wiring"},
    **{noun: {*SHARED, *INSIDE.get(noun, set())} for noun in NOUNS},
}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).with_suffix("").parts[0], path


def imported(path: Path) -> set[str]:
    """Return the parts of mailinfra that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "mailinfra":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mailinfra."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("mailinfra.")}
    return found


@pytest.mark.parametrize(
    ("part", "path"), list(modules()), ids=lambda value: value.name if isinstance(value, Path) else ""
)
def test_a_module_imports_only_what_stands_below_it(part: str, path: Path) -> None:
    if part == "__init__":
        return
    assert part in ALLOWED, f"{path.name} has no place in the table: which parts may it import?"
    assert imported(path) - ALLOWED[part] == set(), f"{path.name} reaches past its place"


def test_only_the_configuration_reads_pulumis_configuration() -> None:
    readers = [path.name for _, path in modules() if "pulumi.Config" in path.read_text()]
    assert set(readers) <= {"config.py"}, "a second reader would be a setting that nobody checks"


def test_only_the_service_and_its_folders_say_container() -> None:
    sayers = [path.name for _, path in modules() if "docker.Container(" in path.read_text()]
    assert sorted(sayers) == ["folders.py", "service.py"], "hardening is decided in one place"


def test_the_program_knows_nothing_of_the_bootstrap_or_the_tests() -> None:
    for _, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if name.split(".")[0] in {"bootstrap", "tests"}], path.name


def test_the_entry_point_fits_on_a_screen() -> None:
    entry = PACKAGE.parent / "__main__.py"
    assert len(entry.read_text().splitlines()) <= 25


@pytest.mark.parametrize("path", [path for _, path in modules()], ids=lambda path: path.stem)
def test_a_module_is_about_one_noun_and_says_what_it_owns(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 250, "a second noun is hiding in it"
    assert ast.get_docstring(ast.parse(text)), "its first lines say what it owns"
