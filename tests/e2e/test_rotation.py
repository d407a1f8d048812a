"""Secrets change while people log in and mail arrives: nobody is refused, nothing is lost or comes twice."""

import http.client
import imaplib
import re
import smtplib
import ssl
import threading
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mailinfra.config.rotation import RotationConfig
from tests.e2e import guesser, load
from tests.e2e.belongings import secrets
from tests.e2e.changes import sql
from tests.e2e.conftest import tell
from tests.e2e.filtered import with_filter
from tests.e2e.server import Server
from tests.e2e.stackfile import ALICE, BOB, DORA, PASSWORDS
from tests.e2e.test_filtering import WORDS, learned, move, stranger
from tests.e2e.test_forwards import forwarded
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500), pytest.mark.long]

STAYS = {name: "2" for name in RotationConfig.model_fields if name not in {"all", "sessions"}}
"""All but the key by which webmail's sessions are read."""

AWAY = "away"
"""What a login is answered where nobody answers."""

TEMPORARY = re.compile(
    rf": ({guesser.WELCOME}|{AWAY}|4\d\d .*|.*\[UNAVAILABLE\].*|.*storage server.*|.*socket error.*)$",
    re.DOTALL,
)
"""Every answer but a refusal: a mail program, or a person, tries again."""


def logins(server: Server, end: threading.Event) -> Counter[str]:
    """Log in all the time, whatever certificate is shown, and return how often each answer came."""
    found: Counter[str] = Counter()
    ports = server.stack.settings["ports"]
    asked = {
        "submission": ("smtp", "submissions"),
        "imap": ("imap", "imaps"),
        "webmail": ("webmail", "webmail"),
    }
    while not end.is_set():
        for name, (how, port) in asked.items():
            try:
                answer = guesser.LOGINS[how]("127.0.0.1", ports[port], DORA, PASSWORDS[DORA])
            except (OSError, smtplib.SMTPException, http.client.HTTPException, imaplib.IMAP4.abort):
                answer = AWAY
            except ValueError:  # webmail shows no form, and says that it has an error
                answer = AWAY
            found[f"{name}: {answer}"] += 1
        end.wait(0.3)
    return found


def shown(opener: urllib.request.OpenerDirector, server: Server) -> str:
    """Return the page that webmail shows to one who has been logged in: `mail`, or `login`."""
    port = server.stack.settings["ports"]["webmail"]
    with opener.open(f"https://127.0.0.1:{port}/?_task=mail&_mbox=INBOX", timeout=60) as answer:
        page = answer.read().decode()
    return "login" if 'name="_pass"' in page else "mail" if 'id="messagelist"' in page else page


def taken(server: Server, address: str) -> bool:
    """Return whether a bounce to an address is taken."""
    with server.smtp() as client:
        client.ehlo()
        client.mail("")
        return client.rcpt(address)[0] == 250


def configured(server: Server, **changes: Any) -> None:
    """Bring the stack to its settings with some changed, and trust the CA that it has then."""
    server.stack.configure({**server.stack.settings, **changes})
    server.stack.up()
    server.read()


def test_all_secrets_rotate_under_load_and_nobody_is_refused(
    server: Server, pytestconfig: pytest.Config
) -> None:
    settings, port = server.stack.settings, server.stack.settings["ports"]["webmail"]
    before = {name: text for name, text in secrets(server).items() if "dkim" not in name}
    trusted, reader, bounces_to = server.tls, guesser.browsing(), forwarded(server).sender
    assert taken(server, bounces_to)
    assert guesser.enter(reader, "127.0.0.1", port, BOB, PASSWORDS[BOB]) == guesser.WELCOME
    begun, updated = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        pouring = pool.submit(load.pour, server, BOB, 100, begun, workers=2, until_set=updated)
        trying = pool.submit(logins, server, updated)
        try:
            assert begun.wait(60), "mail flows"
            configured(server, rotate=STAYS)
            kept = shown(reader, server)
            configured(server, rotate={**STAYS, "sessions": "2"})
            ended = shown(reader, server)
        finally:
            updated.set()
        ledger, answers = pouring.result(), trying.result()
    try:
        load.emptied(server)
        tell(pytestconfig, f"logins: {dict(answers)}; {len(ledger.acknowledged)} messages taken")
        assert not load.lost(server, ledger)
        assert not ledger.refused_for_ever
        for name in ("submission", "imap", "webmail"):
            assert answers[f"{name}: {guesser.WELCOME}"], name
        assert [one for one in answers if not TEMPORARY.search(one)] == []
        assert (kept, ended) == ("mail", "login"), "the session ends with its key, and not before"
        after = set(secrets(server).values())
        made = {name for name in before if name.startswith(("mail-", "kept mail-certificates"))}
        assert not {name for name in made if before[name] in after}, "each of them is another one"
        assert sql(server, "SELECT User FROM mysql.user WHERE User_attributes LIKE '%additional%'") == ""
        assert not taken(server, bounces_to), "bounces of what was forwarded before"
        assert taken(server, forwarded(server).sender)
        server.imap(ALICE).logout()
        server.tls = trusted
        with pytest.raises(ssl.SSLCertVerificationError):
            server.imap(ALICE)
    finally:
        configured(server, rotate=settings.get("rotate", {}))


def lesson(server: Server, text: str) -> None:
    """Have the filter learn from a message that a user files into Junk."""
    before, sent = learned(server), stranger(server, text=text)
    server.arrives(ALICE, sent, seconds=60)
    move(server, sent, "INBOX", "Junk")
    until(lambda: learned(server) > before, 60, "it has learned")


def test_the_filters_secrets_rotate_under_load_and_it_goes_on_learning(
    server: Server, pytestconfig: pytest.Config
) -> None:
    with with_filter(server):
        lesson(server, WORDS)
        before, memory = secrets(server), learned(server)
        begun, updated = threading.Event(), threading.Event()
        with ThreadPoolExecutor(1) as pool:
            pouring = pool.submit(load.pour, server, BOB, 50, begun, workers=2, until_set=updated)
            try:
                assert begun.wait(60), "mail flows"
                configured(server, rotate={"filter": "2", "valkey": "2"})
            finally:
                updated.set()
            ledger = pouring.result()
        try:
            load.emptied(server)
            tell(pytestconfig, f"{len(ledger.acknowledged)} messages taken, {len(ledger.unknown)} put off")
            assert not load.lost(server, ledger)
            assert not ledger.refused_for_ever
            after = set(secrets(server).values())
            assert not {before["mail-rspamd-password"], before["mail-valkey-password"]} & after
            assert learned(server) == memory, "what it has learned outlives the password of its memory"
            # Dovecot and the filter have the new password, both. In capitals the same words would be known.
            lesson(server, WORDS.replace("word", "later"))
        finally:
            configured(server, rotate={})
