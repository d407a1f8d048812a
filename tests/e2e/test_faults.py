"""Parts fail: nothing acknowledged is lost, no good mail bounces, and all heals by itself."""

import imaplib
import smtplib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from tests.e2e import load
from tests.e2e.server import Server, authenticate, until
from tests.e2e.stackfile import ALICE, BOB, DORA, ERIN

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HEALED = 30
"""Seconds after which everything works again, without help."""

OUTAGE = 60
"""Seconds for which the database is away."""

MESSAGES = 2000

numbers = count(1)


def fresh(name: str = "dora", domain: str = "second.test") -> str:
    """Return an address that no process of Postfix remembers a failed lookup of."""
    return f"{name}+{next(numbers)}@{domain}"


@pytest.fixture(autouse=True)
def healthy_afterwards(server: Server) -> Iterator[None]:
    """Whatever a test stopped runs again."""
    yield
    for container in server.stack.all_containers().values():
        container.start()
    until(
        lambda: server.stack.healthy() == set(server.stack.all_containers()), 120, "all daemons are healthy"
    )
    load.emptied(server)


def works(server: Server) -> bool:
    """Whether a message goes all the way now."""
    try:
        server.arrives(DORA, server.deliver(fresh(), sender=fresh("friend", "peer.test")), seconds=3)
    except (AssertionError, OSError, smtplib.SMTPException, imaplib.IMAP4.error):
        return False
    return True


def login_code(server: Server, address: str, protocol: str = "submissions") -> int:
    """Return the answer to AUTH with the right password."""
    with server.smtp(protocol=protocol) as client:
        if protocol == "submission":
            client.starttls(context=server.tls)
        client.ehlo()
        code, _ = authenticate(client, address, server.password(address))
    return code


def test_while_the_database_is_down_mail_is_put_off_and_all_of_it_arrives(server: Server) -> None:
    server.arrives(ALICE, server.deliver(ALICE))  # alice has logged in a moment ago
    before = len(server.found(ALICE, "From", "MAILER-DAEMON"))
    halfway = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pouring = pool.submit(load.pour, server, BOB, 400, halfway)
        halfway.wait(120)
        server.stack.containers()["mysql"].stop(timeout=20)
        stopped = time.monotonic()
        for recipient in (*(fresh() for _ in range(5)), "nobody@example.test"):
            with server.smtp() as client:
                (answer,) = client.rcpt_codes(recipient, sender="friend@peer.test")
            assert answer[0] // 100 == 4, f"{recipient}: {answer}"
        with server.smtp() as client:
            (relay,) = client.rcpt_codes("victim@plain.test", sender="friend@peer.test")
        assert relay[0] >= 400
        assert server.opens(ALICE, server.password(ALICE)), "she was here a moment ago"
        with pytest.raises(Exception, match="UNAVAILABLE"):
            server.imap(DORA)
        assert login_code(server, ERIN) == 454, "her password may be right, for all that anybody knows"
        time.sleep(max(0.0, stopped + OUTAGE - time.monotonic()))
        server.stack.all_containers()["mysql"].start()
        ledger = pouring.result()
    until(lambda: "mysql" in server.stack.healthy(), 60, "the database answers")
    until(lambda: works(server), HEALED, "mail flows again")
    load.emptied(server)
    assert not load.lost(server, ledger)
    assert not ledger.refused_for_ever
    assert len(server.found(ALICE, "From", "MAILER-DAEMON")) == before


def test_while_dovecot_is_down_mail_waits_and_logins_fail_for_now(server: Server) -> None:
    server.stack.containers()["dovecot"].stop(timeout=20)
    sent = [server.deliver(fresh(), sender=fresh("friend", "peer.test")) for _ in range(5)]
    for protocol in ("submission", "submissions"):
        assert login_code(server, ALICE, protocol) == 454
    assert load.queued(server) >= 5
    server.stack.all_containers()["dovecot"].start()
    until(lambda: "dovecot" in server.stack.healthy(), HEALED, "Dovecot greets")
    assert login_code(server, ALICE, "submissions") == 235
    for message_id in sent:
        server.arrives(DORA, message_id, seconds=90)


@pytest.mark.parametrize("daemon", ["dovecot", "postfix", "mysql"])
def test_nothing_acknowledged_is_lost_when_a_daemon_is_killed_in_mid_delivery(
    server: Server, daemon: str
) -> None:
    halfway = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pouring = pool.submit(load.pour, server, BOB, MESSAGES, halfway)
        halfway.wait(120)
        server.world.kill(server.stack.containers()[daemon])
        ledger = pouring.result()
    until(lambda: works(server), HEALED, "mail flows again")
    load.emptied(server)
    assert not load.lost(server, ledger)
    assert not ledger.refused_for_ever
    twice = [message_id for message_id, times in load.found(server, BOB).items() if times > 1]
    assert len(twice) <= 20, "only what was under way at that moment may come twice"


def test_the_count_finds_exactly_what_a_sabotaged_queue_loses(server: Server) -> None:
    server.stack.containers()["dovecot"].stop(timeout=20)
    sabotaged = load.pour(server, BOB, 20, threading.Event())
    server.stack.containers()["postfix"].exec_run(["postsuper", "-d", "ALL"])
    server.stack.all_containers()["dovecot"].start()
    until(lambda: works(server), HEALED, "mail flows again")
    load.emptied(server)
    assert load.lost(server, sabotaged) == sabotaged.acknowledged


@pytest.mark.parametrize(
    "order", [("mysql", "dovecot", "postfix", "webmail"), ("webmail", "postfix", "dovecot", "mysql")]
)
def test_a_restart_in_any_order_heals_by_itself(server: Server, order: tuple[str, ...]) -> None:
    containers = server.stack.containers()
    for daemon in order:
        containers[daemon].stop(timeout=20)
    for daemon in order:
        containers[daemon].start()
    until(lambda: works(server), HEALED, "mail flows again")


def test_a_changed_setting_under_load_loses_nothing(server: Server) -> None:
    settings = server.stack.settings
    server.stack.configure({**settings, "limits": {**settings["limits"], "recipients": 175}})
    halfway = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pouring = pool.submit(load.pour, server, BOB, MESSAGES, halfway)
        server.stack.up()
        ledger = pouring.result()
    load.emptied(server)
    assert not load.lost(server, ledger)
    assert not ledger.refused_for_ever
