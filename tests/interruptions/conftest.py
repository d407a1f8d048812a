"""The server that is interrupted: up and with mail, accounts and a contact before each test."""

from collections.abc import Iterator

import pytest

from tests import canaries
from tests.interruptions import evidence
from tests.interruptions.evidence import Evidence
from tests.interruptions.yard import DAEMONS, Yard, yard


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Yard, Evidence]]:
    """A checkout in which a first `make up` has ended well, and what nothing may touch.

    Nothing that a `make` of the whole run has said holds a secret.
    """
    with yard(tmp_path_factory.mktemp("interruptions")) as made:
        made.up()
        known = made.secrets()
        yield made, evidence.put(made)
        known |= {f"{what}, at the end": secret for what, secret in made.secrets().items()}
        said = {f"make {number}": text for number, text in enumerate(made.heard)}
        sown = {"sown": next(text for what, text in known.items() if what.startswith("mail-database-"))}
        found = canaries.in_texts(known, {**said, **sown}, made.folder / "search")
        assert {place for _, place in found} == {"sown"}, found


@pytest.fixture
def server(first: tuple[Yard, Evidence]) -> Iterator[Yard]:
    """The checkout, its server up; after the test the server is up again and its data is what it was."""
    made, before = first
    if made.healthy() != DAEMONS:
        made.up()
    yield made
    if made.healthy() == DAEMONS:
        assert evidence.find(made) == before, "data is not what it was"
