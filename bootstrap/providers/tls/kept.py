"""What keys, requests and certificates share: reading a key, writing a name."""

import hashlib
from typing import TYPE_CHECKING, Any

from bootstrap.providers.declaration import Property
from bootstrap.providers.resource import Refused
from bootstrap.providers.values import Properties

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

__all__ = ["NAMES", "SUBJECT", "algorithm", "load_key", "public_digest", "subject", "subject_names"]

_SUBJECT_FIELDS = {
    "commonName": "COMMON_NAME",
    "country": "COUNTRY_NAME",
    "locality": "LOCALITY_NAME",
    "organization": "ORGANIZATION_NAME",
    "organizationalUnit": "ORGANIZATIONAL_UNIT_NAME",
    "postalCode": "POSTAL_CODE",
    "province": "STATE_OR_PROVINCE_NAME",
    "serialNumber": "SERIAL_NUMBER",
}

SUBJECT = Property(replaces=True, fields=dict.fromkeys(_SUBJECT_FIELDS, Property()))
NAMES = {name: Property(replaces=True) for name in ("dnsNames", "ipAddresses", "uris")}


def load_key(pem: str) -> "CertificateIssuerPrivateKeyTypes":
    """Return the private key in `pem`; raise Refused where there is none."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    if "-----BEGIN" not in pem:
        raise Refused(
            "Failed to parse private key PEM: failed to decode PEM block: "
            f"decoded bytes 0, undecoded {len(pem)}"
        )
    try:
        return load_pem_private_key(pem.encode(), password=None)  # type: ignore[return-value]
    except (ValueError, TypeError) as error:
        raise Refused(f"Failed to parse private key PEM: {error}") from None


def algorithm(key: Any) -> str:
    """Return the name of a private key's algorithm."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def public_digest(key: Any) -> str:
    """Return the SHA-1 of a public key, which identifies keys and requests."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha1(encoded, usedforsecurity=False).hexdigest()


def subject(values: Properties | None) -> "x509.Name":
    """Return a distinguished name."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    given = values or {}
    return x509.Name(
        [
            x509.NameAttribute(getattr(NameOID, oid), given[name])
            for name, oid in _SUBJECT_FIELDS.items()
            if given.get(name)
        ]
    )


def subject_names(inputs: Properties) -> list["x509.GeneralName"]:
    """Return the alternative names that the inputs ask for."""
    from ipaddress import ip_address

    from cryptography import x509

    names: list[x509.GeneralName] = [x509.DNSName(name) for name in inputs.get("dnsNames") or []]
    names += [x509.IPAddress(ip_address(address)) for address in inputs.get("ipAddresses") or []]
    return names + [x509.UniformResourceIdentifier(uri) for uri in inputs.get("uris") or []]
