"""Whoever is killed at whatever moment of an update: the next `make up` works, and no data is touched.

A representative part of the matrix (matrix.py). The kills of a first update follow one another in the order
in which things are made: each update gets over the kill before and is killed itself; the last one ends.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGINT, SIGKILL, SIGTERM

import pytest

from tests.e2e.stackfile import free_ports
from tests.interruptions import evidence, matrix, moments
from tests.interruptions.moments import ENGINE, PROGRAM
from tests.interruptions.yard import DAEMONS, PORTS, Yard

pytestmark = [pytest.mark.interruptions, pytest.mark.timeout(1800)]

KILLS = (
    ("mail-certificates-ca-key", "tls", SIGKILL),
    ("mail-network", ENGINE, SIGKILL),
    ("mail-database-service-image", ENGINE, SIGINT),
    ("mail-database-service-container", ENGINE, SIGKILL),
    ("mail-database-schema", "mailinfra", SIGKILL),
    ("mail-certificates-ca-kept", "mailinfra", SIGTERM),
    ("mail-database-dovecot-user", ENGINE, SIGKILL),
    ("mail-accounts-directory", PROGRAM, SIGKILL),
    ("mail-postfix-service-container", "docker", SIGTERM),
    ("mail-roundcube-service-etc-mailinfra-filler", "docker", SIGKILL),
    ("mail-roundcube-service-container", PROGRAM, SIGTERM),
    ("mail-single-passwords", ENGINE, SIGKILL),
)
"""Resource, victim, signal: engine, program and plugins, by every signal; all others are matrix.py's."""


def urn_of(yard: Yard, name: str) -> str:
    (urn,) = [urn for urn in matrix.resources(yard) if urn.endswith(f"::{name}")]
    return urn


def test_a_first_update_that_is_killed_over_and_over_comes_to_its_end(server: Yard) -> None:
    before = evidence.find(server)
    places = [(urn_of(server, name), victim, sign) for name, victim, sign in KILLS]
    server.make("destroy")
    hits = []
    for urn, victim, sign in places:
        if urn in moments.made(server):
            continue  # an update that was asked to end finished it
        blow = moments.strike(server, urn, sign, victim)
        assert "Traceback" not in blow.said, blow.said
        hits += [(urn, victim, sign)] if blow.victim else []
    assert len(hits) > len(KILLS) // 2, f"only {hits} were hit"
    server.up()
    assert evidence.find(server) == before
    server.pulumi("preview", "--expect-no-changes")


def test_in_the_matrix_every_resource_meets_every_signal_and_every_victim_too() -> None:
    blows = [[matrix.blow(index, number) for number in range(matrix.PASSES)] for index in range(24)]
    assert all({sign for _, sign in met} == set(moments.SIGNALS) for met in blows)
    pairs = {(victims[0], sign) for met in blows for victims, sign in met}
    assert len(pairs) == len(moments.VICTIMS) * len(moments.SIGNALS)


@pytest.mark.parametrize(
    ("victim", "sign"), [(ENGINE, SIGKILL), pytest.param(ENGINE, SIGINT, marks=pytest.mark.long)]
)
def test_a_replacement_that_is_killed_is_carried_through(
    server: Yard, victim: str, sign: signal.Signals
) -> None:
    settings = server.settings
    memory = "700M" if settings.get("database", {}).get("memory") != "700M" else "720M"
    server.configure({**settings, "database": {**settings.get("database", {}), "memory": memory}})
    blow = moments.strike(server, urn_of(server, "mail-database-service-container"), sign, victim)
    assert blow.victim, blow.said
    server.up()
    assert int(memory[:-1]) << 20 == server.containers()["mysql"].attrs["HostConfig"]["Memory"]


def test_a_destroy_that_is_killed_is_no_end(server: Yard) -> None:
    urn = urn_of(server, "mail-database-service-container")
    blow = moments.strike(server, urn, SIGKILL, ENGINE, command="destroy")
    assert blow.victim, blow.said
    server.up()


def test_the_plugins_of_a_killed_engine_are_gone_after_the_next_make(server: Yard) -> None:
    server.containers()["postfix"].remove(force=True)
    make = server.begin("up")
    found = moments.wait_for(server, make, urn_of(server, "mail-postfix-service-container"), ENGINE)
    assert found
    plugins = {one for what, one in moments.cast(make).items() if what in moments.PLUGINS}
    assert plugins, "the control: an update has plugins"
    os.kill(found[1], SIGKILL)
    make.wait(60)
    server.up()
    assert not {one for _, one in moments.of_yard(server)} & plugins, "they run for ever"


LIVES_ON = (
    "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); print(flush=True); signal.sigwait([])"
)
"""What a plugin does that does not see that its engine is gone."""


@contextmanager
def plugin_of(server: Yard, engine: int) -> Iterator[subprocess.Popen[bytes]]:
    """Give a process as a plugin is, which was told that its engine listens at this port."""
    words = [sys.executable, "-c", LIVES_ON, "bootstrap.providers.docker", f"127.0.0.1:{engine}"]
    with subprocess.Popen(
        words, cwd=server.project, stdout=subprocess.PIPE, start_new_session=True
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        try:
            yield running
        finally:
            running.kill()


def test_a_plugin_that_lives_on_without_its_engine_ends_with_the_next_make(server: Yard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as engine:
        gone = free_ports(["engine"], PORTS)["engine"]
        with plugin_of(server, gone) as orphan, plugin_of(server, engine.getsockname()[1]) as other:
            told = f"end bootstrap.providers.docker (process {orphan.pid}), whose engine is gone"
            assert told in server.make("preview")
            assert orphan.poll() is None, "a preview touches nothing"
            said = server.up()
            assert orphan.poll() == -SIGTERM
            assert other.poll() is None, "the control: its engine listens"
    assert f"ended bootstrap.providers.docker (process {orphan.pid}), whose engine is gone" in said
    assert str(other.pid) not in said


def test_a_machine_that_restarts_in_mid_update_comes_back(server: Yard) -> None:
    server.containers()["dovecot"].remove(force=True)
    make = server.begin("up")
    urn = urn_of(server, "mail-dovecot-service-container")
    assert moments.wait_for(server, make, urn, ENGINE)
    for one in [make.pid, *moments.descendants(make.pid)]:
        try:
            os.kill(one, SIGKILL)
        except ProcessLookupError:
            continue
    make.wait(10)
    for container in server.containers().values():
        if container.status == "running":
            container.kill()
    server.up()
    assert server.healthy() == DAEMONS
