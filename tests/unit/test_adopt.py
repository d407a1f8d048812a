"""The stack's declaration of a database that was there before."""

import os
from pathlib import Path
from typing import Any

import pymysql
import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from mailinfra.cli import adopt, adoption
from mailinfra.config.accounts.lists import AccountsConfig
from mailinfra.provider.errors import ProviderError

HASH = "$argon2id$v=19$m=65536,t=3,p=1$RmLSeYCr45SE84sqJqv/wA$jGB2u2M9TjZckWR+McZwJredi3Tzqlx3+cipgEcE4BI"
SOUND = "{ARGON2ID}" + HASH


def row(userid: str | None = "usermail", **changes: Any) -> dict[str, Any]:
    columns = {"id": 19, "domain": "example.com", "password": SOUND, "claimant": "", "description": ""}
    return {"userid": userid, **columns, **changes}


def our_row(userid: str = "alice") -> dict[str, Any]:
    """Return a row as MySQL gives it: truth is 0 or 1."""
    switches = dict.fromkeys(("enabled", "receives", "imap", "pop3", "submission"), 1)
    texts = {"password_policy": "initial", "password_reset": "", "display_name": ""}
    return row(userid, **switches, **texts)


def declared(**changes: Any) -> dict[str, Any]:
    """Return what is declared of one row of ours, beside its address."""
    (entry,) = adoption.declaration([our_row() | changes], {}).accounts["mailboxes"]
    assert entry.pop("address") == "alice@example.com"
    return entry


def test_every_row_is_declared_with_its_texts_and_its_domain() -> None:
    rows = [row(claimant="admin", description="sales"), row("Bob", domain="Example.ORG")]
    found = adoption.declaration(rows)
    assert found.remarks == []
    assert found.accounts == {
        "domains": [{"name": "example.com"}, {"name": "example.org"}],
        "mailboxes": [
            {"address": "usermail@example.com", "claimant": "admin", "description": "sales"},
            {"address": "bob@example.org"},
        ],
        "aliases": [],
    }


def test_what_is_written_is_what_the_configuration_takes() -> None:
    found = adoption.declaration([row(description="for: #sales"), row("true")])
    accounts = AccountsConfig.model_validate(yaml.safe_load(adopt.as_yaml(found)))
    assert [one.address for one in accounts.mailboxes] == ["true@example.com", "usermail@example.com"]


def test_a_doubled_scheme_prefix_is_reported() -> None:
    doubled = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p={ARGON2ID}" + HASH
    (remark,) = adoption.declaration([row(password=doubled)]).remarks
    assert remark.startswith("usermail@example.com: its password has a doubled scheme prefix")
    assert "repairs the row" in remark


def test_a_password_in_clear_text_is_reported_and_not_shown() -> None:
    (remark,) = adoption.declaration([row(password="hunter2")]).remarks
    assert "is not a hash" in remark
    assert "hunter2" not in remark


def test_a_description_that_confides_a_password_never_reaches_the_stack_file() -> None:
    found = adoption.declaration([row(description="for test and password is 1234qwer")])
    assert "1234qwer" not in adopt.as_yaml(found) + " ".join(found.remarks)
    assert "speaks of a password" in found.remarks[0]


def test_a_row_that_could_never_log_in_is_reported_and_left_out() -> None:
    found = adoption.declaration([row("zoë"), row()])
    assert [one["address"] for one in found.accounts["mailboxes"]] == ["usermail@example.com"]
    assert "mailbox zoë@example.com: cannot be declared" in found.remarks[0]


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        ({}, {}),
        ({"enabled": 0}, {"enabled": False}),
        ({"display_name": "Alice Example"}, {"displayName": "Alice Example"}),
        ({"pop3": 0, "submission": 0}, {"protocols": ["imap"]}),
        ({"imap": 0, "pop3": 0, "submission": 0}, {"protocols": []}),
        ({"receives": 0, "imap": 0, "pop3": 0}, {"receives": False}),
        ({"password_reset": "2026-11-22, forgotten"}, {"reset": "2026-11-22, forgotten"}),
        ({"password_policy": "owned"}, {"password": "owned"}),
    ],
)
def test_a_row_of_ours_is_declared_with_what_is_not_the_default(
    columns: dict[str, Any], lines: dict[str, Any]
) -> None:
    assert declared(**columns) == lines


def test_a_reset_of_a_password_that_the_stack_owns_by_now_is_not_declared() -> None:
    assert declared(password_policy="owned", password_reset="forgotten") == {"password": "owned"}


@pytest.mark.parametrize(
    "changes",
    [
        {"userid": b"usermail", "domain": b"Example.com", "password": SOUND.encode(), "claimant": b"admin"},
        {"claimant": None, "description": None},
        {"UserID": "usermail"},
    ],
)
def test_a_table_with_other_kinds_of_columns_is_declared_all_the_same(changes: dict[str, Any]) -> None:
    given = row() | changes
    if "UserID" in changes:
        given.pop("userid")
    found = adoption.declaration([given])
    assert found.remarks == []
    (entry,) = found.accounts["mailboxes"]
    assert entry["address"] == "usermail@example.com"


def test_numbers_and_nothing_in_text_columns_are_no_trace() -> None:
    rows = [
        row(description=7),
        row("anna", password=None),
        row(None, domain=None),
        row("zo", domain=b"\xff.test"),
    ]
    found = adoption.declaration(rows)
    assert [one.get("description") for one in found.accounts["mailboxes"]] == [None, "7"]
    remarks = "\n".join(found.remarks)
    assert "anna@example.com: its password is not a hash" in remarks
    assert "mailbox @: cannot be declared" in remarks
    assert "mailbox zo@\ufffd.test: cannot be declared" in remarks


def test_columns_of_that_name_in_somebody_elses_table_mean_nothing() -> None:
    (entry,) = adoption.declaration([our_row() | {"enabled": 0}]).accounts["mailboxes"]
    assert entry == {"address": "alice@example.com"}


def test_an_owned_password_is_asked_for_because_no_row_tells_it() -> None:
    (remark,) = adoption.declaration([our_row() | {"password_policy": "owned"}], {}).remarks
    assert remark == (
        "alice@example.com: the stack decides its password (`password: owned`), which no row tells; declare "
        "it, or the hash in its row, with `pulumi config set --secret --path "
        "'mailinfra:passwords[\"alice@example.com\"]'`; until then `up` stops before it changes anything"
    )


def test_a_row_that_no_declaration_could_make_is_left_as_it_is() -> None:
    found = adoption.declaration([our_row() | {"receives": 0}, our_row("bob")], {})
    assert [one["address"] for one in found.accounts["mailboxes"]] == ["bob@example.com"]
    (remark,) = found.remarks
    assert remark.startswith("mailbox alice@example.com: cannot be declared (has mail to read")
    assert remark.endswith("its row stays as it is, undeclared")


def test_a_doubled_prefix_in_a_database_of_ours_is_repaired_by_nobody() -> None:
    doubled = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p={ARGON2ID}" + HASH
    (remark,) = adoption.declaration([our_row() | {"password": doubled}], {}).remarks
    assert "give the mailbox a `reset`" in remark


def test_what_up_would_refuse_is_said_at_once() -> None:
    others = {
        "domains": {"example.com": {}},
        "aliases": {"sales@example.com": {"targets": ["x@example.com"]}},
    }
    (remark,) = adoption.declaration([our_row()], others).remarks
    assert remark == (
        "aliases.0.targets.0: 'x@example.com' is neither a mailbox nor an alias; declare it, or correct its "
        "spelling; `up` refuses the file until then"
    )


def run(*arguments: str) -> Result:
    """Run the command where nobody could answer a question."""
    app = typer.Typer()
    app.command()(adopt.main)
    return CliRunner().invoke(app, arguments)


def refusal(*arguments: str) -> str:
    """Return the line with which the command ends."""
    result = run(*arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert isinstance(result.exception.code, str), "the line goes to standard error, and the exit code is 1"
    assert "\n" not in result.exception.code
    return result.exception.code


def test_a_ca_file_that_is_none_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no certificate")
    assert refusal("--ca-file", f"{tmp_path}/gone") == (
        f"--ca-file: '{tmp_path}/gone' cannot be read (no such file or directory); correct the path"
    )
    assert refusal("--ca-file", f"{tmp_path}") == (
        f"--ca-file: '{tmp_path}' cannot be read (is a directory); correct the path"
    )
    assert refusal("--ca-file", f"{tmp_path}/notes") == (
        f"--ca-file: '{tmp_path}/notes' holds no PEM certificate; "
        "it starts with '-----BEGIN CERTIFICATE-----'"
    )


def test_a_private_key_in_place_of_the_ca_is_told_in_words_of_this_command(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----")
    assert refusal("--ca-file", f"{tmp_path}/key") == (
        f"--ca-file: '{tmp_path}/key' holds a private key; name the file that holds the certificate"
    )


def test_an_output_that_cannot_be_written_is_refused_before_a_password_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").write_text("precious")
    assert refusal("--output", f"{tmp_path}/there") == (
        f"--output: '{tmp_path}/there' is there already and is not overwritten; name another file"
    )
    assert refusal("--output", f"{tmp_path}/no/accounts.yaml") == (
        f"--output: '{tmp_path}/no' is not a folder; make it, or name a file in another one"
    )
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    assert refusal("--output", f"{tmp_path}/accounts.yaml") == (
        f"--output: '{tmp_path}' may not be written to; name a file in another folder"
    )


def test_an_output_that_fails_at_the_end_is_one_line_too(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match=r"cannot be written \(file name too long\); name another file"):
        adopt.write(tmp_path / ("x" * 300), "")


@pytest.mark.parametrize("port", ["0", "65536", "mysql"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    assert run("--port", port).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--port", "1"], "Can't connect to MySQL server on '127.0.0.1'"),
        (["--host", "a..b"], "database host 'a..b': is not a name or IP address"),
    ],
)
def test_a_server_that_does_not_answer_is_one_line(
    arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(adopt.PASSWORD, "x")
    said = refusal(*arguments)
    assert line in said
    assert "correct" in said


def test_a_server_that_is_silent_is_given_up_after_half_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = {}

    def connect(**arguments: Any) -> None:
        waited.update(arguments)
        raise pymysql.OperationalError(2013, "Lost connection to MySQL server during query (timed out)")

    monkeypatch.setenv(adopt.PASSWORD, "x")
    monkeypatch.setattr(pymysql, "connect", connect)
    assert "timed out" in refusal()
    assert waited["connect_timeout"] + waited["read_timeout"] <= 30
