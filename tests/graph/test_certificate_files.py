"""Files of one's own: others in their place reach who shows them, and no container is made anew."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mailinfra.user_ids import ACME as GROUP
from tests.certificate_files import Files, maker
from tests.graph.conftest import CONTAINER, VOLUME, Engine, heard, is_secret, plain
from tests.graph.test_mailserver import ACME, build

MAIL, WEBMAIL = "mailinfra-test-shown-mail", "mailinfra-test-shown-webmail"
FILES = "mail-certificate-files-service"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    monkeypatch.chdir(tmp_path)
    return maker()


@pytest.fixture
def webmails(tmp_path: Path) -> dict[str, str]:
    """A second pair, in a folder of its own."""
    folder = tmp_path / "webmail"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        given = maker()()
    return {name: f"webmail/{path}" for name, path in given.items()}


def sources(engine: Engine, name: str) -> dict[str, tuple[str, bool]]:
    """Return path -> volume, and whether it is mounted read-only."""
    declared = plain(engine.one(CONTAINER, f"mail-{name}-service-container").object)
    return {each["target"]: (each["source"], bool(each.get("readOnly"))) for each in declared["mounts"]}


def test_one_hands_the_files_on_and_three_read_them(files: Files) -> None:
    engine = heard(partial(build, certificate=files()))
    assert sources(engine, "certificate-files")["/tls"] == (MAIL, False)
    for name in ("dovecot", "postfix", "roundcube"):
        assert sources(engine, name)["/tls"] == (MAIL, True), name
    assert not engine.one(VOLUME, "mail-certificate-files-mail-cache").retainOnDelete, "files come again"


def test_the_webmails_own_pair_lies_where_no_mail_daemon_reads_and_the_other_one_where_it_does_not(
    files: Files, webmails: dict[str, str]
) -> None:
    own = {"webmail": {"certificate": webmails}}
    changes: list[tuple[dict[str, Any], str | None]] = [
        ({"certificate": files()}, MAIL),
        ({}, None),
        (ACME, "mailinfra-test-tls"),
    ]
    for given, mail in changes:
        engine = heard(partial(build, **own, **given))
        assert sources(engine, "roundcube")["/tls"] == (WEBMAIL, True)
        assert sources(engine, "dovecot").get("/tls", (None, True))[0] == mail
        assert sources(engine, "certificate-files")["/webmail"] == (WEBMAIL, False)


def test_other_files_make_no_container_anew_but_the_one_that_never_runs(
    files: Files, webmails: dict[str, str]
) -> None:
    def declared() -> dict[str, Any]:
        engine = heard(partial(build, certificate=files(leaf=leaf), webmail={"certificate": webmails}))
        return {request.name: plain(request.object) for request in engine.created(CONTAINER)}

    leaf = 200
    before = declared()
    leaf = 300
    after = declared()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"{FILES}-files-filler"}


def test_what_hands_them_on_is_in_no_network_and_reads_them_by_a_number_that_nobody_has(
    files: Files,
) -> None:
    engine = heard(partial(build, certificate=files()))
    declared = plain(engine.one(CONTAINER, f"{FILES}-container").object)
    assert (declared["networkMode"], declared.get("networksAdvanced")) == ("none", None)
    assert declared["user"] == f"{GROUP}:{GROUP}"
    assert declared["command"] == ["files", "mail.example.test"]


def test_the_key_is_secret_and_lies_with_no_daemon(files: Files) -> None:
    engine = heard(partial(build, certificate=files()))
    key = Path("key.pem").read_text()
    holders = {
        request.name
        for request in engine.created(CONTAINER)
        for upload in plain(request.object).get("uploads") or []
        if upload["content"] == key
    }
    assert holders == {f"{FILES}-files-filler"}
    assert is_secret(engine.one(CONTAINER, f"{FILES}-files-filler").object.fields["uploads"])


def test_without_files_nobody_hands_any_on() -> None:
    for given in ({}, ACME):
        engine = heard(partial(build, **given))
        assert not [request for request in engine.requests if "certificate-files" in request.name]
