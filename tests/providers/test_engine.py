"""The local providers under the real engine: what a person with a stack sees of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pymysql
import pytest
from cryptography import x509

from bootstrap.base_image import BASE
from bootstrap.providers.install import VERSIONS, launcher

pytestmark = pytest.mark.providers

PROGRAM = Path(__file__).with_name("program")
SECONDS = 240


class Stack:
    """A stack of the small program, with a state and a plugin folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "Pulumi.test.yaml"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name.upper() != "ALL_PROXY"},
            "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": folder.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "only a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "MAILINFRA_MYSQL_RETRY_SECONDS": "2",
        }
        for name in ("PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_CREDENTIALS_PATH"):
            self._environment.pop(name, None)
        for name, version in VERSIONS.items():
            launcher(name, folder / name, Path(sys.executable))
            self.run("plugin", "install", "resource", name, version, "--file", str(folder / name))
        self.run("stack", "init", "test")

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Return what the engine prints; it has to end well, or badly where it `fails`."""
        placed = [] if arguments[0] in ("plugin", "stack") else ["--config-file", str(self._file)]
        if arguments[0] != "plugin":
            placed += ["--stack", "test"] if arguments[:2] != ("stack", "init") else []
        done = subprocess.run(
            ["pulumi", "--non-interactive", "--color=never", *arguments, *placed],
            cwd=PROGRAM,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def up(self, *, fails: bool = False) -> str:
        """Bring the stack up."""
        return self.run("up", "--yes", "--skip-preview", "--diff", fails=fails)

    def steps(self, *options: str) -> dict[str, str]:
        """Return name -> step of what an update would do."""
        printed = self.run("preview", "--json", *options)
        found = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
        return {
            step["urn"].rpartition("::")[2]: step["op"]
            for step in found["steps"]
            if step["op"] not in ("same", "refresh", "read")
        }

    def output(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets in clear."""
        printed = self.run("stack", "output", "--json", "--show-secrets")
        outputs: dict[str, Any] = json.loads(printed)
        return outputs


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, surroundings: Path, mysql: dict[str, Any]
) -> Iterator[Stack]:
    """The stack, up."""
    folder = tmp_path_factory.mktemp("stack")
    context = tmp_path_factory.mktemp("built")
    (context / "Dockerfile").write_text('ARG BASE\nFROM ${BASE}\nARG STEP\nRUN sh -c "$STEP"\n')
    sql(mysql, "CREATE DATABASE IF NOT EXISTS prov")
    found = Stack(folder)
    settings = {"context": str(context), "base": BASE, "endpoint": mysql["endpoint"]}
    for name, value in settings.items():
        found.run("config", "set", name, value)
    found.run("config", "set", "--secret", "password", mysql["password"])
    found.up()
    yield found
    found.run("destroy", "--yes", "--skip-preview")


def sql(settings: dict[str, Any], statement: str) -> list[tuple[Any, ...]]:
    """Run a statement as root; return its rows."""
    host, port = settings["endpoint"].split(":")
    with (
        pymysql.connect(host=host, port=int(port), user="root", password=settings["password"]) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
        return list(cursor.fetchall())


def grants(settings: dict[str, Any]) -> str:
    return "\n".join(row[0] for row in sql(settings, "SHOW GRANTS FOR prov@'%'"))


def test_the_second_preview_is_empty(stack: Stack) -> None:
    assert stack.steps() == {}


def test_the_preview_after_a_refresh_is_empty(stack: Stack) -> None:
    assert stack.steps("--refresh") == {}


def test_a_certificate_is_signed_by_the_authority(stack: Stack) -> None:
    outputs = stack.output()
    certificate, authority = (
        x509.load_pem_x509_certificate(outputs[name].encode()) for name in ("certificate", "authority")
    )
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mail.example.test"]


def test_a_secret_shows_neither_in_the_state_nor_in_a_preview(stack: Stack) -> None:
    secret = stack.output()["password"]
    assert secret not in stack.run("stack", "export")
    assert secret not in stack.run("preview", "--diff")


def test_a_container_reads_what_another_one_that_never_ran_was_given(
    stack: Stack, daemon: docker.DockerClient
) -> None:
    (reader,) = daemon.containers.list(filters={"name": "reader"})
    assert reader.exec_run(["cat", "/etc/read/plain"]).output == b"one"
    secret = reader.exec_run(["cat", "/etc/read/sub/secret"]).output
    assert secret == stack.output()["password"].encode()


def test_a_changed_file_replaces_only_the_container_that_it_is_given_to(stack: Stack) -> None:
    stack.run("config", "set", "text", "two")
    assert stack.steps() == {"filler": "replace"}
    stack.up()
    assert stack.steps() == {}


def test_another_memory_limit_changes_the_running_container(
    stack: Stack, daemon: docker.DockerClient
) -> None:
    (before,) = daemon.containers.list(filters={"name": "reader"})
    stack.run("config", "set", "memory", "96")
    stack.up()
    (after,) = daemon.containers.list(filters={"name": "reader"})
    assert (after.id, after.attrs["HostConfig"]["Memory"]) == (before.id, 96 * 1024 * 1024)
    assert stack.steps("--refresh") == {}


def test_a_right_that_was_taken_away_is_gone(stack: Stack, mysql: dict[str, Any]) -> None:
    assert "SELECT, INSERT" in grants(mysql)
    stack.run("config", "set", "--path", "privileges[0]", "SELECT")
    stack.up()
    assert "INSERT" not in grants(mysql)
    assert "SELECT" in grants(mysql)
    assert stack.steps("--refresh") == {}


def test_what_somebody_stopped_by_hand_shows_after_a_refresh(
    stack: Stack, daemon: docker.DockerClient
) -> None:
    (reader,) = daemon.containers.list(filters={"name": "reader"})
    reader.remove(force=True)
    assert stack.steps("--refresh")["reader"] == "create"
    stack.run("up", "--yes", "--skip-preview", "--refresh")
    assert stack.steps() == {}


def test_a_container_that_stays_unhealthy_fails_the_up_and_the_next_one_replaces_it(stack: Stack) -> None:
    stack.run("config", "set", "healthy", "/nowhere")
    stack.run("config", "set", "patience", "3")
    assert "container failed to be in healthy state" in stack.up(fails=True)
    stack.run("config", "rm", "healthy")
    stack.run("config", "rm", "patience")
    assert stack.steps()["reader"] == "replace"
    stack.up()
    assert stack.steps() == {}


def test_a_failed_build_shows_what_the_build_said(stack: Stack) -> None:
    stack.run("config", "set", "build", "echo the disk is blue; exit 3")
    said = stack.up(fails=True)
    stack.run("config", "rm", "build")
    assert "the disk is blue" in said
    assert "returned a non-zero code: 3" in said


def test_the_volume_and_the_database_outlive_a_destroy_and_the_next_up_finds_them(
    stack: Stack, mysql: dict[str, Any], daemon: docker.DockerClient
) -> None:
    (reader,) = daemon.containers.list(filters={"name": "reader"})
    reader.exec_run(["sh", "-c", "echo kept > /data/file"])
    sql(mysql, "CREATE TABLE IF NOT EXISTS prov.kept (id INT)")
    stack.run("destroy", "--yes", "--skip-preview")
    assert daemon.containers.list(all=True, filters={"name": "reader"}) == []
    assert sql(mysql, "SELECT User FROM mysql.user WHERE User = 'prov'") == []
    stack.up()
    (reader,) = daemon.containers.list(filters={"name": "reader"})
    assert reader.exec_run(["cat", "/data/file"]).output == b"kept\n"
    assert sql(mysql, "SHOW TABLES FROM prov") == [("kept",)]
    assert stack.steps("--refresh") == {}
