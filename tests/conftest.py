"""What is true for every tier: how the garbage collector treats what the imports have left."""

import gc

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    """Take modules and tests, which stay to the end, out of each collection: they were most of its work."""
    gc.collect()
    gc.freeze()
