"""docs/containers.md says of every container what it may, and the whole server declares just that."""

import re
from collections.abc import Iterator
from functools import partial

import pytest

from mailinfra.containers.config_volumes import OPEN_FILES, PROCESSES
from tests.certificate_files import maker
from tests.containers_page import PAGE, places, table
from tests.graph.conftest import CONTAINER, Engine, heard, plain
from tests.graph.test_mailserver import ACME, build

FILLING = "those that fill a volume"
DAEMONS = ("acme", "certificate", "database", "dovecot", "postfix", "resolver", "rspamd", "valkey")
NAMES = {
    **{name: f"mail-{name}-" for name in DAEMONS},
    "certificate": "mail-certificate-files-",
    "webmail": "mail-roundcube-",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Every container that there can be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("files"))
        given = maker()()
        engine = heard(partial(build, certificate=given, webmail={"certificate": given}))
        by_acme = heard(partial(build, **ACME))
        engine.requests += [one for one in by_acme.requests if one.name.startswith(NAMES["acme"])]
        yield engine


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
        assert {each["name"] for each in declared["ulimits"]} == {"core", "nofile", "nproc"}, request.name


@pytest.mark.parametrize("name", NAMES)
def test_each_container_may_write_where_the_page_says_why_and_nowhere_else(built: Engine, name: str) -> None:
    declared = plain(built.one(CONTAINER, f"{NAMES[name]}service-container").object)
    told = places().get(name, {})
    memory = declared.get("tmpfs") or {}
    volumes = {mount["target"] for mount in declared["mounts"] if not mount.get("readOnly")}
    assert volumes == {path for path, kind in told.items() if kind.startswith("volume")}
    assert set(memory) == {path for path, kind in told.items() if kind.startswith("memory")}
    runs = {path for path, options in memory.items() if "exec" in options.split(",")}
    assert runs == {path for path, kind in told.items() if "may run" in kind}


def test_the_page_says_how_long_a_log_grows_and_that_the_host_gives_nothing(built: Engine) -> None:
    assert "| log | 50 MiB in five files |" in PAGE
    for request in built.created(CONTAINER):
        declared = plain(request.object)
        given = {"devices", "pidMode", "ipcMode", "usernsMode", "privileged"}
        assert not given & set(declared), request.name
        assert declared.get("networkMode", "none") == "none", request.name
        assert not any("hostPath" in volume for volume in declared.get("volumes", [])), request.name
        assert {mount["type"] for mount in declared.get("mounts", [])} <= {"volume"}, request.name
        if not request.name.endswith("-filler"):
            assert declared["logOpts"] == {"max-size": "10m", "max-file": "5"}, request.name


def test_what_is_rendered_is_mounted_by_one_container_alone(built: Engine) -> None:
    users: dict[str, list[str]] = {}
    for request in built.created(CONTAINER):
        for mount in plain(request.object).get("mounts", []):
            if not request.name.endswith("-filler"):
                users.setdefault(mount["source"], []).append(request.name)
    assert users
    shared = {source for source, names in users.items() if len(names) > 1}
    assert shared == {"mailinfra-test-shown-mail", "mailinfra-test-shown-webmail"}, (
        "the certificates alone, which one writes and others read"
    )
