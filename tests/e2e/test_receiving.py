"""Mail from the world at port 25: who gets it, who is refused, and that no answer is taken back later."""

import pytest

from tests.e2e.server import Server, letter
from tests.e2e.stackfile import ALICE, BOB, DISABLED, DORA, ERIN, SEND_ONLY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FRIEND = "friend@peer.test"


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
    ],
)
def test_mail_reaches_each_mailbox_behind_an_address_once(
    server: Server, recipient: str, mailboxes: list[str]
) -> None:
    sent = server.deliver(recipient)
    for mailbox in mailboxes:
        server.arrives(mailbox, sent)


@pytest.mark.parametrize(
    "recipient",
    [
        "nobody@example.test",
        "nobody@twin.test",
        SEND_ONLY,
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


def test_addresses_in_utf_8_are_not_offered(server: Server) -> None:
    with server.smtp() as client:
        client.ehlo()
        assert not client.has_extn("smtputf8"), "what is taken here would bounce at the mailbox"


def test_incoming_mail_keeps_the_trace_of_where_it_came_from(server: Server) -> None:
    arrived = server.arrives(ALICE, server.deliver(ALICE, vantage="sibling"))
    assert b"from client.stranger.test (" in arrived
