"""PrivateKey: a key pair, made here."""

import base64
import hashlib
from typing import TYPE_CHECKING, ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.resource import Difference, Remembered
from bootstrap.providers.tls.kept import public_digest
from bootstrap.providers.values import Properties

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

__all__ = ["PrivateKey"]


class PrivateKey(Remembered):
    """A private key and what follows from it."""

    token = "tls:index/privateKey:PrivateKey"  # noqa: S105 (the type's name)
    meta = '{"schema_version":"1"}'
    properties: ClassVar = {
        "algorithm": Property(required=True, replaces=True, choices=("RSA", "ECDSA", "ED25519")),
        "ecdsaCurve": Property(replaces=True, choices=("P224", "P256", "P384", "P521")),
        "rsaBits": Property(replaces=True),
    }
    defaults: ClassVar = {"rsaBits": 2048, "ecdsaCurve": "P224"}
    outputs = (
        "privateKeyOpenssh",
        "privateKeyPem",
        "privateKeyPemPkcs8",
        "publicKeyFingerprintMd5",
        "publicKeyFingerprintSha256",
        "publicKeyOpenssh",
        "publicKeyPem",
    )
    secret_outputs = frozenset({"privateKeyOpenssh", "privateKeyPem", "privateKeyPemPkcs8"})

    def diff(self, state: Properties, inputs: Properties) -> Difference:
        """Say with each change that everything becomes another."""
        found = super().diff(state, inputs)
        if found.replaces:
            found.names = sorted({*found.names, *self.outputs, "id"})
        return found

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Make the key."""
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            PublicFormat,
        )

        key = _generate(self.given(inputs))
        ed25519 = inputs["algorithm"] == "ED25519"
        # The format that openssl names after the algorithm does not exist for Ed25519.
        traditional = PrivateFormat.PKCS8 if ed25519 else PrivateFormat.TraditionalOpenSSL
        small = inputs["algorithm"] == "ECDSA" and self.given(inputs)["ecdsaCurve"] == "P224"
        state = {
            **self.given(inputs),
            "privateKeyPem": key.private_bytes(Encoding.PEM, traditional, NoEncryption()).decode(),
            "privateKeyPemPkcs8": key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ).decode(),
            "publicKeyPem": key.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
        }
        # OpenSSH knows no key on the P-224 curve.
        state |= (
            dict.fromkeys([name for name in self.outputs if name not in state], "")
            if small
            else _openssh(key)
        )
        identity = public_digest(key.public_key())
        return identity, {**state, "id": identity}


def _openssh(key: "PrivateKeyTypes") -> dict[str, str]:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    blob = base64.b64decode(public.split()[1])
    digest = hashlib.md5(blob, usedforsecurity=False).digest()
    return {
        "privateKeyOpenssh": key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
        "publicKeyOpenssh": f"{public}\n",
        "publicKeyFingerprintMd5": digest.hex(":"),
        "publicKeyFingerprintSha256": "SHA256:"
        + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("="),
    }


def _generate(wanted: Properties) -> "PrivateKeyTypes":
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if wanted["algorithm"] == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=wanted["rsaBits"])
    if wanted["algorithm"] == "ED25519":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"P224": ec.SECP224R1(), "P256": ec.SECP256R1(), "P384": ec.SECP384R1(), "P521": ec.SECP521R1()}
    return ec.generate_private_key(curves[wanted["ecdsaCurve"]])
