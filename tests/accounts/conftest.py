"""One MySQL server for all of these tests, and a database of its own for each."""

import itertools
from collections.abc import Iterator

import pytest

from tests.accounts.desk import Desk
from tests.accounts.server import Server, running

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Yield the server."""
    with running() as server:
        yield server


@pytest.fixture
def empty_desk(server: Server) -> Desk:
    """Return a desk before a database without tables."""
    database = f"mail{next(_numbers)}"
    server.sql(f"CREATE DATABASE {database} CHARACTER SET utf8mb3")
    return Desk(server, database)


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    """Return a desk before a database at the newest revision."""
    empty_desk.upgrade()
    return empty_desk
