"""Who renews the certificate, and who shows it."""

import json
from functools import partial
from typing import Any

import pytest

from mailinfra.types import OnDestroy
from mailinfra.user_ids import ACME as GROUP
from tests.graph.conftest import CONTAINER, VOLUME, Engine, declare, heard, is_secret, plain
from tests.graph.test_mailserver import ACME, build

SHOWN = "mailinfra-test-tls"


@pytest.fixture(scope="module")
def built() -> Engine:
    return heard(partial(build, **ACME))


def container(engine: Engine, name: str) -> dict[str, Any]:
    return dict(plain(engine.one(CONTAINER, f"mail-{name}-service-container").object))


def test_the_certificate_and_the_account_outlive_the_stack_and_can_be_let_go(built: Engine) -> None:
    for name in ("shown", "account"):
        request = built.one(VOLUME, f"mail-acme-{name}-issued")
        assert request.retainOnDelete, "public CAs limit duplicates"
    protected = heard(partial(build, **ACME, storage={"onDestroy": OnDestroy.PROTECT.value}))
    assert not protected.one(VOLUME, "mail-acme-shown-issued").protect, "`certificate: own` lets go of it"


def test_one_writes_the_certificate_and_three_read_it(built: Engine) -> None:
    for name in ("acme", "dovecot", "postfix", "roundcube"):
        mounts = {each["target"]: each for each in container(built, name)["mounts"]}
        assert mounts["/tls"]["source"] == SHOWN
        assert bool(mounts["/tls"].get("readOnly")) == (name != "acme"), name
        assert ("/acme" in mounts) == (name == "acme"), "the account is nobody else's"
    for name in ("database", "rspamd", "valkey", "resolver"):
        assert "/tls" not in {each["target"] for each in container(built, name)["mounts"]}


def test_who_shows_it_may_read_it_by_its_group_and_root_needs_none(built: Engine) -> None:
    groups = {name: container(built, name).get("groupAdds") for name in ("dovecot", "postfix", "roundcube")}
    assert groups == {"dovecot": [str(GROUP)], "postfix": None, "roundcube": [str(GROUP)]}


def test_no_certificate_that_is_shown_outside_lies_in_a_daemons_own_files(built: Engine) -> None:
    for request in built.created(CONTAINER):
        files = {each["file"] for each in plain(request.object).get("uploads") or []}
        if "acme" not in request.name:
            outer = {"/mailinfra/tls/certificate.pem", "/mailinfra/tls.key", "/mailinfra/server.key"}
            assert not files & {*outer, "/mailinfra/certificate.pem"} or "database" in request.name


def test_the_key_is_secret_and_the_stacks_own_is_shown_meanwhile(built: Engine) -> None:
    filler = built.one(CONTAINER, "mail-acme-service-run-secrets-filler")
    assert is_secret(filler.object.fields["uploads"])
    texts = {each["file"]: each["content"] for each in plain(filler.object)["uploads"]}
    assert texts == {
        "/mailinfra/certificate.pem": "certificate of mail-certificates-public-certificate",
        "/mailinfra/key.pem": texts["/mailinfra/key.pem"],
    }


def test_the_variables_of_who_serves_the_zone_are_a_secret_of_the_one_that_asks(engine: Engine) -> None:
    given = {**ACME["certificate"]["acme"], "dns": {"provider": "cloudflare"}}
    declare(partial(build, certificate={"acme": given}))
    filler = engine.one(CONTAINER, "mail-acme-service-run-secrets-filler")
    assert is_secret(filler.object.fields["uploads"])
    texts = {each["file"]: each["content"] for each in plain(filler.object)["uploads"]}
    assert json.loads(texts["/mailinfra/credentials.json"]) == {"CF_DNS_API_TOKEN": "marker-of-the-zone"}
    for request in engine.created(CONTAINER):
        if request.name != filler.name:
            assert "marker-of-the-zone" not in json.dumps(plain(request.object))


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, None),
        ({"resolvers": ["192.0.2.53"]}, ["192.0.2.53"]),
        ({"resolvers": "root"}, ["front"]),
        ({"resolvers": "root", "filtering": False, "dnssec": "off"}, ["front"]),
    ],
    ids=["host", "addresses", "root", "root for Postfix alone"],
)
def test_it_asks_the_dns_as_the_others_do(
    engine: Engine, settings: dict[str, Any], asked: list[str] | None
) -> None:
    declare(partial(build, **ACME, **settings))
    resolver, acme = (container(engine, name)["networksAdvanced"] for name in ("resolver", "acme"))
    front = next(one["ipv4Address"] for one in resolver if one["name"] == acme[0]["name"])
    found = container(engine, "acme").get("dns")
    assert found == (asked and [front if one == "front" else one for one in asked])
    filler = plain(engine.one(CONTAINER, "mail-resolver-service-etc-unbound-filler").object)
    (text,) = [each["content"] for each in filler["uploads"]]
    listening = [line.split()[1] for line in text.splitlines() if line.startswith("  interface: ")]
    allowed = f"access-control: {acme[0]['ipv4Address']}/32 allow"
    assert (front in listening, allowed in text) == ((True, True) if asked == ["front"] else (False, False))


def test_without_acme_the_resolver_answers_nobody_in_front(engine: Engine) -> None:
    declare(partial(build, resolvers="root"))
    filler = plain(engine.one(CONTAINER, "mail-resolver-service-etc-unbound-filler").object)
    (text,) = [each["content"] for each in filler["uploads"]]
    assert text.count("  interface: ") == 2


EXTERNAL = {"database": {"external": {"host": "db.example.test", "administrator": "admin"}}}


@pytest.mark.parametrize(
    ("settings", "generation", "records"),
    [({}, None, 1), (EXTERNAL, "ecdsa ", 0), ({**EXTERNAL, "rotate": {"certificates": "2"}}, "ecdsa 2", 0)],
    ids=["own database", "somebody else's", "rotated"],
)
def test_with_somebody_elses_database_acme_keeps_the_key_and_no_record_names_another_one(
    engine: Engine, settings: dict[str, Any], generation: str | None, records: int
) -> None:
    told: list[Any] = []
    declare(lambda: build(**ACME, **settings).dns_records.apply(told.extend))
    filler = plain(engine.one(CONTAINER, "mail-acme-service-etc-mailinfra-filler").object)
    texts = {each["file"]: each["content"] for each in filler["uploads"]}
    assert json.loads(texts["/mailinfra/acme.json"])["key_generation"] == generation
    assert len([one for one in told if one["type"] == "TLSA"]) == records


@pytest.mark.parametrize(("kind", "name"), [("ecdsa", "public"), ("rsa", "older")])
def test_the_key_is_of_the_kind_that_is_asked_for_and_kept_as_that_of_the_stacks_own(
    engine: Engine, kind: str, name: str
) -> None:
    declare(partial(build, certificate={"acme": {**ACME["certificate"]["acme"], "key": kind}}))
    keys = {request.name for request in engine.created("tls:index/privateKey:PrivateKey")}
    assert {"mail-certificates-public-key", "mail-certificates-older-key"} & keys == {
        f"mail-certificates-{name}-key"
    }


def test_what_is_shown_inside_is_the_stacks_own(built: Engine) -> None:
    filler = plain(built.one(CONTAINER, "mail-roundcube-service-etc-mailinfra-filler").object)
    texts = {each["file"]: each["content"] for each in filler["uploads"]}
    assert texts["/mailinfra/mail-ca.pem"] == "certificate of mail-certificates-ca-certificate"


def test_another_certificate_replaces_no_container(built: Engine) -> None:
    volume = plain(built.one(VOLUME, "mail-acme-shown-issued").object)
    assert volume["name"] == SHOWN, "the name holds nothing of what is in it"
