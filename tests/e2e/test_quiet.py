"""Good mail makes no noise: whoever watches the logs for errors sees none while all is well."""

import imaplib
import os
import re
import time

import pytest

from tests.e2e import browser, load
from tests.e2e.clients import Imap
from tests.e2e.server import Server, authenticate, letter
from tests.e2e.stackfile import ALICE, BOB
from tests.e2e.test_sending import reaches
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

NOISE = re.compile(r"(?i)\b(error|fatal|panic|warning|critical)\b")

REASONS: dict[str, str] = {}
"""Part of a line -> why it is no sign of trouble."""

FRIEND = "friend@peer.test"


def trouble(server: Server, since: float) -> dict[str, list[str]]:
    """Return service -> the lines since then that would alarm somebody."""
    found = {
        name: [
            line
            for line in journal.splitlines()
            if NOISE.search(line) and not any(part in line for part in REASONS)
        ]
        for name, journal in server.stack.journals(since, tail="all").items()
    }
    return {name: lines for name, lines in found.items() if lines}


def sorts(client: Imap) -> None:
    """Keep a draft, move it and delete it."""
    draft = letter(ALICE, FRIEND, subject="A draft").as_bytes()
    assert client.append("Drafts", "(\\Draft)", imaplib.Time2Internaldate(0), draft)[0] == "OK"
    client.select("Drafts")
    assert client._simple_command("MOVE", "1:*", "Trash")[0] == "OK"
    client.select("Trash")
    client.store("1:*", "+FLAGS", "(\\Deleted)")
    client.expunge()


def hears(server: Server, client: Imap) -> None:
    """Wait in IDLE for a message."""
    client.select("INBOX", readonly=True)
    client.send(b"idle1 IDLE\r\n")
    assert client.readline().startswith(b"+")
    server.deliver(ALICE)
    while not client.readline().rstrip().endswith(b"EXISTS"):
        pass
    client.send(b"DONE\r\n")
    while not client.readline().startswith(b"idle1 OK"):
        pass


def test_a_run_of_good_mail_writes_no_line_of_trouble(server: Server) -> None:
    began = time.time()
    for protocol in ("submissions", "submission"):
        server.arrives(BOB, server.submit(ALICE, BOB, protocol))
    reaches(server, "mx1", server.submit(ALICE, FRIEND))
    reaches(server, "mx1", server.deliver("abroad@example.test"))
    for recipient in (ALICE, "team@example.test", "alice+detail@twin.test"):
        server.arrives(ALICE, server.deliver(recipient))
    server.arrives(BOB, server.submit(ALICE, BOB, text=f"{os.urandom(32).hex()}\r\n" * 16_000))
    for protocol in ("imap", "imaps"):
        with server.imap(ALICE, protocol) as client:
            sorts(client)
            hears(server, client)
    for protocol in ("pop3", "pop3s"):
        pop3 = server.pop3(ALICE, protocol)
        pop3.dele(1)
        pop3.quit()
    url = server.outputs["endpoints"]["webmail"]["url"]
    browser.visit(url, lambda window: browser.log_in(window, ALICE, server.password(ALICE)))
    load.emptied(server)
    assert not trouble(server, began)


def test_the_search_finds_what_a_daemon_in_trouble_writes(server: Server) -> None:
    began = time.time()
    with server.smtp(protocol="submissions") as client:
        client.ehlo()
        assert authenticate(client, ALICE, "not it")[0] == 535
    (line,) = until(lambda: trouble(server, began).get("postfix"), 10, "a line about a wrong password")
    assert "authentication failed" in line
