"""What strangers send: what is proved, refused, or for Junk, and who is believed."""

from dataclasses import replace
from email import message_from_bytes

import pytest

from tests.filter.conftest import GATEWAY, Place
from tests.filter.milter import HOSTNAME, Answer, Letter, Verdict
from tests.filter.world import (
    ELSEWHERE,
    FORWARDER,
    letter,
    own_records,
    own_zones,
    sealed,
    signed,
    strangers,
    without,
)
from tests.filter.yard import DOMAINS, Filter
from tests.name_server import NameServer, serving

pytestmark = [pytest.mark.filter, pytest.mark.timeout(300)]

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
"""What every filter takes for spam: https://spamassassin.apache.org/gtube/."""

OURS = "alice@example.test"

FAILED, PASSED = "spf=fail; dkim=fail; dmarc=fail", "spf=pass; dkim=pass; dmarc=pass"


def said(verdict: Verdict) -> str:
    """Return what the filter noted of a message; it does so once."""
    (noted,) = verdict.message.get_all("Authentication-Results", [])
    assert noted.startswith(f"{HOSTNAME};"), noted
    return str(noted)


def from_list(sealer: str = "list.test", results: str = PASSED) -> Letter:
    """Return what a list passes on of a domain that refuses forgeries: with a line below, and sealed."""
    raw = signed(letter("joe@honest.test"), "honest.test").replace(
        b"Hello there.", b"Hello there.\r\n-- list"
    )
    return Letter(
        raw=sealed(raw, sealer, results),
        sender=f"bounces@{sealer}",
        client=FORWARDER,
        client_name=sealer,
    )


def refused(verdict: Verdict) -> bool:
    """Whether it is refused for its domain's wish, in our words."""
    assert verdict.answer is not Answer.REFUSED or (verdict.code == 554 and "DMARC" in verdict.text), verdict
    return verdict.answer is Answer.REFUSED


# What is proved


def test_what_spf_and_dkim_prove_is_welcome(filter_: Filter) -> None:
    verdict = filter_.ask(
        Letter(raw=signed(letter("joe@honest.test"), "honest.test"), sender="joe@honest.test")
    )
    assert verdict.is_welcome
    for proof in ("spf=pass", "dkim=pass", "dmarc=pass"):
        assert proof in said(verdict)


def test_what_spf_alone_proves_is_welcome_and_the_broken_signature_is_noted(filter_: Filter) -> None:
    raw = signed(letter("joe@honest.test"), "honest.test").replace(b"Hello", b"Howdy")
    verdict = filter_.ask(Letter(raw=raw, sender="joe@honest.test"))
    assert verdict.is_welcome
    assert "dkim=fail" in said(verdict)
    assert "dmarc=pass" in said(verdict)


def test_what_a_list_passes_on_unchanged_is_welcome_by_its_signature(filter_: Filter) -> None:
    raw = signed(letter("joe@honest.test"), "honest.test")
    verdict = filter_.ask(Letter(raw=raw, sender="bounces@list.test", client=FORWARDER))
    assert verdict.is_welcome
    assert "dmarc=pass" in said(verdict)


def test_who_has_no_records_is_welcome(filter_: Filter) -> None:
    assert filter_.ask(Letter(raw=letter("joe@plain.test"), sender="joe@plain.test")).is_welcome


def test_who_asks_for_nothing_is_welcome_from_elsewhere(filter_: Filter) -> None:
    sent = Letter(raw=letter("joe@easy.test"), sender="joe@easy.test")
    verdict = filter_.ask(sent)
    assert verdict.is_welcome
    assert "spf=fail" in said(verdict)


# What is forged


FORGED = {
    "envelope and From": Letter(raw=letter("joe@honest.test"), sender="joe@honest.test", client=ELSEWHERE),
    "From alone": Letter(raw=letter("joe@honest.test"), sender="joe@list.test", client=FORWARDER),
    "by a bounce": Letter(raw=letter("joe@honest.test"), sender="", client=ELSEWHERE, helo="mx.other.test"),
    "our own domain": Letter(raw=letter("bob@example.test"), sender="joe@honest.test"),
}


@pytest.mark.parametrize("case", ["envelope and From", "From alone", "by a bounce"])
def test_a_forgery_is_refused_where_its_domain_asks_for_it(
    filter_: Filter, careless: Filter, case: str
) -> None:
    assert refused(filter_.ask(FORGED[case]))
    assert not refused(careless.ask(FORGED[case])), "the control"


def test_a_forgery_is_for_junk_where_its_domain_asks_for_it(filter_: Filter, careless: Filter) -> None:
    forged = Letter(raw=letter("joe@careful.test"), sender="joe@plain.test")
    assert filter_.ask(forged).is_junk
    assert careless.ask(forged).is_welcome, "the control"


def test_a_stranger_as_one_of_us_is_for_junk(place: Place, careless: Filter) -> None:
    # Without our own DMARC records nobody asks for it.
    own = own_zones(own_records())
    for domain in DOMAINS:
        own = without(own, f"_dmarc.{domain}")
    raw = letter("bob@example.test")
    senders = ("joe@honest.test", "bob@example.test", "alice@example.test", "")
    with serving(NameServer({**strangers(), **own}, host=place.names.host)) as names:
        asked = place.yard.rspamd(place.memory, names.port)
        assert all(asked.ask(Letter(raw=raw, sender=sender)).is_junk for sender in senders)
    assert all(careless.ask(Letter(raw=raw, sender=sender)).is_welcome for sender in senders), "the control"


def test_a_stranger_as_one_of_us_is_for_junk_with_our_own_records(filter_: Filter) -> None:
    assert filter_.ask(FORGED["our own domain"]).is_junk


UNREADABLE = [
    "joe @ honest.test",
    "<joe @ honest.test>",
    "Joe: joe@honest.test;",
    "joe@list.test, joe@honest.test",
    "<joe@list.test> <joe@honest.test>",
    "joe@list.test joe@honest.test",
    "Joe <joe@honest.test\x01>",
    "joe@b\u00fccher.test",
    "=?utf-8?q?joe=40honest=2Etest?=",
    "<=?utf-8?q?joe=40honest=2Etest?=>",
    "joe\uff20honest.test",
    '"joe@honest.test" <>',
    "joe@list.test\r\nFrom: joe@honest.test",
]
"""What programs may show as somebody whose domain asks to refuse forgeries."""


@pytest.mark.parametrize("writer", UNREADABLE)
def test_a_writer_whom_no_domain_can_be_asked_about_is_for_junk(
    filter_: Filter, careless: Filter, writer: str
) -> None:
    verdict = filter_.ask(from_nobody_known(writer))
    assert verdict.is_junk or refused(verdict), verdict.headers
    assert careless.ask(from_nobody_known(writer)).is_welcome, "the control"


READABLE = [
    "joe@list.test",
    "Joe <joe@list.test>",
    "joe@list.test <joe@list.test>",
    '"Doe, Joe" <joe@list.test>',
    "Doe, Joe <joe@list.test>",
    "J\u00f6e <joe@list.test>",
    "=?utf-8?q?J=C3=B6e?= <joe@list.test>",
    "joe@list.test (Joe @ home)",
    '"joe..doe"@list.test',
    "Mail Delivery System <>",
    "joe@list.test.",
]
"""Those of honest people, as odd programs write them."""


@pytest.mark.parametrize("writer", READABLE)
def test_a_writer_who_is_written_oddly_is_welcome(filter_: Filter, writer: str) -> None:
    assert filter_.ask(from_nobody_known(writer)).is_welcome


@pytest.mark.parametrize("writer", ["joe @ example.test", "joe @ EXAMPLE.test", "Joe: joe@example.test;"])
def test_one_of_us_is_known_in_any_spelling(filter_: Filter, careless: Filter, writer: str) -> None:
    assert filter_.ask(from_nobody_known(writer)).is_junk
    assert careless.ask(from_nobody_known(writer)).is_welcome, "the control"


@pytest.mark.parametrize(
    "writer", ['"a b"@plain.test', '"a@b"@plain.test', "joe @ plain.test", "Joe: joe@plain.test;"]
)
def test_who_is_not_wanted_is_known_in_any_spelling(place: Place, writer: str) -> None:
    asked = place.filter(filtering={"blocked": ["plain.test"]})
    assert asked.ask(from_nobody_known(writer)).answer is Answer.REFUSED


def from_nobody_known(writer: str) -> Letter:
    """Return what somebody sends whose own domain SPF proves, with any text in From."""
    _, _, rest = letter("joe@list.test").partition(b"\r\n")
    return Letter(
        raw=b"From: " + writer.encode() + b"\r\n" + rest,
        sender="joe@list.test",
        client=FORWARDER,
        client_name="list.test",
        helo="list.test",
    )


def test_who_wears_the_gateways_address_is_not_checked_against_what_could_only_fail(
    filter_: Filter, careless: Filter
) -> None:
    honest = Letter(raw=letter("joe@honest.test"), sender="joe@honest.test", client=GATEWAY)
    verdict = filter_.ask(honest)
    assert verdict.is_welcome
    assert "spf=pass" not in "".join(verdict.message.get_all("Authentication-Results", []))
    forging = replace(
        honest, raw=f"Authentication-Results: {HOSTNAME}; dmarc=pass a\r\n".encode() + honest.raw
    )
    assert "dmarc=pass" not in filter_.ask(forging).raw.decode(), "what it says in our name is taken off"
    assert "spf=fail" in said(careless.ask(honest)), "the control"


# Who forwards


def test_a_trusted_forwarder_is_believed_and_another_is_not(filter_: Filter) -> None:
    assert filter_.ask(from_list()).is_welcome
    assert refused(filter_.ask(from_list("other.test")))


def test_without_the_setting_nobody_is_believed(place: Place) -> None:
    assert refused(place.filter(filtering={"trustedForwarders": []}).ask(from_list()))


def test_a_seal_that_is_broken_is_worth_nothing(filter_: Filter) -> None:
    sent = from_list()
    assert refused(filter_.ask(replace(sent, raw=sent.raw.replace(b"Hello", b"Howdy"))))


def test_a_seal_without_a_seal_is_worth_nothing(filter_: Filter) -> None:
    sent = from_list()
    message = message_from_bytes(sent.raw)
    del message["ARC-Seal"]
    assert refused(filter_.ask(replace(sent, raw=message.as_bytes().replace(b"\n", b"\r\n"))))


def test_trust_is_in_the_forwarder_and_not_in_what_it_saw(filter_: Filter) -> None:
    assert filter_.ask(from_list(results=FAILED)).is_welcome


def test_one_of_us_is_believed_through_a_trusted_forwarder_alone(filter_: Filter) -> None:
    own = letter("bob@example.test")
    for sealer, is_welcome in (("list.test", True), ("other.test", False)):
        sent = Letter(
            raw=sealed(own, sealer, PASSED),
            sender=f"b@{sealer}",
            client=FORWARDER,
            client_name=sealer,
        )
        assert filter_.ask(sent).is_welcome is is_welcome, sealer


# What is said in our name


@pytest.mark.parametrize("login", ["", "alice@example.test"], ids=["stranger", "user"])
def test_what_is_said_in_our_name_is_taken_off_however_often(
    filter_: Filter, careless: Filter, login: str
) -> None:
    lies = "".join(
        f"Authentication-Results: {name}; dmarc=pass bank.test\r\nX-Spam: No\r\nx-spam: {name}\r\n"
        for name in (HOSTNAME, HOSTNAME, "elsewhere.test")
    )
    sender = login or "joe@honest.test"
    sent = Letter(raw=lies.encode() + letter(sender), sender=sender, login=login)
    verdict = filter_.ask(sent)
    assert verdict.is_welcome
    assert b"bank.test" not in verdict.raw
    assert verdict.message["X-Spam"] is None
    assert len(verdict.message.get_all("Authentication-Results", [])) == (0 if login else 1)
    assert b"bank.test" in careless.ask(sent).raw, "the control"


# Spam


@pytest.mark.parametrize("login", ["", "alice@example.test"], ids=["stranger", "user"])
def test_spam_is_refused_whoever_sends_it(filter_: Filter, login: str) -> None:
    sender = login or "joe@honest.test"
    verdict = filter_.ask(Letter(raw=letter(sender, text=GTUBE), sender=sender, login=login))
    assert (verdict.answer, verdict.code) == (Answer.REFUSED, 554)
    assert "Gtube" in verdict.text


def test_thresholds_are_those_of_the_form_and_never_mark_a_users_own_mail(place: Place) -> None:
    shady = Letter(
        raw=letter("joe@plain.test"), sender="joe@plain.test", client_name="unknown", helo="nowhere"
    )
    low = place.filter(filtering={"junkScore": 1, "refuseScore": 2})
    assert low.ask(shady).answer is Answer.REFUSED
    assert low.ask(Letter(raw=letter(OURS), sender=OURS, login=OURS)).is_welcome, "a user forges nobody"
    high = place.filter(filtering={"junkScore": 1, "refuseScore": 100})
    assert high.ask(shady).is_junk
    assert high.ask(replace(shady, sender=OURS, login=OURS)).is_welcome
