"""Parts fail: nothing acknowledged is lost, no good mail bounces, and all heals by itself."""

import imaplib
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, pairwise
from typing import Any

import pytest

from tests.e2e import load
from tests.e2e.changes import connected, sql
from tests.e2e.conftest import tell
from tests.e2e.ground.addresses import PEERS
from tests.e2e.ground.mail import Received
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.server import WRAPPED, Server, authenticate
from tests.e2e.stackfile import ALICE, BOB, DORA, ERIN, IMAP_ONLY, PROTOCOLS
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HEALED = 30
"""Seconds after which everything works again, without help."""

OUTAGE = 60
"""Seconds for which the database is away."""

MESSAGES = 2000

OF_POSTFIX = {"smtp", "submission", "submissions"}
"""Protocols whose ports go with Postfix's container; the others are Dovecot's."""

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
        server.arrives(DORA, server.deliver(fresh(), sender=fresh("friend", "peer.test")), seconds=10)
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


def notices(server: Server) -> list[Received]:
    """Return all mail without a sender that has left for a peer, as every bounce does."""
    return [mail for peer in PEERS for mail in server.world.received(peer) if not mail.sender]


@dataclass(kw_only=True)
class Watch:
    """When each port greeted whoever came, all the time."""

    greeted: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in PROTOCOLS})
    """Protocol -> when it greeted."""

    failed: Counter[str] = field(default_factory=Counter)
    """Protocol -> how many connections got no greeting."""

    def gaps(self) -> dict[str, float]:
        """Return protocol -> the longest time between two greetings, in seconds."""
        return {
            name: max(later - earlier for earlier, later in pairwise(moments))
            for name, moments in self.greeted.items()
        }

    def greets(self, server: Server, protocol: str) -> bool:
        """Whether a client gets a greeting now, inside TLS where that comes first."""
        try:
            with server.vantage("host").open(protocol, timeout=5) as connection:
                if protocol not in WRAPPED:
                    return bool(connection.recv(100))
                with server.tls.wrap_socket(connection, server_hostname=HOSTNAME) as wrapped:
                    return bool(wrapped.recv(100))
        except OSError:
            return False

    def look(self, server: Server, protocol: str, end: threading.Event) -> None:
        """Come to one port five times a second, and once more at the end."""
        while True:
            last = end.is_set()
            if self.greets(server, protocol):
                self.greeted[protocol].append(time.monotonic())
            else:
                self.failed[protocol] += 1
            if last:
                return
            end.wait(0.2)


@contextmanager
def watched(server: Server) -> Iterator[Watch]:
    """Watch every port during the block."""
    watch, end = Watch(), threading.Event()
    with ThreadPoolExecutor(len(PROTOCOLS)) as pool:
        looking = [pool.submit(watch.look, server, protocol, end) for protocol in PROTOCOLS]
        try:
            yield watch
        finally:
            end.set()
    for look in looking:
        look.result()


def test_while_the_database_is_down_mail_is_put_off_and_all_of_it_arrives(server: Server) -> None:
    flushed = server.stack.containers()["dovecot"].exec_run(["doveadm", "auth", "cache", "flush"])
    assert flushed.exit_code == 0, "nobody has been here but those whom this test sends"
    server.arrives(ALICE, server.deliver(ALICE))  # alice has logged in a moment ago
    before = notices(server)
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
    assert notices(server) == before, "no good mail bounces"


def test_a_change_of_one_account_leaves_what_is_remembered_of_the_others(server: Server) -> None:
    for user in (ALICE, ERIN):
        assert server.opens(user, server.password(user))
    time.sleep(8)  # what these logins followed upon is forgotten by now
    for user in (ALICE, ERIN):
        assert server.opens(user, server.password(user))
    sql(server, "UPDATE users SET description = 'changed' WHERE userid = 'erin'")
    time.sleep(8)
    sql(server, "UPDATE users SET description = '' WHERE userid = 'erin'")  # as it was: no drift is left
    server.stack.containers()["mysql"].stop(timeout=20)
    assert server.opens(ALICE, server.password(ALICE)), "nothing of hers has changed"
    with pytest.raises(Exception, match="UNAVAILABLE"):
        server.imap(ERIN)


def workers(server: Server) -> set[str]:
    """Return the processes that check passwords."""
    asked = ["doveadm", "-f", "tab", "process", "status", "auth-worker"]
    printed: Any = server.stack.containers()["dovecot"].exec_run(asked).output
    return {line.split("\t")[1] for line in printed.decode().splitlines()[1:]}


def test_a_slow_answer_of_the_database_ends_no_worker(server: Server) -> None:
    assert server.opens(ALICE, server.password(ALICE))
    before = workers(server)
    assert before, "the control: there are some"
    with connected(server) as cursor:
        cursor.execute("LOCK TABLES account_revision WRITE")  # whoever asks for it waits
        time.sleep(12)
        assert workers(server) >= before, "they may be at work"
        cursor.execute("UNLOCK TABLES")
    sql(server, "UPDATE users SET enabled = 0 WHERE userid = 'ida'")
    until(lambda: not server.opens(IMAP_ONLY, server.password(IMAP_ONLY)), 20, "changes are seen again")
    sql(server, "UPDATE users SET enabled = 1 WHERE userid = 'ida'")
    until(lambda: server.opens(IMAP_ONLY, server.password(IMAP_ONLY)), 20, "and taken back")


def test_the_search_for_bounces_finds_mail_without_a_sender_at_a_peer(server: Server) -> None:
    sent = server.deliver("abroad@example.test", sender="")
    until(lambda: [mail for mail in notices(server) if sent.encode() in mail.raw], 20, "it is found")


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
    times = load.found(server, BOB)
    twice = [message_id for message_id in ledger.acknowledged | ledger.unknown if times[message_id] > 1]
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


def test_a_changed_setting_under_load_loses_nothing_and_shuts_the_ports_of_one_daemon_only(
    server: Server, pytestconfig: pytest.Config
) -> None:
    settings = server.stack.settings
    server.stack.configure({**settings, "limits": {**settings["limits"], "recipients": 175}})
    before = {name: one.id for name, one in server.stack.containers().items()}
    begun, updated = threading.Event(), threading.Event()
    with watched(server) as watch, ThreadPoolExecutor(1) as pool:
        pouring = pool.submit(load.pour, server, BOB, 100, begun, workers=2, until_set=updated)
        try:
            assert begun.wait(60), "mail flows"
            server.stack.up()
        finally:
            updated.set()
        ledger = pouring.result()
    load.emptied(server)
    assert not load.lost(server, ledger)
    assert not ledger.refused_for_ever

    after = server.stack.containers()
    assert {name for name, one in after.items() if one.id != before[name]} == {"postfix"}
    replaced = datetime.fromisoformat(after["postfix"].attrs["State"]["StartedAt"]).timestamp()
    earlier = sum(moment < replaced for moment in ledger.moments)
    later = len(ledger.moments) - earlier
    gaps = watch.gaps()
    longest = ", ".join(f"{name} {gap:.1f} s" for name, gap in gaps.items())
    tell(pytestconfig, f"longest gaps: {longest}; {earlier} messages taken before, {later} after")
    assert earlier, "the control: the first container was under load"
    assert later, "the control: the second container was under load"
    assert set(watch.failed) >= OF_POSTFIX, "the control: a port that is shut is seen"
    for name, gap in gaps.items():
        assert gap < (60 if name in OF_POSTFIX else 5), f"{name} did not greet for {gap:.1f} s"
