"""The resolver: what it has verified decides how mail leaves, and while it fails nothing is lost."""

from collections.abc import Iterator
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from mailinfra.types import Dnssec
from tests.e2e.delivery import Delivery, delivering
from tests.e2e.ground.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def delivery(
    world: World, start: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Delivery]:
    """A Postfix that delivers by what a resolver in mode `strict` has verified."""
    folder = tmp_path_factory.mktemp("delivery")
    with delivering(world, start.get("images", {}), folder, Dnssec.STRICT) as it:
        yield it


def asked(delivery: Delivery, name: str, kind: str) -> dns.message.Message:
    """Return what the resolver answers, over TCP where it does not fit into UDP."""
    question = dns.message.make_query(name, kind, use_edns=True, want_dnssec=True, payload=1232)
    answer, _ = dns.query.udp_with_fallback(question, delivery.address(delivery.resolver), timeout=30)
    return answer


# --- what was verified


def test_a_key_that_the_dns_names_is_verified(delivery: Delivery) -> None:
    sent = delivery.send("dane.test")
    assert delivery.arrives(sent).encrypted
    assert "Verified TLS connection established" in delivery.said_of(sent)


def test_a_key_that_the_dns_does_not_name_gets_no_mail(delivery: Delivery) -> None:
    sent, control = delivery.send("mismatch.test"), delivery.send("control.test")
    assert "Server certificate not verified" in delivery.waits(sent)
    assert delivery.arrives(control).encrypted, "without DANE the same host has it"
    assert not delivery.received(sent)


def test_a_zone_without_a_key_is_delivered_to_as_ever(delivery: Delivery) -> None:
    sent = delivery.send("insecure.test")
    assert delivery.arrives(sent).encrypted, "its TLSA names another key, and nothing proves that"
    assert "Untrusted TLS connection established" in delivery.said_of(sent)


def test_a_forged_answer_is_none_and_mail_waits_for_a_true_one(delivery: Delivery) -> None:
    delivery.names.bogus = {"bogus.test"}
    sent = delivery.send("bogus.test")
    assert "try again" in delivery.waits(sent)
    assert b"signature crypto failed" in delivery.resolver.logs(), "the log says why"
    delivery.names.bogus = set()
    delivery.configure(Dnssec.STRICT)  # else it remembers for a minute
    delivery.flush()
    delivery.arrives(sent)


def test_a_long_answer_comes_over_tcp(delivery: Delivery) -> None:
    assert len(str(asked(delivery, "large.test", "TXT").answer[0][0])) > 4000
    assert "large.test" in delivery.names.cut


# --- away


@pytest.mark.long
def test_while_the_resolver_is_away_mail_waits_and_then_arrives_once(delivery: Delivery) -> None:
    delivery.resolver.stop(timeout=0)
    sent = delivery.send("domain0.test")
    delivery.waits(sent)
    delivery.resolver.start()
    delivery.arrives(sent)  # by itself, after one of the first pauses
    assert len(delivery.received(sent)) == 1


def test_while_it_answers_that_it_failed_mail_waits_and_then_arrives(delivery: Delivery) -> None:
    delivery.names.fails = {"domain1.test"}
    sent = delivery.send("domain1.test")
    delivery.waits(sent)
    delivery.names.fails = set()
    delivery.configure(Dnssec.STRICT)  # else it remembers for some seconds
    delivery.flush()
    delivery.arrives(sent)


@pytest.mark.long
def test_servers_that_are_slow_delay_mail_and_no_more(delivery: Delivery) -> None:
    delivery.configure(Dnssec.STRICT)
    delivery.names.seconds = 2
    try:
        delivery.arrives(delivery.send("domain2.test"), seconds=120)
    finally:
        delivery.names.seconds = 0


@pytest.mark.long
def test_what_it_knew_is_answered_while_its_servers_are_silent(delivery: Delivery) -> None:
    known = asked(delivery, "domain3.test", "MX")
    delivery.names.is_silent = True
    try:
        assert asked(delivery, "domain3.test", "MX").answer == known.answer
        sent = delivery.send("domain4.test")
        delivery.waits(sent, seconds=300)
    finally:
        delivery.names.is_silent = False
    delivery.flush()
    delivery.arrives(sent, seconds=300)


# --- servers that know no DNSSEC


def test_servers_that_leave_signatures_out_stop_no_mail_where_that_is_permitted(delivery: Delivery) -> None:
    delivery.names.signs = False
    try:
        delivery.configure(Dnssec.STRICT)
        assert asked(delivery, "dane.test", "MX").rcode() == dns.rcode.SERVFAIL, "the control"
        delivery.configure(Dnssec.PERMISSIVE)
        sent = delivery.send("dane.test")
        assert delivery.arrives(sent).encrypted
        assert "Untrusted TLS connection established" in delivery.said_of(sent)
        delivery.names.signs = True
        delivery.configure(Dnssec.PERMISSIVE)
        assert asked(delivery, "dane.test", "MX").flags & dns.flags.AD, "what can be verified is"
        delivery.names.bogus = {"domain5.test"}
        delivery.arrives(delivery.send("domain5.test"))
    finally:
        delivery.names.signs, delivery.names.bogus = True, set()
        delivery.configure(Dnssec.STRICT)
