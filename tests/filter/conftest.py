"""One filter for most of these tests, and a careless one beside it: the same without the program's rules."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.filter.world import own_records, own_zones, strangers
from tests.filter.yard import Files, Filter, Yard, yard
from tests.name_server import NameServer, serving

GATEWAY = "192.0.2.1"
"""Address of the gateway, behind which Docker hides strangers (tests/samples.py)."""


TRUSTING = """\
use = ["authentication-results"];
routines {
  authentication-results {
    remove = 1;
  }
}
"""
"""Of what is said in our name the first is taken off, and of strangers alone."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the tests are: a yard, names, and the memory's address."""

    yard: Yard
    names: NameServer
    memory: str

    def filter(self, **options: object) -> Filter:
        """Start one more filter."""
        return self.yard.rspamd(self.memory, self.names.port, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """Yield the place."""
    with (
        yard() as empty,
        serving(NameServer({**strangers(), **own_zones(own_records())}, host=empty.gateway)) as names,
    ):
        yield Place(yard=empty, names=names, memory=empty.address(empty.valkey()))


@pytest.fixture(scope="session")
def filter_(place: Place) -> Filter:
    """Return a filter as the program declares it."""
    return place.filter()


def carelessly(files: dict[str, str]) -> Files:
    """Return the files without each rule that a test proves."""
    signing = files["local.d/dkim_signing.conf"]
    for name in ("sign_local", "allow_hdrfrom_mismatch", "allow_envfrom_empty"):
        signing = signing.replace(f"{name} = false;", f"{name} = true;")
    options = files["override.d/options.inc"]
    left_out = ("force_actions", "composites", "milter_headers", "settings", "actions", "ratelimit", "arc")
    return {
        **{
            path: text
            for path, text in files.items()
            if path not in {f"local.d/{name}.conf" for name in left_out}
        },
        "local.d/dkim_signing.conf": signing,
        # Private networks are local, as packaged.
        "override.d/options.inc": "\n".join(
            line for line in options.splitlines() if not line.startswith("local_addrs")
        ),
        "local.d/milter_headers.conf": TRUSTING,
        "local.d/actions.conf": 'reject = 1000; "add header" = 900; greylist = null;\n',
    }


@pytest.fixture(scope="session")
def careless(place: Place) -> Filter:
    """Return a filter without our rules: what it does alike, no rule of ours has done."""
    return place.filter(edit=carelessly)
