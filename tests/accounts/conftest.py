"""One MySQL server for all of these tests, and a database of its own for each."""

import itertools
from collections.abc import Iterator

import pytest

from tests.accounts.desk import Desk
from tests.accounts.server import Server, running
from tests.accounts.tables import Tables

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


@pytest.fixture(scope="session")
def newest(server: Server) -> Tables:
    """Return the tables of a database that the migrations have brought to the newest revision."""
    database = "newest"
    server.sql(f"CREATE DATABASE {database} CHARACTER SET utf8mb3")
    Desk(server, database).upgrade()
    return Tables.of(server, database)


@pytest.fixture
def desk(empty_desk: Desk, newest: Tables) -> Desk:
    """Return a desk before a database at the newest revision: a copy, made faster than by the migrations."""
    newest.make(empty_desk.server, empty_desk.database)
    return empty_desk
