"""What a new user does on the first day: mail comes in, is read, goes out, and webmail does the same."""

from email import message_from_bytes
from uuid import uuid4

import pytest
from playwright.sync_api import Page

from tests.e2e import browser
from tests.e2e.changes import sql
from tests.e2e.server import Server
from tests.e2e.stackfile import ALICE, BOB, ERIN

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_mail_from_outside_is_read_over_imaps_and_pop3s(server: Server) -> None:
    sent = server.deliver(ALICE, subject="From outside")
    assert b"Hello there.\r\n" in server.arrives(ALICE, sent)
    pop3 = server.pop3(ALICE)
    count = pop3.stat()[0]
    newest = b"\r\n".join(pop3.retr(count)[1])
    pop3.quit()
    assert sent.encode() in newest


@pytest.mark.parametrize("protocol", ["submissions", "submission"])
def test_mail_submitted_with_a_login_reaches_another_mailbox(server: Server, protocol: str) -> None:
    sent = server.submit(ALICE, BOB, protocol)
    assert b"Hello there.\r\n" in server.arrives(BOB, sent)


def test_a_mailbox_opens_with_the_password_that_the_stack_generated(server: Server) -> None:
    sent = server.deliver(ERIN)
    server.arrives(ERIN, sent)


def test_webmail_shows_a_message_and_sends_one(server: Server) -> None:
    url = server.outputs["endpoints"]["webmail"]["url"]
    sent = server.deliver(ALICE, subject="Read me in the browser", text="The browser shows this.\r\n")
    server.arrives(ALICE, sent)

    def read_and_write(window: Page) -> str:
        browser.log_in(window, ALICE, server.password(ALICE))
        assert "The browser shows this." in browser.open_message(window, "Read me in the browser")
        subject = f"Written in the browser {uuid4()}"
        browser.send(window, url, BOB, subject, "This one comes from webmail.")
        return subject

    subject = browser.visit(url, read_and_write)
    arrived = server.arrives(BOB, subject, "Subject")
    assert b"This one comes from webmail." in arrived
    assert ALICE in str(message_from_bytes(arrived)["From"])
    server.arrives(ALICE, subject, "Subject", folder="Sent")


def test_in_webmail_a_user_writes_under_her_name_and_as_each_own_address(server: Server) -> None:
    url = server.outputs["endpoints"]["webmail"]["url"]
    own = [
        ALICE,
        *("postmaster@example.test", "abuse@example.test", "sales@example.test", "team@example.test"),
        *("everyone@example.test", "sales/eu@example.test", "alice@twin.test", "sales@twin.test"),
    ]

    def look_and_write(window: Page) -> tuple[list[str], str]:
        browser.log_in(window, ALICE, server.password(ALICE))
        offered = browser.identities(window, url)
        subject = f"Written as sales {uuid4()}"
        browser.send(window, url, BOB, subject, "Hello.", "Alice Example <sales@example.test>")
        return offered, subject

    offered, subject = browser.visit(url, look_and_write)
    assert offered[0] == f"Alice Example <{ALICE}>"
    assert {f"Alice Example <{address}>" for address in own} <= set(offered)
    assert not [one for one in offered if "quiet@" in one or BOB in one or "second.test" in one], offered
    arrived = message_from_bytes(server.arrives(BOB, subject, "Subject"))
    assert arrived["From"] == "Alice Example <sales@example.test>"
    assert arrived["Return-Path"] == "<sales@example.test>"


def test_in_webmail_the_senders_change_with_the_accounts_and_her_own_choices_stay(server: Server) -> None:
    url = server.outputs["endpoints"]["webmail"]["url"]

    def changes(window: Page) -> list[list[str]]:
        browser.log_in(window, BOB, server.password(BOB))
        seen = [browser.identities(window, url)]
        for statement in (
            "UPDATE users SET display_name = 'Bob the First' WHERE userid = 'bob'",
            f"INSERT INTO aliases (name, domain, target) VALUES ('bobby', 'example.test', '{BOB}')",
            "DELETE FROM aliases WHERE name = 'bobby'",
            "UPDATE users SET display_name = '' WHERE userid = 'bob'",
        ):
            sql(server, statement)
            seen.append(browser.identities(window, url))
        return seen

    first, named, more, fewer, unnamed = browser.visit(url, changes)
    assert BOB in first[0]
    assert f"Bob the First <{BOB}>" in named
    assert "Bob the First <bobby@example.test>" in more
    assert fewer == named
    assert unnamed == first
