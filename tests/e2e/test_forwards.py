"""Mail that an alias leads elsewhere: it passes for this server, bounces find back, and no loop lasts."""

import base64
import hmac
import re
import time
from email import message_from_bytes
from ipaddress import ip_address, ip_network
from typing import Any

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e.ground.mail import Received
from tests.e2e.ground.zones import HOSTNAME, zones
from tests.e2e.server import Server, letter
from tests.e2e.stackfile import ALICE, BOB
from tests.e2e.test_sending import reaches
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

STRANGER = "Jo.Doe@honest.test"
"""Writes from an address that its domain's SPF record names, and that of no other server."""

BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

ABROAD = "abroad@example.test"
"""Leads to Bob, and to a friend at another server."""


def passes(sender: str, client: str) -> bool:
    """Return whether SPF lets a server at that address send for the sender's domain."""
    known = zones()[sender.rpartition("@")[2]]
    (policy,) = [value for kind, value in known if kind == "TXT" and value.startswith("v=spf1 ")]
    allowed = [word.partition(":")[2] for word in policy.split() if word.startswith(("ip4:", "ip6:"))]
    allowed += [value for kind, value in known if kind in {"A", "AAAA"} and "a" in policy.split()]
    assert policy.endswith(" -all")
    return any(ip_address(client) in ip_network(one) for one in allowed)


def forwarded(server: Server, sender: str = STRANGER, to: str = ABROAD) -> Received:
    return reaches(server, "mx1", server.deliver(to, sender=sender))


def refusal(server: Server, sender: str, to: str) -> tuple[int, bytes]:
    """Return the answer to a recipient that is not taken."""
    with server.smtp() as client:
        client.ehlo()
        client.mail(sender)
        code, text = client.rcpt(to)
    assert code >= 500, (code, text)
    return code, text


def bounces_to(server: Server, address: str) -> list[Received]:
    return [one for one in server.world.received("mx1") if not one.sender and one.recipients == (address,)]


def test_a_forward_passes_spf_and_a_mailboxs_copy_keeps_its_sender(server: Server) -> None:
    sent = server.deliver(ABROAD, sender=STRANGER)
    mail = reaches(server, "mx1", sent)
    assert re.fullmatch(rf"SRS0=\S+=\S+=honest\.test=Jo\.Doe@{HOSTNAME}", mail.sender)
    assert mail.recipients == ("friend@peer.test",)
    assert passes(mail.sender, mail.client)
    assert not passes(STRANGER, mail.client), "nobody would need it"
    copy = message_from_bytes(server.arrives(BOB, sent))
    assert copy["Return-Path"] == f"<{STRANGER}>"
    assert message_from_bytes(mail.raw)["From"] == copy["From"] == STRANGER


def test_a_signature_survives_the_forward(server: Server) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    text = letter(STRANGER, ABROAD, "Grüße  \r\n\r\n\r\n").as_bytes()
    headers = [b"from", b"to", b"subject", b"message-id", b"content-type", b"reply-to", b"date"]
    signed = dkim.sign(
        text, b"k", b"honest.test", pem, canonicalize=(b"simple", b"simple"), include_headers=headers
    )
    with server.smtp() as client:
        client.sendmail(STRANGER, [ABROAD], signed + text)
    raw = reaches(server, "mx1", str(message_from_bytes(text)["Message-ID"])).raw
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    record = b"v=DKIM1; p=" + b"".join(public.splitlines()[1:-1])
    assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: record)
    assert not dkim.verify(
        raw.replace(b"Subject: ", b"Subject: Re: "), dnsfunc=lambda name, timeout=5: record
    )


@pytest.mark.parametrize(
    "sender",
    ["", "first.last+a-very-long-detail-of-a-mailing-list@honest.test"],
    ids=["a bounce", "too long to be rewritten"],
)
def test_some_senders_stay_as_they_are(server: Server, sender: str) -> None:
    assert forwarded(server, sender).sender == sender


def test_a_user_who_writes_to_a_forward_and_elsewhere_keeps_the_own_sender(server: Server) -> None:
    assert reaches(server, "mx1", server.submit(ALICE, ABROAD)).sender == ALICE
    assert reaches(server, "mx1", server.submit(ALICE, "friend@peer.test")).sender == ALICE


def test_a_detail_goes_along(server: Server) -> None:
    assert forwarded(server, to="abroad+a=b@example.test").recipients == ("friend+a=b@peer.test",)


def test_a_bounce_goes_back_to_the_sender_and_to_nobody_else(server: Server) -> None:
    rewritten = forwarded(server).sender
    bounce = reaches(server, "mx1", server.deliver(rewritten.lower(), sender=""))
    assert (bounce.sender, bounce.recipients[0].lower()) == ("", STRANGER.lower())
    assert refusal(server, "somebody@stranger.test", rewritten)[1].endswith(
        b"This address takes bounces alone"
    )


def test_a_forward_that_somebody_else_rewrote_bounces_through_that_server(server: Server) -> None:
    first = "SRS0=abcd=EF=honest.test=joe@stranger.test"
    rewritten = forwarded(server, first).sender
    assert re.fullmatch(rf"SRS1=\S+=stranger\.test==abcd=EF=honest\.test=joe@{HOSTNAME}", rewritten)
    bounce = reaches(server, "mx1", server.deliver(rewritten, sender=""))
    assert bounce.recipients == (first,)


@pytest.mark.parametrize(
    "forge",
    [
        lambda good: good.replace("honest.test", "stranger.test"),
        lambda good: good.replace("SRS0=", "SRS0=a", 1),
        lambda good: re.sub("=..=", "=AA=", good, count=1),
        lambda good: f"SRS1=abcd=stranger.test=={good.partition('=')[2]}",
        lambda good: f"SRS0=@{HOSTNAME}",
    ],
    ids=["another sender", "another hash", "another day", "another server", "nothing"],
)
def test_a_forged_sender_is_an_unknown_recipient(server: Server, forge: type[str]) -> None:
    code, text = refusal(server, "", forge(forwarded(server).sender))
    assert code == 550
    assert b"5.1.1" in text


def rewritten(server: Server, sender: str, days_ago: int) -> str:
    """Return what `sender` became that long ago: https://www.libsrs2.net/srs/srs.pdf."""
    name, _, domain = sender.partition("@")
    day = int(time.time()) // 86400 - days_ago
    stamp = "".join(BASE32[day >> shift & 31] for shift in (5, 0))
    secret: Any = server.stack.containers()["postfix"].exec_run(["cat", "/run/postfix/secrets/srs"]).output
    signed = f"{stamp}{domain}{name}".lower().encode()
    mark = base64.b64encode(hmac.digest(secret, signed, "sha1"))[:4].decode()
    return f"SRS0={mark}={stamp}={domain}={name}@{HOSTNAME}"


def test_a_senders_bounces_are_taken_for_three_weeks(server: Server) -> None:
    assert rewritten(server, STRANGER, 0) == forwarded(server).sender
    reaches(server, "mx1", server.deliver(rewritten(server, STRANGER, 20), sender=""))
    code, text = refusal(server, "", rewritten(server, STRANGER, 23))
    assert code == 550
    assert b"5.1.1" in text


def test_a_forward_that_is_refused_bounces_once(server: Server) -> None:
    sender = f"once{time.monotonic_ns()}@honest.test"
    server.deliver("unwanted@example.test", sender=sender)
    (bounce,) = until(lambda: bounces_to(server, sender), 60, "the sender has the bounce")
    assert b"550 5.1.1 no such user here" in bounce.raw


def test_a_forward_that_comes_back_ends_with_one_bounce(server: Server) -> None:
    sender = f"loop{time.monotonic_ns()}@honest.test"
    sent = server.deliver("away@example.test", sender=sender)
    mail = reaches(server, "mx1", sent)
    with server.smtp() as client:  # as a server does that forwards it back, and leaves the sender as it is
        client.sendmail(mail.sender, ["away@example.test"], mail.raw)
    (bounce,) = until(lambda: bounces_to(server, sender), 60, "the sender has the bounce")
    assert b"mail forwarding loop" in bounce.raw
    server.deliver("away@example.test", sender=STRANGER)  # the queue goes on
    until(
        lambda: not server.stack.containers()["postfix"].exec_run(["postqueue", "-j"]).output,
        60,
        "it is empty",
    )
    assert len(bounces_to(server, sender)) == 1
    assert [one for one in server.world.received("mx1") if one.sender and sent.encode() in one.raw] == [mail]


def test_nobody_reaches_the_way_of_forwards_from_outside(server: Server) -> None:
    marked = f"peer.test=friend@{HOSTNAME}.forward.invalid"
    assert b"Relay access denied" in refusal(server, "somebody@stranger.test", marked)[1]
