"""PEM files: what a certificate or key file holds, and what is wrong with it.

Owns reading and judging one such file. Does not own which files are configured (certificate.py, storage.py),
which import this only where files are named: it takes longer to load than all models together; nor who
signed whom (chain.py).
"""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

UNKNOWN_KIND = "is of a kind that mail programs do not know ({}); use one with an ECDSA (P-256) or RSA key"

LEAST_RSA = 2048
"""Bits. Debian's OpenSSL refuses shorter keys (security level 2), and so do mail programs."""

CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def certificate_fault(path: str) -> str | None:
    """Return what is wrong with a certificate file, and what to do; None if a client would take it today."""
    try:
        found = certificate(path)
    except ValueError as error:
        return str(error)
    now = datetime.now(UTC)
    first, last = found.not_valid_before_utc, found.not_valid_after_utc
    if now > last:
        return f"expired on {last:%Y-%m-%d}; renew it"
    if now < first:
        return f"is not valid before {first:%Y-%m-%d}; use one that is valid today, or correct the clock"
    return None


def key_file_fault(path: str) -> str | None:
    """Return what is wrong with a key file by itself, and what to do; None if it holds a key."""
    try:
        public_half(path)
    except ValueError as error:
        return str(error)
    return None


def key_fault(path: str, certificate_path: str) -> str | None:
    """Return what is wrong with a key file, and what to do; None if it is the key of that certificate.

    An unreadable certificate is not counted against the key.
    """
    try:
        key = public_half(path)
    except ValueError as error:
        return str(error)
    try:
        signed = certificate(certificate_path).public_key()
    except ValueError:
        return None
    if _same(key, signed) or any(_same(key, one.public_key()) for one in certificates(certificate_path)):
        return None  # a chain in the wrong order is the certificate's fault
    return (
        f"is not the key of {certificate_path}: every handshake would fail; name the key that the "
        "certificate was requested with"
    )


def names(path: str) -> list[str] | None:
    """Return the DNS names that a certificate covers, in lower case; None when it cannot be read.

    A common name does not count: clients ignore it (RFC 9525).
    """
    try:
        extensions = certificate(path).extensions
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    except ValueError:
        return None
    return [name.lower() for name in found.get_values_for_type(x509.DNSName)]


def issuer(path: str) -> str:
    """Return the organization that signed a certificate; empty where it names none."""
    found = certificate(path).issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return str(found[0].value) if found else ""


def public_key(path: str) -> str:
    """Return the PEM of a certificate's public key."""
    key = certificate(path).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def certificate(path: str) -> x509.Certificate:
    """Return the first certificate of a PEM file; raise ValueError with what is wrong with the file."""
    return certificates(path)[0]


def certificates(path: str) -> list[x509.Certificate]:
    """Return all certificates of a PEM file; raise ValueError with what is wrong with the file."""
    text = _read(path)
    if b"PRIVATE KEY" in text:
        raise ValueError("holds a private key; name the file that holds the certificate")
    try:
        found = x509.load_pem_x509_certificates(text)
        for one in found:
            one.public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(UNKNOWN_KIND.format(_first_line(error))) from None
    except ValueError:
        raise ValueError("holds no PEM certificate; it starts with '-----BEGIN CERTIFICATE-----'") from None
    return found


def public_half(path: str) -> PublicKeyTypes:
    """Return the public key of a PEM private key; raise ValueError with what is wrong with the file."""
    text = _read(path)
    if b"BEGIN CERTIFICATE" in text:
        raise ValueError(
            "holds a certificate; name the private key here and the certificate in 'certificateFile'"
        )
    try:
        found = load_pem_private_key(text, password=None).public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(UNKNOWN_KIND.format(_first_line(error))) from None
    except TypeError:
        raise ValueError(
            "is encrypted; the daemons need it without a passphrase: `openssl pkey -in … -out …`"
        ) from None
    except ValueError:
        raise ValueError("holds no PEM private key; it starts with '-----BEGIN PRIVATE KEY-----'") from None
    if fault := kind_fault(found):
        raise ValueError(fault)
    return found


def kind_fault(key: PublicKeyTypes) -> str | None:
    """Return what is wrong with the kind of a server's key; None if every mail program knows it."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return None if isinstance(key.curve, CURVES) else UNKNOWN_KIND.format(key.curve.name)
    if isinstance(key, rsa.RSAPublicKey):
        short = (
            f"has an RSA key of {key.key_size} bits, which is refused as too short; make one of {LEAST_RSA}"
        )
        return short if key.key_size < LEAST_RSA else None
    return UNKNOWN_KIND.format(type(key).__name__.removesuffix("PublicKey"))


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ValueError(f"cannot be read ({reason}); correct the path") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]


def _same(one: PublicKeyTypes, other: PublicKeyTypes) -> bool:
    der, info = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return one.public_bytes(der, info) == other.public_bytes(der, info)
