"""What is true for every component, and for the mail server as a whole."""

import dataclasses
import inspect
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import Output

from bootstrap.plan import keys
from mailinfra.components import (
    accounts,
    acme,
    certificate_files,
    certificates,
    database,
    dovecot,
    handles,
    mailserver,
    network,
    postfix,
    resolver,
    roundcube,
    rspamd,
    valkey,
)
from mailinfra.config import pem
from mailinfra.config.certificate import CertificateConfig
from mailinfra.config.load import Secrets
from mailinfra.config.server import ServerConfig
from mailinfra.containers import labels, service
from mailinfra.containers import place as places
from tests.certificate_files import maker
from tests.graph.conftest import CONTAINER, NETWORK, VOLUME, Engine, declare, heard, is_secret, plain

COMPONENTS: dict[str, Any] = {
    "mailinfra:index:Accounts": accounts.Accounts,
    "mailinfra:index:Acme": acme.Acme,
    "mailinfra:index:CertificateFiles": certificate_files.CertificateFiles,
    "mailinfra:index:Certificates": certificates.Certificates,
    "mailinfra:index:Database": database.Database,
    "mailinfra:index:Dovecot": dovecot.Dovecot,
    "mailinfra:index:MailServer": mailserver.MailServer,
    "mailinfra:index:Postfix": postfix.Postfix,
    "mailinfra:index:Resolver": resolver.Resolver,
    "mailinfra:index:Roundcube": roundcube.Roundcube,
    "mailinfra:index:Rspamd": rspamd.Rspamd,
    "mailinfra:index:Service": service.Service,
    "mailinfra:index:Valkey": valkey.Valkey,
}
MODULES = (
    accounts,
    acme,
    certificate_files,
    certificates,
    database,
    dovecot,
    mailserver,
    postfix,
    resolver,
    roundcube,
    rspamd,
    service,
    valkey,
)
BRINGING = {"mailinfra:index:Acme", "mailinfra:index:CertificateFiles"}
"""Those that a stack has whose certificate comes from elsewhere."""

ACME = {"certificate": {"acme": {"email": "postmaster@example.test"}}}
"""What gets a certificate by ACME, and a container more."""

HANDLES = (handles, network, places)

SERVER = {
    "hostname": "mail.example.test",
    "addresses": ["192.0.2.25"],
    "listen": ["127.0.0.1"],
    "accounts": {
        "domains": [{"name": "example.test"}],
        "mailboxes": [{"address": "alice@example.test"}],
        "aliases": [{"address": "sales@example.test", "targets": ["alice@example.test"]}],
    },
}


def build(**changes: object) -> mailserver.MailServer:
    secrets = Secrets(
        passwords=Output.secret({"alice@example.test": "marker-of-alice"}),
        database_password=Output.secret("marker-of-administrator") if "database" in changes else None,
        smarthost_password=None,
        acme_credentials=Output.secret({"CF_DNS_API_TOKEN": "marker-of-the-zone"}),
    )
    server = ServerConfig.model_validate_json(json.dumps({**SERVER, **changes}))
    args = mailserver.MailServerArgs(stack="mailinfra-test", server=server, secrets=secrets)
    return mailserver.MailServer("mail", args)


@pytest.fixture(scope="module")
def built() -> Engine:
    return heard(build)


def ours(engine: Engine) -> list[Any]:
    return [request for request in engine.requests if request.type in COMPONENTS]


def test_every_component_class_is_in_the_table_with_its_own_token(built: Engine) -> None:
    found = {
        member
        for module in MODULES
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, pulumi.ComponentResource) and member.__module__ == module.__name__
    }
    assert found == set(COMPONENTS.values())
    assert {request.type for request in ours(built)} == set(COMPONENTS) - BRINGING


def test_with_acme_or_files_there_is_one_component_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for given, more in ((ACME, "Acme"), ({"certificate": maker()()}, "CertificateFiles")):
        found = {request.type for request in ours(heard(partial(build, **given)))}
        assert found == (set(COMPONENTS) - BRINGING) | {f"mailinfra:index:{more}"}


@pytest.mark.parametrize("component", COMPONENTS.values(), ids=lambda component: component.__name__)
def test_a_component_takes_name_args_and_opts(component: type) -> None:
    assert list(inspect.signature(component).parameters) == ["name", "args", "opts"]


@pytest.mark.parametrize("module", [*MODULES, *HANDLES], ids=lambda module: module.__name__)
def test_args_are_frozen_and_every_value_is_named(module: Any) -> None:
    classes: list[Any] = [
        member
        for _, member in inspect.getmembers(module, dataclasses.is_dataclass)
        if member.__module__ == module.__name__
    ]
    assert classes
    for member in classes:
        params = member.__dataclass_params__
        assert params.frozen, member.__name__
        fields = [field for field in dataclasses.fields(member) if field.init]
        assert all(field.kw_only for field in fields), member.__name__


def test_a_childs_name_starts_with_its_parents(built: Engine) -> None:
    for request in built.requests:
        parent = request.parent.rpartition("::")[2]
        if (
            request.parent
            and "pulumi:pulumi:Stack" not in request.parent.rpartition("::")[0].rpartition("::")[2]
        ):
            assert request.name.startswith(parent), (
                f"{request.name} below {parent}: two servers would collide"
            )


def test_no_two_resources_of_one_type_share_a_name(built: Engine) -> None:
    names = [(request.type, request.name) for request in built.requests]
    assert len(names) == len(set(names)), "mocks accept it, the engine does not"


def test_every_component_registers_its_outputs(built: Engine) -> None:
    registered = {urn.rpartition("::")[2] for urn, outputs in built.outputs.items() if outputs}
    assert {request.name for request in ours(built)} <= registered


def test_containers_and_networks_say_whose_they_are(built: Engine) -> None:
    for request in [*built.created(CONTAINER), *built.created(NETWORK)]:
        given = {each["label"]: each["value"] for each in plain(request.object)["labels"]}
        assert given[labels.STACK] == "mailinfra-test", request.name


def test_volumes_carry_no_label_for_a_changed_one_would_empty_them(built: Engine) -> None:
    for request in built.created(VOLUME):
        assert "labels" not in plain(request.object), request.name


def test_two_servers_fit_into_one_program(engine: Engine) -> None:
    def two() -> None:
        build()
        secrets = Secrets(passwords=Output.secret({}), database_password=None, smarthost_password=None)
        other = ServerConfig.model_validate_json(
            json.dumps({**SERVER, "network": {"subnet": "192.168.99.0/24"}})
        )
        args = mailserver.MailServerArgs(stack="mailinfra-other", server=other, secrets=secrets)
        mailserver.MailServer("other", args)

    declare(two)
    names = [(request.type, request.name) for request in engine.requests]
    assert len(names) == len(set(names))
    volumes = [plain(request.object)["name"] for request in engine.created(VOLUME)]
    assert len(volumes) == len(set(volumes))


def test_no_secret_is_an_environment_variable_a_command_or_a_label(built: Engine) -> None:
    for request in built.created(CONTAINER):
        container = plain(request.object)
        for place in ("envs", "command", "labels", "healthcheck", "name", "hostname"):
            text = json.dumps(container.get(place))
            assert "generated-" not in text, f"{place} of {request.name}"
            assert "key of" not in text, f"{place} of {request.name}"


def test_generated_secrets_reach_a_container_only_as_marked_uploads(built: Engine) -> None:
    for request in built.created(CONTAINER):
        for upload in plain(request.object).get("uploads") or []:
            if "generated-" in upload["content"] or "key of" in upload["content"]:
                assert is_secret(request.object.fields["uploads"]), f"{upload['file']} of {request.name}"


def test_declared_passwords_are_marked_on_their_way_to_the_accounts(built: Engine) -> None:
    (directory,) = built.created("mailinfra:index:Directory")
    assert is_secret(directory.object.fields["passwords"])
    for request in built.requests:
        if request.type != "mailinfra:index:Directory":
            assert "marker-of-alice" not in str(request.object), request.name


def test_data_volumes_have_fixed_names_and_outlive_a_destroy(built: Engine) -> None:
    kept = {
        plain(request.object)["name"]: request.retainOnDelete
        for request in built.created(VOLUME)
        if request.retainOnDelete
    }
    assert kept == {
        "mailinfra-test-mail": True,
        "mailinfra-test-mysql": True,
        "mailinfra-test-queue": True,
        "mailinfra-test-valkey": True,
    }, "with one of these volumes mail, accounts, contacts or what was learned are gone"


def test_the_documented_volumes_are_those_that_hold_data(built: Engine) -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    kept = {
        plain(request.object)["name"].replace("-test-", "-<stack>-")
        for request in built.created(VOLUME)
        if request.retainOnDelete
    }
    assert set(re.findall(r"^\| `(mailinfra-<stack>-\w+)` \|", text, re.M)) == kept, "one had no backup"


def test_a_throw_away_stack_keeps_nothing(engine: Engine) -> None:
    declare(lambda: build(storage={"onDestroy": "delete"}))
    assert not [request.name for request in engine.created(VOLUME) if request.retainOnDelete]


def test_a_protected_stack_refuses_to_be_destroyed(engine: Engine) -> None:
    declare(lambda: build(storage={"onDestroy": "protect"}))
    protected = {plain(request.object)["name"] for request in engine.created(VOLUME) if request.protect}
    assert protected == {"mailinfra-test-mail", "mailinfra-test-mysql", "mailinfra-test-queue"}


def test_a_filter_that_is_left_out_leaves_nothing_of_itself(engine: Engine) -> None:
    declare(lambda: build(filtering=False, storage={"onDestroy": "protect"}))
    names = [request.name for request in engine.requests]
    assert not [name for name in names if re.search("rspamd|valkey|filter", name)]
    uploads = [
        each for request in engine.created(CONTAINER) for each in plain(request.object).get("uploads") or []
    ]
    assert not [each["file"] for each in uploads if re.search("sieve|filter", each["file"])]
    assert not [
        each["file"] for each in uploads if re.search("\\bsmtpd_milters = |rspamd|sieve", each["content"])
    ]


def test_the_keys_that_sign_and_the_filters_passwords_are_files_that_nobody_else_sees(built: Engine) -> None:
    filler = built.one(CONTAINER, "mail-rspamd-service-run-secrets-filler")
    assert is_secret(filler.object.fields["uploads"])
    found = {each["file"].rpartition("/")[2] for each in plain(filler.object)["uploads"]}
    assert found == {"controller.inc", "ed25519-1.key", "rsa-1.key", "valkey.inc"}
    assert is_secret(built.one(CONTAINER, "mail-valkey-service-run-secrets-filler").object.fields["uploads"])


def test_a_protected_stack_lets_go_of_its_filter(engine: Engine) -> None:
    """Else `filtering: false` would be refused."""
    declare(lambda: build(storage={"onDestroy": "protect"}))
    volumes = {request.name: request for request in engine.created(VOLUME)}
    assert not volumes["mail-valkey-learned"].protect
    assert volumes["mail-valkey-learned"].retainOnDelete, "what was learned is found again"
    assert not volumes["mail-rspamd-cache"].retainOnDelete, "what is in it comes back by itself"


def test_postfix_asks_the_resolver_that_verifies_and_no_other(engine: Engine) -> None:
    declare(lambda: build(filtering=False, resolvers=["192.0.2.53"]))
    resolver = plain(engine.one(CONTAINER, "mail-resolver-service-container").object)
    own = {one["ipv4Address"] for one in resolver["networksAdvanced"]}
    (asked,) = plain(engine.one(CONTAINER, "mail-postfix-service-container").object)["dns"]
    assert asked in own


def test_without_a_resolver_postfix_asks_the_servers_that_are_named(engine: Engine) -> None:
    declare(lambda: build(filtering=False, dnssec="off", resolvers=["192.0.2.53"]))
    assert not [request for request in engine.requests if "resolver" in request.name]
    assert plain(engine.one(CONTAINER, "mail-postfix-service-container").object)["dns"] == ["192.0.2.53"]


def test_without_dns_nobody_resolves(engine: Engine) -> None:
    declare(lambda: build(receiving={"checkDomains": False}))
    assert not [request for request in engine.requests if "resolver" in request.name]
    filler = engine.one(CONTAINER, "mail-rspamd-service-etc-mailinfra-filler")
    uploads = {each["file"]: each["content"] for each in plain(filler.object)["uploads"]}
    for module in rspamd.NEEDING_DNS:
        assert uploads[f"/mailinfra/local.d/{module}.conf"] == "enabled = false;\n"


def test_only_public_services_are_published_and_the_database_on_loopback_alone(engine: Engine) -> None:
    declare(lambda: build(listen=["0.0.0.0"]))
    published = {
        (port["internal"], port["ip"])
        for request in engine.created(CONTAINER)
        for port in plain(request.object).get("ports") or []
    }
    assert (3306, "127.0.0.1") in published
    world = {internal for internal, address in published if address == "0.0.0.0"}
    assert {24, 4523, 3306}.isdisjoint(world), "LMTP, passwords and the database are for the containers"
    assert {25, 465, 587, 143, 993, 110, 995} <= world


def test_no_inner_port_is_published_twice_however_many_addresses_there_are(engine: Engine) -> None:
    declare(lambda: build(listen=["127.0.0.1", "127.0.0.2", "::1"]))
    for request in engine.created(CONTAINER):
        internal = [port["internal"] for port in plain(request.object).get("ports") or []]
        assert len(internal) == len(set(internal)), "Docker lists their bindings in an order of its own"


def test_a_protocol_that_is_off_is_neither_published_nor_an_endpoint(engine: Engine) -> None:
    servers: list[mailserver.MailServer] = []
    declare(lambda: servers.append(build(ports={"pop3": False, "pop3s": False, "submission": False})))
    assert sorted(servers[0].endpoints) == ["imap", "imaps", "smtp", "submissions", "webmail"]
    published = {
        port["internal"]
        for request in engine.created(CONTAINER)
        for port in plain(request.object).get("ports") or []
    }
    assert {110, 995, 587}.isdisjoint(published)


def test_an_existing_database_replaces_the_container_and_nothing_else(engine: Engine) -> None:
    external = {"external": {"host": "db.example.test", "administrator": "admin"}}
    declare(lambda: build(database=external))
    aliases = {
        alias
        for request in engine.created(CONTAINER)
        for network in plain(request.object).get("networksAdvanced") or []
        for alias in network.get("aliases") or []
    }
    assert aliases == {"dovecot", "dovecot-inner", "postfix", "rspamd", "webmail"}
    users = {plain(request.object)["user"] for request in engine.created("mysql:index/user:User")}
    assert users == {"dovecot", "identities", "passwords", "postfix", "roundcube"}


def test_a_smarthost_is_verified_by_the_ca_that_its_file_holds(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pem, "certificate_fault", lambda path: None)
    comment = "# Aussteller: Müller\n".encode("latin-1")
    (tmp_path / "ca.pem").write_bytes(comment + b"the ca\n")
    declare(lambda: build(smarthost={"host": "relay.example.test", "caFile": str(tmp_path / "ca.pem")}))
    filler = engine.one(CONTAINER, "mail-postfix-service-etc-postfix-filler")
    uploads = {each["file"]: each["content"] for each in plain(filler.object)["uploads"]}
    assert uploads["/mailinfra/tls/smarthost-ca.pem"].endswith("the ca\n")
    assert "smtp_tls_CAfile = /etc/postfix/tls/smarthost-ca.pem\n" in uploads["/mailinfra/main.cf"]


@pytest.mark.parametrize("with_ca", [False, True])
def test_browsers_are_told_to_insist_on_https_where_they_know_the_ca_anyway(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, with_ca: bool
) -> None:
    monkeypatch.setattr(CertificateConfig, "contradictions", lambda _: iter(()))
    monkeypatch.setattr(CertificateConfig, "names", lambda _: None)
    monkeypatch.setattr(CertificateConfig, "authority", lambda _: None)
    monkeypatch.setattr(CertificateConfig, "public_key", lambda _: "")
    given = {name: str(tmp_path / name) for name in ("certificateFile", "keyFile", *["caFile"] * with_ca)}
    for file in given.values():
        Path(file).write_text("some pem\n")
    declare(lambda: build(certificate=given))
    filler = engine.one(CONTAINER, "mail-roundcube-service-etc-mailinfra-filler")
    uploads = {each["file"]: each["content"] for each in plain(filler.object)["uploads"]}
    assert ("Strict-Transport-Security" in uploads["/mailinfra/tls.conf"]) is not with_ca


def test_no_key_of_the_mail_daemons_reaches_the_webmails_container(built: Engine) -> None:
    keys: dict[str, set[str]] = {"dovecot": set(), "postfix": set(), "roundcube": set()}
    for request in built.created(CONTAINER):
        service = request.name.split("-")[1]
        if service in keys:
            texts = [each["content"] for each in plain(request.object).get("uploads") or []]
            keys[service].update(text for text in texts if text.startswith("key of "))
    assert keys == {
        "dovecot": {f"key of mail-certificates-{name}-key" for name in ("public", "inner-mail")},
        "postfix": {f"key of mail-certificates-{name}-key" for name in ("public", "inner-mail", "older")},
        "roundcube": {"key of mail-certificates-webmail-key"},
    }


def test_without_the_filter_no_record_names_a_key_and_the_keys_stay(engine: Engine) -> None:
    found: list[Any] = []
    declare(lambda: build(filtering=False).dns_records.apply(found.extend))
    assert len(engine.created("mailinfra:index:DkimKeys")) == 1
    names = [record["name"] for record in found]
    assert "_dmarc.example.test" in names
    assert not [name for name in names if "_domainkey" in name]


def test_the_preview_knows_a_key_by_its_name_in_the_engine(built: Engine) -> None:
    request = built.one("tls:index/privateKey:PrivateKey", "mail-dkim-rsa-1")
    kinds = request.parent.split("::")[2]
    match = keys.KEY.search(f"urn:pulumi:test::mailinfra::{kinds}${request.type}::{request.name}")
    assert match
    assert match["selector"] == "rsa-1"


def test_accounts_that_live_elsewhere_leave_the_tables_and_no_row(engine: Engine) -> None:
    declare(lambda: build(accounts="external"))
    assert engine.created("mailinfra:index:Schema")
    assert not engine.created("mailinfra:index:Directory")


def test_tables_come_before_rights_and_rows(built: Engine) -> None:
    for token in ("mysql:index/user:User", "mailinfra:index:Directory"):
        for request in built.created(token):
            assert any("mailinfra:index:Schema" in urn for urn in request.dependencies), request.name


def test_the_records_name_the_host_and_every_domain(engine: Engine) -> None:
    found: list[Any] = []
    declare(lambda: build().dns_records.apply(found.extend))
    records = {(record["type"], record["name"], record["value"]) for record in found}
    assert ("A", "mail.example.test", "192.0.2.25") in records
    assert ("MX", "example.test", "mail.example.test") in records
    (text,) = [value for kind, name, value in records if name == "rsa-1._domainkey.example.test"]
    assert text.startswith("v=DKIM1; k=rsa; p=")
    assert len([value for kind, _, value in records if kind == "TLSA"]) == 2, "port 25 shows two keys"


@pytest.mark.parametrize(
    ("hostname", "mailboxes", "reader"),
    [
        ("mail.example.test", ["alice@example.test"], "postmaster@example.test"),
        ("example.test", ["alice@example.test"], "postmaster@example.test"),
        ("example.test", ["postmaster@example.test"], "postmaster@example.test"),
        ("mail.example.test", [], None),
    ],
)
def test_mail_to_the_containers_own_users_has_a_reader_while_anybody_receives_mail(
    hostname: str, mailboxes: list[str], reader: str | None
) -> None:
    listed = {
        "domains": [{"name": "example.test"}],
        "mailboxes": [{"address": address} for address in mailboxes],
    }
    given = {"hostname": hostname, "addresses": ["192.0.2.25"], "accounts": listed}
    assert ServerConfig.model_validate_json(json.dumps(given)).local_mail() == reader


@pytest.mark.parametrize(
    ("changes", "keeper"),
    [
        ({}, "alice@example.test"),
        ({"filtering": False}, None),
        ({"accounts": "external"}, None),
        ({"accounts": {"domains": [{"name": "example.test"}]}}, None),
    ],
)
def test_junk_that_is_not_forwarded_has_a_mailbox_that_keeps_it(
    changes: dict[str, Any], keeper: str | None
) -> None:
    listed = {"domains": [{"name": "example.test"}], "mailboxes": [{"address": "alice@example.test"}]}
    given = {"hostname": "mail.example.test", "addresses": ["192.0.2.25"], "accounts": listed, **changes}
    assert ServerConfig.model_validate_json(json.dumps(given)).keeps_junk() == keeper
