"""Whoever is killed at whatever moment of an update: the next `make up` works, and no data is touched.

A representative part of the matrix (matrix.py). The kills of a first update follow one another in the order
in which things are made: each update gets over the kill before and is killed itself; the last one ends.
"""

import os
import signal
from signal import SIGINT, SIGKILL, SIGTERM

import pytest

from tests.interruptions import evidence, matrix, moments
from tests.interruptions.moments import ENGINE, PROGRAM
from tests.interruptions.yard import DAEMONS, Yard

pytestmark = [pytest.mark.interruptions, pytest.mark.timeout(1800)]

KILLS = (
    ("mail-certificates-ca-key", "tls", SIGKILL),
    ("mail-network", ENGINE, SIGKILL),
    ("mail-database-service-image", ENGINE, SIGINT),
    ("mail-database-service-container", ENGINE, SIGKILL),
    ("mail-database-schema", "mailinfra", SIGKILL),
    ("mail-database-dovecot-user", ENGINE, SIGKILL),
    ("mail-accounts-directory", PROGRAM, SIGKILL),
    ("mail-postfix-service-container", "docker", SIGTERM),
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
        hit, said = moments.strike(server, urn, victim, sign)
        assert "Traceback" not in said, said
        hits += [(urn, victim, sign)] if hit else []
    assert len(hits) > len(KILLS) // 2, f"only {hits} were hit"
    server.up()
    assert evidence.find(server) == before
    server.pulumi("preview", "--expect-no-changes")


@pytest.mark.parametrize(
    ("victim", "sign"), [(ENGINE, SIGKILL), pytest.param(ENGINE, SIGINT, marks=pytest.mark.long)]
)
def test_a_replacement_that_is_killed_is_carried_through(
    server: Yard, victim: str, sign: signal.Signals
) -> None:
    settings = server.settings
    memory = "700M" if settings.get("database", {}).get("memory") != "700M" else "720M"
    server.configure({**settings, "database": {**settings.get("database", {}), "memory": memory}})
    hit, said = moments.strike(server, urn_of(server, "mail-database-service-container"), victim, sign)
    assert hit, said
    server.up()
    assert int(memory[:-1]) << 20 == server.containers()["mysql"].attrs["HostConfig"]["Memory"]


def test_a_destroy_that_is_killed_is_no_end(server: Yard) -> None:
    hit, said = moments.strike(
        server, urn_of(server, "mail-database-service-container"), ENGINE, SIGKILL, "destroy"
    )
    assert hit, said
    server.up()


def test_the_plugins_of_a_dead_engine_end_with_the_next_make(server: Yard) -> None:
    server.containers()["postfix"].remove(force=True)
    make = server.begin("up")
    urn = urn_of(server, "mail-postfix-service-container")
    pid = moments.wait_for(server, make, urn, ENGINE)
    assert pid
    left = [one for one in moments.cast(make).values() if one != pid]
    for one in left:
        os.kill(one, signal.SIGSTOP)  # as one that is busy: it does not see that its engine goes
    os.kill(pid, SIGKILL)
    make.wait(60)
    left = [one for one in left if moments.role(one)]
    assert left, "the control: some of them go on without their engine"
    for one in left:
        os.kill(one, signal.SIGCONT)
        os.kill(one, signal.SIGSTOP)
    said = server.up()
    assert "whose engine is gone" in said
    assert not [one for one in left if moments.role(one)], "they run for ever"


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
