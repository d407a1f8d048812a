"""What people read leads somewhere: links between the documents end at a file, and at a heading in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

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
