"""Accounts under the real engine: what a person sees before, during and after a change."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.accounts.desk import Desk, mailbox
from tests.accounts.server import Server
from tests.accounts.test_directory import log_in

pytestmark = [pytest.mark.accounts, pytest.mark.timeout(600)]

PROGRAM = Path(__file__).with_name("program")
ROOT = Path(__file__).parents[2]
SECONDS = 240
ALICE, BOB, CAROL = "alice@example.test", "bob@example.test", "carol@example.test"
PEOPLE = {f"u{number}@example.test": mailbox() for number in range(40)}


class Stack:
    """A stack of the small program, with a state of its own."""

    def __init__(self, desk: Desk, folder: Path) -> None:
        self.desk = desk
        self._file = folder / "Pulumi.test.yaml"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name.upper() != "ALL_PROXY"},
            "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_BACKEND_URL": folder.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "only a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        for name in ("PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_CREDENTIALS_PATH"):
            self._environment.pop(name, None)

    def begin(self) -> None:
        """Make the stack, with the secret that it needs."""
        self.run("stack", "init", "test")
        self.secret("databasePassword", self.desk.connection["password"])

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Return what the engine prints; it has to end well, or badly where it `fails`."""
        placed = [] if arguments[0] == "stack" else ["--config-file", str(self._file)]
        placed += [] if arguments[:2] == ("stack", "init") else ["--stack", "test"]
        done = subprocess.run(
            ["pulumi", "--non-interactive", "--color=never", arguments[0], *placed, *arguments[1:]],
            cwd=PROGRAM,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert bool(done.returncode) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def secret(self, key: str, text: str) -> None:
        """Write one secret key."""
        self.run("config", "set", "--secret", key, "--", text)

    def declare(self, **declared: Any) -> None:
        """Write who is declared."""
        content = yaml.safe_load(self._file.read_text())
        place = {
            key: value for key, value in self.desk.connection.items() if key not in ("password", "verify")
        }
        bag = {"domains": {"example.test": {}}, "mailboxes": {}, "aliases": {}, **declared}
        content["config"] |= {"people:where": {**place, "port": int(place["port"])}, "people:declared": bag}
        self._file.write_text(yaml.safe_dump(content))

    def up(self, *options: str, fails: bool = False) -> str:
        """Bring the stack up."""
        return self.run("up", "--yes", "--skip-preview", *options, fails=fails)

    def preview(self, *options: str) -> str:
        """Return what an update would do."""
        return self.run("preview", "--diff", *options)

    def passwords(self) -> dict[str, str]:
        """Return the generated passwords."""
        printed = self.run("stack", "output", "mailboxes", "--show-secrets", "--json")
        found: dict[str, str] = json.loads(printed)
        return found


@pytest.fixture(scope="module")
def begun(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a stack that has been made and was never brought up."""
    folder = tmp_path_factory.mktemp("begun")
    Stack(Desk(server, "mail"), folder).begin()
    return folder


@pytest.fixture
def stack(empty_desk: Desk, begun: Path, tmp_path: Path) -> Stack:
    """Return a stack before an empty database."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    made = Stack(empty_desk, tmp_path)
    made.declare()
    return made


def test_one_more_mailbox_is_one_more_entry_and_nothing_else(stack: Stack) -> None:
    stack.declare(mailboxes=PEOPLE)
    stack.up()
    assert set(stack.passwords()) == set(PEOPLE)
    stack.preview("--expect-no-changes")
    stack.declare(mailboxes={**PEOPLE, "u5@example.test": mailbox(enabled=False), CAROL: mailbox()})
    lines = stack.preview().splitlines()
    shown = [" ".join(line.split()) for line in lines if "@" in line or "enabled" in line]
    assert sorted(shown) == sorted(
        ["~ u5@example.test : {", "~ enabled: true => false", f"+ {CAROL}: {{", "+ enabled : true"]
    )
    stack.up()
    assert log_in(stack.desk, CAROL, stack.passwords()[CAROL])
    stack.preview("--expect-no-changes")


def test_a_removal_shows_what_becomes_of_the_mail(stack: Stack) -> None:
    stack.declare(mailboxes={ALICE: mailbox(), BOB: mailbox()})
    stack.up()
    stack.declare(mailboxes={ALICE: mailbox()})
    shown = stack.preview()
    assert f"- {BOB}" in shown
    assert f"mailbox {BOB} is removed: logins end; its mail stays in /mail/example.test/bob" in shown


def test_a_removal_shows_whose_mail_is_deleted(stack: Stack) -> None:
    stack.declare(mailboxes={ALICE: mailbox(), BOB: mailbox()})
    stack.up()
    stack.declare(deleteMail=[BOB])
    shown = stack.preview()
    assert " ".join(shown.split()).count(f"+ {BOB}: true") == 1, shown
    gone = "is removed: logins end; its mail"
    assert f"mailbox {BOB} {gone} in /mail/example.test/bob is deleted: deleteMail names it" in shown
    assert f"mailbox {ALICE} {gone} stays in /mail/example.test/alice" in shown
    stack.up()
    stack.preview("--expect-no-changes")
    stack.preview("--refresh", "--expect-no-changes")


def test_rows_that_were_changed_by_hand_are_named_and_the_next_up_puts_them_right(stack: Stack) -> None:
    stack.declare(mailboxes={ALICE: mailbox(), BOB: mailbox()})
    stack.up()
    stack.desk.sql("UPDATE users SET pop3 = 0 WHERE userid = 'alice'")
    stack.desk.sql("DELETE FROM users WHERE userid = 'bob'")
    stack.desk.sql("INSERT INTO users (userid, domain, password) VALUES ('carol', 'example.test', 'x')")
    said = stack.run("refresh", "--yes", "--skip-preview")
    assert f"mailbox {ALICE}: edited by hand (pop3)" in said
    assert f"mailbox {BOB}: its row was deleted by hand" in said
    assert f"mailbox {CAROL}: nobody declared it; it is left alone" in said
    stack.up()
    assert stack.desk.column("pop3", ALICE) == 1
    assert log_in(stack.desk, BOB, stack.passwords()[BOB])
    assert stack.desk.column("password", CAROL) == "x"
    stack.preview("--refresh", "--expect-no-changes")
    assert f"mailbox {CAROL}: nobody declared it" in stack.up(), "it is named at every `up`"


def test_a_preview_refuses_the_rename_that_an_update_would_refuse(stack: Stack) -> None:
    stack.declare(mailboxes={ALICE: mailbox(), BOB: mailbox()})
    stack.up()
    stack.declare(mailboxes={ALICE: mailbox(renamedFrom=BOB)})
    said = stack.run("preview", fails=True)
    assert f"cannot rename mailbox {BOB} to {ALICE}: the new name has a row already" in said
    assert "mailinfra/provider" not in said, "a user's mistake is no stack trace of ours"


def test_neither_the_engines_words_nor_its_state_show_a_secret(stack: Stack) -> None:
    stack.declare(mailboxes={ALICE: mailbox(), BOB: mailbox(password="owned")})
    stack.secret("passwords", json.dumps({BOB: "bobs very own"}))
    said = stack.preview() + stack.up("--diff")
    stack.secret("passwords", json.dumps({BOB: "bobs next one"}))
    said += stack.preview() + stack.up("--diff")
    stack.desk.sql("UPDATE users SET password = '{ARGON2ID}by-hand' WHERE userid = 'bob'")
    said += stack.run("refresh", "--yes", "--skip-preview", "--diff") + stack.up("--diff")
    assert log_in(stack.desk, BOB, "bobs next one")
    said += stack.run("stack", "export")
    secrets = ["bobs very own", "bobs next one", "by-hand", "$argon2id$", *stack.passwords().values()]
    assert len(secrets) == 5
    for secret in secrets:
        assert secret not in said


def test_destroy_and_up_find_every_row_again(stack: Stack) -> None:
    stack.declare(mailboxes={ALICE: mailbox(), BOB: mailbox()})
    stack.up()
    rows = stack.desk.sql("SELECT id, userid, password, home FROM users ORDER BY id")
    assert "the rows of 2 mailbox(es) stay in the database" in stack.run("destroy", "--yes", "--skip-preview")
    said = stack.up()
    assert stack.desk.sql("SELECT id, userid, password, home FROM users ORDER BY id") == rows
    assert "were there already and keep their passwords" in said
    assert stack.passwords() == {}
    stack.preview("--refresh", "--expect-no-changes")


def test_every_mistake_is_answered_before_anything_is_touched(stack: Stack) -> None:
    stack.declare(mailboxes={"Alice@example.test": mailbox(), "b@nowhere.test": mailbox()})
    said = stack.run("preview", fails=True)
    assert 'mailboxes["Alice@example.test"]: ' in said
    assert 'mailboxes["b@nowhere.test"]: ' in said
    assert "mailinfra/provider" not in said, "a user's mistake is no stack trace of ours"


def test_of_two_people_at_once_both_succeed_or_one_is_told_why(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Stack(stack.desk, tmp_path / "other")
    other.begin()
    for one in (stack, other):
        one.declare(mailboxes=PEOPLE)
    threads = [threading.Thread(target=one.up) for one in (stack, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=SECONDS)
    assert stack.desk.sql("SELECT COUNT(*) FROM users") == [(len(PEOPLE),)]
    known = [stack.passwords(), other.passwords()]
    assert sorted(len(passwords) for passwords in known) == [0, len(PEOPLE)], "each password was made once"
