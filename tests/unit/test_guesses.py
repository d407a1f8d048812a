"""The program that bounds wrong passwords (configs/dovecot/guesses), asked as Dovecot asks it."""

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mailinfra.components import dovecot
from mailinfra.containers.rendering import render
from tests.samples import dovecot_args, limits

ALICE, BOB = "alice@example.test", "bob@example.test"
CLIENT, OTHER, GATEWAY, WEBMAIL = "198.51.100.7", "198.51.100.8", "192.0.2.1", "192.0.2.5"
WRONG, REPEATS = 8, 2

CHECK = {"status": 0, "msg": ""}
"""Dovecot may check the password."""

WAS_WRONG = {"status": -1, "msg": ""}
"""As a wrong one: Dovecot answers with no text of ours."""

Program = Callable[..., "Guesses"]


class Guesses:
    """What Dovecot and the entry point of its image say to the program."""

    def __init__(self, port: int) -> None:
        self.port = port

    def say(self, command: str, **said: object) -> Any:
        """Say one thing on a connection of its own, and return the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", f"/?command={command}", json.dumps(said, separators=(",", ":")))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def _login(self, password: str, login: str, remote: str, protocol: str) -> dict[str, str]:
        return {"login": login, "pwhash": password, "remote": remote, "protocol": protocol, "fail_type": ""}

    def ask(self, password: str, login: str = ALICE, remote: str = CLIENT, protocol: str = "imap") -> Any:
        """Ask whether a password may be checked."""
        return self.say("allow", **self._login(password, login, remote, protocol))

    def tell(
        self,
        password: str,
        login: str = ALICE,
        remote: str = CLIENT,
        protocol: str = "imap",
        *,
        success: bool = False,
        fail_type: str = "credentials",
    ) -> None:
        """Tell how a check ended."""
        said = {**self._login(password, login, remote, protocol), "success": success, "policy_reject": False}
        self.say("report", **{**said, "fail_type": "" if success else fail_type})

    def is_checked(self, password: str, login: str = ALICE, remote: str = CLIENT, **more: Any) -> bool:
        """Log in with a wrong password, or with a right one: return whether it was checked."""
        protocol = more.pop("protocol", "imap")
        if self.ask(password, login, remote, protocol) != CHECK:
            return False
        self.tell(password, login, remote, protocol, **more)
        return True

    def use_up(self, remote: str = CLIENT, login: str = ALICE) -> None:
        """Guess until no more is checked."""
        guesses = iter(range(10**6))
        while self.is_checked(f"guess{next(guesses)}", login, remote):
            continue


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Program]:
    running: list[subprocess.Popen[str]] = []

    def start(**changes: Any) -> Guesses:
        # No pause, or each test would wait for as many seconds as it guesses.
        values = dovecot.values(dovecot_args(limits=limits(wrongPasswords=WRONG + REPEATS)))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        values["guesses"] = {**values["guesses"], "port": port, "pause": 0, **changes}
        program = tmp_path / "guesses"
        program.write_text(render("dovecot/guesses", values))
        with (tmp_path / "said").open("w") as said:
            running.append(subprocess.Popen(["perl", program], stdout=said, text=True))
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                Guesses(port).say("health")
                return Guesses(port)
            except ConnectionError:
                time.sleep(0.05)
        raise TimeoutError("the program does not answer")

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def guesses(started: Program) -> Guesses:
    return started()


def test_a_source_has_only_so_many_different_wrong_passwords(guesses: Guesses) -> None:
    checked = [guesses.is_checked(f"guess{number}") for number in range(WRONG + 5)]
    assert checked == [True] * WRONG + [False] * 5
    assert guesses.ask("one more")["msg"].startswith("Too many wrong passwords from your address")


def test_all_protocols_and_all_accounts_of_a_source_count_together(guesses: Guesses) -> None:
    ways = [("imap", ALICE), ("pop3", BOB), ("smtp", "nobody@example.test")]
    checked = sum(
        guesses.is_checked(f"guess{number}", login, protocol=protocol)
        for number in range(WRONG)
        for protocol, login in ways
    )
    assert checked == WRONG


def test_other_sources_do_not_notice(guesses: Guesses) -> None:
    guesses.use_up()
    assert guesses.is_checked("guess", remote=OTHER)
    assert guesses.is_checked("right", remote=OTHER, success=True)


def test_right_passwords_do_not_count(guesses: Guesses) -> None:
    assert all(guesses.is_checked("right", success=True) for _ in range(5 * WRONG))
    assert sum(guesses.is_checked(f"guess{number}") for number in range(WRONG + 1)) == WRONG


def test_checks_that_fail_for_now_do_not_count(guesses: Guesses) -> None:
    assert all(guesses.is_checked(f"right{number}", fail_type="internal") for number in range(2 * WRONG))


def test_who_has_used_up_a_source_finds_no_password_that_is_used_elsewhere(guesses: Guesses) -> None:
    assert guesses.is_checked("right", remote=OTHER, success=True)
    guesses.use_up()
    assert guesses.ask("right") == guesses.ask("one more")


def test_a_password_that_was_right_from_a_source_is_checked_there_whoever_used_it_up(
    guesses: Guesses,
) -> None:
    assert guesses.is_checked("right", success=True)
    guesses.use_up()
    assert guesses.is_checked("right", success=True)
    assert guesses.is_checked("right", protocol="smtp", success=True)
    assert not guesses.is_checked("right", BOB), "what is right for one account is a guess at another"


@pytest.mark.parametrize("address", [WEBMAIL, f"::ffff:{WEBMAIL}", "2001:db8::5"])
def test_who_has_logged_in_at_webmail_sends_from_there_whoever_used_it_up(
    guesses: Guesses, address: str
) -> None:
    assert guesses.is_checked("right", remote=OTHER, success=True), "her own address, which webmail tells"
    guesses.use_up(address, BOB)
    assert guesses.is_checked("right", remote=address, protocol="smtp", success=True)
    assert not guesses.is_checked("one more", remote=address, protocol="smtp")


def test_the_same_wrong_password_counts_once_and_is_checked_a_few_times(guesses: Guesses) -> None:
    checked = [guesses.is_checked("stale") for _ in range(3 * WRONG)]
    assert checked == [True] * (1 + REPEATS) + [False] * (3 * WRONG - 1 - REPEATS)
    assert guesses.ask("stale") == WAS_WRONG
    assert sum(guesses.is_checked(f"guess{number}") for number in range(WRONG)) == WRONG - 1


def test_after_a_change_of_the_account_a_wrong_password_is_checked_once_more(guesses: Guesses) -> None:
    for login in (ALICE, BOB):
        while guesses.is_checked("stale", login):
            continue
    guesses.say("changed", login=ALICE)
    assert guesses.is_checked("stale", success=True), "it may be right now"
    assert not guesses.is_checked("stale", BOB)
    guesses.say("changed", login="")
    assert guesses.is_checked("stale", BOB), "nobody knows which account has changed"


def test_a_wrong_password_is_forgotten_after_the_window(started: Program) -> None:
    guesses = started(seconds=2)
    guesses.use_up()
    deadline = time.monotonic() + 60
    while not guesses.is_checked("guess"):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_network_of_64_bits_is_one_source(guesses: Guesses) -> None:
    guesses.use_up(remote="2001:db8:1:2::3")
    assert not guesses.is_checked("guess", remote="2001:db8:1:2:ffff::4")
    assert guesses.is_checked("guess", remote="2001:db8:1:3::3")


def test_an_address_of_ipv4_is_the_same_in_its_form_of_ipv6(guesses: Guesses) -> None:
    guesses.use_up()
    assert not guesses.is_checked("guess", remote=f"::ffff:{CLIENT}")


def test_behind_dockers_proxy_each_account_has_a_bound_of_its_own(guesses: Guesses) -> None:
    guesses.use_up(remote=GATEWAY)
    assert not guesses.is_checked("one more", remote=GATEWAY)
    assert guesses.is_checked("right", BOB, GATEWAY, success=True), "a stranger locks nobody else out"


def test_guesses_at_once_are_bounded_as_well(guesses: Guesses) -> None:
    def guess(number: int) -> bool:
        return guesses.is_checked(f"guess{number}", fail_type="credentials")

    with ThreadPoolExecutor(40) as pool:
        assert sum(pool.map(guess, range(40))) <= WRONG


def test_a_source_that_fails_has_one_check_at_a_time(started: Program) -> None:
    guesses = started(few=1)
    assert guesses.is_checked("wrong")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(guesses.ask, "guess1")
        second = pool.submit(guesses.ask, "guess2")
        deadline = time.monotonic() + 60
        while not (first.done() or second.done()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        done, password = (first, "guess1") if first.done() else (second, "guess2")
        assert done.result() == CHECK
        assert not (first.done() and second.done())
        guesses.tell(password)
        assert (second if done is first else first).result(60) == CHECK


def test_nobody_waits_for_others_while_checks_fail_for_now(guesses: Guesses) -> None:
    assert guesses.is_checked("right", fail_type="internal")
    assert [guesses.ask(f"right{number}") for number in range(WRONG)] == [CHECK] * WRONG


def test_what_nobody_reports_counts_as_wrong(started: Program) -> None:
    """Who hangs up before the answer has made Dovecot check, too."""
    guesses = started(few=WRONG, lost=1)
    answers = [guesses.ask(f"guess{number}")["status"] for number in range(WRONG + 1)]
    assert answers == [0] * WRONG + [-1]


def test_a_flood_of_sources_takes_bounded_room(started: Program) -> None:
    guesses = started(kept=20)
    guesses.use_up()
    for number in range(40):
        assert guesses.is_checked("guess", remote=f"203.0.113.{number}")
    assert guesses.is_checked("one more"), "the oldest is forgotten first"


def test_what_comes_from_this_container_itself_is_not_bounded(guesses: Guesses) -> None:
    assert all(guesses.is_checked(f"guess{number}", remote="") for number in range(2 * WRONG))


def test_one_line_of_the_log_tells_of_a_source_that_is_refused(guesses: Guesses, tmp_path: Path) -> None:
    guesses.use_up()
    guesses.ask("one more")
    assert (tmp_path / "said").read_text().count(CLIENT) == 1
