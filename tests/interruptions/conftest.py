"""The server that is interrupted: up and with mail, accounts and a contact before each test."""

from collections.abc import Iterator

import pytest

from tests.interruptions import evidence
from tests.interruptions.evidence import Evidence
from tests.interruptions.yard import DAEMONS, Yard, yard


@pytest.fixture(scope="session")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Yard, Evidence]]:
    """A checkout in which a first `make up` has ended well, and what nothing may touch."""
    with yard(tmp_path_factory.mktemp("interruptions")) as made:
        made.up()
        yield made, evidence.put(made)


@pytest.fixture
def server(first: tuple[Yard, Evidence]) -> Iterator[Yard]:
    """The checkout, its server up; after the test the server is up again and its data is what it was."""
    made, before = first
    if made.healthy() != DAEMONS:
        made.up()
    yield made
    if made.healthy() == DAEMONS:
        assert evidence.find(made) == before, "data is not what it was"
