"""Accounts change: what that means for logins, for mail and for who looks at the rows."""

import imaplib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e import browser, changes, clients
from tests.e2e.changes import (
    AFTER,
    BEFORE,
    CHOOSER,
    ERASED,
    FORGETFUL,
    GONE,
    HASHED,
    HEIR,
    IMAP_SOON,
    LEAVER,
    MOVED,
    MOVER,
    READER,
    STRICT,
)
from tests.e2e.clients import Imap
from tests.e2e.server import WRAPPED, Server, authenticate
from tests.e2e.stackfile import ACCOUNTS, BOB, PASSWORDS
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

LOGINS = ["imap", "imaps", "pop3", "pop3s", "submission", "submissions"]

Kept = dict[str, str]


def opens(server: Server, user: str, password: str, protocol: str) -> bool:
    """Return whether a login works over any protocol."""
    if not protocol.startswith("submission"):
        return server.opens(user, password, protocol)
    with server.smtp(protocol=protocol) as client:
        if protocol not in WRAPPED:
            client.starttls(context=server.tls)
        client.ehlo()
        return authenticate(client, user, password)[0] == 235


def files(server: Server, folder: str) -> set[str]:
    """Return the files below a folder of the mail volume."""
    done: Any = server.stack.containers()["dovecot"].exec_run(["find", f"/mail/{folder}", "-type", "f"])
    return set(done.output.decode().split()) if done.exit_code == 0 else set()


def exists(server: Server, folder: str) -> bool:
    """Return whether there is such a folder in the mail volume."""
    done: Any = server.stack.containers()["dovecot"].exec_run(["test", "-e", f"/mail/{folder}"])
    return bool(done.exit_code == 0)


def restored(server: Server) -> None:
    """Bring back the accounts of all tests."""
    server.stack.configure({**server.stack.settings, "accounts": ACCOUNTS})
    server.stack.set_secret("passwords", PASSWORDS)
    server.stack.up()
    server.read()


@pytest.fixture(scope="module")
def begun(server: Server) -> Iterator[None]:
    """More accounts, each about to change; gone after the module."""
    before = {name: one.id for name, one in server.stack.containers().items()}
    changes.begun(server)
    yield
    restored(server)
    after = {name: one.id for name, one in server.stack.containers().items()}
    assert after == before, "an account is no reason to touch a daemon"


@pytest.fixture(scope="module")
def kept(server: Server, begun: None) -> Kept:
    """Mailbox -> a message in it, and `password of` mailbox -> its password, from before the changes."""
    found = {mailbox: server.deliver(mailbox) for mailbox in (LEAVER, GONE, ERASED, HEIR, BEFORE, MOVER)}
    for mailbox, message_id in found.items():
        server.arrives(mailbox, message_id)
    passwords = {
        f"password of {one}": server.password(one)
        for one in (LEAVER, GONE, ERASED, HEIR, BEFORE, MOVER, CHOOSER, FORGETFUL, IMAP_SOON)
    }
    return {**found, **passwords}


@pytest.fixture(scope="module")
def chosen(server: Server, begun: None) -> str:
    """The password that a user has set herself in webmail."""
    url, old, new = (
        server.outputs["endpoints"]["webmail"]["url"],
        server.password(CHOOSER),
        "my own Pässwort €2",
    )

    def change(window: Page) -> None:
        browser.log_in(window, CHOOSER, old)
        browser.change_password(window, url, old, new)

    browser.visit(url, change)
    return new


@pytest.fixture(scope="module")
def sessions(server: Server, kept: Kept) -> Iterator[dict[str, Imap]]:
    """User -> an IMAP session from before the changes, which no single test closes."""
    opened = {user: server.imap(user) for user in (LEAVER, ERASED, BOB)}
    for session in opened.values():
        clients.OPEN.remove(session)
    yield opened
    for session in opened.values():
        session.shutdown()


@pytest.fixture(scope="module")
def changed(server: Server, kept: Kept, sessions: dict[str, Imap], chosen: str) -> Kept:
    """All changes at once, and what the engine printed."""
    foretold, printed = changes.changed(server)
    return {**kept, "foretold": foretold, "printed": printed}


@pytest.mark.parametrize("address", sorted(HASHED))
def test_a_hash_from_another_system_logs_in_and_only_with_its_password(
    server: Server, begun: None, address: str
) -> None:
    assert server.opens(address, HASHED[address])
    assert not server.opens(address, "not it")


def test_an_international_domain_receives_under_its_ascii_form(server: Server, begun: None) -> None:
    assert b"Hello there." in server.arrives(READER, server.deliver(READER))


def test_the_password_of_an_owned_mailbox_is_the_declared_one(server: Server, begun: None) -> None:
    assert server.opens(STRICT, changes.FIRST)


def test_a_password_that_its_owner_sets_in_webmail_counts_everywhere(server: Server, chosen: str) -> None:
    until(lambda: server.opens(CHOOSER, chosen), 10, "the new password is taken")
    assert server.opens(CHOOSER, chosen, "pop3s")
    until(lambda: not server.opens(CHOOSER, server.password(CHOOSER)), 10, "the old password is refused")


def test_an_update_leaves_a_password_that_its_owner_has_set(
    server: Server, changed: Kept, chosen: str
) -> None:
    written = changes.sql(server, "SELECT display_name FROM users WHERE userid = 'chooser'")
    assert written == "Chooser\n", "the control: this update wrote her row"
    assert server.opens(CHOOSER, chosen)
    assert not server.opens(CHOOSER, changed[f"password of {CHOOSER}"])


def test_a_disabled_mailbox_is_refused_by_every_protocol_in_seconds(server: Server, changed: Kept) -> None:
    def refused(protocol: str) -> bool:
        password = changed[f"password of {LEAVER}"]
        return until(lambda: not opens(server, LEAVER, password, protocol), 5, f"{protocol} refuses a login")

    with ThreadPoolExecutor(len(LOGINS)) as pool:
        assert all(pool.map(refused, LOGINS))
    for protocol in LOGINS:
        assert opens(server, BOB, server.password(BOB), protocol), f"the control: {protocol} takes others"


def test_the_running_sessions_of_a_disabled_or_removed_mailbox_end(
    server: Server, changed: Kept, sessions: dict[str, Imap]
) -> None:
    def ended(user: str) -> bool:
        try:
            return sessions[user].noop()[0] != "OK"
        except (imaplib.IMAP4.abort, OSError):
            return True

    for user in (LEAVER, ERASED):
        until(partial(ended, user), 15, f"the session of {user} ends")
    assert not ended(BOB), "the control: whoever is enabled goes on"


def test_a_protocol_that_is_taken_away_is_shut_and_the_others_stay(server: Server, changed: Kept) -> None:
    password = changed[f"password of {IMAP_SOON}"]
    assert not server.opens(IMAP_SOON, password, "pop3s")
    assert server.opens(IMAP_SOON, password, "imaps")


def test_a_removed_mailbox_is_refused_and_its_files_stay(server: Server, changed: Kept) -> None:
    with server.smtp() as client:
        known, gone = client.rcpt_codes(BOB, GONE, sender="friend@peer.test")
    assert known[0] == 250
    assert (gone[0], gone[1][:6]) == (550, "5.1.1 ")
    assert not server.opens(GONE, changed[f"password of {GONE}"])
    assert any("/new/" in name or "/cur/" in name for name in files(server, "example.test/gone"))
    assert f"{GONE} is removed; its mail stays in /mail/example.test/gone" in changed["printed"]


def test_of_removed_mailboxes_the_preview_names_the_one_whose_mail_is_deleted(changed: Kept) -> None:
    gone = "is removed: logins end; its mail"
    listed = f"mailbox {ERASED} {gone} in /mail/example.test/erased is deleted: deleteMail names it"
    assert listed in changed["foretold"]
    for other in (GONE, HEIR):
        home = f"/mail/example.test/{other.partition('@')[0]}"
        assert f"mailbox {other} {gone} stays in {home}" in changed["foretold"]
    assert changed["foretold"].count("is deleted") == 1


def test_the_mail_of_a_removed_mailbox_is_deleted_where_that_is_said_and_nowhere_else(
    server: Server, changed: Kept
) -> None:
    until(lambda: not exists(server, "example.test/erased"), 15, "the folder is gone")
    assert files(server, "example.test/gone"), "the control: another removed mailbox keeps its mail"
    journal = server.journal("dovecot")
    line = "mailinfra: the mail in /mail/example.test/erased is deleted, as deleteMail says"
    assert [one for one in journal.splitlines() if "deleteMail" in one] == [line]


def test_a_mark_that_is_no_folder_of_one_mailbox_deletes_nothing(server: Server, changed: Kept) -> None:
    message = server.deliver(BOB)
    server.arrives(BOB, message)
    dovecot = server.stack.containers()["dovecot"]
    assert dovecot.exec_run(["mkdir", "-p", "/mail/zz.test/control"]).exit_code == 0
    assert dovecot.exec_run(["ln", "-s", "example.test", "/mail/link.test"]).exit_code == 0
    wild = ["", ".", "..", "/", "*", "example.test", "example.test/", "/example.test/bob", "example.test/."]
    wild += ["example.test/..", "zz.test/../example.test/bob", "example.test/bob/Maildir", "example.test/*"]
    wild += ["example.test/bob", "example.test:bob", "link.test/bob"]
    changes.marked(server, *wild, "zz.test/control")
    until(lambda: not exists(server, "zz.test/control"), 15, "the control: what is one is deleted")
    changes.marked(server)
    server.arrives(BOB, message)
    assert files(server, "example.test/gone")
    assert "/mail/link.test/bob could not be deleted" in server.journal("dovecot")
    dovecot.exec_run(["rm", "/mail/link.test"])
    dovecot.exec_run(["rmdir", "/mail/zz.test"])


@pytest.mark.parametrize(("old", "new"), [(BEFORE, AFTER), (MOVER, MOVED)])
def test_a_renamed_mailbox_keeps_its_mail_and_password(
    server: Server, changed: Kept, old: str, new: str
) -> None:
    assert server.opens(new, changed[f"password of {old}"])
    assert server.password(new) == changed[f"password of {old}"]
    server.arrives(new, changed[old])
    server.arrives(new, server.deliver(new))
    assert not server.opens(old, changed[f"password of {old}"])


def test_a_reset_makes_a_new_password_and_ends_the_old_one(server: Server, changed: Kept) -> None:
    assert server.opens(FORGETFUL, server.password(FORGETFUL))
    assert not server.opens(FORGETFUL, changed[f"password of {FORGETFUL}"])


def test_an_owned_password_follows_the_stack(server: Server, changed: Kept) -> None:
    assert server.opens(STRICT, changes.SECOND)
    assert not server.opens(STRICT, changes.FIRST)


@pytest.fixture(scope="module")
def drifted(server: Server, changed: Kept) -> Kept:
    """Rows written by hand, and what a refresh and the next update say about them."""
    meanwhile = server.deliver(LEAVER)
    changes.meddle(server)
    until(lambda: not server.opens(BOB, server.password(BOB), "pop3s"), 10, "what was done by hand counts")
    seen = server.stack.preview("--refresh")
    printed = changes.again(server, "--refresh")
    return {**changed, "meanwhile": meanwhile, "preview": seen, "up": printed}


def test_a_refresh_names_what_was_done_by_hand(server: Server, drifted: Kept) -> None:
    lines = drifted["preview"].splitlines()
    assert any(BOB in line and "pop3" in line and "by hand" in line for line in lines), drifted["preview"]
    assert any(STRICT in line and "password was changed by hand" in line for line in lines)
    assert any("alias ghost@example.test" in line and "left alone" in line for line in lines)


def test_an_update_puts_declared_rows_right_and_leaves_others_alone(server: Server, drifted: Kept) -> None:
    assert until(lambda: server.opens(BOB, server.password(BOB), "pop3s"), 5, "POP3 is open again")
    assert server.opens(STRICT, changes.SECOND)
    assert "ghost@example.test" in drifted["up"]
    server.arrives(BOB, server.deliver("ghost@example.test"))
    changes.sql(server, "DELETE FROM aliases WHERE name = 'ghost'")


def test_an_address_that_is_added_again_begins_empty(server: Server, drifted: Kept) -> None:
    assert not server.opens(GONE, drifted[f"password of {GONE}"]), "it may be somebody else's now"
    with server.imap(GONE) as client:
        _, (count,) = client.select("INBOX")
    assert count == b"0"
    server.arrives(GONE, server.deliver(GONE))
    assert files(server, "example.test/gone"), "the mail of the first one stays where it was"


def test_an_address_whose_mail_was_deleted_begins_empty_whatever_reuse_says(
    server: Server, drifted: Kept
) -> None:
    assert "of that name was deleted, as deleteMail said" in drifted["up"]
    with server.imap(ERASED) as client:
        _, (count,) = client.select("INBOX")
    assert count == b"0"
    server.arrives(ERASED, server.deliver(ERASED))


def test_an_address_that_is_added_again_gets_its_mail_back_where_that_is_said(
    server: Server, drifted: Kept
) -> None:
    server.arrives(HEIR, drifted[HEIR])


def test_a_disabled_mailbox_went_on_receiving(server: Server, drifted: Kept) -> None:
    server.arrives(LEAVER, drifted["meanwhile"])
    server.arrives(LEAVER, drifted[LEAVER])


def test_one_more_mailbox_is_one_change_to_one_resource(server: Server, drifted: Kept) -> None:
    before = server.stack.settings
    mailboxes = [*before["accounts"]["mailboxes"], {"address": "frank@example.test"}]
    server.stack.configure({**before, "accounts": {**before["accounts"], "mailboxes": mailboxes}})
    try:
        steps = server.stack.preview_steps()
    finally:
        server.stack.configure(before)
    assert list(steps.values()) == ["update"], steps
