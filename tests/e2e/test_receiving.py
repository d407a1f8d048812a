"""Mail from the world at port 25: who gets it, who is refused, and that no answer is taken back later."""

import re
import time
from collections.abc import Iterable
from email import message_from_bytes
from email.utils import make_msgid
from typing import Any

import pytest

from tests.e2e import load
from tests.e2e.changes import sql
from tests.e2e.clients import Smtp
from tests.e2e.server import Server, letter
from tests.e2e.stackfile import ALICE, BOB, DISABLED, DORA, ERIN, ODD, ROBOT, SEND_ONLY
from tests.e2e.test_sending import senderless
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FRIEND = "friend@peer.test"

SQL_TROUBLE = re.compile(r"(?im)^.*warning.*mysql.*$")


@pytest.fixture(scope="module", autouse=True)
def senderless_before(server: Server) -> int:
    """How many messages without a sender the peers had before the first test here."""
    load.emptied(server)
    return len(senderless(server))


@pytest.mark.parametrize(
    ("recipient", "mailboxes"),
    [
        (ALICE, [ALICE]),
        ("alice+lists@example.test", [ALICE]),
        ("ALICE@Example.TEST", [ALICE]),
        ("sales@example.test", [ALICE]),
        ("sales+april@example.test", [ALICE]),
        ("team@example.test", [ALICE, BOB]),
        ("everyone@example.test", [ALICE, BOB]),
        ("alice@twin.test", [ALICE]),
        ("Team@twin.test", [ALICE, BOB]),
        ("nobody-special@second.test", [DORA]),
        ("erin@second.test", [ERIN]),
        ("erin+detail@second.test", [ERIN]),
        (DISABLED, []),  # nobody can look; test_accounts.py reads such mail
        ("postmaster", [ALICE]),
        ("postmaster@example.test", [ALICE]),
        ("abuse@example.test", [ALICE]),
        ("postmaster@second.test", [DORA]),
        ("abuse@twin.test", [ALICE]),
        ("sales/eu@example.test", [ALICE]),
        ("who's?who*+detail@example.test", [ALICE]),
        *((address, [address]) for address in ODD),
        ("o'neil@twin.test", ["o'neil@example.test"]),
    ],
)
def test_mail_reaches_each_mailbox_behind_an_address_once(
    server: Server, recipient: str, mailboxes: list[str]
) -> None:
    sent = server.deliver(recipient)
    for mailbox in mailboxes:
        server.arrives(mailbox, sent)
    until(lambda: load.queued(server) == 0, 60, "the queue is empty")
    copies = {mailbox: len(server.found(mailbox, "Message-ID", sent)) for mailbox in mailboxes}
    assert copies == dict.fromkeys(mailboxes, 1)


@pytest.mark.parametrize(
    "recipient",
    [
        "nobody@example.test",
        "nobody@twin.test",
        SEND_ONLY,
        # In a domain with a catch-all, which gets what nobody else does: but this address is somebody's.
        ROBOT,
        "robot+detail@second.test",
        "Robot@third.test",
        "nobody+alice@example.test",
        "alice.@example.test",
    ],
)
def test_an_unknown_recipient_is_refused_before_any_data(server: Server, recipient: str) -> None:
    with server.smtp() as client:
        known, unknown = client.rcpt_codes(ALICE, recipient, sender=FRIEND)
    assert known[0] == 250
    assert unknown[0] == 550
    assert unknown[1].startswith("5.1.1 ")


def questions(server: Server) -> int:
    """Return how many questions MySQL has answered so far."""
    return int(sql(server, "SHOW GLOBAL STATUS LIKE 'Com_select'").split()[1])


def burst(server: Server, recipients: Iterable[str]) -> int:
    """Deliver a message to each, in one session; return how many questions to MySQL that took."""
    before = questions(server)
    with server.smtp() as client:
        for recipient in recipients:
            client.send_message(letter(FRIEND, recipient))
    load.emptied(server)
    return questions(server) - before


def test_a_burst_of_mail_for_one_mailbox_asks_mysql_less_than_once_for_each_message(server: Server) -> None:
    strangers = burst(server, [f"somebody-{number}@second.test" for number in range(60)])
    assert strangers > 60, "the control: a catch-all is asked for each time"
    assert burst(server, [ERIN] * 60) < 60


def test_a_mailbox_that_has_just_got_mail_is_refused_within_seconds_of_its_end(server: Server) -> None:
    def answer() -> int:
        with server.smtp() as client:
            ((code, _),) = client.rcpt_codes(ERIN, sender=FRIEND)
        return code

    assert answer() == 250
    try:
        sql(server, "UPDATE users SET receives = 0 WHERE userid = 'erin' AND domain = 'second.test'")
        until(lambda: answer() == 550, 10, "she gets no mail any more")
    finally:
        sql(server, "UPDATE users SET receives = 1 WHERE userid = 'erin' AND domain = 'second.test'")
    until(lambda: answer() == 250, 10, "and again")
    server.arrives(ERIN, server.deliver(ERIN))


def test_bounces_for_our_users_are_taken(server: Server) -> None:
    server.arrives(ALICE, server.deliver(ALICE, sender=""))


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("friend@nowhere.test", "45"),
        ("friend@lost.test", "4"),
        ("friend@peer", "5"),
        ("friend@null-mx.test", "5"),
    ],
)
def test_a_sender_who_cannot_be_answered_is_refused(server: Server, sender: str, kind: str) -> None:
    with server.smtp() as client:
        (good,) = client.rcpt_codes(ALICE, sender=FRIEND)
        (bad,) = client.rcpt_codes(ALICE, sender=sender)
    assert good[0] == 250
    assert str(bad[0])[0] in kind, f"{bad}"


@pytest.mark.parametrize("helo", ["localhost", "client", "-bad-.test", "[1.2.3]"])
def test_a_client_that_does_not_say_its_full_name_is_refused(server: Server, helo: str) -> None:
    with server.smtp(helo=helo) as client:
        (answer,) = client.rcpt_codes(ALICE, sender=FRIEND)
    assert str(answer[0])[0] in "45"


def test_a_message_too_big_is_refused_when_its_size_is_announced(server: Server) -> None:
    with server.smtp() as client:
        client.ehlo()
        limit = int(client.esmtp_features["size"])
        assert limit == 5 * 1024 * 1024
        assert client.docmd("MAIL", f"FROM:<{FRIEND}> SIZE={limit}")[0] == 250
        client.rset()
        code, text = client.docmd("MAIL", f"FROM:<{FRIEND}> SIZE={limit + 1}")
    assert (code, text[:6]) == (552, b"5.3.4 ")


def test_a_message_too_big_is_refused_at_its_end_when_no_size_was_announced(server: Server) -> None:
    message = letter(FRIEND, ALICE)
    message.add_attachment(b"x" * 5 * 1024 * 1024, maintype="application", subtype="octet-stream")
    with server.smtp() as client:
        client.ehlo()
        client.mail(FRIEND)
        client.rcpt(ALICE)
        code, text = client.data(message.as_bytes())
    assert code == 552, text
    assert not server.found(ALICE, "Message-ID", str(message["Message-ID"]))


@pytest.mark.parametrize(
    "command", ["VRFY alice@example.test", "EXPN team@example.test", "ETRN example.test"]
)
def test_nobody_is_told_which_addresses_exist(server: Server, command: str) -> None:
    with server.smtp() as client:
        client.ehlo()
        code, text = client.docmd(command)
    assert code >= 400, text


@pytest.mark.parametrize("vantage", ["host", "host6", "outside", "sibling", "sibling6"])
def test_port_25_never_offers_a_login(server: Server, vantage: str) -> None:
    with server.smtp(vantage) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] >= 500
        client.starttls(context=server.tls)
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] >= 500


def test_eight_bit_text_and_long_lines_arrive_byte_for_byte(server: Server) -> None:
    body = (
        "Grüße aus Zürich: ".encode() + b"x" * 900 + b"\r\n.\r\n..dots\r\n" + bytes(range(128, 256)) + b"\r\n"
    )
    message = letter(FRIEND, ALICE)
    head = (
        f"From: {FRIEND}\r\nTo: {ALICE}\r\nMessage-ID: {message['Message-ID']}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n"
    ).encode()
    with server.smtp() as client:
        client.ehlo()
        assert client.has_extn("8bitmime")
        client.sendmail(FRIEND, [ALICE], head + body, mail_options=["BODY=8BITMIME"])
    arrived = server.arrives(ALICE, str(message["Message-ID"]))
    assert arrived.partition(b"\r\n\r\n")[2] == body


def whole(message_id: str, body: bytes, head: bytes = b"", writer: str = FRIEND) -> bytes:
    """Return a message of these very bytes."""
    return (
        f"From: {writer}\r\nTo: {ALICE}\r\nMessage-ID: {message_id}\r\n".encode()
        + head
        + b"MIME-Version: 1.0\r\n"
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + body
    )


def hand_in(client: Smtp, sender: str, recipient: str, message: bytes) -> tuple[int, bytes]:
    """Return the answer to one message, sent as it is: no library mends its line ends or adds a header."""
    client.ehlo_or_helo_if_needed()
    assert client.mail(sender)[0] == 250
    assert client.rcpt(recipient)[0] == 250
    assert client.docmd("DATA")[0] == 354
    client.sock.sendall(message + b"\r\n.\r\n")
    return client.getreply()


LENGTHS = (998, 999, 2048, 2049, 10_000, 100_000)
"""Octets in a line: the most of RFC 5322, what Postfix reads at once, and what newsletters send."""


@pytest.mark.parametrize("protocol", ["smtp", "submissions"])
def test_lines_of_any_length_arrive_byte_for_byte(server: Server, protocol: str) -> None:
    # Characters of two octets: where a line is broken, one of them is split sooner or later.
    body = b"".join(b"x" * (length % 2) + "ü".encode() * (length // 2) + b"\r\n" for length in LENGTHS)
    sent = make_msgid(domain="peer.test")
    user = protocol == "submissions"
    writer = ALICE if user else FRIEND
    message = whole(sent, body.removesuffix(b"\r\n"), writer=writer)
    with server.submission(ALICE) if user else server.smtp() as client:
        answer = hand_in(client, writer, ALICE, message)
    assert answer[0] == 250, answer
    assert server.arrives(ALICE, sent).partition(b"\r\n\r\n")[2] == body


def many_addresses(octets: int) -> bytes:
    """Return a header as long as that, of addresses on lines that are folded where they may be."""
    address = b'"Somebody with a name" <somebody.with.a.name@a-domain.peer.test>'
    return b"Cc: " + b",\r\n ".join([address] * (octets // (len(address) + 4))) + b"\r\n"


HEADERS = {
    "3000 recipients": many_addresses(204_000),
    "a long thread": b"References:" + b" <a-message-of-a-thread@peer.test>" * 6_000 + b"\r\n",
    "a line": b"X-Line: " + b"x" * 990_000 + b"\r\n",
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_is_kept_whole(server: Server, header: str) -> None:
    sent = make_msgid(domain="peer.test")
    with server.smtp() as client:
        assert hand_in(client, FRIEND, ALICE, whole(sent, b"Hello", HEADERS[header]))[0] == 250
    assert HEADERS[header] in server.arrives(ALICE, sent)


def test_a_header_of_an_attached_message_is_kept_whole(server: Server) -> None:
    sent = make_msgid(domain="peer.test")
    head = (
        f"From: {FRIEND}\r\nMessage-ID: {sent}\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
    )
    attached = HEADERS["3000 recipients"] + b"Subject: inside\r\n\r\nHello"
    with server.smtp() as client:
        assert hand_in(client, FRIEND, ALICE, head.encode() + attached)[0] == 250
    assert attached in server.arrives(ALICE, sent)


@pytest.mark.parametrize("protocol", ["smtp", "submissions"])
def test_a_header_that_could_not_be_kept_whole_is_refused(server: Server, protocol: str) -> None:
    sent = make_msgid(domain="peer.test")
    user = protocol == "submissions"
    writer, most = (ALICE, b"59000") if user else (FRIEND, b"1000000")
    just = [b"X-Line: " + b"x" * 60_000 + b"\r\n"] if user else []
    for header in (b"X-Line: " + b"x" * 1_000_000 + b"\r\n", many_addresses(1_200_000), *just):
        with server.submission(ALICE) if user else server.smtp() as client:
            code, text = hand_in(client, writer, ALICE, whole(sent, b"Hello", header, writer))
        assert (code, text[:6]) == (550, b"5.3.4 "), text
        assert b"longer than %s octets" % most in text
    assert not server.found(ALICE, "Message-ID", sent)


@pytest.mark.parametrize(
    ("recipient", "mailbox", "becomes"),
    [
        (ALICE, ALICE, ALICE),
        ("team@example.test", ALICE, ALICE),
        ("team@example.test", BOB, BOB),
        ("everyone@twin.test", BOB, BOB),
        ("alice+lists@example.test", ALICE, "alice+lists@example.test"),
        ("sales+april@example.test", ALICE, "alice+april@example.test"),
        ("nobody-special@second.test", DORA, DORA),
        ("nobody+special@third.test", DORA, DORA),
        ("postmaster", ALICE, ALICE),
    ],
)
def test_each_copy_says_for_whom_it_is_and_which_address_was_written_to(
    server: Server, recipient: str, mailbox: str, becomes: str
) -> None:
    arrived = message_from_bytes(server.arrives(mailbox, server.deliver(recipient)))
    assert arrived.get_all("Delivered-To") == [becomes]
    assert arrived.get_all("X-Original-To") == [recipient]


def test_a_copy_tells_nothing_of_the_other_recipients(server: Server) -> None:
    sent = server.deliver(["sales@example.test", BOB, "nobody-special@second.test"])
    heads = [server.arrives(reader, sent).partition(b"\r\n\r\n")[0] for reader in (BOB, DORA)]
    assert b"second.test" not in heads[0]
    assert b"bob" not in heads[1]


@pytest.fixture
def long_list(server: Server) -> Any:
    """A list of 5000 addresses, each an alias of BOB: written by hand, which is as good and faster."""
    names = [f"member-{number}-of-the-long-list" for number in range(5000)]
    for start in range(0, len(names), 500):
        rows = ", ".join(
            f"('everybody', 'example.test', '{name}@example.test'), ('{name}', 'example.test', '{BOB}')"
            for name in names[start : start + 500]
        )
        sql(server, f"INSERT INTO aliases (name, domain, target) VALUES {rows}")
    yield
    sql(server, "DELETE FROM aliases WHERE name = 'everybody' OR name LIKE 'member-%'")


def test_a_list_of_5000_gets_its_mail_once(server: Server, long_list: None) -> None:
    sent = server.deliver("everybody@example.test")
    server.arrives(BOB, sent, seconds=60)
    load.emptied(server)
    assert len(server.found(BOB, "Message-ID", sent)) == 1


def test_addresses_in_utf_8_are_not_offered(server: Server) -> None:
    with server.smtp() as client:
        client.ehlo()
        assert not client.has_extn("smtputf8"), "what is taken here would bounce at the mailbox"


@pytest.mark.parametrize("protocol", ["smtp", "submissions"])
def test_an_address_with_bytes_beyond_ascii_is_refused_at_once(server: Server, protocol: str) -> None:
    began = time.time()
    sender = ALICE if protocol == "submissions" else FRIEND
    with server.submission(ALICE) if protocol == "submissions" else server.smtp() as client:
        client.ehlo_or_helo_if_needed()
        client.send(b"MAIL FROM:<\xc3\xa4lice@peer.test>\r\n")
        answers = [client.getreply()]
        assert client.mail(sender)[0] == 250
        client.send(b"RCPT TO:<\xff@example.test>\r\n")
        answers.append(client.getreply())
        assert client.rcpt(BOB)[0] == 250, "the control: the same session is good for other addresses"
    assert [code // 100 for code, _ in answers] == [5, 5], answers

    def journal() -> str:
        return server.stack.journals(since=began).get("postfix", "")

    until(lambda: "disconnect from" in journal(), 20, "the session is in the journal")
    assert not SQL_TROUBLE.findall(journal())


def test_the_search_finds_what_the_database_would_not_compare() -> None:
    line = (
        "postfix/proxymap[9]: warning: mysql:/run/postfix/secrets/mysql/a.cf: query failed: "
        "Illegal mix of collations"
    )
    assert SQL_TROUBLE.findall(f"postfix/smtpd[8]: connect from unknown\n{line}\n") == [line]


def test_incoming_mail_keeps_the_trace_of_where_it_came_from(server: Server) -> None:
    arrived = server.arrives(ALICE, server.deliver(ALICE, vantage="sibling"))
    assert b"from client.stranger.test (" in arrived


def test_nothing_that_was_taken_above_was_bounced_later(server: Server, senderless_before: int) -> None:
    load.emptied(server)
    assert len(senderless(server)) == senderless_before


def test_the_count_finds_a_bounce_that_went_out(server: Server) -> None:
    before = len(senderless(server))
    handed_in = "echo Hello | sendmail -f friend@plain.test refuse@peer.test"
    result = server.stack.containers()["postfix"].exec_run(["bash", "-c", handed_in])
    assert result.exit_code == 0, result.output
    *_, bounce = until(lambda: senderless(server)[before:], 30, "the bounce is at the peer")
    assert b"550 5.1.1 no such user here" in bounce.raw
