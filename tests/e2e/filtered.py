"""The shared stack with the filter, for as long as a module needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.server import Server


@contextmanager
def with_filter(server: Server, **filtering: Any) -> Iterator[None]:
    """Switch the filter on, with these settings; then off again.

    Users write From as they like: what is signed of that, the filter alone decides.
    """
    settings = server.stack.settings
    # The name server of the tests knows no DNSSEC, as many do not: mail flows all the same.
    given = {"filtering": filtering or True, "sending": {"headerFrom": "any"}, "dnssec": "permissive"}
    server.stack.configure({**settings, **given})
    server.stack.up()
    server.read()
    yield
    server.stack.configure(settings)
    server.stack.up()
    server.read()
