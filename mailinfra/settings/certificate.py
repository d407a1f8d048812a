"""The certificate that the public ports show, where it comes from files.

Owns what files may be used: readable, in date, matching each other and the host name. Does not own the CA
of the stack (mailinfra/certificates.py).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import Field

from mailinfra.settings.model import Mistake, Model
from mailinfra.types import FilePath


class CertificateConfig(Model):
    """Files of a certificate from elsewhere; paths are absolute or start at the project's folder."""

    certificate_file: FilePath = Field(examples=["tls/fullchain.pem"])
    """PEM file with the server's certificate first and the intermediate ones after it."""

    key_file: FilePath = Field(examples=["tls/privkey.pem"])
    """PEM file with the private key of that certificate, without a passphrase."""

    ca_file: FilePath | None = Field(default=None, examples=["tls/ca.pem"])
    """PEM file with the CA that signed it, where that is no public one that every client knows already."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return each file that cannot be used, and certificate and key that do not belong together."""
        try:
            certificate: x509.Certificate | None = first_certificate(self.certificate_file)
        except ValueError as error:
            certificate = None
            yield Mistake(place=("certificateFile",), reason=str(error), given=self.certificate_file)
        try:
            key: PublicKeyTypes | None = public_half(self.key_file)
        except ValueError as error:
            key = None
            yield Mistake(place=("keyFile",), reason=str(error), given=self.key_file)
        if certificate and key and _spki(certificate.public_key()) != _spki(key):
            reason = (
                f"is not the key of {self.certificate_file}: every handshake would fail; name the key that "
                "the certificate was requested with"
            )
            yield Mistake(place=("keyFile",), reason=reason, given=self.key_file)
        if certificate:
            yield from _out_of_date(certificate, "certificateFile", self.certificate_file)
        if self.ca_file is not None:
            try:
                yield from _out_of_date(first_certificate(self.ca_file), "caFile", self.ca_file)
            except ValueError as error:
                yield Mistake(place=("caFile",), reason=str(error), given=self.ca_file)

    def names(self) -> list[str] | None:
        """Return the DNS names that the certificate covers, in lower case; None when it cannot be read.

        A common name does not count: clients ignore it (RFC 9525).
        """
        try:
            extensions = first_certificate(self.certificate_file).extensions
            found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        except ValueError:
            return None
        return [name.lower() for name in found.get_values_for_type(x509.DNSName)]


def covers(names: list[str], hostname: str) -> bool:
    """Return whether one of a certificate's names is `hostname`; a wildcard stands for one whole label."""
    parent = hostname.partition(".")[2]
    return hostname in names or f"*.{parent}" in names


def first_certificate(path: str) -> x509.Certificate:
    """Return the first certificate of a PEM file; raise ValueError with what is wrong with the file."""
    text = _read(path)
    if b"PRIVATE KEY" in text:
        raise ValueError("holds a private key; name the certificate here and the key in 'keyFile'")
    try:
        return x509.load_pem_x509_certificates(text)[0]
    except ValueError:
        raise ValueError("holds no PEM certificate; it starts with '-----BEGIN CERTIFICATE-----'") from None


def public_half(path: str) -> PublicKeyTypes:
    """Return the public key of a PEM private key; raise ValueError with what is wrong with the file."""
    text = _read(path)
    if b"BEGIN CERTIFICATE" in text:
        raise ValueError(
            "holds a certificate; name the private key here and the certificate in 'certificateFile'"
        )
    try:
        return load_pem_private_key(text, password=None).public_key()
    except TypeError:
        raise ValueError(
            "is encrypted; the daemons need it without a passphrase: `openssl pkey -in … -out …`"
        ) from None
    except ValueError:
        raise ValueError("holds no PEM private key; it starts with '-----BEGIN PRIVATE KEY-----'") from None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(
            f"cannot be read ({(error.strerror or 'unknown reason').lower()}); correct the path"
        ) from None


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _out_of_date(certificate: x509.Certificate, key: str, path: str) -> Iterator[Mistake]:
    now = datetime.now(UTC)
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > last:
        yield Mistake(place=(key,), reason=f"expired on {last:%Y-%m-%d}; renew it", given=path)
    if now < first:
        reason = f"is not valid before {first:%Y-%m-%d}; use one that is valid today, or correct the clock"
        yield Mistake(place=(key,), reason=reason, given=path)
