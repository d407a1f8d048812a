"""docs/containers.md says of every container what it may, and the whole server declares just that."""

import re
from pathlib import Path

import pytest

from mailinfra.containers.config_volumes import OPEN_FILES, PROCESSES
from tests.graph.conftest import CONTAINER, Engine, heard, plain
from tests.graph.test_mailserver import build

PAGE = (Path(__file__).parents[2] / "docs" / "containers.md").read_text()
FILLING = "those that fill a volume"
NAMES = {"database": "mail-database-", "dovecot": "mail-dovecot-", "postfix": "mail-postfix-"} | {
    "webmail": "mail-roundcube-"
}


@pytest.fixture(scope="module")
def built() -> Engine:
    return heard(build)


def table() -> dict[str, list[str]]:
    """Return container -> the cells beside it."""
    rows = re.findall(r"^\| (\w[\w ]*?) \| (.*) \|$", PAGE.split("| container |")[1].split("\n\n")[0], re.M)
    return {name: cells.split(" | ") for name, cells in rows}


def test_the_page_names_every_container(built: Engine) -> None:
    assert set(table()) == {*NAMES, FILLING}
    fronts = tuple(NAMES.values())
    assert all(request.name.startswith(fronts) for request in built.created(CONTAINER))


def test_each_container_has_the_capabilities_and_the_user_of_the_page(built: Engine) -> None:
    for name, (user, capabilities, *_) in table().items():
        requests = [
            request
            for request in built.created(CONTAINER)
            if (
                request.name.endswith("-filler")
                if name == FILLING
                else request.name == f"{NAMES[name]}service-container"
            )
        ]
        assert requests, name
        for request in requests:
            declared = plain(request.object)
            told = sorted(f"CAP_{each}" for each in re.findall(r"`([A-Z_]+)`", capabilities))
            assert declared["capabilities"] == {"adds": told, "drops": ["ALL"]}, request.name
            # An image of ours says itself as whom it runs.
            if "user" in declared:
                assert declared["user"].split(":")[0] == re.findall(r"\d+", user)[0], request.name


def test_the_page_names_the_limits(built: Engine) -> None:
    assert f"{OPEN_FILES:,}" in PAGE
    assert f"{PROCESSES:,}" in PAGE
    for request in built.created(CONTAINER):
        declared = plain(request.object)
        assert declared["memory"] == declared["memorySwap"] > 0, request.name
        assert {each["name"] for each in declared["ulimits"]} == {"nofile", "nproc"}, request.name
