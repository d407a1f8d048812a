"""A server that goes away, two people at once, a wrong certificate: one sentence, and nothing half done."""

import re
import threading
from typing import Any

import pytest

from mailinfra.provider import database, directory, rows, update
from mailinfra.provider.errors import ProviderError
from tests.accounts.desk import Desk, mailbox

pytestmark = pytest.mark.accounts

PEOPLE = {f"u{number}@example.test": mailbox() for number in range(20)}


def test_a_server_that_stops_in_the_middle_leaves_nothing_half_done_and_the_next_up_finishes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = rows.write

    def write_and_lose_the_server(link: Any, writes: Any) -> None:
        real(link, writes)
        ((number,),) = link.exec_driver_sql("SELECT CONNECTION_ID()").all()
        desk.sql(f"KILL CONNECTION {number}")

    with monkeypatch.context() as patched:
        patched.setattr(update, "write", write_and_lose_the_server)
        with pytest.raises(ProviderError, match="run `pulumi up` again: nothing was half done"):
            desk.up(mailboxes=PEOPLE)
    assert desk.sql("SELECT COUNT(*) FROM users") == desk.sql("SELECT COUNT(*) FROM domains") == [(0,)]
    desk.up(mailboxes=PEOPLE)
    assert desk.sql("SELECT COUNT(*) FROM users") == [(20,)]


def test_of_two_ups_at_once_one_waits_for_the_other(desk: Desk) -> None:
    states: list[Any] = []

    def go() -> None:
        states.append(directory.create(desk.inputs(mailboxes=PEOPLE), preview=False).properties)

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(len(state["initialPasswords"]) for state in states) == [0, 20], (
        "only one of them made passwords"
    )
    assert desk.sql("SELECT COUNT(*) FROM users") == [(20,)]


def test_an_up_that_has_waited_long_enough_fails_cleanly(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 1)
    with (
        database.locked(desk.connection),
        pytest.raises(ProviderError, match="another update has been writing accounts for 1 s"),
    ):
        desk.up(mailboxes=PEOPLE)
    desk.up(mailboxes=PEOPLE)


def test_a_server_with_another_ca_is_refused_unless_that_is_said(desk: Desk) -> None:
    strange = desk.connection | {"ca": ""}
    with pytest.raises(ProviderError, match=r"certificate verify failed.*give the CA that signed"):
        directory.create(desk.inputs() | {"connection": strange}, preview=False)
    directory.create(desk.inputs() | {"connection": strange | {"verify": False}}, preview=False)


def test_a_server_by_a_name_that_its_certificate_does_not_carry_is_refused(desk: Desk) -> None:
    with pytest.raises(ProviderError, match=r"certificate verify failed.*a name that it carries"):
        directory.create(
            desk.inputs() | {"connection": desk.connection | {"host": "localhost"}}, preview=False
        )


def test_a_wrong_password_is_one_sentence_that_does_not_show_it(desk: Desk) -> None:
    wrong = desk.connection | {"password": "very wrong"}
    with pytest.raises(ProviderError, match="check the account's password") as caught:
        directory.create(desk.inputs() | {"connection": wrong}, preview=False)
    assert "very wrong" not in str(caught.value)


def test_a_row_that_the_database_refuses_undoes_the_whole_update(desk: Desk) -> None:
    desk.sql("ALTER TABLE users ADD CONSTRAINT no_mallory CHECK (userid <> 'mallory')")
    with pytest.raises(ProviderError, match=re.escape("no_mallory")) as caught:
        desk.up(
            mailboxes={**PEOPLE, "mallory@example.test": mailbox()},
            passwords={"u1@example.test": "hush hush"},
        )
    assert desk.sql("SELECT COUNT(*) FROM users") == [(0,)]
    assert "argon2" not in str(caught.value)
