"""Users hand in mail on 465 and 587: encrypted, logged in, under their own addresses only."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from threading import Barrier
from uuid import uuid4

import pytest

from tests.e2e.clients import Smtp
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.server import Server, authenticate, letter
from tests.e2e.stackfile import ALICE, BOB, DISABLED, DORA, IMAP_ONLY, RECEIVE_ONLY, SEND_ONLY
from tests.e2e.test_receiving import hand_in
from tests.e2e.test_sending import reaches

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PROTOCOLS = ["submission", "submissions"]

TICK = 0.5
"""Seconds from one moment at which Dovecot gives its delayed answers to the next."""


def ready(server: Server, protocol: str) -> Smtp:
    """Return a client that has encrypted its session and not logged in."""
    client = server.smtp(protocol=protocol)
    if protocol == "submission":
        client.starttls(context=server.tls)
    client.ehlo()
    return client


def test_a_login_is_offered_after_encryption_only(server: Server) -> None:
    with server.smtp(protocol="submission") as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] >= 500
        client.starttls(context=server.tls)
        client.ehlo()
        assert client.has_extn("auth")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_wrong_password_unknown_and_disabled_user_get_the_same_answer(server: Server, protocol: str) -> None:
    def answer(login: tuple[str, str]) -> tuple[int, bytes]:
        with ready(server, protocol) as client:
            return authenticate(client, *login)

    logins = [
        (ALICE, "wrong"),
        ("nobody@example.test", "wrong"),
        (DISABLED, server.password(DISABLED)),
        (RECEIVE_ONLY, server.password(RECEIVE_ONLY)),
        (IMAP_ONLY, server.password(IMAP_ONLY)),
        ("sales@example.test", server.password(ALICE)),
        ("alice+detail@example.test", server.password(ALICE)),
        ("alice", server.password(ALICE)),
    ]
    with ThreadPoolExecutor(len(logins)) as pool:  # each refusal takes its time
        answers = set(pool.map(answer, logins))
    assert len(answers) == 1, answers
    assert answers.pop()[0] == 535
    assert answer((ALICE, server.password(ALICE)))[0] == 235


def seconds_to_answer(server: Server, logins: list[tuple[str, str, str]]) -> list[float]:
    """Return after how long each login, of protocol, user and password, is answered; all begin together."""
    together = Barrier(len(logins))

    def spent(login: tuple[str, str, str]) -> float:
        protocol, user, password = login
        with ready(server, protocol) as client:
            together.wait(60)
            began = time.monotonic()
            authenticate(client, user, password)
            return time.monotonic() - began

    with ThreadPoolExecutor(len(logins)) as pool:
        return list(pool.map(spent, logins))


def test_the_time_to_refuse_does_not_tell_who_exists(server: Server) -> None:
    """Logins that begin together are refused at the same tick.

    Seen is a difference of a tick that is there in every round. A hash takes less; when it makes its refusal
    miss the tick of the others, the next round decides. What is below a tick is not seen.
    """
    users = [(ALICE, "wrong"), ("nobody@example.test", "wrong"), (DISABLED, server.password(DISABLED))]
    logins = [(protocol, *user) for protocol in PROTOCOLS for user in users]
    rounds = []
    for _ in range(6):
        *refused, welcome = seconds_to_answer(
            server, [*logins, ("submissions", ALICE, server.password(ALICE))]
        )
        rounds.append((refused, welcome))
        alike = max(refused) - min(refused) < TICK / 2
        # The control: a refusal without the delay comes when the welcome comes.
        if alike and min(refused) - welcome > TICK / 2:
            return
    pytest.fail(f"seconds to refuse {logins}, and to welcome: {rounds}")


@pytest.mark.parametrize(
    "sender",
    [
        ALICE,
        "postmaster@example.test",
        "abuse@twin.test",
        "sales/eu@example.test",
        "alice+shop@example.test",
        "sales@example.test",
        "team@example.test",
        "everyone@example.test",
        "everyone@twin.test",
        "alice@twin.test",
        "ALICE@example.test",
    ],
)
def test_a_user_sends_as_each_own_address(server: Server, sender: str) -> None:
    server.arrives(BOB, server.submit(ALICE, BOB, sender=sender))


@pytest.mark.parametrize(
    "sender",
    [
        BOB,
        "quiet@example.test",
        "friend@peer.test",
        DORA,
        "anything@second.test",
        "nobody@example.test",
        "postmaster@second.test",
        "o'neil@example.test",
        "'or'1'='1@example.test",
    ],
)
def test_nobody_sends_as_somebody_else(server: Server, sender: str) -> None:
    with server.submission(ALICE) as client:
        (answer,) = client.rcpt_codes(BOB, sender=sender)
    assert answer[0] == 553
    assert answer[1].startswith("5.7.1 ")


def test_a_read_receipt_leaves_without_a_sender(server: Server) -> None:
    # RFC 8098, section 3, asks for the null sender, so that nobody answers it: so users may send with it.
    receipt = letter(ALICE, "friend@peer.test", "Your letter was displayed.\r\n", "Read: a letter")
    with server.submission(ALICE) as client:
        client.sendmail("", ["friend@peer.test"], receipt.as_bytes())
    mail = reaches(server, "mx1", str(receipt["Message-ID"]))
    assert mail.sender == ""
    assert b"was displayed" in mail.raw


def bare(server: Server, protocol: str, message: bytes) -> Message:
    """Return how a message arrives that ALICE hands in to BOB as it is: no library adds a header to it."""
    sent = f"bare {uuid4()}"
    with server.submission(ALICE, protocol) as client:
        answer = hand_in(client, ALICE, BOB, f"Subject: {sent}".encode() + message)
    assert answer[0] == 250, answer
    return message_from_bytes(server.arrives(BOB, sent, "Subject"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mail_without_date_message_id_and_from_gets_them(server: Server, protocol: str) -> None:
    arrived = bare(server, protocol, b"\r\n\r\nSent by a scanner.")
    assert parsedate_to_datetime(arrived["Date"])
    assert re.fullmatch(rf"<\S+@{HOSTNAME}>", arrived["Message-ID"])
    assert parseaddr(arrived["From"])[1] == ALICE


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_headers_that_are_there_stay_as_they_are(server: Server, protocol: str) -> None:
    given = {
        "Date": "Thu, 1 Jan 1970 00:00:00 +0000",
        "Message-ID": f"<{uuid4()}@a.test>",
        "From": f"Alice (of us) <{ALICE}>",
    }
    lines = "".join(f"\r\n{name}: {value}" for name, value in given.items())
    arrived = bare(server, protocol, f"{lines}\r\n\r\nHello".encode())
    assert {name: arrived.get_all(name) for name in given} == {name: [value] for name, value in given.items()}


def written(server: Server, *headers: str, sender: str = ALICE) -> tuple[int, str]:
    """Return the answer to a message of ALICE's with these headers."""
    with server.submission(ALICE) as client:
        code, text = hand_in(client, sender, BOB, "\r\n".join([*headers, "", "Hello"]).encode())
    return code, text.decode()


@pytest.mark.parametrize("sender", [ALICE, ""], ids=["with a sender", "as a receipt"])
@pytest.mark.parametrize(
    "writer",
    [
        "Alice <ALICE@example.test>",
        "alice+shop@example.test",
        "alice@twin.test",
        "Sales <sales@example.test>",
        "everyone@twin.test",
    ],
)
def test_a_user_writes_as_each_own_address(server: Server, sender: str, writer: str) -> None:
    assert written(server, f"From: {writer}", sender=sender)[0] == 250


@pytest.mark.parametrize("sender", [ALICE, ""], ids=["with a sender", "as a receipt"])
@pytest.mark.parametrize(
    "writer", [BOB, f"Alice <{BOB}>", f'"{ALICE}" <{BOB}>', f"{ALICE}, {BOB}", DORA, "friend@peer.test"]
)
def test_nobody_writes_as_somebody_else(server: Server, sender: str, writer: str) -> None:
    code, text = written(server, f"From: {writer}", sender=sender)
    assert code == 553
    assert text.startswith(f"5.7.1 From: {ALICE} may not send as "), text


@pytest.mark.parametrize(
    "headers",
    [
        [f"From: {ALICE}", f"From: {BOB}"],
        [f"From: {ALICE}", f"From : {BOB}"],
        [f"From: {ALICE}", f"FR\0OM: {BOB}"],
        [f"From: friends: {ALICE};"],
        [f"From: {ALICE}", f"Sender: {BOB}"],
        [f"Resent-From: {ALICE}"],
    ],
)
def test_what_mail_programs_read_in_two_ways_is_refused(server: Server, headers: list[str]) -> None:
    code, text = written(server, *headers)
    assert code in {550, 553}, text
    assert "5.7.1 " in text
    with server.smtp() as client:  # what strangers write is nobody's here
        stranger = [header.replace(BOB, "other@peer.test") for header in headers]
        message = "\r\n".join([*stranger, "", "Hello"]).encode()
        assert hand_in(client, "friend@peer.test", BOB, message)[0] == 250


def test_mail_of_another_server_gets_no_header_that_its_sender_did_not_write(server: Server) -> None:
    sent = f"bare {uuid4()}"
    with server.smtp() as client:
        assert hand_in(client, "friend@peer.test", BOB, f"Subject: {sent}\r\n\r\nHello".encode())[0] == 250
    arrived = message_from_bytes(server.arrives(BOB, sent, "Subject"))
    assert [arrived[name] for name in ("Date", "Message-ID", "From")] == [None, None, None]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_bare_line_feeds_of_a_user_are_put_right(server: Server, protocol: str) -> None:
    arrived = bare(server, protocol, f"\nFrom: {ALICE}\nX-More: 1\n\nfirst\nsecond\n\nlast".encode())
    assert arrived["X-More"] == "1"
    assert arrived.get_payload() == "first\r\nsecond\r\n\r\nlast\r\n"


def test_bare_line_feeds_of_another_server_are_refused(server: Server) -> None:
    with server.smtp() as client:
        code, text = hand_in(client, "friend@peer.test", BOB, b"Subject: bare\n\nfirst\nsecond")
    assert code == 550, text
    assert b"bare <LF>" in text


def test_an_account_that_only_sends_does_so(server: Server) -> None:
    server.arrives(ALICE, server.submit(SEND_ONLY, ALICE))


def test_a_mistyped_recipient_is_refused_at_once(server: Server) -> None:
    with server.submission(ALICE) as client:
        good, bad = client.rcpt_codes(BOB, "bobb@example.test", sender=ALICE)
    assert good[0] == 250
    assert (bad[0], bad[1][:6]) == (550, "5.1.1 ")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_headers_do_not_tell_of_the_user_s_machine(server: Server, protocol: str) -> None:
    message = letter(ALICE, BOB)
    message["User-Agent"] = "Telltale/1.0"
    message["X-Mailer"] = "Telltale/1.0"
    message["X-Originating-IP"] = "[203.0.113.99]"
    with server.submission(ALICE, protocol) as client:
        name = client.local_hostname
        client.sendmail(ALICE, [BOB], message.as_bytes())
    head = server.arrives(BOB, str(message["Message-ID"])).partition(b"\r\n\r\n")[0].decode()
    told = [name, "Telltale", "203.0.113.99", *(f"{net}" for net in ("127.0.0.1", "198.51.100.", "192.0.2."))]
    assert not [word for word in told if word in head], head
    assert "authenticated" not in head.lower(), head


def test_a_message_too_big_is_a_clear_refusal(server: Server) -> None:
    with server.submission(ALICE) as client:
        code, text = client.docmd("MAIL", f"FROM:<{ALICE}> SIZE=99000000")
    assert (code, text[:6]) == (552, b"5.3.4 ")


def test_too_many_recipients_are_a_clear_refusal(server: Server) -> None:
    limit = server.stack.settings["limits"].get("recipients", 100)
    with server.submission(ALICE) as client:
        for count, wanted in ((limit, 354), (limit + 1, 552)):
            client.mail(ALICE)
            assert {client.rcpt(f"bob+{number}@example.test")[0] for number in range(count)} == {250}
            code, text = client.docmd("DATA")
            assert code == wanted, text
            if code == 354:
                client.send(b"Subject: to many\r\n\r\n.\r\n")
                assert client.getreply()[0] == 250
