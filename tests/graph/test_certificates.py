"""The CA of the stack, and who gets which certificate."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import Output
from pulumi.runtime import mocks

from mailinfra.components.certificates import Certificates, CertificatesArgs
from mailinfra.components.keeping import Keeper
from mailinfra.components.own_provider import Connection
from mailinfra.config import pem
from mailinfra.config.certificate import CertificateConfig
from mailinfra.docgen.declared import sample_key
from tests.certificate_files import DAY, NOW, maker
from tests.graph.conftest import Answers, Engine, declare, is_secret, plain

KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"
KEPT = "mailinfra:index:Kept"
AUTHORITY = "tls:index/selfSignedCert:SelfSignedCert"
SIGNED = "tls:index/locallySignedCert:LocallySignedCert"
HOURS_825_DAYS = 825 * 24


class Finding(Answers):
    """A database that has kept something before."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        identity, outputs = super().new_resource(args)
        if args.typ == KEPT:
            outputs["kept"] = json.dumps({"private": "private of before", "public": "public of before"})
        return identity, outputs


class Keeping(Answers):
    """A database that has kept this CA."""

    def __init__(self, ca: str) -> None:
        self.ca = ca

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        identity, outputs = super().new_resource(args)
        if args.typ == KEPT:
            outputs["kept"] = json.dumps({"private": "private of before", "public": self.ca})
        return identity, outputs


def declaration(**changes: Any) -> dict[str, Any]:
    """Return what certificates are about, with other values for some of it."""
    return {
        "stack": "mailinfra-test",
        "hostname": "mail.example.test",
        "inner_names": ["mysql"],
        "mail_names": ["dovecot", "postfix"],
        **changes,
    }


def declared(engine: Engine, **changes: Any) -> dict[str, Any]:
    """Declare the certificates; return the outputs as they came."""
    values = declaration(**changes)
    found: dict[str, Any] = {}

    def program() -> None:
        made = Certificates("tls", CertificatesArgs(**values))
        outputs = {
            "ca": made.inner.ca,
            "trust": made.public.ca,
            "certificate": made.public.certificate,
            "key": made.public.key,
            "inner_certificate": made.inner.certificate,
            "inner_key": made.inner.key,
        }
        for name, value in outputs.items():
            Output.from_input(value).apply(partial(found.__setitem__, name))

    declare(program)
    (outputs,) = [given for urn, given in engine.registered.items() if urn.endswith("::tls")]
    assert outputs == found
    return found


def test_every_key_is_an_elliptic_curve_key(engine: Engine) -> None:
    declared(engine)
    keys = [plain(request.object) for request in engine.created(KEY)]
    older = [key for key in keys if key["algorithm"] == "RSA"]
    assert older == [{"algorithm": "RSA"}], "2048 bits, for other servers that know nothing else"
    keys = [key for key in keys if key not in older]
    assert len(keys) == 5, "the CA's, the mail daemons' two, the webmail's, the database's"
    assert all(key == {"algorithm": "ECDSA", "ecdsaCurve": "P256"} for key in keys)


def test_keys_are_secret_wherever_they_go(engine: Engine) -> None:
    declared(engine)
    for token, field in (
        (AUTHORITY, "privateKeyPem"),
        (REQUEST, "privateKeyPem"),
        (SIGNED, "caPrivateKeyPem"),
    ):
        for request in engine.created(token):
            assert is_secret(request.object.fields[field]), (
                f"{request.name} shows a private key in the preview"
            )


def test_the_own_ca_is_a_ca_that_strict_clients_accept(engine: Engine) -> None:
    declared(engine)
    (request,) = engine.created(AUTHORITY)
    ca = plain(request.object)
    assert ca["isCaCertificate"] is True
    assert ca["setSubjectKeyId"] is True
    assert ca["allowedUses"] == ["cert_signing", "crl_signing"]


def test_the_own_ca_outlives_what_it_signs_by_years(engine: Engine) -> None:
    declared(engine)
    ca = plain(engine.created(AUTHORITY)[0].object)
    leaf = plain(engine.one(SIGNED, "tls-public-certificate").object)
    assert ca["validityPeriodHours"] - ca["earlyRenewalHours"] > 5 * leaf["validityPeriodHours"], (
        "a renewed CA must be trusted anew by every client"
    )
    assert ca["earlyRenewalHours"] >= leaf["validityPeriodHours"], "a leaf would outlive its CA"


def test_no_server_certificate_is_longer_than_clients_accept(engine: Engine) -> None:
    declared(engine)
    for request in engine.created(SIGNED):
        leaf = plain(request.object)
        if request.name != "tls-inner-mail-certificate":  # no client of anybody's sees it
            assert leaf["validityPeriodHours"] <= HOURS_825_DAYS
        assert leaf["earlyRenewalHours"] >= 30 * 24, "a month to notice"
        rsa = ["key_encipherment"] if request.name.endswith("-older-certificate") else []
        assert leaf["allowedUses"] == ["digital_signature", *rsa, "server_auth"]


def test_the_public_certificate_names_the_host_alone(engine: Engine) -> None:
    declared(engine)
    request = plain(engine.one(REQUEST, "tls-public-request").object)
    assert request["dnsNames"] == ["mail.example.test"]
    assert request["subject"] == {"commonName": "mail.example.test"}
    assert not request.get("ipAddresses")


def test_the_inner_certificate_names_the_containers_and_loopback(engine: Engine) -> None:
    declared(engine)
    request = plain(engine.one(REQUEST, "tls-inner-request").object)
    assert request["dnsNames"] == ["localhost", "mysql"]
    assert request["ipAddresses"] == ["127.0.0.1"]


def test_the_mail_daemons_show_webmail_a_certificate_of_their_containers_names(engine: Engine) -> None:
    declared(engine)
    request = plain(engine.one(REQUEST, "tls-inner-mail-request").object)
    assert request["dnsNames"] == ["dovecot", "postfix"]
    leaf = plain(engine.one(SIGNED, "tls-inner-mail-certificate").object)
    assert leaf["validityPeriodHours"] == 10 * 365 * 24, "mail flows inside though nobody runs `up` for years"


def test_a_host_name_too_long_for_a_common_name_is_named_all_the_same(engine: Engine) -> None:
    name = f"{'a' * 60}.example.test"
    declared(engine, hostname=name)
    request = plain(engine.one(REQUEST, "tls-public-request").object)
    assert request["dnsNames"] == [name]
    assert "subject" not in request, "a common name has at most 64 characters (RFC 5280)"


def test_clients_trust_the_own_ca(engine: Engine) -> None:
    found = declared(engine)
    assert found["trust"] == found["ca"] == "certificate of tls-ca-certificate"
    assert found["certificate"] == "certificate of tls-public-certificate"
    assert found["key"] == "key of tls-public-key"


def test_webmail_has_a_key_of_its_own_under_the_same_name(engine: Engine) -> None:
    made: list[Certificates] = []
    keys: list[str] = []

    def program() -> None:
        made.append(Certificates("tls", CertificatesArgs(**declaration())))
        for identity in (made[0].public, made[0].webmail):
            Output.from_input(identity.key).apply(keys.append)

    declare(program)
    assert sorted(keys) == ["key of tls-public-key", "key of tls-webmail-key"]
    request = plain(engine.one(REQUEST, "tls-webmail-request").object)
    assert request["dnsNames"] == ["mail.example.test"]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CertificateConfig:
    monkeypatch.setattr(pem, "certificate_fault", lambda path: None)
    monkeypatch.setattr(pem, "key_fault", lambda path, certificate: None)
    monkeypatch.setattr(pem, "public_key", lambda path: f"public half of {Path(path).name}")
    for name in ("cert", "key", "ca"):
        (tmp_path / name).write_text(f"the {name}\n")
    return chosen(tmp_path)


def chosen(folder: Path, **changes: str) -> CertificateConfig:
    given = {"certificateFile": str(folder / "cert"), "keyFile": str(folder / "key"), **changes}
    return CertificateConfig.model_validate(given)


def test_files_take_the_place_of_the_public_certificate_alone(
    engine: Engine, files: CertificateConfig
) -> None:
    found = declared(engine, files=files)
    assert (found["certificate"], found["key"]) == ("the cert\n", "the key\n")
    assert {request.name for request in engine.created(SIGNED)} == {
        "tls-inner-certificate",
        "tls-inner-mail-certificate",
    }, "what is shown inside is the stack's own, whatever is shown outside"
    assert found["ca"] == "certificate of tls-ca-certificate", "the inner links still need a CA"


def test_webmail_shows_the_files_of_the_mail_daemons_unless_it_has_files_of_its_own(
    engine: Engine, files: CertificateConfig, tmp_path: Path
) -> None:
    made: list[Certificates] = []
    (tmp_path / "web-key").write_text("the webmail's key\n")
    own = chosen(tmp_path, keyFile=str(tmp_path / "web-key"))
    keys: list[Any] = []
    variants: list[dict[str, Any]] = [
        {"files": files},
        {"files": files, "webmail_files": own},
        {"webmail_files": own},
    ]

    def program() -> None:
        for number, given in enumerate(variants):
            args = CertificatesArgs(**declaration(**given))
            made.append(Certificates(f"tls{number}", args))
        for one in made:
            Output.all(one.public.key, one.webmail.key).apply(keys.append)

    declare(program)
    assert sorted(keys) == [
        ["key of tls2-public-key", "the webmail's key\n"],
        ["the key\n", "the key\n"],
        ["the key\n", "the webmail's key\n"],
    ]
    assert not [one.name for one in engine.created(SIGNED) if "webmail" in one.name]


def test_the_dns_is_told_every_key_that_the_mail_daemons_show_and_no_other(
    engine: Engine, files: CertificateConfig, tmp_path: Path
) -> None:
    told: list[list[str]] = []

    def program() -> None:
        own = chosen(tmp_path, certificateFile=str(tmp_path / "web-cert"))
        args = declaration()
        for number, given in enumerate(({}, {"webmail_files": own}, {"files": files, "webmail_files": own})):
            made = Certificates(f"tls{number}", CertificatesArgs(**{**args, **given}))
            Output.all(*made.public_keys).apply(told.append)

    (tmp_path / "web-cert").write_text("the webmail's certificate\n")
    declare(program)
    both = [sample_key(kind, "")["publicKeyPem"] for kind in ("ECDSA", "RSA")]
    assert sorted(told) == sorted([both, both, ["public half of cert"]])


def test_a_comment_in_another_encoding_breaks_no_file(engine: Engine, files: CertificateConfig) -> None:
    Path(files.certificate_file).write_bytes("# Müller\n".encode("latin-1") + b"the cert\n")
    assert declared(engine, files=files)["certificate"] == "# Mller\nthe cert\n"


def test_clients_trust_the_public_cas_unless_the_files_name_another(
    engine: Engine, files: CertificateConfig
) -> None:
    assert declared(engine, files=files)["trust"] == ""


def test_clients_trust_the_ca_that_the_files_name(
    engine: Engine, files: CertificateConfig, tmp_path: Path
) -> None:
    named = chosen(tmp_path, caFile=str(tmp_path / "ca"))
    assert declared(engine, files=named)["trust"] == "the ca\n"


def test_the_key_of_files_is_secret(engine: Engine, files: CertificateConfig) -> None:
    made: list[Certificates] = []
    args = CertificatesArgs(**declaration(), files=files)
    declare(lambda: made.append(Certificates("tls", args)))
    public, inner = (Output.from_input(each.key) for each in (made[0].public, made[0].inner))
    loop = asyncio.get_event_loop()
    assert loop.run_until_complete(public.is_secret()), "an output would show it"
    assert loop.run_until_complete(inner.is_secret()), "an output would show it"


def test_what_is_reached_by_an_address_of_loopback_is_named_by_it(engine: Engine) -> None:
    declared(engine, addresses=["127.0.0.1"])
    for name in ("public", "older", "webmail"):
        request = plain(engine.one(REQUEST, f"tls-{name}-request").object)
        assert (request["dnsNames"], request["ipAddresses"]) == (["mail.example.test"], ["127.0.0.1"])


def test_what_others_trust_or_the_dns_names_is_kept_and_the_inner_ca_is_not(engine: Engine) -> None:
    keeper = Keeper(connection=Connection(host="h", port=1, user="u", password="p"))
    engine.mocks = Finding()
    found = declared(engine, keeper=keeper)
    kept = {plain(request.object)["what"]: plain(request.object) for request in engine.created(KEPT)}
    assert set(kept) == {"tls-ca", "tls-public-key", "tls-older-key"}
    assert json.loads(kept["tls-ca"]["candidate"]) == {
        "private": "key of tls-ca-key",
        "public": "certificate of tls-ca-certificate",
    }
    assert all(is_secret(request.object.fields["candidate"]) for request in engine.created(KEPT))
    assert found["trust"] == "public of before"
    assert found["key"] == "private of before"
    assert found["ca"] == "certificate of tls-ca-certificate", "MySQL has to run before anything is found"
    for name, ca in (("public", "of before"), ("webmail", "of before"), ("inner", "key of tls-ca-key")):
        signed = plain(engine.one(SIGNED, f"tls-{name}-certificate").object)
        assert ca in signed["caPrivateKeyPem"], name


def test_a_kept_ca_that_ends_before_its_candidate_asks_for_renewal_is_told(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = maker()
    said: list[str] = []
    monkeypatch.setattr(pulumi, "warn", lambda text, _: said.append(text))
    files(root=31)
    keeper = Keeper(connection=Connection(host="h", port=1, user="u", password="p"))
    engine.mocks = Keeping(Path("ca.pem").read_text())
    declared(engine, keeper=keeper)
    assert said == []
    files(root=29)
    engine.mocks = Keeping(Path("ca.pem").read_text())
    declared(engine, keeper=keeper)
    end = NOW + 29 * DAY + DAY / 2
    assert said == [
        f"the stack's own CA ends on {end:%Y-%m-%d}, in 29 days; `rotate: {{ca: …}}` with another text makes "
        "a new one, which mail programs have to trust"
    ]


def test_the_kept_ca_is_the_same_one_whatever_its_generation(engine: Engine) -> None:
    keeper = Keeper(connection=Connection(host="h", port=1, user="u", password="p"))
    declared(engine, keeper=keeper, ca_generation="2", generation="2")
    kept = {plain(request.object)["what"]: plain(request.object) for request in engine.created(KEPT)}
    assert set(kept) == {"tls-ca", "tls-public-key", "tls-older-key"}
    assert "key of tls-ca-key-2" in kept["tls-ca"]["candidate"], "another candidate takes its place"
