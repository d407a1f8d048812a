"""`make dns` and `make dns-check`: the stack's own records, without Docker."""

import json
import sys

import pytest

from bootstrap import cli, records, rotation
from bootstrap.environment import Environment
from bootstrap.plan import keys
from bootstrap.plan.engine import Plan
from bootstrap.problem import Problem
from bootstrap.ready import Ready
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import Harbour
from tests.bootstrap.test_plan import DONE, ONE, TURNED, TWO, rotated
from tests.name_server import NameServer, serving
from tests.unit.test_dns_at_the_terminal import files
from tests.unit.test_dns_at_the_terminal import records as sample


@pytest.fixture
def harbour(world: World, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    """A stack that is up, whose program is the one of this checkout."""
    made = Harbour(world)
    monkeypatch.setenv("XDG_DATA_HOME", str(world.folder / "data"))
    python = made.pulumi.machine.venv_python
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(f'#!/bin/sh\ncd {cli.PROJECT} && exec {sys.executable} "$@"\n')
    python.chmod(0o755)

    def ready(machine: object, stack: str, *_: object) -> Ready:
        return Ready(pulumi=made.pulumi, environment=Environment(changes={}), stack="dev")

    monkeypatch.setattr(cli, "ready_to_read", ready)
    monkeypatch.setattr(cli, "ready", lambda *_: pytest.fail("Docker is not needed"))
    monkeypatch.setattr(cli, "Report", lambda _: made.pulumi.machine.report)
    monkeypatch.setattr(type(made.pulumi), "tell", lambda *_: json.dumps(sample()))
    return made


def test_make_dns_shows_the_records_and_writes_a_file_for_each_zone(
    harbour: Harbour, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["dns", "--stack", "dev"]) == 0
    shown = capfd.readouterr().out
    assert "Zone third.example" in shown
    written = harbour.pulumi.machine.data / "dev-dns" / "third.example.zone"
    assert str(written) in shown
    assert written.read_text().startswith("; Zone third.example: what the mail server")
    assert "make dns-check STACK=dev compares them" in harbour.world.said


def test_make_dns_check_ends_with_what_the_dns_has(
    harbour: Harbour, capfd: pytest.CaptureFixture[str]
) -> None:
    for zones, code in ((files(sample()), 0), ({}, 1)):
        with serving(NameServer(zones)) as server:
            assert cli.main(["dns-check", "--resolver", f"127.0.0.1@{server.port}"]) == code
        assert ("all that is required is right" in capfd.readouterr().out) is (code == 0)


def test_a_key_signs_once_the_dns_has_it_for_every_domain(harbour: Harbour) -> None:
    plan = rotated(TWO, TURNED)
    here = sample()
    gone = [one for one in here if one["name"] != "rsa-2._domainkey.third.example"]
    for there, refused in ((here, False), (gone, True)):
        with serving(NameServer(files(there))) as server:
            resolvers = [f"127.0.0.1@{server.port}"]
            if refused:
                with pytest.raises(Problem, match="rsa-2 would sign, and the DNS does not have its key"):
                    rotation.refuse(harbour.pulumi, plan, resolvers)
            else:
                rotation.refuse(harbour.pulumi, plan, resolvers)
        assert server.asked, "the DNS decides"


@pytest.mark.parametrize(
    "plan",
    [
        rotated(ONE, TWO),
        rotated(TURNED, DONE),
        rotated(TWO, TURNED, receiving={"checkDomains": False}),
    ],
    ids=["publish", "remove", "without DNS"],
)
def test_no_dns_is_asked_where_no_key_begins_to_sign(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    monkeypatch.setattr(records, "check", lambda *_: pytest.fail("nothing is to be asked"))
    rotation.refuse(harbour.pulumi, plan)


def test_an_edit_that_is_wrong_whatever_the_dns_has_is_refused_without_asking(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "check", lambda *_: pytest.fail("nothing is to be asked"))
    plan = rotated(TWO, DONE)
    assert keys.switched(plan) == ["rsa-2"]
    with pytest.raises(Problem, match="rsa-1 signs until now"):
        rotation.refuse(harbour.pulumi, plan)
