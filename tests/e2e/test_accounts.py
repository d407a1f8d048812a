"""Accounts that come, change and go: seen by the people whose mail it is, the moment `up` has returned."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from tests.e2e import stackfile
from tests.e2e.clients import trusting
from tests.e2e.ground.world import World
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.server import Server, until
from tests.e2e.stack import Stack, Workspace
from tests.e2e.vantage import Vantage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]

FRANK, GRACE = "frank@example.test", "grace@example.test"
FRIEND = "friend@peer.test"
SECONDS = 5
"""How long a login that was right a moment ago may still work: what Dovecot remembers."""


class People(Server):
    """A mail server of its own, reached from this machine, whose accounts the tests change."""

    def __init__(self, stack: Stack, settings: dict[str, Any]) -> None:
        super().__init__(stack, cast("World", None))  # nobody but this machine reaches it
        self._settings = settings

    def vantage(self, name: str) -> Vantage:
        """Return this machine, whatever place is asked for."""
        del name
        return super().vantage("host")

    def password(self, user: str) -> str:
        """Return the generated password of a mailbox."""
        return str(self.outputs["mailboxes"][user])

    def declare(self, *mailboxes: dict[str, Any]) -> None:
        """Write who has a mailbox; GRACE always has one."""
        accounts = {"domains": [{"name": "example.test"}], "mailboxes": [{"address": GRACE}, *mailboxes]}
        self.stack.configure({**self._settings, "accounts": accounts})

    def up(self, *mailboxes: dict[str, Any]) -> str:
        """Declare them and bring the stack up; return what the engine printed."""
        self.declare(*mailboxes)
        printed = self.stack.up()
        self.outputs = self.stack.outputs()
        self.tls = trusting(self.outputs["ca_certificate"])
        return printed

    def refuses(self, address: str) -> bool:
        """Return whether the address is unknown to those who would send there."""
        with self.smtp() as client:
            ((code, _),) = client.rcpt_codes(address, sender=FRIEND)
        return code == 550

    def count(self, user: str, password: str | None = None) -> int:
        """Return how many messages a mailbox holds."""
        with self.imap_as(user, password or self.password(user)) as client:
            _, (number,) = client.select("INBOX", readonly=True)
        return int(number or 0)

    def shuts(self, user: str, password: str) -> None:
        """Return once a login is refused; fail when it goes on working."""
        until(lambda: not self.opens(user, password), SECONDS, f"{user} is kept out")


@pytest.fixture(scope="module")
def people(workspace: Workspace, start: dict[str, Any]) -> Iterator[People]:
    """Yield a server with one mailbox."""
    stack = Stack(workspace, "e2e-accounts")
    stack.purge()
    server = People(stack, {**stackfile.second(start), "hostname": HOSTNAME})
    try:
        server.up()
        yield server
        stack.destroy()
    finally:
        stack.purge()


def test_one_more_mailbox_is_one_row_and_works_at_once(people: People) -> None:
    people.up()
    before = {name: one.id for name, one in people.stack.containers().items()}
    people.declare({"address": FRANK})
    steps = people.stack.preview_steps()
    assert len(steps) == 1, "an account is no reason to touch a daemon"
    assert "update" in steps.values()
    people.up({"address": FRANK})
    people.arrives(FRANK, people.deliver(FRANK))
    assert {name: one.id for name, one in people.stack.containers().items()} == before


def test_a_disabled_mailbox_keeps_its_mail_and_keeps_its_owner_out(people: People) -> None:
    people.up({"address": FRANK})
    password = people.password(FRANK)
    people.up({"address": FRANK, "enabled": False})
    people.shuts(FRANK, password)
    kept = people.deliver(FRANK)
    people.up({"address": FRANK})
    people.arrives(FRANK, kept)


def test_a_renamed_mailbox_keeps_mail_and_password_and_leaves_nothing_at_its_old_name(people: People) -> None:
    people.up({"address": "old@example.test"})
    password, sent = people.password("old@example.test"), people.deliver("old@example.test")
    people.arrives("old@example.test", sent)
    said = people.up({"address": "new@example.test", "renamedFrom": "old@example.test"})
    assert "mailbox old@example.test is now new@example.test, with its mail" in said
    assert people.password("new@example.test") == password
    people.arrives("new@example.test", sent)
    assert people.refuses("old@example.test")
    people.shuts("old@example.test", password)


def test_whoever_gets_a_removed_address_begins_with_an_empty_mailbox(people: People) -> None:
    people.up({"address": FRANK})
    password, sent = people.password(FRANK), people.deliver(FRANK)
    people.arrives(FRANK, sent)
    people.declare()
    assert f"mailbox {FRANK} is removed: logins end; its mail stays in /mail/" in people.stack.preview()
    people.up()
    assert people.refuses(FRANK)
    people.shuts(FRANK, password)
    people.up({"address": FRANK})
    assert people.password(FRANK) != password
    assert people.count(FRANK) == 0, "this is somebody else's mail"
    people.up()
    people.up({"address": FRANK, "reuseMail": True})
    assert people.count(FRANK) == 0, "the newest predecessor had none"


def test_an_address_that_is_added_again_gets_its_mail_back_where_that_is_said(people: People) -> None:
    people.up({"address": "hans@example.test"})
    sent = people.deliver("hans@example.test")
    people.arrives("hans@example.test", sent)
    people.up()
    people.up({"address": "hans@example.test", "reuseMail": True})
    people.arrives("hans@example.test", sent)


def test_a_reset_lets_the_owner_in_with_a_new_password_alone(people: People) -> None:
    people.up({"address": FRANK})
    before = people.password(FRANK)
    people.up({"address": FRANK, "reset": "forgotten"})
    after = people.password(FRANK)
    assert after != before
    assert people.opens(FRANK, after)
    people.shuts(FRANK, before)


def test_a_protocol_that_is_taken_away_is_shut_and_the_others_stay(people: People) -> None:
    people.up({"address": FRANK})
    password = people.password(FRANK)
    assert people.opens(FRANK, password, "pop3s")
    people.up({"address": FRANK, "protocols": ["imap", "submission"]})
    until(lambda: not people.opens(FRANK, password, "pop3s"), SECONDS, "POP3 is shut")
    assert people.opens(FRANK, password, "imaps")
