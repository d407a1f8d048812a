"""Nobody without a login makes the server carry a message from outside to outside."""

from collections.abc import Callable
from itertools import product

import pytest

from mailinfra.containers.place import INNER_STEP
from tests.e2e.clients import Smtp
from tests.e2e.ground import addresses
from tests.e2e.server import INNER, Server
from tests.e2e.stackfile import ALICE, PROTOCOLS
from tests.e2e.vantage import Vantage

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

VANTAGES = ["host", "host6", "outside", "outside6", "sibling", "sibling6"]

SENDERS = [
    "friend@peer.test",
    "",
    ALICE,
    "postmaster@example.test",
    "root@mail.example.test",
    "spam@client.stranger.test",
]

A_FEW = 8
"""Attempts in one session: Postfix slows down who makes more than ten mistakes."""

RECIPIENTS = [
    "<victim@plain.test>",
    '<"victim@plain.test">',
    '<"victim@plain.test"@example.test>',
    "<victim%plain.test@example.test>",
    "<victim%plain.test@mail.example.test>",
    "<victim%plain.test>",
    '<"victim%plain.test"@example.test>',
    "<plain.test!victim>",
    "<plain.test!victim@example.test>",
    "<example.test!plain.test!victim>",
    "<@example.test:victim@plain.test>",
    "<@mail.example.test:victim@plain.test>",
    "<@example.test,@mail.example.test:victim@plain.test>",
    "<victim@plain.test@example.test>",
    "<victim@example.test@plain.test>",
    "<victim@plain.test%example.test>",
    "victim@plain.test",
    "<victim@plain.test.>",
    "<VICTIM@PLAIN.TEST>",
    "<victim@[127.0.0.1]>",
    f"<victim@[{addresses.PEERS['plain'][0]}]>",
    f"<victim@[IPv6:{addresses.PEERS['plain'][1]}]>",
    f"<victim%[{addresses.PEERS['plain'][0]}]@example.test>",
    "<victim@localhost>",
    "<victim@mail.example.test>",
    "<victim>",
    "<root>",
    "<@plain.test>",
    "<victim@>",
    '<"victim"@plain.test>',
    "<victim@plain.test> ORCPT=rfc822;alice@example.test",
    "<alice@example.test@plain.test>",
    "<alice@example.test,victim@plain.test>",
    "<alice@example.test><victim@plain.test>",
    "<alice@example.test\x00@plain.test>",
]


def taken(connect: Callable[[], Smtp]) -> list[str]:
    """Return every combination of sender and recipient that a server takes."""
    found = []
    combinations = list(product(SENDERS, RECIPIENTS))
    for first in range(0, len(combinations), A_FEW):
        with connect() as client:
            client.ehlo()
            for sender, recipient in combinations[first : first + A_FEW]:
                code, _ = client.docmd("MAIL", f"FROM:<{sender}>")
                if code == 250:
                    code, _ = client.docmd("RCPT", f"TO:{recipient}")
                if code < 400:
                    found.append(f"{code} from <{sender}> to {recipient}")
                client.rset()
    return found


@pytest.mark.parametrize("vantage", VANTAGES)
def test_no_stranger_relays_from_anywhere_however_the_address_is_written(
    server: Server, vantage: str
) -> None:
    assert taken(lambda: server.smtp(vantage)) == []
    server.arrives(ALICE, server.deliver(ALICE, vantage))  # otherwise a dead network passes as a safe server


def test_the_relay_test_finds_an_open_server(server: Server) -> None:
    relay = server.world.relay("stranger")
    opened = Vantage(name="sibling", host=addresses.PEERS["mx1"][0], ports={"smtp": 25}, relay=relay)
    assert len(taken(lambda: Smtp(opened, "smtp"))) == len(SENDERS) * len(RECIPIENTS)


@pytest.mark.parametrize("protocol", ["submission", "submissions"])
@pytest.mark.parametrize("vantage", VANTAGES)
def test_the_users_ports_take_nothing_without_a_login(server: Server, vantage: str, protocol: str) -> None:
    with server.smtp(vantage, protocol) as client:
        client.ehlo()
        if protocol == "submission":
            assert client.docmd("MAIL", f"FROM:<{ALICE}>")[0] == 530, "before TLS nothing but STARTTLS"
            client.starttls(context=server.tls)
            client.ehlo()
        for recipient in (ALICE, "victim@plain.test"):
            answers = client.rcpt_codes(recipient, sender=ALICE)
            assert all(code >= 500 for code, _ in answers), answers


def published(server: Server, daemon: str) -> dict[str, set[str]]:
    """Return port of a daemon's container -> ports of the host that lead there."""
    found = server.stack.containers()[daemon].attrs["NetworkSettings"]["Ports"]
    return {inner: {one["HostPort"] for one in outer} for inner, outer in found.items() if outer}


def test_the_world_reaches_the_declared_ports_and_no_inner_one(server: Server) -> None:
    addresses = range(len(server.stack.settings["listen"]))  # each has inner ports of its own
    declared = {
        f"{INNER[name] + INNER_STEP * number}/tcp": {str(server.ports[name])}
        for name in PROTOCOLS
        for number in addresses
    }
    assert published(server, "postfix") | published(server, "dovecot") == declared
    assert published(server, "webmail").keys() - declared.keys(), "the control: other ports would be seen"


@pytest.mark.parametrize("port", [24, 4523, 10025])
def test_inner_ports_are_closed_to_the_world(server: Server, port: int) -> None:
    world = server.vantage("outside")
    with pytest.raises(OSError, match=r"refused|cannot reach"):
        world.dial(port, timeout=3).close()
    with world.open("smtp") as connection:
        assert connection.recv(3) == b"220", "the control: the same path leads to port 25"


def test_no_forged_claim_about_the_client_makes_it_trusted(server: Server) -> None:
    with server.smtp("sibling", helo="mail.example.test") as client:
        client.ehlo()
        assert client.docmd("XCLIENT", "ADDR=127.0.0.1")[0] >= 500
        assert client.docmd("XFORWARD", "ADDR=127.0.0.1")[0] >= 500
        answers = client.rcpt_codes("victim@plain.test", sender="friend@peer.test")
        assert all(code >= 500 for code, _ in answers), answers
