"""images/acme/renewal.py: what is shown, when another certificate is asked for, and what a failure means."""

import base64
import importlib.util
import ssl
import sys
import time
import urllib.error
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import dns.resolver
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PROGRAM = Path(__file__).parents[2] / "images/acme/renewal.py"
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
DIRECTORY = "https://ca.test/dir"


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    spec = importlib.util.spec_from_file_location("renewal", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["renewal"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["renewal"]


def pem_of(key: Any) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def pair(
    *names: str,
    key: Any = None,
    days: int = 90,
    since: datetime = NOW - timedelta(days=1),
    signed_by: bytes = b"",
) -> tuple[bytes, bytes]:
    """Return key and certificate of these names."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
    )
    if signed_by:
        signer = x509.AuthorityKeyIdentifier(signed_by, None, None)
        builder = builder.add_extension(signer, critical=False)
    made = builder.sign(key, hashes.SHA256())
    return pem_of(key), made.public_bytes(Encoding.PEM)


def settings(program: ModuleType, **changes: Any) -> Any:
    given = {
        "names": ["mail.example.test"],
        "email": "postmaster@example.test",
        "directory": DIRECTORY,
        "ca_file": None,
        "addresses": [],
        "webmail": "webmail:8000",
    }
    return program.Settings(**{**given, **changes})


def turned(program: ModuleType, **changes: Any) -> Any:
    """Return what a container with these settings is after it has begun and looked once."""
    renewal = program.Renewal(settings(program, **changes))
    renewal.begin()
    renewal.turn()
    return renewal


def test_a_pair_is_shown_by_one_rename_and_whole(program: Any, tmp_path: Path) -> None:
    key, chain = pair("mail.example.test")
    program.place(tmp_path, key, chain)
    other_key, other = pair("mail.example.test")
    program.place(tmp_path, other_key, other, DIRECTORY)
    shown = tmp_path / "current"
    assert shown.is_symlink()
    assert (shown / "all.pem").read_bytes() == other_key + other
    assert (shown / "chain.pem").read_bytes() == other
    assert (shown / "issuer").read_text() == DIRECTORY
    assert (shown / "key.pem").stat().st_mode & 0o777 == 0o640, "nobody outside of the group reads a key"


def test_a_key_and_a_certificate_that_do_not_belong_together_are_never_shown(
    program: Any, tmp_path: Path
) -> None:
    key, chain = pair("mail.example.test")
    program.place(tmp_path, key, chain)
    before = (tmp_path / "current").readlink()
    with pytest.raises(ValueError, match="not that of the key"):
        program.place(tmp_path, key, pair("mail.example.test")[1])
    assert (tmp_path / "current").readlink() == before
    assert [path.name for path in tmp_path.glob("2*")] == [before.name]


def test_a_pair_of_before_stays_for_who_reads_it_once_more(program: Any, tmp_path: Path) -> None:
    first = program.place(tmp_path, *pair("mail.example.test"))
    second = program.place(tmp_path, *pair("mail.example.test"))
    assert first.exists()
    import os

    os.utime(first, (0, 0))
    program.place(tmp_path, *pair("mail.example.test"))
    assert not first.exists()
    assert second.exists()


@pytest.mark.parametrize(
    ("days", "issuer", "names", "reason"),
    [
        (90, DIRECTORY, ["mail.example.test"], None),
        (90, DIRECTORY, ["mail.example.test", "mta-sts.example.test"], "does not name mta-sts"),
        (90, "", ["mail.example.test"], "not from"),
        (90, "https://staging.test/dir", ["mail.example.test"], "not from"),
        (1, DIRECTORY, ["mail.example.test"], "it ends on"),
    ],
)
def test_another_certificate_is_asked_for_when_it_has_to_be(
    program: Any, days: int, issuer: str, names: list[str], reason: str | None
) -> None:
    key, chain = pair("mail.example.test", days=days)
    found = program.is_due(chain, issuer, settings(program, names=names), key, NOW)
    assert found is None if reason is None else reason in found


@pytest.mark.parametrize(("passed", "is_due"), [(59, False), (61, True)])
def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left(
    program: Any, passed: int, is_due: bool
) -> None:
    key, chain = pair("mail.example.test", days=90, since=NOW - timedelta(days=passed))
    assert (program.is_due(chain, DIRECTORY, settings(program), key, NOW) is not None) == is_due


def test_a_rotated_key_needs_another_certificate_at_once(program: Any) -> None:
    key, chain = pair("mail.example.test")
    assert program.is_due(chain, DIRECTORY, settings(program), key, NOW) is None
    other = pem_of(ec.generate_private_key(ec.SECP256R1()))
    assert "rotated" in program.is_due(chain, DIRECTORY, settings(program), other, NOW), "after a break-in"


def test_a_chain_in_the_wrong_order_is_not_shown(
    program: Any, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal = program.Renewal(settings(program))
    renewal.begin()
    before = (machine / "current").readlink()
    since = datetime.now(UTC) - timedelta(hours=1)
    mine = pair("mail.example.test", key=own_key(program), since=since)[1]
    stranger = pair("ca.example.test")[1]
    assert program.chain_fault(mine) is None
    monkeypatch.setattr(program, "obtain", lambda *_: mine + stranger)
    renewal.turn()
    assert "wrong order" in renewal.status.reason
    monkeypatch.setattr(program, "obtain", lambda *_: stranger + mine)
    renewal.status.next_try = 0
    renewal.turn()
    assert renewal.status.reason
    assert (machine / "current").readlink() == before


def test_a_clock_that_is_wrong_is_told_apart_from_a_ca_that_is_away(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code, kind in ((9, "clock"), (10, "clock"), (18, "ca")):
        error = ssl.SSLCertVerificationError("certificate verify failed")
        error.verify_code = code

        def asked(*_: object, error: Exception = error) -> None:
            raise urllib.error.URLError(error)

        monkeypatch.setattr(program, "asked", asked)
        with pytest.raises(program.Failed) as failed:
            program.known(settings(program))
        assert (failed.value.kind, failed.value.spent) == (kind, False), code


@pytest.mark.parametrize(
    ("start", "end", "is_recalled"),
    [
        ("2026-11-26T11:00:00Z", "2026-11-26T11:30:00Z", True),
        ("2026-11-26T11:00:00Z", "2026-11-26T12:59:59Z", True),
        ("2026-11-26T11:00:00Z", "2026-11-27T12:00:00Z", False),
        ("2026-11-27T00:00:00Z", "2026-11-27T00:00:00Z", False),
    ],
)
def test_a_certificate_that_the_ca_recalls_is_renewed_before_its_time(
    program: Any, monkeypatch: pytest.MonkeyPatch, start: str, end: str, is_recalled: bool
) -> None:
    chain = pair("mail.example.test", signed_by=b"k" * 20)[1]
    places = {DIRECTORY: {"renewalInfo": "https://ca.test/info/"}}

    def asked(_: Any, url: str) -> Any:
        if url in places:
            return places[url]
        signer, _, number = url.removeprefix("https://ca.test/info/").partition(".")
        assert base64.urlsafe_b64decode(signer + "=") == b"k" * 20
        serial = int.from_bytes(base64.urlsafe_b64decode(number + "=" * (-len(number) % 4)), "big")
        assert serial == program.leaf(chain).serial_number
        return {"suggestedWindow": {"start": start, "end": end}}

    monkeypatch.setattr(program, "asked", asked)
    assert program.is_recalled(settings(program), chain, NOW) == is_recalled
    places[DIRECTORY] = {}
    assert not program.is_recalled(settings(program), chain, NOW), "a CA that says nothing wants nothing"


def test_what_is_asked_for_names_the_host_first(program: Any) -> None:
    key = pem_of(ec.generate_private_key(ec.SECP256R1()))
    asked = x509.load_pem_x509_csr(program.request(["mail.example.test", "a.example.test"], key))
    assert asked.is_signature_valid
    assert asked.subject.rfc4514_string() == "CN=mail.example.test"
    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mail.example.test", "a.example.test"]


def zone(
    monkeypatch: pytest.MonkeyPatch, program: Any, records: dict[tuple[str, str], Sequence[Any]]
) -> None:
    def resolve(name: str, kind: str, lifetime: float) -> Sequence[Any]:
        if (name, kind) not in records:
            raise dns.resolver.NXDOMAIN
        return records[name, kind]

    monkeypatch.setattr(program.dns.resolver, "resolve", resolve)


def test_a_name_that_leads_nowhere_costs_no_try(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    zone(monkeypatch, program, {})
    with pytest.raises(program.Failed, match="no address in the DNS") as failed:
        program.look_up(settings(program))
    assert (failed.value.kind, failed.value.spent) == ("name", False)


def test_a_name_that_leads_to_somebody_else_costs_no_try(
    program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone(monkeypatch, program, {("mail.example.test", "A"): ["192.0.2.9"]})
    with pytest.raises(program.Failed, match=r"leads to 192\.0\.2\.9") as failed:
        program.look_up(settings(program, addresses=["192.0.2.25"]))
    assert not failed.value.spent
    program.look_up(settings(program, addresses=["192.0.2.9"]))
    program.look_up(settings(program))


def caa(value: str, tag: bytes = b"issue") -> Any:
    return SimpleNamespace(tag=tag, value=value.encode())


@pytest.mark.parametrize(
    ("records", "forbids"),
    [
        ({}, False),
        ({"example.test": [caa("ca.test")]}, False),
        ({"example.test": [caa("ca.test; accounturi=x")]}, False),
        ({"example.test": [caa("other.test")]}, True),
        ({"example.test": [caa(";")]}, True),
        ({"example.test": [caa("mailto:x@example.test", b"iodef")]}, False),
        ({"mail.example.test": [caa("ca.test")], "example.test": [caa("other.test")]}, False),
    ],
)
def test_a_caa_record_that_forbids_the_ca_costs_no_try(
    program: Any, monkeypatch: pytest.MonkeyPatch, records: dict[str, Any], forbids: bool
) -> None:
    zone(monkeypatch, program, {(name, "CAA"): found for name, found in records.items()})
    if not forbids:
        program.authorized(settings(program), ["ca.test"])
        return
    with pytest.raises(program.Failed, match="CAA record of example") as failed:
        program.authorized(settings(program), ["ca.test"])
    assert (failed.value.kind, failed.value.spent) == ("caa", False)


@pytest.fixture
def tls(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(program, "TLS", tmp_path)
    return tmp_path


def answers(tls: Path, program: Any, outside: object) -> Any:
    """Return a stand-in for who answers: webmail inside as it should, and whoever is outside."""

    def fetch(url: str) -> Any:
        here = (200, (tls / program.CHALLENGES / url.rpartition("/")[2]).read_bytes())
        return here if url.startswith("http://webmail:8000/") or outside == "us" else outside

    return fetch


def test_a_challenge_that_is_answered_here_is_worth_a_try(program: Any, tls: Path) -> None:
    program.webmail_answers(settings(program), answers(tls, program, "us"))
    program.outside_answers(settings(program), answers(tls, program, "us"))
    assert not list((tls / program.CHALLENGES).iterdir())


def test_a_challenge_that_somebody_else_answers_costs_no_try(program: Any, tls: Path) -> None:
    for outside in ((302, b""), (200, b"a home page"), (404, b"")):
        with pytest.raises(program.Failed, match="somebody else answers there") as failed:
            program.outside_answers(settings(program), answers(tls, program, outside))
        assert (failed.value.kind, failed.value.spent) == ("port 80", False)


def test_where_the_own_address_cannot_be_reached_the_ca_says(
    program: Any, tls: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program.outside_answers(settings(program), answers(tls, program, None))
    assert "port 80 of mail.example.test cannot be reached from here" in capsys.readouterr().out


def test_before_webmail_is_up_nothing_is_asked(program: Any, tls: Path) -> None:
    with pytest.raises(program.Failed, match="webmail does not answer yet") as failed:
        program.webmail_answers(settings(program), lambda url: None)
    assert not failed.value.spent


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("dns", "name"),
        ("connection", "port 80"),
        ("unauthorized", "port 80"),
        ("caa", "caa"),
        ("rateLimited", "limit"),
        ("rejectedIdentifier", "name"),
    ],
)
def test_what_the_ca_refuses_is_told_apart(program: Any, error: str, kind: str) -> None:
    said = (
        f"2026/11/26 12:00:00 acme: error: 403 :: urn:ietf:params:acme:error:{error} :: because, retry after "
        "2026-11-27 01:02:03 UTC\n"
    )
    failed = program.failure(said)
    assert (failed.kind, failed.spent) == (kind, True)
    assert "because" in failed.reason
    if kind == "limit":
        assert failed.not_before == datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC).timestamp()


def test_a_ca_that_breaks_off_costs_no_try(program: Any) -> None:
    assert not program.failure("dial tcp 192.0.2.1:443: connect: connection refused").spent


def test_tries_go_from_minutes_to_hours_and_stay_within_the_limits(program: Any) -> None:
    failed, status, pauses = program.Failed("port 80", "x", spent=True), program.Status(kind="port 80"), []
    for count in range(8):
        status.failures = count
        pauses.append(program.pause(status, failed, 0))
    assert pauses == sorted(pauses)
    assert pauses[0] == 15 * 60
    assert max(pauses) == 12 * 3600
    assert 3600 / pauses[0] < 5, "Let's Encrypt takes five failed tries in an hour"
    soon = program.pause(program.Status(), program.Failed("ca", "x"), 0)
    assert soon == 30, "where no try was spent"
    assert program.pause(status, program.Failed("limit", "x", spent=True, not_before=1e9), 0) == 1e9


@pytest.fixture
def machine(program: Any, tls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container's folders, with the stack's own pair."""
    secrets, data = tmp_path / "secrets", tmp_path / "data"
    for folder in (secrets, data):
        folder.mkdir()
    key, chain = pair("mail.example.test", since=datetime.now(UTC) - timedelta(hours=1))
    (secrets / "key.pem").write_bytes(key)
    (secrets / "certificate.pem").write_bytes(chain)
    monkeypatch.setattr(program, "SECRETS", secrets)
    monkeypatch.setattr(program, "DATA", data)
    monkeypatch.setattr(program, "is_recalled", lambda *_: False)
    return tls


def own_key(program: Any) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key((program.SECRETS / "key.pem").read_bytes(), None)


def test_the_stacks_own_is_shown_until_there_is_another_one(
    program: Any, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal = program.Renewal(settings(program))
    renewal.begin()
    assert renewal.issuer == ""
    given = pair("mail.example.test", key=own_key(program), since=datetime.now(UTC) - timedelta(hours=1))[1]
    monkeypatch.setattr(program, "obtain", lambda settings, key: given)
    renewal.turn()
    assert (machine / "current/chain.pem").read_bytes() == given
    assert renewal.issuer == DIRECTORY


def test_a_good_certificate_is_found_again_after_destroy_and_up(
    program: Any, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    before = program.place(machine, *pair("mail.example.test", key=own_key(program), since=since), DIRECTORY)
    monkeypatch.setattr(program, "obtain", lambda *_: pytest.fail("public CAs limit duplicates"))
    renewal = program.Renewal(settings(program))
    renewal.begin()
    assert renewal.turn() > 60
    assert (machine / "current").readlink().name == before.name


def test_a_failure_is_kept_over_a_start_and_spends_no_further_try(
    program: Any, machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tries = []

    def obtain(*_: object) -> bytes:
        tries.append(time.time())
        raise program.Failed("port 80", "the CA cannot reach port 80", spent=True)

    monkeypatch.setattr(program, "obtain", obtain)
    for _ in range(3):
        turned(program)
    assert len(tries) == 1
    assert "no certificate (port 80): the CA cannot reach port 80. Next try at" in capsys.readouterr().out
    program.Renewal(settings(program, names=["mail.example.test", "b.example.test"])).turn()
    assert len(tries) == 2, "other settings are worth a try at once"


def test_an_answer_of_the_ca_that_does_not_fit_is_not_shown(
    program: Any, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewal = program.Renewal(settings(program))
    renewal.begin()
    before = (machine / "current").readlink()
    monkeypatch.setattr(program, "obtain", lambda *_: pair("mail.example.test")[1])
    renewal.turn()
    assert (machine / "current").readlink() == before
    assert renewal.status.reason


class Clock:
    """The machine's clock, which tests set, and a CA whose clock is right."""

    def __init__(self, program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program, self.hours, self.orders, self.backdated = program, 0.0, 0, timedelta()
        outer, right = self, time.time

        class Day(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + timedelta(hours=outer.hours)

        monkeypatch.setattr(program, "datetime", Day)
        shifted = SimpleNamespace(time=lambda: right() + outer.hours * 3600, monotonic=time.monotonic)
        monkeypatch.setattr(program, "time", shifted)
        monkeypatch.setattr(program, "obtain", self.obtain)

    def obtain(self, _: Any, key: bytes) -> bytes:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        self.orders += 1
        since = datetime.now(UTC) - timedelta(seconds=1)
        return pair("mail.example.test", key=load_pem_private_key(key, None), since=since)[1]


@pytest.fixture
def clock(program: Any, machine: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(program, monkeypatch)


@pytest.mark.parametrize(
    ("hours", "words"),
    [(-0.05, "has not begun"), (-24 * 400, "has not begun"), (24 * 91, "has ended")],
    ids=["three minutes behind", "a year behind", "three months ahead"],
)
def test_a_certificate_that_is_none_by_a_wrong_clock_waits_until_that_is_set(
    program: Any, machine: Path, clock: Clock, hours: float, words: str
) -> None:
    clock.hours = hours
    renewal = program.Renewal(settings(program))
    renewal.begin()
    waits = renewal.turn()
    assert waits <= program.EARLY_SECONDS
    assert renewal.status.kind == "clock"
    assert words in renewal.status.reason
    for _ in range(3):
        renewal = program.Renewal(settings(program))
        renewal.begin()
        clock.hours += 0.01
        renewal.turn()
    assert renewal.issuer == ""
    clock.hours = 0
    assert renewal.turn() >= 1
    assert renewal.issuer == DIRECTORY
    assert renewal.status.kind == ""
    assert clock.orders == 1, "the CA counts them"
    assert not (program.DATA / "early.json").exists()


def test_by_a_clock_that_is_ahead_a_new_certificate_is_not_renewed_again_and_again(
    program: Any, machine: Path, clock: Clock
) -> None:
    clock.hours = 24 * 70
    for _ in range(3):
        renewal = program.Renewal(settings(program))
        renewal.begin()
        assert renewal.turn() > 60
    assert clock.orders == 1
    assert renewal.issuer == DIRECTORY, "it is good"
    assert "is this machine's clock right?" in renewal.status.reason
    clock.hours = 0
    renewal.turn()
    assert (renewal.status.kind, clock.orders) == ("", 1)


def test_what_failed_while_the_clock_was_ahead_is_tried_again_once_it_is_set(
    program: Any, machine: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> bytes:
        raise program.Failed("port 80", "it is shut", spent=True)

    clock.hours = 24 * 365
    renewal = program.Renewal(settings(program))
    renewal.begin()
    with monkeypatch.context() as patch:
        patch.setattr(program, "obtain", fails)
        renewal.turn()
    assert renewal.status.kind == "port 80"
    clock.hours = 0
    renewal.turn()
    assert renewal.issuer == DIRECTORY


def test_a_certificate_that_waits_is_not_the_one_of_another_key(
    program: Any, machine: Path, clock: Clock
) -> None:
    clock.hours = -1
    renewal = turned(program)
    key, own = pair("mail.example.test", since=datetime.now(UTC) - timedelta(hours=9))
    (program.SECRETS / "key.pem").write_bytes(key)
    (program.SECRETS / "certificate.pem").write_bytes(own)
    clock.hours = 0
    renewal = program.Renewal(settings(program))
    renewal.begin()
    renewal.status.next_try = 0
    renewal.turn()
    assert clock.orders == 2
    assert program.belong_together(key, (machine / "current/chain.pem").read_bytes())


def another(program: Any) -> bytes:
    """Put another key in the place of the one that is given, with what the stack itself signs for it."""
    key, own = pair("mail.example.test", since=datetime.now(UTC) - timedelta(hours=1))
    (program.SECRETS / "key.pem").write_bytes(key)
    (program.SECRETS / "certificate.pem").write_bytes(own)
    return key


@pytest.mark.parametrize(
    ("before", "after", "orders"),
    [("ecdsa 1", "ecdsa 1", 1), ("ecdsa 1", "ecdsa 2", 2), ("ecdsa 1", "rsa 1", 2), (None, None, 2)],
    ids=["destroyed, with nobody who keeps it", "rotated", "another kind", "rotated, with who keeps it"],
)
def test_a_key_that_nobody_else_keeps_is_kept_with_its_certificate(
    program: Any, machine: Path, clock: Clock, before: str | None, after: str | None, orders: int
) -> None:
    turned(program, key_generation=before)
    first = (machine / "current/key.pem").read_bytes()
    given = another(program)
    turned(program, key_generation=after)
    assert clock.orders == orders
    shown = (machine / "current/key.pem").read_bytes()
    assert shown == (first if orders == 1 else given)
    assert program.belong_together(shown, (machine / "current/chain.pem").read_bytes())


def test_a_key_that_is_kept_is_that_of_the_next_certificate_too(
    program: Any, machine: Path, clock: Clock
) -> None:
    turned(program, key_generation="ecdsa ")
    first = (machine / "current/key.pem").read_bytes()
    given = another(program)
    clock.hours = 24 * 100  # nobody was there for long, and the certificate has ended
    renewal = program.Renewal(settings(program, key_generation="ecdsa "))
    renewal.begin()
    assert (machine / "current/key.pem").read_bytes() == given, "the stack's own is shown, of its own key"
    clock.hours = 0
    turned(program, key_generation="ecdsa ")
    assert (machine / "current/key.pem").read_bytes() == first
    modes = {path.name: path.stat().st_mode & 0o777 for path in program.DATA.glob("*.json")}
    assert modes["key.json"] == 0o600


def test_a_key_that_somebody_keeps_is_in_one_place_less(program: Any, machine: Path, clock: Clock) -> None:
    for generation, is_there in (("ecdsa ", True), (None, False)):
        turned(program, key_generation=generation)
        assert (program.DATA / "key.json").exists() == is_there


def test_a_certificate_of_before_that_was_kept_is_taken_over(
    program: Any, machine: Path, clock: Clock
) -> None:
    """One that was had before keys were kept: `up` with the state that has its key writes that down."""
    turned(program, key_generation="ecdsa ")
    (program.DATA / "key.json").unlink()
    program.Renewal(settings(program, key_generation="ecdsa ")).begin()
    another(program)
    turned(program, key_generation="ecdsa ")
    assert clock.orders == 1


def test_what_tlsa_says_of_the_shown_key_is_what_the_program_says(program: Any) -> None:
    from cryptography.hazmat.primitives.serialization import PublicFormat

    from mailinfra.components.dns import tlsa

    chain = pair("mail.example.test")[1]
    public = x509.load_pem_x509_certificate(chain).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert program.tlsa(chain) == tlsa(pem)
