"""From the original table to declared accounts: the command, the schema, the first `up`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from mailinfra.cli import adopt as adopt_command
from mailinfra.config.accounts.lists import AccountsConfig
from mailinfra.provider.model import KINDS
from tests.accounts.desk import Desk, mailbox
from tests.accounts.server import certificate_files
from tests.accounts.test_schema import DOUBLED, HASH, original

pytestmark = pytest.mark.accounts


STRICT = "strict@example.test"
OURS = {
    "domains": [
        {"name": "example.test", "postmaster": "alice@example.test"},
        {"name": "second.test", "catchAll": "dora@second.test"},
        {"name": "twin.test", "aliasOf": "example.test"},
        {"name": "bücher.test"},
    ],
    "mailboxes": [
        {"address": "alice@example.test", "displayName": "Alice Éxample", "claimant": "it"},
        {"address": "carol@example.test", "enabled": False, "description": "left in 2026: on leave"},
        {"address": "printer@example.test", "receives": False},
        {"address": "archive@example.test", "protocols": ["imap", "pop3"]},
        {"address": "ida@example.test", "protocols": ["imap"]},
        {"address": "box@example.test", "protocols": []},
        {"address": "forgetful@example.test", "reset": "2026-11-22"},
        {"address": STRICT, "password": "owned", "displayName": "#1: 'strict'"},
        {"address": "dora@second.test"},
        {"address": "reader@bücher.test"},
    ],
    "aliases": [
        {"address": "sales@example.test", "targets": ["alice@example.test"]},
        {"address": "team@example.test", "targets": ["sales@example.test", "carol@example.test"]},
        {"address": "quiet@example.test", "targets": ["alice@example.test"], "maySend": False},
        {"address": "abroad@example.test", "targets": ["ida@example.test"], "forwards": ["x@else.test"]},
    ],
}
"""Every kind of domain, mailbox and alias, as a person declares them."""


def bags(accounts: AccountsConfig) -> dict[str, Any]:
    """Return what the stack hands over of a configuration."""
    return vars(accounts.directory())


def rows(desk: Desk) -> list[list[tuple[Any, ...]]]:
    """Return all rows, with the moments at which they were last written."""
    return [desk.sql(f"SELECT * FROM {table} ORDER BY id") for table in ("domains", "users", "aliases")]


RUNNER, COMMAND = CliRunner(), typer.Typer()
COMMAND.command()(adopt_command.main)


class Done:
    """A command that has ended, as a person sees it."""

    def __init__(self, result: Result) -> None:
        self.stdout, self.stderr = result.stdout, result.stderr
        self.returncode = 1 if isinstance(result.exception, SystemExit) and result.exception.code else 0
        if isinstance(result.exception, SystemExit) and isinstance(result.exception.code, str):
            self.stderr += f"{result.exception.code}\n"
        elif result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception


def adopt(desk: Desk, folder: Path, **changes: Any) -> Done:
    """Run the command as a person does."""
    connection = {**desk.connection, **changes}
    (folder / "ca.pem").write_text(connection["ca"])
    where = [
        "--port",
        str(int(connection["port"])),
        "--database",
        connection["database"],
        "--ca-file",
        f"{folder}/ca.pem",
    ]
    return Done(RUNNER.invoke(COMMAND, where, env={adopt_command.PASSWORD: connection["password"]}))


def test_an_existing_database_becomes_declared_accounts_with_every_password(
    empty_desk: Desk, tmp_path: Path
) -> None:
    original(
        empty_desk,
        f"(19, 'usermail', 'example.com', '{DOUBLED}', 'admin', 'password is 1234qwer@WSX')",
        f"(23, 'Bob', 'example.org', '{{ARGON2ID}}{HASH}', '', 'sales')",
    )
    done = adopt(empty_desk, tmp_path)
    assert done.returncode == 0, done.stderr
    assert empty_desk.sql("SELECT userid FROM users WHERE id = 23") == [("Bob",)], "reading changes nothing"
    accounts = AccountsConfig.model_validate(yaml.safe_load(done.stdout))
    assert "doubled scheme prefix" in done.stderr
    assert "1234qwer" not in done.stdout + done.stderr

    empty_desk.upgrade()
    entries = accounts.directory()
    state = empty_desk.up(domains=entries.domains, mailboxes=entries.mailboxes, aliases=entries.aliases)
    assert empty_desk.sql("SELECT id, userid, password, claimant, description FROM users ORDER BY id") == [
        (19, "usermail", "{ARGON2ID}" + HASH, "admin", ""),
        (23, "bob", "{ARGON2ID}" + HASH, "", "sales"),
    ]
    assert state["initialPasswords"] == {}
    assert state["undeclaredRows"] == []


def test_a_database_of_ours_is_written_with_its_aliases(desk: Desk, tmp_path: Path) -> None:
    declared = {
        "domains": {"example.test": {}, "b.test": {"aliasOf": "example.test"}},
        "aliases": {"sales@example.test": {"targets": ["x@elsewhere.test"], "maySend": False}},
    }
    desk.up(**declared)
    written = yaml.safe_load(adopt(desk, tmp_path).stdout)
    assert written == {
        "domains": [{"name": "b.test", "aliasOf": "example.test"}, {"name": "example.test"}],
        "aliases": [{"address": "sales@example.test", "forwards": ["x@elsewhere.test"], "maySend": False}],
    }


def test_a_database_of_ours_is_declared_as_it_was(desk: Desk, tmp_path: Path) -> None:
    declared = AccountsConfig.model_validate(OURS)
    state = desk.up(**bags(declared), passwords={STRICT: "the first one"})
    done = adopt(desk, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"{STRICT}: the stack decides its password")
    assert len(done.stderr.splitlines()) == 1, done.stderr

    written = AccountsConfig.model_validate(yaml.safe_load(done.stdout))
    assert bags(written) == bags(declared)
    mailboxes = {one["address"]: one for one in yaml.safe_load(done.stdout)["mailboxes"]}
    assert mailboxes["dora@second.test"] == {"address": "dora@second.test"}, "defaults are not written"

    another, before = Desk(desk.server, desk.database), rows(desk)
    hashed = str(desk.column("password", STRICT))
    found = another.up(**bags(written), passwords={STRICT: hashed})
    assert rows(desk) == before, "a stack that is configured from it has nothing to write"
    assert {kind: found[kind] for kind in KINDS} == {kind: state[kind] for kind in KINDS}
    assert found["initialPasswords"] == {}
    assert found["undeclaredRows"] == []
    assert another.refresh() == found


def test_the_command_runs_by_its_name(desk: Desk, tmp_path: Path) -> None:
    desk.up(mailboxes={"alice@example.test": mailbox()})
    (tmp_path / "ca.pem").write_text(desk.server.ca)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mailinfra.cli.adopt", "--port", str(desk.server.port)),
            *("--database", desk.database, "--ca-file", f"{tmp_path}/ca.pem"),
        ],
        env={**os.environ, adopt_command.PASSWORD: desk.connection["password"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == adopt(desk, tmp_path).stdout


def test_a_database_without_users_is_one_sentence(empty_desk: Desk, tmp_path: Path) -> None:
    done = adopt(empty_desk, tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"database {empty_desk.database!r} has no table `users`; name the database that has it\n"
    )


def test_a_database_of_an_older_version_is_one_sentence(empty_desk: Desk, tmp_path: Path) -> None:
    empty_desk.upgrade("0002")
    done = adopt(empty_desk, tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.endswith("run `pulumi up` of their own stack with this one")


def test_a_table_of_other_users_is_one_sentence(empty_desk: Desk, tmp_path: Path) -> None:
    empty_desk.sql("CREATE TABLE users (id INT PRIMARY KEY, name VARCHAR(20))")
    done = adopt(empty_desk, tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"database {empty_desk.database!r}: its table `users` has no column domain, password, userid, "
        "so it is not a table of mailboxes; name the database that has one\n"
    )


@pytest.mark.parametrize(
    ("change", "said", "remedy"),
    [
        ({"password": "wrong"}, "Access denied for user 'root'", "check the account's password"),
        ({"database": "nowhere"}, "Unknown database 'nowhere'", "create the database, or correct its name"),
        ({"port": 1.0}, "Can't connect to MySQL server", "start the server, or correct host and port"),
    ],
)
def test_a_way_that_leads_nowhere_is_one_sentence(
    desk: Desk, tmp_path: Path, change: dict[str, Any], said: str, remedy: str
) -> None:
    done = adopt(desk, tmp_path, **change)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert said in line
    assert line.endswith(remedy)


def test_a_server_whose_certificate_another_ca_signed_is_one_sentence(desk: Desk, tmp_path: Path) -> None:
    done = adopt(desk, tmp_path, ca=certificate_files()["ca.pem"])
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "certificate verify failed" in line
    assert line.endswith(
        "give the CA that signed the server's certificate, and the host by a name that it carries"
    )
