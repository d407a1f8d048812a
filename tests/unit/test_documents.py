"""What people read leads somewhere: links between the documents end at a file, and at a heading in it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mailinfra.config.network import PortsConfig

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def links(document: Path) -> Iterator[str]:
    """Return where the links of a document lead, those to other sites left out."""
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" not in target:
            yield target


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as hosting platforms make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: str(one.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_exist(document: Path) -> None:
    for link in links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: str(one.relative_to(ROOT)))
def test_every_document_is_reached_from_the_readme(document: Path) -> None:
    assert document.resolve() in reached(ROOT / "README.md"), "nobody finds it"


def reached(start: Path) -> set[Path]:
    """Return the documents that links lead to from one, over any number of others."""
    found, ahead = {start}, [start]
    while ahead:
        document = ahead.pop()
        for link in links(document):
            target = (document.parent / link.partition("#")[0]).resolve()
            if target.is_dir():
                target /= "README.md"
            if target.suffix == ".md" and target.exists() and target not in found:
                found.add(target)
                ahead.append(target)
    return found


@pytest.mark.parametrize("stack", ["dev", "offline", "example"])
def test_the_readme_names_domain_and_ports_of_the_shipped_stacks(stack: str) -> None:
    settings = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]["mailinfra:server"]
    ports = PortsConfig.model_validate_json(json.dumps(settings["ports"]))
    (line,) = re.findall(
        rf"^(domain=.*?) +# .*\b{stack}\b.*$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    said = dict(word.split("=") for word in line.split())
    assert said.pop("domain") == settings["accounts"]["domains"][0]["name"]
    assert settings["hostname"] == f"mail.{settings['accounts']['domains'][0]['name']}"
    named = ("smtp", "submission", "submissions", "imaps", "pop3s")
    assert said == {name: str(getattr(ports, name)) for name in named if getattr(ports, name)}


def test_every_promise_names_a_test_and_every_end_to_end_test_a_promise() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = readme[readme.index("| promise |") :].splitlines()[2:]
    named = {
        name for row in rows if row.startswith("|") for name in re.findall(r"`([\w/.]+)`", row.split("|")[2])
    }
    assert not [name for name in named if not (ROOT / "tests" / name).exists()]
    there = {f"e2e/{path.name}" for path in (ROOT / "tests/e2e").glob("test_*.py")}
    assert there - named == set(), "a promise that the README does not make"
