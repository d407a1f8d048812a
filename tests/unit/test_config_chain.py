"""A chain that clients cannot follow is refused, and so is a key of a kind that they do not know."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailinfra.config import chain
from tests.unit.form import accepted, form, refused

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
HOST = "mail.example.test"

Signer = tuple[x509.Certificate, Any]


def signed(name: str, key: Any, by: Signer | None, *extensions: x509.ExtensionType) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        by[0].subject if by else subject, subject, key.public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signing = by[1] if by else key
    return builder.sign(signing, None if isinstance(signing, ed25519.Ed25519PrivateKey) else hashes.SHA256())


class Authority:
    """A root, an intermediate CA and a server's certificate."""

    def __init__(self, key: Any, *extensions: x509.ExtensionType) -> None:
        root_key, middle_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.root = signed("Root of a Company", root_key, None)
        self.middle = signed("Branch", middle_key, (self.root, root_key))
        names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
        self.leaf = signed(HOST, key, (self.middle, middle_key), names, *extensions)
        self.other = signed("Nobody", middle_key, None)
        form_of_key = serialization.PrivateFormat.PKCS8
        Path("key.pem").write_bytes(
            key.private_bytes(serialization.Encoding.PEM, form_of_key, serialization.NoEncryption())
        )

    def files(self, *names: str, ca: str | None = "root") -> dict[str, str]:
        """Write a certificate file of these; return the setting that names it."""
        self._write("chain.pem", *names)
        if ca is None:
            return {"certificateFile": "chain.pem", "keyFile": "key.pem"}
        self._write("ca.pem", ca)
        return {"certificateFile": "chain.pem", "keyFile": "key.pem", "caFile": "ca.pem"}

    def _write(self, path: str, *names: str) -> None:
        parts = [getattr(self, name).public_bytes(serialization.Encoding.PEM) for name in names]
        Path(path).write_bytes(b"".join(parts))


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Authority]:
    monkeypatch.chdir(tmp_path)

    def make(key: Any = None, *extensions: x509.ExtensionType) -> Authority:
        return Authority(key or ec.generate_private_key(ec.SECP256R1()), *extensions)

    return make


def told(setting: dict[str, str]) -> str:
    (line,) = refused(form(certificate=setting))
    return line


def test_a_whole_chain_of_a_companys_ca_is_taken_with_that_ca(made: Callable[..., Authority]) -> None:
    authority = made()
    for parts in (("leaf", "middle"), ("leaf", "middle", "root")):
        assert accepted(form(certificate=authority.files(*parts))).certificate is not None


def test_a_chain_of_a_public_ca_is_taken_as_it_is(
    made: Callable[..., Authority], monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = made()
    monkeypatch.setattr(chain, "public_roots", lambda: (authority.root,))
    assert accepted(form(certificate=authority.files("leaf", "middle", ca=None))).certificate is not None


def test_the_servers_certificate_alone_is_refused(made: Callable[..., Authority]) -> None:
    assert told(made().files("leaf", ca=None)) == (
        "server.certificate.certificateFile: holds the server's certificate alone, and mail programs do not "
        "know who signed it ('Branch'); name the file with the whole chain (certbot's is fullchain.pem), or "
        "the signer under 'caFile' where that is a CA of your own; given 'chain.pem'"
    )


def test_a_chain_with_a_gap_before_its_ca_is_refused(made: Callable[..., Authority]) -> None:
    assert "ends with 'mail.example.test', signed by 'Branch', which is not in 'caFile'" in told(
        made().files("leaf")
    )


def test_a_ca_that_is_no_root_is_refused(made: Callable[..., Authority]) -> None:
    line = told(made().files("leaf", ca="middle"))
    assert (
        "ends with 'Branch', signed by 'Root of a Company', which is not in 'caFile'; name the file of"
        in line
    )


def test_a_chain_of_a_companys_ca_is_refused_without_that_ca(made: Callable[..., Authority]) -> None:
    line = told(made().files("leaf", "middle", ca=None))
    assert "ends with 'Root of a Company', which is no public CA" in line
    assert "name that CA under 'caFile'" in line


def test_a_certificate_that_signed_itself_is_refused_unless_it_is_its_own_ca(
    made: Callable[..., Authority],
) -> None:
    authority = made()
    key = ec.generate_private_key(ec.SECP256R1())
    authority.leaf = signed(HOST, key, None, x509.SubjectAlternativeName([x509.DNSName(HOST)]))
    form_of_key = serialization.PrivateFormat.PKCS8
    Path("key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form_of_key, serialization.NoEncryption())
    )
    assert "ends with 'mail.example.test', which is no public CA" in told(authority.files("leaf", ca=None))
    assert accepted(form(certificate=authority.files("leaf", ca="leaf"))).certificate is not None


def test_a_chain_in_the_wrong_order_is_named_as_such_and_the_key_is_not_blamed(
    made: Callable[..., Authority],
) -> None:
    lines = refused(form(certificate=made().files("root", "middle", "leaf")))
    assert (
        "server.certificate.certificateFile: holds the chain in the wrong order: the server's own "
        "certificate is number 3 in it; put it first, and after each one its signer; given 'chain.pem'"
    ) in lines
    assert not any("keyFile" in line for line in lines)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            ("leaf", "root", "middle"),
            "number 2 ('Root of a Company') did not sign number 1 ('mail.example.test')",
        ),
        (("leaf", "middle", "other"), "number 3 ('Nobody') did not sign number 2 ('Branch')"),
        (("leaf", "leaf", "middle"), "number 2 ('mail.example.test') did not sign number 1"),
    ],
)
def test_a_certificate_that_did_not_sign_the_one_before_it_is_named(
    made: Callable[..., Authority], parts: tuple[str, ...], said: str
) -> None:
    assert said in told(made().files(*parts))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "is of a kind that mail programs do not know (Ed25519)"),
        (ec.generate_private_key(ec.SECP256K1()), "is of a kind that mail programs do not know (secp256k1)"),
        (rsa.generate_private_key(65537, 1024), "has an RSA key of 1024 bits, which is refused as too short"),
    ],
    ids=["ed25519", "secp256k1", "rsa1024"],
)
def test_a_key_that_mail_programs_do_not_take_is_refused(
    made: Callable[..., Authority], key: Any, said: str
) -> None:
    lines = refused(form(certificate=made(key).files("leaf", "middle")))
    assert [line.partition(": ")[0] for line in lines] == [
        "server.certificate.certificateFile",
        "server.certificate.keyFile",
    ]
    assert all(said in line for line in lines)


@pytest.mark.parametrize("bits", [2048, 3072])
def test_an_rsa_key_of_todays_length_is_taken(made: Callable[..., Authority], bits: int) -> None:
    authority = made(rsa.generate_private_key(65537, bits))
    assert accepted(form(certificate=authority.files("leaf", "middle"))).certificate is not None


def test_a_certificate_for_clients_is_refused(made: Callable[..., Authority]) -> None:
    only = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    line = told(made(None, only).files("leaf", "middle"))
    assert "is not for a server (its extended key usage lacks serverAuth)" in line


def test_where_no_public_ca_is_known_nothing_is_said_of_the_end(
    made: Callable[..., Authority], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "public_roots", lambda: None)
    assert accepted(form(certificate=made().files("leaf", ca=None))).certificate is not None


def test_the_public_cas_of_this_machine_are_read() -> None:
    roots = chain.public_roots()
    assert roots is None or len(roots) > 50
