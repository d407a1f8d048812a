"""What holds against relaying and smuggling without the filter holds with it: the same tests once more."""

from collections.abc import Iterator

import pytest

from tests.e2e.filtered import with_filter
from tests.e2e.server import Server
from tests.e2e.test_relay import *  # noqa: F403
from tests.e2e.test_smuggling import *  # noqa: F403

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600), pytest.mark.long]


@pytest.fixture(scope="module", autouse=True)
def filtered(server: Server) -> Iterator[None]:
    """The shared stack with the filter."""
    with with_filter(server, recipientsPerHour=1000):
        yield
