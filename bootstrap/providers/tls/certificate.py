"""SelfSignedCert and LocallySignedCert: certificates signed here, and when they ask to be renewed."""

from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.resource import Difference, Existing, Refused, Remembered
from bootstrap.providers.tls.kept import NAMES, SUBJECT, algorithm, load_key, subject, subject_names
from bootstrap.providers.tls.usage import EXTENDED, USAGES, add_usages
from bootstrap.providers.values import Properties

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["LocallySignedCert", "SelfSignedCert"]

_REPLACES = Property(replaces=True)
_COMMON = {
    "allowedUses": Property(required=True, replaces=True, choices=(*USAGES, *EXTENDED)),
    "validityPeriodHours": Property(required=True, replaces=True),
    "earlyRenewalHours": Property(),
    "isCaCertificate": _REPLACES,
    "maxPathLength": Property(replaces=True, computed=True),
    "setSubjectKeyId": _REPLACES,
}
_DEFAULTS = {"earlyRenewalHours": 0, "isCaCertificate": False, "setSubjectKeyId": False}
_OUTPUTS = ("certPem", "validityStartTime", "validityEndTime")


class _Certificate(Remembered):
    """What both kinds of certificate share."""

    def preview(self, inputs: Properties) -> Properties:
        """Return what is known before: a new certificate is not up for renewal."""
        return {**super().preview(inputs), "readyForRenewal": False}

    def diff(self, state: Properties, inputs: Properties) -> Difference:
        """Ask for a replacement also when the time of renewal has come."""
        found = super().diff(state, inputs)
        wanted = self.comparable(state, inputs)
        early = wanted["earlyRenewalHours"]
        if _due(state["validityEndTime"], early):
            found.names = sorted({*found.names, "readyForRenewal"})
            found.replaces = [*found.replaces, "readyForRenewal"]
        elif "validityPeriodHours" in found.names and early >= wanted["validityPeriodHours"]:
            found.names = sorted({*found.names, "readyForRenewal"})
        return found

    def read(self, old: Existing) -> tuple[str, Properties]:
        """Return the state, with today's answer to whether it is time to renew."""
        due = _due(old.state["validityEndTime"], old.state["earlyRenewalHours"])
        return old.identity, {**old.state, "readyForRenewal": due}

    def update(self, old: Existing, inputs: Properties) -> Properties:
        """Take over another time of renewal."""
        changed = self.planned(old.state, inputs)
        return self.read(Existing(identity=old.identity, state=changed))[1]

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Sign the certificate."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.serialization import Encoding

        wanted = self.given(inputs)
        start = datetime.now(UTC)
        end = start + timedelta(hours=wanted["validityPeriodHours"])
        serial = x509.random_serial_number() >> 32
        builder = x509.CertificateBuilder().serial_number(serial).not_valid_before(start).not_valid_after(end)
        builder = add_usages(builder, wanted["allowedUses"])
        builder = builder.add_extension(
            x509.BasicConstraints(wanted["isCaCertificate"], wanted.get("maxPathLength")), critical=True
        )
        builder, key, state = self.fill(builder, wanted)
        certificate = builder.sign(key, None if algorithm(key) == "ED25519" else hashes.SHA256())
        state |= {
            "id": str(serial),
            "certPem": certificate.public_bytes(Encoding.PEM).decode(),
            "validityStartTime": _time(start),
            "validityEndTime": _time(end),
            "readyForRenewal": _due(_time(end), wanted["earlyRenewalHours"]),
        }
        return str(serial), {**wanted, **state}

    @abstractmethod
    def fill(self, builder: Any, wanted: Properties) -> tuple["x509.CertificateBuilder", Any, Properties]:
        """Put in issuer, subject and names; return also the signing key and more of the state."""


class SelfSignedCert(_Certificate):
    """A certificate that vouches for itself: a CA's."""

    token = "tls:index/selfSignedCert:SelfSignedCert"  # noqa: S105 (the type's name)
    properties: ClassVar = {
        **_COMMON,
        "privateKeyPem": Property(required=True, replaces=True, secret=True),
        "subject": SUBJECT,
        "setAuthorityKeyId": _REPLACES,
        **NAMES,
    }
    defaults: ClassVar = {**_DEFAULTS, "setAuthorityKeyId": False}
    outputs = (*_OUTPUTS, "keyAlgorithm")

    def fill(self, builder: Any, wanted: Properties) -> tuple["x509.CertificateBuilder", Any, Properties]:
        """Put in the subject as its own issuer."""
        from cryptography import x509

        key = load_key(wanted["privateKeyPem"])
        name = subject(wanted.get("subject"))
        builder = builder.subject_name(name).issuer_name(name).public_key(key.public_key())
        if names := subject_names(wanted):
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = _add_key_ids(builder, wanted, key.public_key(), key.public_key())
        return builder, key, {"keyAlgorithm": algorithm(key)}


class LocallySignedCert(_Certificate):
    """A certificate that a CA's key signs."""

    token = "tls:index/locallySignedCert:LocallySignedCert"  # noqa: S105 (the type's name)
    properties: ClassVar = {
        **_COMMON,
        "caCertPem": Property(required=True, replaces=True),
        "caPrivateKeyPem": Property(required=True, replaces=True, secret=True),
        "certRequestPem": Property(required=True, replaces=True),
    }
    defaults: ClassVar = _DEFAULTS
    outputs = (*_OUTPUTS, "caKeyAlgorithm")

    def fill(self, builder: Any, wanted: Properties) -> tuple["x509.CertificateBuilder", Any, Properties]:
        """Put in what the request asks for, and the CA as issuer."""
        from cryptography import x509

        key = load_key(wanted["caPrivateKeyPem"])
        try:
            authority = x509.load_pem_x509_certificate(wanted["caCertPem"].encode())
            request = x509.load_pem_x509_csr(wanted["certRequestPem"].encode())
        except ValueError as error:
            raise Refused(f"Failed to parse certificate or certificate request PEM: {error}") from None
        public = request.public_key()
        builder = builder.subject_name(request.subject).issuer_name(authority.subject).public_key(public)
        for extension in request.extensions:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                builder = builder.add_extension(extension.value, critical=False)
        builder = _add_key_ids(builder, {**wanted, "setAuthorityKeyId": True}, public, authority.public_key())
        return builder, key, {"caKeyAlgorithm": algorithm(key)}


def _add_key_ids(builder: Any, wanted: Properties, public: Any, authority: Any) -> Any:
    from cryptography import x509

    # A CA's certificate always carries its key's identifier: chains are found by it.
    if wanted["setSubjectKeyId"] or wanted["isCaCertificate"]:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    if wanted.get("setAuthorityKeyId"):
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority)
        builder = builder.add_extension(identifier, critical=False)
    return builder


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _due(end: str, early_hours: float) -> bool:
    return datetime.now(UTC) >= datetime.fromisoformat(end) - timedelta(hours=early_hours)
