"""Imports point one way: ground, forms, one hardened container, nouns, and one place where they meet."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "mailinfra"

GROUND = {"addresses", "chains", "hashes", "types", "user_ids"}
BELOW_NOUNS = {
    *GROUND,
    "containers",
    "components.encryption",
    "components.handles",
    "components.keeping",
    "components.own_provider",
    "components.passwords",
    "components.policy",
}
SECTIONS: dict[str, set[str]] = {
    "components.accounts": {"config.accounts"},
    "components.acme": {"config.certificate"},
    "components.certificate_files": set(),
    "components.certificates": {"config.certificate", "config.endings"},
    # A hook that runs in this program drops stale users over the provider's connection.
    "components.database": {"config.storage", "provider"},
    "components.dkim": {"config.dkim"},
    "components.dns": {"config.dkim", "config.mta_sts", "config.network"},
    "components.dovecot": {"config.mail", "config.network", "config.storage"},
    "components.network": {"config.network"},
    "components.postfix": {"config.mail", "config.network"},
    "components.roundcube": {"config.mail", "config.mta_sts", "config.network"},
    "components.resolver": set(),
    "components.rspamd": {"config.filtering", "config.mail"},
    "components.valkey": set(),
}
"""Noun -> its own sections of the form, and what else only it may import; no noun imports another one."""

ALLOWED: dict[str, set[str]] = {
    "addresses": set(),
    "chains": set(),
    "hashes": set(),
    "types": {"addresses"},
    "user_ids": set(),
    "config": {*GROUND},
    "containers": {*GROUND},
    "components.encryption": set(),
    "components.handles": {*GROUND},
    "components.keeping": {"components.own_provider"},
    "components.own_provider": {*GROUND},
    "components.passwords": set(),
    "components.policy": {*GROUND, "containers"},
    **{noun: {*BELOW_NOUNS, *sections} for noun, sections in SECTIONS.items()},
    # The only place where the parts meet.
    "components.mailserver": {*BELOW_NOUNS, *SECTIONS, "config"},
    "provider": {*GROUND},
    "cli": {*GROUND, "config", "provider"},
    "docgen": {*GROUND, "config", "components.mailserver"},
}
"""Part -> the modules and packages that it may import beside itself. A part is a package; each component is
one, too."""


def part_of(name: str) -> str:
    """Return the part that a dotted name lies in: `components.database.users` -> `components.database`."""
    words = name.split(".")
    return ".".join(words[: 2 if words[0] == "components" else 1])


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        words = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(words[:-1] if words[-1] == "__init__" else words)
        if name not in {"", "components"}:
            yield part_of(name), path


def imported(path: Path) -> set[str]:
    """Return the modules of mailinfra that a module imports, anywhere in it, without the package's name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            # `from mailinfra.components import dovecot` names a module, or a name in one.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.removeprefix("mailinfra.") for name in names if name.startswith("mailinfra.")}
    return found


def lies_in(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


@pytest.mark.parametrize(
    ("part", "path"), list(modules()), ids=lambda value: value.name if isinstance(value, Path) else ""
)
def test_a_module_imports_only_what_stands_below_it(part: str, path: Path) -> None:
    assert part in ALLOWED, f"{path.name} has no place in the table: which parts may it import?"
    beyond = [
        name for name in imported(path) if not any(lies_in(name, each) for each in {part, *ALLOWED[part]})
    ]
    assert beyond == [], f"{path.name} reaches past its place"


def test_a_row_names_nothing_that_its_part_does_not_import() -> None:
    """The ground, the handles and what is below are for everybody; all else is there because it is used."""
    everybody = {*BELOW_NOUNS}
    for part, allowed in ALLOWED.items():
        used = set().union(*(imported(path) for owner, path in modules() if owner == part))
        stale = {one for one in allowed - everybody if not any(lies_in(name, one) for name in used)}
        assert stale == set(), f"{part} may import what it does not"


def test_every_row_of_the_table_is_a_part() -> None:
    assert {part for part, _ in modules()} == set(ALLOWED), "a row without a module guards nothing"


def test_only_the_configuration_reads_pulumis_configuration() -> None:
    readers = [path.name for _, path in modules() if "pulumi.Config" in path.read_text()]
    assert readers == ["load.py"], "a second reader would be a setting that nobody checks"


def test_only_the_service_and_its_config_volumes_say_container() -> None:
    sayers = [path.name for _, path in modules() if "docker.Container(" in path.read_text()]
    assert sorted(sayers) == ["config_volumes.py", "service.py"], "hardening is decided in one place"


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
def test_a_module_says_what_it_owns(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "its first lines say what it owns"


@pytest.mark.parametrize("path", [path for _, path in modules()], ids=lambda path: path.stem)
def test_a_module_that_points_at_another_one_points_at_one_that_exists(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    for name in re.findall(r"[\w/.]+(?:\.py|/)(?![\w/])", docstring):
        beside = [folder / name for folder in (path.parent, PACKAGE, PACKAGE.parent)]
        assert any(one.exists() for one in beside), f"{path.name} says that {name} owns something"


@pytest.mark.parametrize("folder", ["bench", "bootstrap", "mailinfra", "docs", "configs", "images"])
def test_a_module_that_is_named_anywhere_exists(folder: str) -> None:
    root = PACKAGE.parent
    known = {
        f"/{path.relative_to(root)}"
        for top in ("bench", "bootstrap", "images", "mailinfra", "tests")
        for path in (root / top).rglob("*.py")
    } | {"/__main__.py"}
    for path in (root / folder).rglob("*"):
        if path.is_file() and path.suffix in {".py", ".md", ".conf", ".cf", ""}:
            for name in re.findall(r"(?<![\w/*>}])[a-z_][\w/]*\.py\b", path.read_text()):
                assert any(one.endswith(f"/{name}") for one in known), f"{path.name} names {name}"
