"""Good mail makes no noise: whoever watches the logs for errors sees none while all is well."""

import re
import time

import pytest

from tests.e2e.server import Server
from tests.e2e.stackfile import ALICE, BOB

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

NOISE = re.compile(r"(?i)\b(error|fatal|panic|warning|critical)\b")

REASONS: dict[str, str] = {}
"""Part of a line -> why it is no sign of trouble."""


def noise(lines: str) -> list[str]:
    """Return the lines that would alarm somebody."""
    return [
        line
        for line in lines.splitlines()
        if NOISE.search(line) and not any(part in line for part in REASONS)
    ]


def test_a_run_of_good_mail_writes_no_line_of_trouble(server: Server) -> None:
    began = time.time()
    for protocol in ("submissions", "submission"):
        server.arrives(BOB, server.submit(ALICE, BOB, protocol))
    server.submit(ALICE, "friend@peer.test")
    for recipient in (ALICE, "team@example.test", "alice+detail@twin.test"):
        server.arrives(ALICE, server.deliver(recipient))
    for protocol in ("imap", "imaps"):
        server.imap(ALICE, protocol).logout()
    for protocol in ("pop3", "pop3s"):
        server.pop3(ALICE, protocol).quit()
    journals = server.stack.journals(since=began)
    assert "status=sent" in journals["postfix"], "the control: these lines are of this run"
    assert not {name: found for name, lines in journals.items() if (found := noise(lines))}


def test_the_search_finds_the_line_of_a_daemon_in_trouble() -> None:
    assert noise("postfix/smtpd[1]: warning: database is away\npostfix/smtpd[1]: connect from unknown")
