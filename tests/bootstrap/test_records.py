"""`make dns` and `make dns-check`: the stack's own records, without Docker."""

import json
import sys
from typing import Any

import pytest

from bootstrap import cli, records, rotation
from bootstrap.environment import Environment
from bootstrap.plan import keys
from bootstrap.plan.engine import Plan
from bootstrap.problem import Problem
from bootstrap.ready import Ready
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import Harbour
from tests.bootstrap.test_plan import (
    DONE,
    NEW_KEY,
    OLD_KEY,
    ONE,
    OWN,
    SETTINGS,
    TURNED,
    TWO,
    own,
    rotated,
    shown,
    step,
    with_tlsa,
)
from tests.bootstrap.test_plan import (
    plan as planned,
)
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


OFF = {**SETTINGS, "receiving": {"checkDomains": False}}
ORIGIN = "$ORIGIN example.test.\n@ 3600 IN SOA a b 1 1 1 1 1\nmail 3600 IN A 192.0.2.1\n"
MADE = step("create", f"{OWN}public-key-2", {}, {})


@pytest.mark.parametrize(
    ("edit", "there", "remedy"),
    [
        (shown(NEW_KEY), [], None),
        (shown(NEW_KEY), [OLD_KEY, NEW_KEY], None),
        (
            shown(NEW_KEY),
            [OLD_KEY],
            f"Write `_25._tcp.mail.example.test. 3600 IN TLSA {NEW_KEY}` beside the old",
        ),
        (MADE, [], None),
        (
            MADE,
            [OLD_KEY],
            "Remove the records TLSA of _25._tcp.mail.example.test, for the new key is made by",
        ),
    ],
    ids=[
        "not published",
        "both published",
        "the old one published",
        "made, not published",
        "made, published",
    ],
)
def test_a_renewal_that_would_break_a_published_tlsa_is_refused_with_what_to_do_first(
    harbour: Harbour, edit: dict[str, Any], there: list[str], remedy: str | None
) -> None:
    plan = planned(edit, resources=with_tlsa(OLD_KEY))
    lines = [f"_25._tcp.mail 3600 IN TLSA {value}\n" for value in there]
    with serving(NameServer({"example.test": "".join([ORIGIN, *lines])})) as server:
        if remedy is None:
            rotation.refuse(harbour.pulumi, plan, [f"127.0.0.1@{server.port}"])
        else:
            with pytest.raises(
                Problem, match="would show a key that its records TLSA do not name"
            ) as refusal:
                rotation.refuse(harbour.pulumi, plan, [f"127.0.0.1@{server.port}"])
            assert remedy in str(refusal.value)
    assert server.asked, "the DNS decides"


@pytest.mark.parametrize(
    ("there", "said"),
    [([], ""), ([NEW_KEY, OLD_KEY], ""), ([OLD_KEY], f"the DNS names {OLD_KEY}"), (None, "not known, ")],
    ids=["not published", "both published", "the old one published", "no answer"],
)
def test_a_preview_knows_what_the_dns_has_against_another_key(
    harbour: Harbour, capfd: pytest.CaptureFixture[str], there: list[str] | None, said: str
) -> None:
    plan = planned(shown(NEW_KEY), resources=with_tlsa(OLD_KEY))
    lines = [f"_25._tcp.mail 3600 IN TLSA {value}\n" for value in there or []]
    with serving(NameServer({"example.test": "".join([ORIGIN, *lines])})) as server:
        server.fails |= set() if there is not None else {"_25._tcp.mail.example.test"}
        found = rotation.looked_up(harbour.pulumi, plan, [f"127.0.0.1@{server.port}"])
    assert found is not None
    assert found.startswith(said)
    assert bool(found) == bool(said)
    assert not capfd.readouterr().out, "the page says it"


def test_a_key_beside_the_one_that_stays_is_refused_by_nobody(harbour: Harbour) -> None:
    plan = planned(step("create", f"{OWN}older-key", {}, {}), resources=own("public-key"))
    lines = f"_25._tcp.mail 3600 IN TLSA {OLD_KEY}\n"
    with serving(NameServer({"example.test": ORIGIN + lines})) as server:
        resolvers = [f"127.0.0.1@{server.port}"]
        assert rotation.looked_up(harbour.pulumi, plan, resolvers) == f"the DNS names {OLD_KEY}"
        rotation.refuse(harbour.pulumi, plan, resolvers)


@pytest.mark.parametrize(
    "edit",
    [
        shown(OLD_KEY),
        step("update", "::mail", {"settings": OFF}, {"settings": OFF, "tlsa": [NEW_KEY]}),
    ],
    ids=["the same key", "without DNS"],
)
def test_no_dns_is_asked_where_no_other_key_is_shown(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, edit: dict[str, Any]
) -> None:
    for name in ("check_key", "key_fault"):
        monkeypatch.setattr(records, name, lambda *_: pytest.fail("nothing is to be asked"))
    assert rotation.looked_up(harbour.pulumi, planned(edit, resources=with_tlsa(OLD_KEY))) is None
    rotation.refuse(harbour.pulumi, planned(edit, resources=with_tlsa(OLD_KEY)))
