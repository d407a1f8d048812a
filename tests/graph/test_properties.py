"""Each property of each resource is held to what the real plugins do with it (properties.py)."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pulumi import Output
from pulumi.runtime.proto.resource_pb2 import RegisterResourceRequest

from mailinfra.components import mailserver
from mailinfra.config import pem
from mailinfra.config.load import Secrets
from mailinfra.config.server import ServerConfig
from tests.graph.conftest import heard, plain
from tests.graph.properties import (
    CA,
    CONTAINER,
    DATABASE,
    FACTS,
    GRANT,
    NETWORK,
    USER,
    VOLUME,
    Change,
    Fact,
    Refresh,
)

PLAIN: dict[str, Any] = {
    "hostname": "mail.example.test",
    "listen": ["127.0.0.1"],
    "accounts": {"domains": [{"name": "example.test"}], "mailboxes": [{"address": "alice@example.test"}]},
}

DOVECOT = f"registry.example.test/dovecot:1@sha256:{'0' * 64}"

EVERYTHING: dict[str, Any] = {
    "hostname": "mail.example.test",
    "addresses": ["192.0.2.25"],
    "listen": ["127.0.0.1", "127.0.0.2", "::1"],
    "network": {"subnet": "192.168.99.0/24", "subnet6": "fd00:94::/64"},
    "images": {"mysql": "build", "roundcube": "build", "dovecot": DOVECOT, "revision": "1"},
    "database": {"memory": "1G"},
    "storage": {"mail": {"driver": "nfs", "driverOptions": {"share": "mail"}}},
    "limits": {"messageSize": "25M", "recipients": 200},
    "webmail": {"reverseProxy": "192.0.2.80"},
    "resolvers": ["192.0.2.53", "2001:db8::53"],
    "smarthost": {"host": "relay.example.test", "username": "relay"},
    "accounts": {
        "domains": [
            {"name": "example.test", "renamedFrom": "old.test"},
            {"name": "twin.test", "aliasOf": "example.test"},
            {"name": "other.test", "catchAll": "alice@example.test"},
        ],
        "mailboxes": [
            {"address": "alice@example.test", "displayName": "Alice", "description": "x", "claimant": "it"},
            {"address": "bob@example.test", "reset": "1", "reuseMail": True},
            {"address": "carl@example.test", "renamedFrom": "karl@example.test"},
        ],
        "aliases": [{"address": "sales@example.test", "targets": ["alice@example.test"]}],
        "deleteMail": ["dave@example.test"],
    },
}

ELSEWHERE: dict[str, Any] = {
    **PLAIN,
    "certificate": {"certificateFile": "certificate.pem", "keyFile": "key.pem"},
    "database": {"external": {"host": "db.example.test", "administrator": "admin", "databases": "adopt"}},
    "storage": {"mail": {"hostPath": "/srv/mail"}},
    "ports": {
        "pop3": False,
        "pop3s": False,
        "imap": False,
        "submission": False,
        "webmailRedirect": False,
    },
}

FORMS = {"plain": PLAIN, "everything": EVERYTHING, "elsewhere": ELSEWHERE}

Requests = list[RegisterResourceRequest]


def build(form: dict[str, Any]) -> None:
    secrets = Secrets(
        passwords=Output.secret({"alice@example.test": "a password"}),
        database_password=Output.secret("the administrator's"),
        smarthost_password=Output.secret("the relay's"),
    )
    server = ServerConfig.model_validate_json(json.dumps(form))
    mailserver.MailServer(
        "mail", mailserver.MailServerArgs(stack="mailinfra-test", server=server, secrets=secrets)
    )


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[dict[str, Any]], Requests]]:
    """Return what the engine is asked for with a form, components left out; each form is declared once."""
    known: dict[str, Requests] = {}
    folder = tmp_path_factory.mktemp("project")
    for name in ("certificate.pem", "key.pem"):
        (folder / name).write_text("a certificate or a key\n")

    def requests(form: dict[str, Any]) -> Requests:
        key = json.dumps(form)
        if key not in known:
            known[key] = [request for request in heard(lambda: build(form)).requests if request.custom]
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for check in ("certificate_fault", "key_fault", "names"):
            patch.setattr(pem, check, lambda *_: None, raising=False)
        for question in ("issuer", "public_key"):
            patch.setattr(pem, question, lambda _: "")
        yield requests


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return the path of each value, `[*]` for the place in a list; what is empty is a value."""
    if isinstance(value, dict) and (value or path):
        for key, each in value.items():
            yield from leaves(each, (*path, str(key)))
    if isinstance(value, list):
        for each in value:
            yield from leaves(each, (*path, "[*]"))
    if not isinstance(value, (dict, list)) or (path and not value):
        yield path, value


def row(token: str, path: tuple[str, ...]) -> tuple[str, Fact] | None:
    """Return the row of the table about a property."""
    for name, fact in FACTS[token].items():
        parts = name.replace("[*]", ".[*]").split(".")
        if len(parts) == len(path) and all(part in {"*", own} for part, own in zip(parts, path, strict=True)):
            return name, fact
    return None


def rows(requests: Requests) -> Iterator[tuple[RegisterResourceRequest, str, Fact, Any]]:
    """Return each declared property with its row: resource, name of the row, fact, value."""
    for request in requests:
        for path, value in leaves(plain(request.object)):
            found = row(request.type, path)
            assert found, (
                f"{request.type} {request.name} declares {'.'.join(path)} = {value!r}, of which "
                "tests/graph/properties.py knows nothing: try on the real plugin whether a change replaces "
                "or updates, and in which form a refresh answers it, and add the row"
            )
            yield request, *found, value


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_declared_property_has_a_row_and_the_form_in_which_it_is_read_back(
    declared: Callable[[dict[str, Any]], Requests], form: dict[str, Any]
) -> None:
    for request, name, fact, value in rows(declared(form)):
        if fact.form and value not in ([], {}):
            assert fact.form.fullmatch(str(value)), (
                f"{name} of {request.name} is {value!r}: after a refresh it is a change in every preview, or "
                f"is never compared; it has to look like {fact.form.pattern}"
            )


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_the_provider_only_pretends_to_update_is_replaced(
    declared: Callable[[dict[str, Any]], Requests], form: dict[str, Any]
) -> None:
    pretended = 0
    for request, name, fact, _ in rows(declared(form)):
        top = re.split(r"[.\[]", name)[0]
        if fact.change is Change.PRETENDS:
            assert top in request.replaceOnChanges, f"a changed {top} never reaches {request.name}"
            pretended += 1
        elif fact.change is Change.UPDATES:
            assert top not in request.replaceOnChanges, f"{top} of {request.name} could be updated in place"
    assert pretended


def test_the_table_holds_no_row_that_nobody_declares(
    declared: Callable[[dict[str, Any]], Requests],
) -> None:
    used = {(request.type, name) for form in FORMS.values() for request, name, _, _ in rows(declared(form))}
    assert {(token, name) for token, known in FACTS.items() for name in known} == used


def test_what_nobody_misses_when_it_is_taken_away_is_there_always_or_never(
    declared: Callable[[dict[str, Any]], Requests],
) -> None:
    """Else a setting that goes back to its default would leave the container as it was."""
    seen: dict[tuple[str, str], set[bool]] = {}
    unseen = {
        (token, re.split(r"[.\[]", name)[0])
        for token, known in FACTS.items()
        for name, fact in known.items()
        if fact.removal_unseen
    }
    for form in FORMS.values():
        for request in declared(form):
            for token, top in unseen:
                if request.type == token:
                    value = plain(request.object).get(top)
                    seen.setdefault((request.name, top), set()).add(value not in (None, [], {}))
    assert not [each for each, ways in seen.items() if len(ways) > 1]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_cannot_exist_twice_goes_before_its_successor_comes(
    declared: Callable[[dict[str, Any]], Requests], form: dict[str, Any]
) -> None:
    for request in declared(form):
        once = (
            request.type in {NETWORK, USER, GRANT}  # a subnet, a name and what hangs on it
            or (request.type == CONTAINER and "ports" in plain(request.object))  # addresses and ports
        )
        assert request.deleteBeforeReplace or not once, request.name


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_docker_cannot_bring_ports_mounts_and_networks_into_another_order(
    declared: Callable[[dict[str, Any]], Requests], form: dict[str, Any]
) -> None:
    """Ports are compared one by one, and two bindings of one inner port are answered in Docker's order."""
    for request in declared(form):
        if request.type == CONTAINER:
            container = plain(request.object)
            parts = {"ports": "internal", "mounts": "target", "tmpfs": None, "networksAdvanced": "name"}
            for key, part in parts.items():
                found = Counter(each[part] if part else each for each in container.get(key) or ())
                assert not [each for each, times in found.items() if times > 1], (
                    f"{key} of {request.name}: {found}"
                )


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_what_a_refresh_cannot_see_of_a_right_our_own_provider_looks_for(
    declared: Callable[[dict[str, Any]], Requests], form: dict[str, Any]
) -> None:
    requests = declared(form)
    assert FACTS[GRANT]["privileges[*]"].refresh is Refresh.KEEPS
    (rights,) = (plain(request.object)["rights"] for request in requests if request.type.endswith(":Rights"))
    for request in requests:
        if request.type == GRANT:
            grant = plain(request.object)
            place = f"{grant['database']}.{grant['table']}"
            watched = [right for right in rights[grant["user"]] if right.endswith(f" on {place}")]
            assert watched, f"{request.name}: nobody sees what is changed by hand"


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_data_stays_and_is_found_again(
    declared: Callable[[dict[str, Any]], Requests], form: dict[str, Any]
) -> None:
    for request in declared(form):
        name = str(plain(request.object).get("name"))
        # A hash ends the name of rendered files; what rspamd keeps, and copies of files, come back by
        # themselves.
        if request.type == VOLUME and not re.search(r"-([0-9a-f]{16}|rspamd|shown-(mail|webmail))$", name):
            assert request.retainOnDelete, request.name
        if request.type == DATABASE:
            assert request.retainOnDelete, request.name
            assert request.importId == name, f"{request.name}: it cannot be created where it exists"
        if request.type == GRANT:  # its deletion is an error of MySQL's; its user takes it along
            assert request.retainOnDelete, request.name
            assert any(USER in urn for urn in request.replace_with), request.name
        if request.type == CA:
            assert list(request.ignoreChanges) == ["subject"], "every client would have to trust another CA"


@pytest.mark.parametrize("on_destroy", ["retain", "delete"])
def test_a_destroy_does_not_log_in_to_a_server_that_goes_with_it(
    declared: Callable[[dict[str, Any]], Requests], on_destroy: str
) -> None:
    """Where it does not run, each login waits for five minutes; users and databases go with their volume."""
    own = [
        request
        for request in declared({**PLAIN, "storage": {"onDestroy": on_destroy}})
        if request.type in {DATABASE, USER}
    ]
    assert own
    for request in own:
        assert request.deletedWith.endswith("::mail-database-data"), request.name
    for request in declared(ELSEWHERE):
        if request.type in {DATABASE, USER}:
            assert not request.deletedWith, f"{request.name} stays on somebody's server"
