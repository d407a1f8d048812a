"""A certificate from files is refused before any handshake could fail with it."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mailinfra.config import chain
from mailinfra.config.certificate import CertificateConfig, authorities
from mailinfra.config.mta_sts import MtaSts
from tests.unit.form import accepted, form, refused

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
Maker = Callable[..., dict[str, str]]


def certificate(
    key: ec.EllipticCurvePrivateKey,
    names: list[str],
    first: datetime,
    last: datetime,
    issuer: str = "",
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.test")])
    organization = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, issuer)] if issuer else []
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(x509.Name([*organization, *subject]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(first)
        .not_valid_after(last)
    )
    if names:
        wanted = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(wanted, critical=False)
    return builder.sign(key, hashes.SHA256())


def make_unknown(path: Path) -> None:
    """Put the key in a PEM file onto a curve that does not exist."""
    head, *body, foot = path.read_text().splitlines()
    der = base64.b64decode("".join(body))
    prime256v1 = bytes.fromhex("06082a8648ce3d030107")
    assert prime256v1 in der
    text = base64.encodebytes(der.replace(prime256v1, prime256v1[:-1] + b"\x7f")).decode()
    path.write_text(f"{head}\n{text}{foot}\n")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    """Writes a certificate and its key into the project's folder; returns the setting that names them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(chain, "public_roots", lambda: None)  # who signed them is test_config_chain.py's

    def make(
        *names: str,
        first: datetime = NOW - DAY,
        last: datetime = NOW + DAY,
        passphrase: bytes | None = None,
        issuer: str = "",
    ) -> dict[str, str]:
        key = ec.generate_private_key(ec.SECP256R1())
        encryption = (
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        )
        form_of_key = serialization.PrivateFormat.PKCS8
        Path("key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form_of_key, encryption))
        made = certificate(key, list(names), first, last, issuer)
        Path("cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return {"certificateFile": "cert.pem", "keyFile": "key.pem"}

    return make


def test_a_certificate_for_the_host_name_is_taken(files: Maker) -> None:
    found = accepted(form(certificate=files("mail.example.test"))).certificate
    assert found is not None
    assert (found.certificate_file, found.key_file, found.ca_file) == ("cert.pem", "key.pem", None)


def test_own_asks_for_a_certificate_of_our_own_ca() -> None:
    assert accepted(form(certificate="own")).certificate is None


@pytest.mark.parametrize("word", ["self", True, None])
def test_another_word_than_own_is_refused(word: object) -> None:
    (line,) = refused(form(certificate=word))
    assert line == f"server.certificate: must be 'own' or a group of settings; given {word!r}"


@pytest.mark.parametrize(
    ("missing", "other"), [("keyFile", "certificateFile"), ("certificateFile", "keyFile")]
)
def test_a_certificate_without_key_or_a_key_without_certificate_is_refused(
    files: Maker, missing: str, other: str
) -> None:
    given = files("mail.example.test")
    del given[missing]
    assert refused(form(certificate=given)) == [f"server.certificate.{missing}: is missing; add it"], other


def test_certificate_and_key_that_do_not_belong_together_are_refused(files: Maker) -> None:
    files("mail.example.test")
    Path("key.pem").rename("old.pem")
    given = {**files("mail.example.test"), "keyFile": "old.pem"}
    assert refused(form(certificate=given)) == [
        "server.certificate.keyFile: is not the key of cert.pem: every handshake would fail; "
        "name the key that the certificate was requested with; given 'old.pem'"
    ]


def test_certificate_and_key_that_are_swapped_are_refused(files: Maker) -> None:
    files("mail.example.test")
    assert refused(form(certificate={"certificateFile": "key.pem", "keyFile": "cert.pem"})) == [
        "server.certificate.certificateFile: holds a private key; name the file that holds the certificate; "
        "given 'key.pem'",
        "server.certificate.keyFile: holds a certificate; name the private key here and the certificate in "
        "'certificateFile'; given 'cert.pem'",
    ]


def test_files_that_are_missing_are_refused(files: Maker) -> None:
    given = {**files("mail.example.test"), "certificateFile": "none.pem", "caFile": "."}
    assert refused(form(certificate=given)) == [
        "server.certificate.certificateFile: cannot be read (no such file or directory); correct the path; "
        "given 'none.pem'",
        "server.certificate.caFile: cannot be read (is a directory); correct the path; given '.'",
    ]


def test_files_that_are_no_pem_are_refused(files: Maker) -> None:
    given = files("mail.example.test")
    Path("cert.pem").write_text("hello")
    Path("key.pem").write_text("hello")
    assert refused(form(certificate=given)) == [
        "server.certificate.certificateFile: holds no PEM certificate; it starts with "
        "'-----BEGIN CERTIFICATE-----'; given 'cert.pem'",
        "server.certificate.keyFile: holds no PEM private key; it starts with '-----BEGIN PRIVATE KEY-----'; "
        "given 'key.pem'",
    ]


def test_a_key_on_a_curve_that_nobody_knows_is_refused_in_one_line(files: Maker) -> None:
    given = files("mail.example.test")
    for name in given.values():
        make_unknown(Path(name))
    refusal = (
        "is of a kind that mail programs do not know (Curve 1.2.840.10045.3.1.127 is not supported); use one "
        "with an ECDSA (P-256) or RSA key"
    )
    assert refused(form(certificate=given)) == [
        f"server.certificate.certificateFile: {refusal}; given 'cert.pem'",
        f"server.certificate.keyFile: {refusal}; given 'key.pem'",
    ]


def test_a_key_with_a_passphrase_is_refused(files: Maker) -> None:
    (line,) = refused(form(certificate=files("mail.example.test", passphrase=b"hunter2")))
    assert line.startswith(
        "server.certificate.keyFile: is encrypted; the daemons need it without a passphrase"
    )


def test_an_expired_certificate_is_refused_with_its_date(files: Maker) -> None:
    given = files("mail.example.test", first=NOW - 3 * DAY, last=NOW - DAY)
    assert refused(form(certificate=given)) == [
        f"server.certificate.certificateFile: expired on {NOW - DAY:%Y-%m-%d}; renew it; given 'cert.pem'"
    ]


def test_a_certificate_of_the_future_is_refused_with_its_date(files: Maker) -> None:
    given = files("mail.example.test", first=NOW + 2 * DAY, last=NOW + 3 * DAY)
    assert refused(form(certificate=given)) == [
        f"server.certificate.certificateFile: is not valid before {NOW + 2 * DAY:%Y-%m-%d}; "
        "use one that is valid today, or correct the clock; given 'cert.pem'"
    ]


@pytest.mark.parametrize("name", ["*.example.test", "MAIL.example.test"])
def test_a_wildcard_or_another_case_covers_the_host_name(files: Maker, name: str) -> None:
    assert accepted(form(certificate=files("other.test", name)))


@pytest.mark.parametrize("name", ["example.test", "*.test", "*.mail.example.test", "imap.example.test"])
def test_a_certificate_that_does_not_name_the_host_is_refused(files: Maker, name: str) -> None:
    assert refused(form(certificate=files(name))) == [
        f"server.hostname: 'mail.example.test' is not named by cert.pem, which names {name}; "
        "get one for this name, or use one of those"
    ]


def test_a_certificate_of_webmail_that_does_not_name_the_host_is_refused(files: Maker) -> None:
    assert refused(form(webmail={"certificate": files("web.test")})) == [
        "server.hostname: 'mail.example.test' is not named by cert.pem, which names web.test; "
        "get one for this name, or use one of those"
    ]
    assert accepted(form(webmail={"certificate": files("mail.example.test")}))


def test_a_common_name_alone_names_no_host(files: Maker) -> None:
    assert refused(form(certificate=files())) == [
        "server.hostname: 'mail.example.test' is not named by cert.pem, which names no host at all; "
        "get one for this name, or use one of those"
    ]


@pytest.mark.parametrize(
    ("issuer", "with_ca", "named"),
    [
        ("Let's Encrypt", False, ["letsencrypt.org"]),
        ("Sectigo Limited", False, ["sectigo.com"]),
        ("Somebody New", False, []),
        ("", False, []),
        ("Somebody New", True, [";"]),
    ],
)
def test_caa_names_who_signed_the_certificate(
    files: Maker, issuer: str, *, with_ca: bool, named: list[str]
) -> None:
    given = files("mail.example.test", issuer=issuer)
    found = CertificateConfig.model_construct(
        certificate_file=given["certificateFile"],
        key_file=given["keyFile"],
        ca_file=given["certificateFile"] if with_ca else None,
    )
    assert authorities([found, None]) == named
    assert found.public_key().startswith("-----BEGIN PUBLIC KEY-----")


def test_caa_names_the_webmails_authority_too_and_none_where_one_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed = {"a": "letsencrypt.org", "b": "digicert.com", "own": ";", "new": None}
    monkeypatch.setattr(CertificateConfig, "authority", lambda self: signed[self.certificate_file])

    def by(*names: str) -> list[str]:
        return authorities([CertificateConfig.model_construct(certificate_file=name) for name in names])

    assert by("a", "b") == ["digicert.com", "letsencrypt.org"]
    assert by("a", "own") == ["letsencrypt.org"]
    assert by("a", "new") == []


POLICY = {"mtaSts": "testing"}


def test_a_policy_that_nobody_would_believe_is_refused(files: Maker) -> None:
    (line,) = refused(form(receiving={"mtaSts": "enforce"}))
    assert line == (
        "server.receiving.mtaSts: needs a certificate of a public CA on port 25: no other server knows ours, "
        "and with 'enforce' none would hand in mail; name its files under 'certificate', or write 'off'; "
        "given 'enforce'"
    )
    (line,) = refused(form(certificate=files("mail.example.test"), receiving=POLICY))
    assert line == (
        "server.receiving.mtaSts: is asked for at mta-sts.example.test, and webmail's cert.pem names "
        "mail.example.test; get one for these names, too, put a reverse proxy with them in front of webmail, "
        "or write 'off'; given 'testing'"
    )


def test_a_policy_is_taken_where_webmail_or_its_proxy_has_the_names(files: Maker) -> None:
    for names in (["mail.example.test", "mta-sts.example.test"], ["mail.example.test", "*.example.test"]):
        found = accepted(form(certificate=files(*names), receiving=POLICY))
        assert found.receiving.mta_sts is MtaSts.TESTING
    proxied = {"reverseProxy": "192.0.2.80"}
    assert accepted(form(certificate=files("mail.example.test"), receiving=POLICY, webmail=proxied))


@pytest.mark.parametrize("word", ["off", False])
def test_no_policy_is_the_default_and_yaml_may_read_the_word_as_false(word: object) -> None:
    assert accepted(form(receiving={"mtaSts": word})) == accepted(form())
    assert accepted(form()).record()["receiving"]["mtaSts"] == "off"
    (line,) = refused(form(receiving={"mtaSts": "on"}))
    assert "'off', 'testing' or 'enforce'" in line


def acme(**changes: Any) -> dict[str, Any]:
    return form(certificate={"acme": {"email": "postmaster@example.test", **changes}})


CREDENTIALS = {"CF_DNS_API_TOKEN": "secret-of-the-zone"}


def test_a_record_in_the_dns_answers_the_ca_with_the_providers_own_variables() -> None:
    given = acme(dns={"provider": "cloudflare"}, key="rsa")
    server = accepted(given, acme_credentials=CREDENTIALS)
    found = server.acme()
    assert found is not None
    assert found.dns is not None
    assert (found.dns.provider, found.dns.check_propagation, found.key) == ("cloudflare", True, "rsa")
    off = {**given, "ports": {"webmailRedirect": False}}
    assert accepted(off, acme_credentials=CREDENTIALS).acme(), "nothing has to be reached from outside"


def test_port_80_is_needed_where_no_record_answers() -> None:
    (line,) = refused({**acme(), "ports": {"webmailRedirect": False}})
    assert line.startswith("server.certificate.acme: needs 'ports.webmailRedirect', which is off")
    assert "'certificate.acme.dns'" in line


def test_credentials_and_their_setting_come_together() -> None:
    (line,) = refused(acme(dns={"provider": "cloudflare"}))
    assert line == (
        "mailinfra:acmeCredentials: is missing for server.certificate.acme.dns; "
        """`pulumi config set --secret --path 'mailinfra:acmeCredentials["NAME"]'`"""
    )
    (line,) = refused(acme(), acme_credentials=CREDENTIALS)
    assert line.startswith("mailinfra:acmeCredentials: is of no use without server.certificate.acme.dns")


@pytest.mark.parametrize(
    ("credentials", "reason"),
    [
        ("secret-of-the-zone", "must be an object"),
        ({}, "must be an object"),
        ({"cf-token": "secret-of-the-zone"}, "'cf-token' is no variable of a provider's"),
        ({"LD_PRELOAD": "secret-of-the-zone"}, "'LD_PRELOAD' is no variable of a provider's"),
        ({"CF_DNS_API_TOKEN": 5}, "'CF_DNS_API_TOKEN' is not text"),
        ({"CF_DNS_API_TOKEN": ""}, "'CF_DNS_API_TOKEN' is empty"),
        ({"CF_DNS_API_TOKEN": "secret-of-the-zone\n"}, "'CF_DNS_API_TOKEN' holds a line end"),
    ],
)
def test_a_credential_that_cannot_be_used_is_named_and_not_quoted(credentials: Any, reason: str) -> None:
    (line,) = refused(acme(dns={"provider": "cloudflare"}), acme_credentials=credentials)
    assert line.startswith(f"mailinfra:acmeCredentials: {reason}")
    assert "secret-of" not in line


@pytest.mark.parametrize("provider", ["Cloudflare", "https://x.test", "exec x", ""])
def test_a_provider_is_named_by_its_code(provider: str) -> None:
    (line,) = refused(acme(dns={"provider": provider}), acme_credentials=CREDENTIALS)
    assert line.startswith("server.certificate.acme.dns.provider: is no code of lego's; write one like")
