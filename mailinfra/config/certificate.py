"""The certificate that the public ports show, where it comes from files.

Owns which files are needed and which names they must cover. Does not own what is in a file (pem.py,
chain.py), nor the CA of the stack (mailinfra/components/certificates.py).
"""

from collections.abc import Iterator

from pydantic import Field

from mailinfra.config.model import Mistake, Model
from mailinfra.types import FilePath


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

    def names(self) -> list[str] | None:
        """Return the DNS names that the certificate covers, in lower case; None when it cannot be read."""
        from mailinfra.config import pem

        return pem.names(self.certificate_file)


def covers(names: list[str], hostname: str) -> bool:
    """Return whether one of a certificate's names is `hostname`; a wildcard stands for one whole label."""
    parent = hostname.partition(".")[2]
    return hostname in names or f"*.{parent}" in names
