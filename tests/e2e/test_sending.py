"""Mail from our users to the world: the right server, encrypted where it can be, once, no silent failure."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from uuid import uuid4

import pytest

from tests.e2e import load
from tests.e2e.ground.addresses import PEERS
from tests.e2e.ground.mail import Received
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.server import Server, letter
from tests.e2e.stackfile import ALICE, BOB
from tests.waiting import until

RETURNED = "Undelivered Mail Returned to Sender"
"""Subject of Postfix's bounces."""

QUEUE_ID = re.compile(r"cleanup\[\d+\]: (\w+): message-id=")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def at(server: Server, peer: str, message_id: str) -> list[Received]:
    """Return every copy of a message that a peer has taken."""
    return [mail for mail in server.world.received(peer) if message_id.encode() in mail.raw]


def reaches(server: Server, peer: str, message_id: str, seconds: float = 20) -> Received:
    """Return the one copy of a message that a peer has by then; one that comes later is not counted."""
    (one,) = until(lambda: at(server, peer, message_id), seconds, f"{message_id} is at {peer}")
    return one


def senderless(server: Server) -> list[Received]:
    """Return all mail without a sender that the peers have taken, as bounces are."""
    return [mail for peer in PEERS for mail in server.world.received(peer) if not mail.sender]


def deferred(server: Server, message_id: str) -> bool:
    """Return whether Postfix says of this very message that it waits."""
    lines = server.journal("postfix").splitlines()
    ids = [found[1] for line in lines if (found := QUEUE_ID.search(line)) and message_id in line]
    return any(f" {one}: " in line and "status=deferred" in line for line in lines for one in ids)


@pytest.fixture
def stopped(server: Server) -> Iterator[list[str]]:
    """Peers named here are stopped; all of them run again afterwards."""
    names: list[str] = []
    yield names
    for name in PEERS:
        server.world.container(name).start()


def test_mail_goes_to_the_first_mail_exchanger_over_tls_and_ipv6(server: Server) -> None:
    sent = server.submit(ALICE, "friend@peer.test")
    mail = reaches(server, "mx1", sent)
    assert mail.encrypted, "the peer offers STARTTLS"
    assert mail.helo == HOSTNAME
    assert (mail.sender, mail.recipients) == (ALICE, ("friend@peer.test",))
    assert ":" in mail.client, "both have IPv6"
    assert not at(server, "mx2", sent)


def test_a_peer_without_tls_gets_its_mail_too(server: Server) -> None:
    assert not reaches(server, "plain", server.submit(ALICE, "friend@plain.test")).encrypted


@pytest.mark.parametrize("domain", ["only6.test", "no-mx.test"])
def test_a_domain_with_one_kind_of_address_or_no_mail_exchanger_gets_its_mail(
    server: Server, domain: str
) -> None:
    reaches(server, "mx2", server.submit(ALICE, f"friend@{domain}"))


def test_a_domain_that_takes_no_mail_is_refused_to_the_user_at_once(server: Server) -> None:
    with server.submission(ALICE) as client:
        answers = client.rcpt_codes("friend@null-mx.test", "friend@nowhere.test", sender=ALICE)
    assert [code // 100 for code, _ in answers] == [5, 5], answers


def test_the_second_mail_exchanger_gets_it_while_the_first_is_down(
    server: Server, stopped: list[str]
) -> None:
    server.world.container("mx1").stop(timeout=0)
    reaches(server, "mx2", server.submit(ALICE, "friend@peer.test"), seconds=60)


def test_mail_for_a_peer_that_is_down_waits_and_arrives_once(server: Server, stopped: list[str]) -> None:
    server.world.container("plain").stop(timeout=0)
    sent = server.submit(ALICE, "friend@plain.test")
    until(lambda: deferred(server, sent), 60, f"{sent} is deferred")
    server.world.container("plain").start()
    reaches(server, "plain", sent, seconds=90)
    load.emptied(server)
    assert len(at(server, "plain", sent)) == 1
    assert not server.found(ALICE, "Subject", RETURNED)


def test_the_count_finds_mail_that_arrives_twice(server: Server) -> None:
    message = letter(ALICE, "friend@plain.test")
    with server.submission(ALICE) as client:
        for _ in range(2):
            client.sendmail(ALICE, ["friend@plain.test", BOB], message.as_bytes())
    load.emptied(server)
    sent = str(message["Message-ID"])
    assert [len(at(server, "plain", sent)), len(server.found(BOB, "Message-ID", sent))] == [2, 2]


def test_a_refusal_by_the_peer_comes_back_to_the_sender_once(server: Server) -> None:
    before = len(senderless(server))
    sent = server.submit(BOB, "refuse@peer.test")
    bounce = server.arrives(BOB, RETURNED, "Subject")
    load.emptied(server)
    assert len(server.found(BOB, "Subject", RETURNED)) == 1
    assert len(senderless(server)) == before, "the world gets none of it"
    assert sent.encode() in bounce
    assert b"550 5.1.1 no such user here" in bounce
    head = bounce.partition(b"\r\n\r\n")[0].decode()
    assert "Return-Path: <>" in head
    assert not at(server, "mx1", sent)


def from_inside(server: Server, *words: str, subject: str) -> None:
    """Hand in mail as a program in Postfix's container does."""
    handed_in = f"printf 'Subject: {subject}\\n\\nHello\\n' | sendmail {' '.join(words)}"
    result = server.stack.containers()["postfix"].exec_run(["bash", "-c", handed_in])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("user", ["root", "postfix", f"mailer-daemon@{HOSTNAME}"])
def test_mail_to_users_of_the_container_reaches_the_postmaster(server: Server, user: str) -> None:
    subject = f"to {user} {uuid4()}"
    from_inside(server, user, subject=subject)
    arrived = message_from_bytes(server.arrives(ALICE, subject, "Subject"))
    assert None not in [arrived[name] for name in ("Date", "Message-ID", "From")]


def test_a_bounce_for_a_user_of_the_container_reaches_the_postmaster(server: Server) -> None:
    subject = f"to nobody there {uuid4()}"
    from_inside(server, "refuse@peer.test", subject=subject)

    def bounced() -> list[bytes]:
        return [one for one in server.found(ALICE, "Subject", RETURNED) if subject.encode() in one]

    (bounce,) = until(bounced, 30, "the bounce is at the postmaster's")
    assert b"550 5.1.1 no such user here" in bounce


def test_a_long_line_leaves_folded_as_rfc_5321_demands(server: Server) -> None:
    message = letter(ALICE, "friend@plain.test")
    data = message.as_bytes() + b"x" * 3_000
    with server.submission(ALICE) as client:
        client.sendmail(ALICE, ["friend@plain.test"], data)
    mail = reaches(server, "plain", str(message["Message-ID"]))
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 998
    assert b"x" * 3_000 in mail.raw.replace(b"\r\n ", b""), "nothing but line ends was added"


def test_an_alias_to_elsewhere_forwards_and_keeps_a_copy(server: Server) -> None:
    sent = server.deliver("abroad@example.test", sender="stranger@stranger.test")
    server.arrives(BOB, sent)
    assert reaches(server, "mx1", sent).recipients == ("friend@peer.test",)
