"""What the local providers refuse, and that they say it in one sentence that helps."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2 as proto

from bootstrap.providers.install import launcher
from tests.providers.wire import Plugin, encoded, plugin

pytestmark = pytest.mark.providers

NETWORK = "docker:index/network:Network"
CONTAINER = "docker:index/container:Container"
DATABASE = "mysql:index/database:Database"
RETRY_SECONDS = 1


@pytest.fixture
def mysql_plugin(tmp_path: Path) -> Iterator[Plugin]:
    """A mysql provider that nobody has configured yet, and that gives up soon."""
    environment = {**os.environ, "MAILINFRA_MYSQL_RETRY_SECONDS": str(RETRY_SECONDS)}
    with plugin(launcher("mysql", tmp_path, Path(sys.executable)), environment) as started:
        yield started


def create(started: Plugin, token: str, **inputs: Any) -> str:
    """Return the error of making a resource."""
    request = proto.CreateRequest(urn=f"urn:pulumi:t::t::{token}::n", properties=encoded(inputs))
    return started.ask("Create", request).error


def configure(started: Plugin, settings: dict[str, Any]) -> None:
    started.ask("Configure", proto.ConfigureRequest(args=encoded(settings)))


def create_database(started: Plugin, settings: dict[str, Any]) -> str:
    configure(started, settings)
    return create(
        started, DATABASE, name="refused", defaultCharacterSet="utf8mb4", defaultCollation="utf8mb4_bin"
    )


def test_a_missing_docker_daemon_is_one_sentence_with_its_place(tmp_path: Path) -> None:
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    with plugin(launcher("docker", tmp_path, Path(sys.executable)), environment) as started:
        error = create(started, NETWORK, name="refused", ipamDriver="default")
    assert error.startswith("cannot reach the Docker daemon at unix:///nowhere/docker.sock: ")
    assert error.endswith("; start it, or name another in DOCKER_HOST")


def test_a_mysql_server_that_does_not_answer_is_given_up_after_the_time_for_retries(
    mysql_plugin: Plugin,
) -> None:
    began = time.monotonic()
    error = create_database(mysql_plugin, {"endpoint": "127.0.0.1:9", "username": "root", "password": "x"})
    assert "could not connect to server: Error 2003" in error
    assert RETRY_SECONDS <= time.monotonic() - began < RETRY_SECONDS + 10


def test_a_wrong_mysql_password_is_told_and_not_repeated(mysql_plugin: Plugin, mysql: dict[str, Any]) -> None:
    error = create_database(mysql_plugin, {**mysql, "password": "not-the-password"})
    assert "Error 1045" in error
    assert "not-the-password" not in error


def test_a_certificate_that_nobody_vouches_for_is_refused_where_it_has_to_be_verified(
    mysql_plugin: Plugin, mysql: dict[str, Any]
) -> None:
    assert "CERTIFICATE_VERIFY_FAILED" in create_database(mysql_plugin, {**mysql, "tls": "true"})


def test_with_tls_the_mysql_connection_is_encrypted(mysql_plugin: Plugin, mysql: dict[str, Any]) -> None:
    user = {"user": "encrypted", "host": "%", "plaintextPassword": "only-a-test", "tlsOption": "SSL"}
    configure(mysql_plugin, mysql)
    assert create(mysql_plugin, "mysql:index/user:User", **user) == ""
    login = {**mysql, "username": "encrypted", "password": "only-a-test"}
    assert "Error 1045" in create_database(mysql_plugin, {**login, "tls": "false"})
    # Error 1044: logged in, and may not make a database.
    assert "Error 1044" in create_database(mysql_plugin, {**login, "tls": "skip-verify"})


def test_a_setting_that_a_local_provider_does_not_have_is_refused_by_name(mysql_plugin: Plugin) -> None:
    urn = "urn:pulumi:t::t::pulumi:providers:mysql::server"
    request = proto.CheckRequest(urn=urn, news=encoded({"endpoint": "x", "proxy": "socks5://y"}))
    failures = mysql_plugin.ask("CheckConfig", request).fields["failures"]
    assert [(failure.property, failure.reason) for failure in failures] == [
        ("proxy", f"the local provider does not have 'proxy'; remove it from {urn}")
    ]


@pytest.mark.parametrize(
    ("endpoint", "changes"),
    [("127.0.0.1:1", proto.DiffResponse.DIFF_UNKNOWN), ("127.0.0.1:2", proto.DiffResponse.DIFF_SOME)],
)
def test_another_endpoint_changes_the_provider_and_replaces_nothing(
    mysql_plugin: Plugin, endpoint: str, changes: int
) -> None:
    request = proto.DiffRequest(
        urn="urn:pulumi:t::t::pulumi:providers:mysql::server",
        olds=encoded({"endpoint": "127.0.0.1:1"}),
        news=encoded({"endpoint": endpoint}),
    )
    fields = mysql_plugin.ask("DiffConfig", request).fields
    assert (fields["changes"], list(fields["replaces"])) == (changes, [])


def test_a_resource_that_a_local_provider_does_not_have_is_refused_by_name(
    plugins: dict[str, Plugin],
) -> None:
    error = create(plugins["random"], "random:index/randomPet:RandomPet")
    assert error == (
        "random:index/randomPet:RandomPet is not a resource that this local provider has; "
        "it has random:index/randomPassword:RandomPassword"
    )


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("docker", "docker:index/container:Container"),
        ("mysql", "mysql:index/user:User"),
        ("mysql", "mysql:index/grant:Grant"),
        ("random", "random:index/randomPassword:RandomPassword"),
        ("tls", "tls:index/privateKey:PrivateKey"),
    ],
)
def test_what_only_the_state_knows_cannot_be_imported(
    plugins: dict[str, Plugin], name: str, token: str
) -> None:
    request = proto.ReadRequest(id="somebody", urn=f"urn:pulumi:t::t::{token}::n")
    assert "cannot be imported; given 'somebody'" in plugins[name].ask("Read", request).error


def test_a_database_can_be_imported_with_all_its_inputs(
    plugins: dict[str, Plugin], mysql: dict[str, Any]
) -> None:
    configure(plugins["mysql"], mysql)
    request = proto.ReadRequest(id="mysql", urn=f"urn:pulumi:t::t::{DATABASE}::n")
    assert plugins["mysql"].ask("Read", request).fields["inputs"] == {
        "name": "mysql",
        "defaultCharacterSet": "utf8mb4",
        "defaultCollation": "utf8mb4_0900_ai_ci",
    }


def test_a_mount_of_an_unknown_kind_is_refused(
    plugins: dict[str, Plugin],
) -> None:
    inputs = {"image": "none", "name": "none", "wait": True, "mounts": [{"type": "v", "target": "/"}]}
    request = proto.CheckRequest(urn=f"urn:pulumi:t::t::{CONTAINER}::n", news=encoded(inputs))
    (failure,) = plugins["docker"].ask("Check", request).fields["failures"]
    assert "'v' doesn't match the pattern" in failure.reason


def test_a_launcher_works_from_anywhere_and_is_shadowed_by_nothing(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/__init__.py").write_text("raise SystemExit('the wrong package')")
    copied = shutil.copytree(
        launcher("docker", tmp_path / "a folder", Path(sys.executable)).parent, tmp_path / "copy"
    )
    with subprocess.Popen(
        [copied / "pulumi-resource-docker"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        port = process.stdout.readline().strip()
        process.terminate()
    assert port.isdigit()
