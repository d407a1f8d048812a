"""The certificate that the public ports show, where it comes from files.

Owns which files are needed and which names they must cover. Does not own what is in a file (pem.py,
chain.py), nor the CA of the stack (mailinfra/components/certificates.py).
"""

from collections.abc import Iterable, Iterator

from pydantic import Field

from mailinfra.config.model import Mistake, Model
from mailinfra.types import FilePath

NOBODY = ";"
"""What CAA says where no public authority may sign."""

LETS_ENCRYPT = "letsencrypt.org"

AUTHORITIES = {
    "Buypass AS-983163327": "buypass.com",
    "DigiCert Inc": "digicert.com",
    "GlobalSign nv-sa": "globalsign.com",
    "GoDaddy.com, Inc.": "godaddy.com",
    "Google Trust Services": "pki.goog",
    "Let's Encrypt": LETS_ENCRYPT,
    "Sectigo Limited": "sectigo.com",
    "ZeroSSL": "sectigo.com",
}
"""Organization that a certificate's issuer names -> the domain by which CAA names it, from ccadb.org."""


class CertificateConfig(Model):
    """Files of a certificate from elsewhere; paths are absolute or start at the project's folder."""

    certificate_file: FilePath = Field(examples=["tls/fullchain.pem"])
    """PEM file with the server's certificate first and the intermediate ones after it (certbot's
    `fullchain.pem`, not its `cert.pem`)."""

    key_file: FilePath = Field(examples=["tls/privkey.pem"])
    """PEM file with the private key of that certificate, without a passphrase."""

    ca_file: FilePath | None = Field(default=None, examples=["tls/ca.pem"])
    """PEM file with the CA that signed it; needed unless a public CA did, which clients know already."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return each file that cannot be used, and certificate and key that do not belong together."""
        from mailinfra.config import chain, pem

        files = {
            "certificateFile": (
                self.certificate_file,
                pem.certificate_fault(self.certificate_file)
                or chain.chain_fault(self.certificate_file, self.key_file, self.ca_file),
            ),
            "keyFile": (self.key_file, pem.key_fault(self.key_file, self.certificate_file)),
        }
        if self.ca_file is not None:
            files["caFile"] = (self.ca_file, pem.certificate_fault(self.ca_file))
        for place, (path, fault) in files.items():
            if fault:
                # Where the certificate itself is wrong or missing, a sound key is to blame for nothing.
                about = () if place != "keyFile" or pem.key_file_fault(path) else ("certificateFile",)
                yield Mistake(place=(place,), reason=fault, given=path, about=about)

    def authority(self) -> str | None:
        """Return the domain by which CAA names who signed the certificate; `;` for a CA of one's own, None
        for one that is not in the list."""
        from mailinfra.config import pem

        return NOBODY if self.ca_file else AUTHORITIES.get(pem.issuer(self.certificate_file))

    def public_key(self) -> str:
        """Return the PEM of the certificate's public key."""
        from mailinfra.config import pem

        return pem.public_key(self.certificate_file)

    def names(self) -> list[str] | None:
        """Return the DNS names that the certificate covers, in lower case; None when it cannot be read."""
        from mailinfra.config import pem

        return pem.names(self.certificate_file)


def authorities(given: Iterable[CertificateConfig | None]) -> list[str]:
    """Return the domains by which CAA names who signs these certificates, sorted; `;` alone where nobody
    public does; none where one of the authorities is not known.

    Without any file the stack's own CA signs, which CAA does not concern: named is the authority that the
    documentation takes.
    """
    files = [one for one in given if one is not None]
    if not files:
        return [LETS_ENCRYPT]
    found = [one.authority() for one in files]
    known = {one for one in found if one is not None}
    if len(known) < len(set(found)):
        return []
    return sorted(known - {NOBODY}) or [NOBODY]


def covers(names: list[str], hostname: str) -> bool:
    """Return whether one of a certificate's names is `hostname`; a wildcard stands for one whole label."""
    parent = hostname.partition(".")[2]
    return hostname in names or f"*.{parent}" in names
