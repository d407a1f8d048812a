"""From the original table to declared accounts: the command, the schema, the first `up`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mailinfra.settings.accounts import AccountsConfig
from tests.accounts.desk import Desk
from tests.accounts.test_schema import DOUBLED, HASH, original

pytestmark = pytest.mark.accounts


def adopt(desk: Desk, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the command as a person does."""
    connection = desk.connection
    (folder / "ca.pem").write_text(connection["ca"])
    where = [
        "--port",
        str(int(connection["port"])),
        "--database",
        desk.database,
        "--ca-file",
        f"{folder}/ca.pem",
    ]
    return subprocess.run(
        [sys.executable, "-m", "mailinfra.adopt", *where],
        env={**os.environ, "MAILINFRA_DATABASE_PASSWORD": connection["password"]},
        capture_output=True,
        text=True,
        check=False,
    )


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


def test_a_database_without_users_is_one_sentence(empty_desk: Desk, tmp_path: Path) -> None:
    done = adopt(empty_desk, tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"database {empty_desk.database!r} has no table `users`; name the database that has it\n"
    )
