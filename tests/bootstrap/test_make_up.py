"""What `make up`, `preview` and `destroy` say and return: never that a server is up which is not."""

import json
from pathlib import Path

import pytest

from bootstrap import acme, cli, health, summary
from bootstrap.environment import Environment
from bootstrap.ready import Ready, updating
from bootstrap.record import CONTAINER
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import (
    DOVECOT,
    FILES,
    MAIL,
    MYSQL,
    NET,
    POSTFIX,
    PULUMI,
    Harbour,
    impatient,
    resource,
    whole,
)
from tests.bootstrap.test_status import REFUSED, RENEWAL
from tests.canaries import Random, in_texts


@pytest.fixture
def harbour(world: World, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    made = Harbour(world)
    whole(made)
    monkeypatch.setenv("XDG_DATA_HOME", str(world.folder / "data"))
    impatient(monkeypatch)
    monkeypatch.setattr(health, "SETTLE_SECONDS", 0.3)

    def ready(machine: object, stack: str, *_: object) -> Ready:
        return Ready(pulumi=made.pulumi, environment=Environment(changes={}), stack="dev")

    monkeypatch.setattr(cli, "ready", ready)
    monkeypatch.setattr(cli, "refuse_clashes", lambda _: None)
    monkeypatch.setattr(cli, "Report", lambda _: made.pulumi.machine.report)
    return made


def call(*words: str) -> int:
    return cli.main(list(words))


def test_a_server_that_is_up_is_said_to_be_with_who_was_seen_healthy(harbour: Harbour) -> None:
    assert call("up") == 0
    assert (
        "The mail server of stack dev is up; mysql, dovecot, postfix run and are healthy."
        in harbour.world.said
    )


def test_a_server_that_does_not_run_whole_is_never_said_to_be_up(harbour: Harbour) -> None:
    harbour.container("c4", "postfix", health="unhealthy", stack="nobody")
    harbour.updates(
        f"cd {harbour.folder}; cp c4.json c3.json; rm b2.json".replace("c4.json c3", "c4.json c3")
    )
    (harbour.folder / "c4.json").write_text((harbour.folder / "c4.json").read_text().replace('"c4"', '"c3"'))
    assert call("up", "--stack", "dev") == 1
    said = harbour.world.said
    assert (
        "the mail server of stack dev does not run whole.\ndovecot is missing.\npostfix is unhealthy." in said
    )
    assert "    health check: no answer on 24" in said
    assert "Healthy: mysql." in said
    assert "make up STACK=dev tries again" in said
    assert " is up" not in said


def test_next_steps_name_the_stack_that_make_was_told(harbour: Harbour) -> None:
    call("up", "--stack", "dev")
    for command in ("make env STACK=dev", "make preview STACK=dev", "make up STACK=dev"):
        assert command in harbour.world.said
    harbour.world.output.truncate(0)
    call("up")
    assert "STACK=" not in harbour.world.said


def test_a_failed_update_says_what_the_next_one_does_and_shows_last_words(harbour: Harbour) -> None:
    begun = resource(CONTAINER, "mail-postfix-service-container", "")
    harbour.container("c3", "postfix", health="unhealthy", later="ill")
    before = (harbour.folder / "state.json").read_text()
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES, begun={"creating": begun})
    (harbour.folder / "after.json").write_text((harbour.folder / "state.json").read_text())
    (harbour.folder / "state.json").write_text(before)
    harbour.updates(f"cd {harbour.folder}; cp ill c3.json; cp after.json state.json; exit 255")
    assert call("up", "--stack", "dev") == 255
    said = harbour.world.said
    assert "postfix is unhealthy.\n    fatal: no such table" in said
    assert "First, make up STACK=dev will\n  - clear what the last update had begun:" in said
    assert " is up" not in said
    assert "goes on from there" not in said


def test_a_failed_update_with_nothing_to_clear_says_so(harbour: Harbour) -> None:
    harbour.updates("exit 255")
    assert call("up") == 255
    assert "Put right what it names; make up then makes what is still missing." in harbour.world.said


def test_a_new_stacks_first_preview_is_explained_in_the_same_place(harbour: Harbour) -> None:
    commands = (["up"], ["preview", "--diff", "1"])
    for command in commands:
        harbour.world.output.truncate(0)
        assert summary.NEW not in harbour.world.said
        call(*command)
        assert summary.NEW not in harbour.world.said, "only a new stack"
    for name in ("ours", "running", "volumes"):
        (harbour.folder / name).write_text("")
    (harbour.folder / "f0.network").unlink()
    harbour.state()
    for command in commands:
        harbour.world.output.truncate(0)
        call(*command)
        assert summary.NEW in harbour.world.said


def test_a_preview_says_what_make_up_puts_right_first(harbour: Harbour) -> None:
    harbour.container("c3", "postfix", status="exited")
    assert call("preview", "--stack", "dev") == 0
    said = harbour.world.said
    assert "Before what follows, make up STACK=dev will\n  - start postfix, which is stopped" in said
    assert [one.partition(" ")[0] for one in harbour.touched] == ["pulumi"], "a preview only looks"


def test_a_preview_tells_how_it_is_about_the_certificate_by_acme(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("preview")
    assert "The certificate" not in harbour.world.said
    monkeypatch.setattr(acme, "renewal", lambda machine, daemons: REFUSED if daemons else None)
    call("preview")
    assert (
        "The certificate that is shown: of the stack's own CA, none by ACME yet, until" in harbour.world.said
    )
    assert "next try at 2026-11-26 12:15 UTC.\n" in harbour.world.said


def test_make_up_names_the_ca_to_trust_until_there_is_a_certificate_by_acme(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted = {"type": "mailinfra:index:Certificates", "urn": "u", "outputs": {"trust": "own CA"}}
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES, trusted)
    monkeypatch.setattr(acme, "first", lambda *_: REFUSED)
    call("up")
    path = harbour.pulumi.machine.data / "dev-own-ca.pem"
    assert f"CA until then   {path}" in harbour.world.said
    assert path.read_text() == "own CA"
    monkeypatch.setattr(acme, "first", lambda *_: RENEWAL)
    harbour.world.output.truncate(0)
    call("up")
    assert "CA until then" not in harbour.world.said
    assert not path.exists()


def test_a_destroy_does_not_purge_where_make_was_told_not_to(harbour: Harbour) -> None:
    call("destroy", "--purge", "0")
    assert "Type the stack's name" not in harbour.world.said
    assert "pulumi destroy --yes --exclude-protected --stack dev" in harbour.world.calls


@pytest.mark.parametrize(
    "words",
    [("up",), ("up", "--diff", "1"), ("preview", "--diff", "1"), ("status",), ("destroy",), ("up", "fails")],
    ids=" ".join,
)
def test_no_command_prints_a_password_that_it_reads(
    harbour: Harbour, capfd: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...]
) -> None:
    password = Random("Aq7zR2mK9xW4pL6vT1nB8cY3dF5gH0jS")
    output = {"mailboxes": {"alice@example.test": password}}
    (harbour.folder / "outputs.json").write_text(json.dumps(output))
    answers = PULUMI.format(folder=harbour.folder).replace('echo "{}"', f"cat {harbour.folder}/outputs.json")
    harbour.world.program("pulumi", answers)
    assert harbour.pulumi.outputs("dev") == output, "the control: it is there for whoever asks"
    command, *options = words
    if options == ["fails"]:
        harbour.updates("exit 255")
    call(command, *(word for word in options if word != "fails"))
    out, error = capfd.readouterr()
    said = {"report": harbour.world.said, "output": out, "error": error, "control": f"of alice: {password}"}
    assert in_texts({"password": password}, said, tmp_path / "search") == {("password", "control")}


def test_two_makes_do_not_update_one_stack_at_once(
    harbour: Harbour, capsys: pytest.CaptureFixture[str]
) -> None:
    other = harbour.world.machine(XDG_DATA_HOME=str(harbour.world.folder / "data"))
    with updating(other, "dev"):
        assert call("up") == call("destroy") == 1
        with updating(other, "second"):
            pass
    said = capsys.readouterr().err
    assert (
        said.count("another make is at work on stack dev at this moment. Run this again when it has ended.")
        == 2
    )
    assert not harbour.touched
    assert call("up") == 0
