"""Who is signed for: users under their own domain, with each key, and nobody else."""

from dataclasses import replace

import pytest

from tests.filter.conftest import GATEWAY, Place
from tests.filter.milter import STRANGER, Answer, Letter
from tests.filter.world import letter, own_records, own_zones, signers, without
from tests.filter.yard import DOMAINS, Filter
from tests.name_server import NameServer, serving

pytestmark = [pytest.mark.filter, pytest.mark.timeout(300)]

ALICE = "alice@example.test"
BOTH = ("ed25519-sha256", "rsa-sha256")

PRIVATE = ["192.168.1.7", "10.1.2.3", "172.16.9.9", "169.254.1.1", "fd00::7", "fe80::7"]
"""Addresses that rspamd as packaged takes for its own people's."""


def by_user(writer: str, sender: str = ALICE, **more: str) -> Letter:
    """Return what Alice hands in."""
    return Letter(raw=letter(writer, **more), sender=sender, login=ALICE)


def domains(place: Place, asked: Filter, given: Letter) -> set[str]:
    """Return the domains that a message is signed for; each signature verifies by our own records."""
    verdict = asked.ask(given)
    assert verdict.answer is Answer.TAKEN, verdict
    return {domain for domain, _ in signers(verdict.raw, place.names)}


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_domain_is_signed_for_with_both_keys_that_its_own_records_name(
    place: Place, filter_: Filter, domain: str
) -> None:
    user = f"user@{domain}"
    verdict = filter_.ask(Letter(raw=letter(user), sender=user, login=user))
    assert signers(verdict.raw, place.names) == [(domain, algorithm) for algorithm in BOTH]


def test_one_domain_alone_holds_the_keys_itself_and_they_verify(filter_: Filter) -> None:
    verdict = filter_.ask(by_user(ALICE))
    with serving(NameServer(own_zones(own_records(domains=["example.test"])))) as names:
        assert signers(verdict.raw, names) == [("example.test", algorithm) for algorithm in BOTH]


def test_the_proof_fails_without_the_record(place: Place, filter_: Filter) -> None:
    verdict = filter_.ask(by_user(ALICE))
    gone = without(own_zones(own_records()), "rsa-1._domainkey.mail.example.test")
    with serving(NameServer(gone)) as names, pytest.raises(AssertionError):
        signers(verdict.raw, names)


def test_the_proof_fails_with_a_changed_word(place: Place, filter_: Filter) -> None:
    verdict = filter_.ask(by_user(ALICE))
    with pytest.raises(AssertionError):
        signers(verdict.raw.replace(b"Hello", b"Howdy"), place.names)


def test_an_alias_in_another_domain_is_signed_for_by_that_domain(place: Place, filter_: Filter) -> None:
    # Postfix lets a user send as it (smtpd_sender_login_maps), so the envelope proves it.
    assert domains(place, filter_, by_user("sales@second.test", "sales@second.test")) == {"second.test"}


def test_a_display_name_and_odd_bytes_are_signed_for(place: Place, filter_: Filter) -> None:
    sent = by_user('"Ann, of Söme" <alice@example.test>', text="Grüße\r\n.\r\n..\r\n\r\n\r\n")
    assert domains(place, filter_, sent) == {"example.test"}


def test_two_hundred_kilobytes_are_signed_for(place: Place, filter_: Filter) -> None:
    assert domains(place, filter_, by_user(ALICE, text="some words\r\n" * 17_000)) == {"example.test"}


UNSIGNED = {
    "another hosted domain than the envelope's": by_user("boss@second.test"),
    "no envelope, the own domain": by_user(ALICE, ""),
    "no envelope, another hosted domain": by_user("boss@second.test", ""),
    "no envelope, a foreign domain": by_user("boss@honest.test", ""),
    "a foreign domain": by_user("boss@honest.test"),
    "a domain below a hosted one": by_user("alice@sub.example.test", "alice@sub.example.test"),
    "a domain that ends alike": by_user("alice@notexample.test", "alice@notexample.test"),
}


@pytest.mark.parametrize("case", UNSIGNED)
def test_a_user_is_signed_for_under_the_own_domain_alone(place: Place, filter_: Filter, case: str) -> None:
    assert domains(place, filter_, UNSIGNED[case]) == set()


def test_two_writers_are_not_signed_for(place: Place, filter_: Filter) -> None:
    sent = by_user(ALICE)
    assert domains(place, filter_, replace(sent, raw=b"From: boss@second.test\r\n" + sent.raw)) == set()


@pytest.mark.parametrize("client", [STRANGER, GATEWAY, "127.0.0.1", "::1", *PRIVATE])
def test_nobody_is_signed_for_without_a_login_wherever_they_come_from(
    place: Place, filter_: Filter, client: str
) -> None:
    forged = Letter(raw=letter(ALICE), sender=ALICE, client=client)
    assert domains(place, filter_, forged) == set()


def test_the_control_without_these_rules_signs_for_them(place: Place, careless: Filter) -> None:
    stranger = Letter(raw=letter(ALICE), sender=ALICE, client=PRIVATE[0])
    assert domains(place, careless, stranger) == {"example.test"}
    no_envelope = by_user("boss@second.test", "")
    assert domains(place, careless, no_envelope) == {"second.test"}


def test_where_the_domains_are_not_known_here_each_is_signed_for_once(place: Place) -> None:
    unknown = place.filter(domains=(), all_domains_known=False)
    assert domains(place, unknown, by_user(ALICE)) == {"example.test"}
    assert domains(place, unknown, by_user("boss@second.test")) == set()
    assert domains(place, unknown, by_user("boss@second.test", "")) == set()
    assert domains(place, unknown, Letter(raw=letter(ALICE), sender=ALICE, client=PRIVATE[0])) == set()
