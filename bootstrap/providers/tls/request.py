"""CertRequest: asks a CA for a certificate."""

from typing import ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.resource import Remembered
from bootstrap.providers.tls.kept import NAMES, SUBJECT, algorithm, load_key, subject, subject_names
from bootstrap.providers.values import Properties

__all__ = ["CertRequest"]


class CertRequest(Remembered):
    """A signing request."""

    token = "tls:index/certRequest:CertRequest"  # noqa: S105 (the type's name)
    properties: ClassVar = {
        "privateKeyPem": Property(required=True, replaces=True, secret=True),
        "subject": SUBJECT,
        **NAMES,
    }
    outputs = ("certRequestPem", "keyAlgorithm")

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Write and sign the request."""
        import hashlib

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.serialization import Encoding

        key = load_key(inputs["privateKeyPem"])
        kind = algorithm(key)
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject(inputs.get("subject")))
        if names := subject_names(inputs):
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        request = builder.sign(key, None if kind == "ED25519" else hashes.SHA256())
        identity = hashlib.sha1(request.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest()
        pem = request.public_bytes(Encoding.PEM).decode()
        return identity, {**self.given(inputs), "certRequestPem": pem, "keyAlgorithm": kind, "id": identity}
