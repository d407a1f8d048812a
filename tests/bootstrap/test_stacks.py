"""Stacks: what Pulumi is asked, what a destroy keeps and names, and what only a typed name removes."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap import volumes
from bootstrap.engine import Engine
from bootstrap.problem import Problem
from bootstrap.pulumi_cli import Absent, Pulumi, stack_file
from bootstrap.record import VOLUME, Record
from bootstrap.summary import lines, write_certificate, write_meanwhile
from tests.bootstrap.conftest import World
from tests.bootstrap.test_status import REFUSED, RENEWAL

VOLUMES: list[dict[str, Any]] = [
    {"type": VOLUME, "outputs": {"name": "mailinfra-dev-mail"}, "retainOnDelete": True},
    {"type": VOLUME, "outputs": {"name": "mailinfra-dev-database"}, "protect": True},
    {"type": VOLUME, "outputs": {"name": "mailinfra-dev-dovecot-3f2a"}},
    {"type": "docker:index/network:Network", "outputs": {"name": "mailinfra-dev"}, "retainOnDelete": True},
]
OUTPUTS: Mapping[str, Any] = {
    "endpoints": {
        "smtp": {"host": "127.0.0.1", "port": 2525},
        "imaps": {"host": "127.0.0.1", "port": 2993},
        "webmail": {"url": "https://127.0.0.1:8443/"},
    },
    "mailboxes": {"bob@example.test": "hunter2", "alice@example.test": "swordfish"},
    "ca_certificate": "-----BEGIN CERTIFICATE-----\n",
    "dns_records": [{"name": "example.test", "type": "MX"}],
}


def pulumi(world: World, *, resources: list[dict[str, Any]] | None = None, destroy: int = 0) -> Pulumi:
    state = world.folder / "state.json"
    state.write_text(json.dumps({"deployment": {"resources": resources} if resources else {}}))
    script = f"""case "$1 $2" in
      "stack export") cat {state} ;;
      "stack ls") echo '[{{"name": "organization/mailinfra/dev", "current": true}}, {{"name": "b"}}]' ;;
      destroy*) exit {destroy} ;;
      "stack select") echo "error: no stack named 'dev' found" >&2; exit 255 ;;
    esac"""
    engine = Engine(program=world.program("pulumi", script), version="3.259.0")
    return Pulumi(machine=world.machine(), engine=engine)


def with_docker_volumes(world: World, *names: str) -> None:
    folder = world.folder / "volumes"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    world.program(
        "docker",
        f'cd {folder}; for name in "$@"; do :; done\ncase $2 in inspect) [ -e $name ];; rm) rm $name;; esac',
    )


def test_a_destroy_ends_with_0_and_names_the_data_that_stays(world: World) -> None:
    with_docker_volumes(world, "mailinfra-dev-mail", "mailinfra-dev-database")
    assert volumes.destroy(pulumi(world, resources=VOLUMES), "dev") == 0
    assert "pulumi destroy --yes --exclude-protected --stack dev" in world.calls
    assert "Kept, with all that is in them: mailinfra-dev-database, mailinfra-dev-mail" in world.said
    assert "dovecot-3f2a" not in world.said, "rendered files are not data"


def test_a_failed_destroy_is_not_reported_as_done(world: World) -> None:
    with_docker_volumes(world)
    assert volumes.destroy(pulumi(world, resources=VOLUMES, destroy=255), "dev") == 255


def test_a_purge_removes_nothing_without_the_stacks_name(world: World) -> None:
    with_docker_volumes(world, "mailinfra-dev-mail")
    for typed in ("", "yes\n", "dev2\n"):
        with pytest.raises(Problem, match="so nothing was touched"):
            volumes.purge(pulumi(world, resources=VOLUMES), "dev", [typed].pop)
    assert not [call for call in world.calls if "destroy" in call or "volume rm" in call]
    assert "mailinfra-dev-mail" in world.said, "a person must see what would go"


def test_a_purge_removes_the_volumes_that_it_named(world: World) -> None:
    with_docker_volumes(world, "mailinfra-dev-mail", "mailinfra-dev-database", "mailinfra-dev-2-mail")
    assert volumes.purge(pulumi(world, resources=VOLUMES), "dev", lambda: "dev\n") == 0
    left = [path.name for path in (world.folder / "volumes").iterdir()]
    assert left == ["mailinfra-dev-2-mail"], "a stack whose name begins alike is another stack"


def test_a_purge_after_a_destroy_still_finds_what_stayed(world: World) -> None:
    with_docker_volumes(world, "mailinfra-dev-mail")
    volumes.destroy(pulumi(world, resources=VOLUMES), "dev")
    assert volumes.purge(pulumi(world), "dev", lambda: "dev\n") == 0
    assert "docker volume rm mailinfra-dev-mail" in world.calls


def test_a_purge_keeps_the_data_of_a_stack_that_pulumi_could_not_destroy(world: World) -> None:
    with_docker_volumes(world, "mailinfra-dev-mail")
    assert volumes.purge(pulumi(world, resources=VOLUMES, destroy=1), "dev", lambda: "dev\n") == 1
    assert (world.folder / "volumes/mailinfra-dev-mail").exists()


def test_the_selected_stack_is_known_by_its_short_name(world: World) -> None:
    assert pulumi(world).selected() == "dev"


def test_what_pulumi_refuses_comes_with_a_remedy(world: World) -> None:
    with pytest.raises(Problem, match=r"no stack named 'dev' found\. make up brings it into being"):
        pulumi(world).select("dev", Absent.REFUSE)


def test_a_shell_can_be_made_ready_for_a_stack_that_a_person_will_create(world: World) -> None:
    pulumi(world).select("dev", Absent.IGNORE)
    assert world.calls == ["pulumi stack select dev"], "pulumi stack init must find no stack yet"


def test_a_misspelt_stack_is_asked_about_before_a_copy_is_advised(world: World) -> None:
    with pytest.raises(Problem, match=r"Did you mean STACK=offline\? Otherwise copy one of them to"):
        stack_file(world.machine(), "ofline")


def test_a_stack_without_a_file_is_a_sentence_with_remedy(world: World) -> None:
    assert stack_file(world.machine(), "dev") == world.project / "Pulumi.dev.yaml"
    with pytest.raises(
        Problem, match=r"'second' has no Pulumi\.second\.yaml \(there are: dev, offline\)\. Copy one"
    ):
        stack_file(world.machine(), "second")


def test_the_summary_says_where_everything_is_and_no_password(tmp_path: Path) -> None:
    text = "\n".join(lines(OUTPUTS, stack="dev", certificate=tmp_path / "dev-ca.pem"))
    for expected in (
        "https://127.0.0.1:8443/",
        "127.0.0.1:2525",
        "127.0.0.1:2993",
        "alice@example.test (and 1 more)",
        "pulumi stack output mailboxes --show-secrets",
        str(tmp_path / "dev-ca.pem"),
        'eval "$(make env)"',
    ):
        assert expected in text
    assert "swordfish" not in text
    assert "hunter2" not in text
    assert "pop3" not in text, "a protocol that is off is not offered"


def test_the_stacks_own_ca_is_named_while_there_is_no_certificate_by_acme(tmp_path: Path) -> None:
    path = tmp_path / "dev-own-ca.pem"
    made = {"type": "mailinfra:index:Certificates", "outputs": {"trust": "own CA"}}
    record = Record({"deployment": {"resources": [{"type": "pulumi:pulumi:Stack"}, made]}})
    assert write_meanwhile(record, REFUSED, path) == path
    assert path.read_text() == "own CA"
    text = "\n".join(lines(OUTPUTS, stack="dev", certificate=None, renewal=REFUSED, meanwhile=path))
    assert f"CA until then   {path}" in text
    for renewal in (RENEWAL, None):
        assert write_meanwhile(record, renewal, path) is None, "nobody has to trust it"
        assert not path.exists()


def test_the_summary_says_where_passwords_are_when_none_was_generated() -> None:
    text = "\n".join(lines({**OUTPUTS, "mailboxes": {}}, stack="dev", certificate=None))
    assert "those of before, or declared ones, hold" in text
    assert "--show-secrets" not in text


def test_the_ca_certificate_is_written_only_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "new/ca.pem"
    assert write_certificate(OUTPUTS, path) == path
    assert path.read_text() == OUTPUTS["ca_certificate"]
    assert write_certificate({"ca_certificate": ""}, path) is None
    assert not path.exists(), "a CA that signs no more must not be trusted on"


def test_the_stacks_that_ship_belong_to_nobody_s_passphrase() -> None:
    """At its first use Pulumi writes a salt into a stack file; one that is committed fits one passphrase."""
    shipped = ("Pulumi.dev.yaml", "Pulumi.example.yaml", "Pulumi.offline.yaml")
    command = ["git", "grep", "--cached", "--files-with-matches", "encryptionsalt", "--", *shipped]
    root = Path(__file__).parents[2]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (1, "")  # git's word for: nowhere
