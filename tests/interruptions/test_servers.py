"""What somebody did to Docker or to the state: `make up` sees and says it, and puts it right or refuses."""

import json
import re
import socket
from contextlib import suppress

import pytest
from docker.errors import APIError

from mailinfra.containers import labels
from tests.interruptions import evidence
from tests.interruptions.yard import DAEMONS, FULL_NAME, STACK, Yard

pytestmark = [pytest.mark.interruptions, pytest.mark.timeout(1200)]


def test_daemons_that_were_stopped_and_removed_run_again(server: Yard) -> None:
    server.containers()["postfix"].stop(timeout=1)
    server.containers()["dovecot"].remove(force=True)
    said = server.make("preview")
    assert "start postfix, which is stopped" in said
    assert "make again what is gone: dovecot" in said
    said = server.up()
    assert "started postfix" in said
    assert "to be made again: dovecot" in said


def test_a_daemon_that_was_taken_out_of_its_network_by_hand_is_back_in_it(server: Yard) -> None:
    (inner,) = [
        network
        for network in server.docker.networks.list(filters={"label": f"{labels.STACK}={FULL_NAME}"})
        if str(network.name).endswith("-inner")
    ]
    inner.disconnect(server.containers()["postfix"])
    server.containers()["dovecot"].update(restart_policy={"Name": "on-failure", "MaximumRetryCount": 1})
    assert f"undo that postfix was taken out of network {inner.name}" in server.make("preview")
    before = server.containers()["postfix"].id
    said = server.up()
    assert "dovecot was told to restart 'on-failure', not 'unless-stopped': undone" in said
    assert server.containers()["postfix"].id == before, "it is the same container"
    server.pulumi("preview", "--refresh", "--expect-no-changes")


@pytest.mark.parametrize("how", ["stopped", "removed", "paused"])
def test_a_mysql_that_is_gone_comes_back_within_minutes(server: Yard, how: str) -> None:
    mysql = server.containers()["mysql"]
    {"stopped": mysql.stop, "removed": lambda: mysql.remove(force=True), "paused": mysql.pause}[how]()
    server.up()


def test_a_daemon_that_is_unhealthy_is_made_anew_after_its_last_words(server: Yard) -> None:
    dovecot = server.containers()["dovecot"]
    for network in server.docker.networks.list(filters={"label": f"{labels.STACK}={FULL_NAME}"}):
        with suppress(APIError):  # that it is not in
            network.disconnect(dovecot)
    dovecot.exec_run(["kill", "-STOP", "1"], privileged=True, user="0:0")
    dovecot.pause()
    said = server.up()
    assert "dovecot" in said


def test_everything_that_was_removed_but_the_data_is_made_again(server: Yard) -> None:
    for container in server.labelled():
        container.remove(force=True, v=True)
    for network in server.docker.networks.list(filters={"label": f"{labels.STACK}={FULL_NAME}"}):
        network.remove()
    for volume in server.docker.volumes.list():
        if re.fullmatch(rf"{FULL_NAME}-.*-[0-9a-f]{{16}}", str(volume.id)):
            volume.remove()
    before = set(server.data())
    server.up()
    assert set(server.data()) >= before


def test_a_server_of_a_lost_state_is_named_and_taken_over_with_all_its_data(server: Yard) -> None:
    before = evidence.find(server)
    running = {name: one.id for name, one in server.containers().items()}
    server.forget()
    for command in ("preview", "up"):
        said = server.make(command, status=1)
        assert f"stack {STACK} runs here already, since 20" in said
        assert all(name in said for name in DAEMONS)
        assert f"make up TAKEOVER=1 STACK={STACK}" in said
    assert {name: one.id for name, one in server.containers().items()} == running, "nothing was touched"
    assert server.healthy() == DAEMONS
    said = server.make("up", "TAKEOVER=1")
    assert f"{FULL_NAME}-mail" in re.search(r"Taking over +kept (.*)", said)[1]  # type: ignore[index]
    assert server.healthy() == DAEMONS
    assert evidence.find(server) == before
    server.pulumi("preview", "--expect-no-changes")


def test_data_of_before_with_an_empty_state_comes_back_with_one_plain_make_up(server: Yard) -> None:
    before = evidence.find(server)
    server.make("destroy")
    server.forget()
    server.up()
    assert evidence.find(server) == before


def test_a_state_that_was_put_back_where_nothing_runs_comes_back_with_one_plain_make_up(server: Yard) -> None:
    before = evidence.find(server)
    exported = server.pulumi("stack", "export")
    server.make("destroy")
    (server.folder / "exported.json").write_text(exported)
    server.pulumi("stack", "import", "--file", str(server.folder / "exported.json"))
    server.up()
    assert evidence.find(server) == before


def test_a_port_that_another_program_took_is_refused_before_anything_is_touched(server: Yard) -> None:
    settings = server.settings
    running = {name: one.id for name, one in server.containers().items()}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server.configure({**settings, "ports": {**settings["ports"], "imaps": port}})
        try:
            for command in ("preview", "up"):
                said = server.make(command, status=1)
                assert re.search(rf"127\.0\.0\.1:{port} \(imaps\), which \S+ \(process \d+\) has", said)
        finally:
            server.configure(settings)
    assert {name: one.id for name, one in server.containers().items()} == running


def test_a_lock_without_an_engine_is_removed_and_one_with_an_engine_is_not(server: Yard) -> None:
    folder = server.state / f".pulumi/locks/organization/mailinfra/{STACK}"
    folder.mkdir(parents=True, exist_ok=True)
    lock = {"pid": 999999, "username": "root", "hostname": socket.gethostname()}
    (folder / "dead.json").write_text(json.dumps({**lock, "timestamp": "2026-01-02T03:04:05.678901234Z"}))
    assert "removed the lock of an update that was killed" in server.up()
    assert not (folder / "dead.json").exists()


def test_two_at_the_same_time_do_not_harm_each_other(server: Yard) -> None:
    server.containers()["dovecot"].remove(force=True)
    files = [server.project.parent / name for name in ("said-by-one", "said-by-two")]
    makes = [server.begin("up", said=file) for file in files]
    statuses = [make.wait(500) for make in makes]
    said = [file.read_text(errors="replace") for file in files]
    assert 0 in statuses, said
    assert not any("Traceback" in each for each in said)
    server.up()


def test_a_destroy_with_a_dead_mysql_does_not_hang(server: Yard) -> None:
    server.containers()["mysql"].kill()
    server.make("destroy", seconds=180)
    assert not server.containers()


def test_a_purge_that_is_not_meant_touches_no_data(server: Yard) -> None:
    before = set(server.data())
    server.make("destroy", "PURGE=0")
    assert set(server.data()) == before
    assert "is neither yes" in server.make("destroy", "PURGE=later", status=1)
