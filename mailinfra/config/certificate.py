"""The certificate that the public ports show, where it comes from files or by ACME.

Owns which files are needed and which names they must cover, and whom ACME asks. Does not own what is in a
file (pem.py, chain.py), nor the CA of the stack (mailinfra/components/certificates.py).
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from mailinfra.config.model import Items, Mistake, Model
from mailinfra.types import DomainName, FilePath, ForeignAddress

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


DIRECTORIES = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
"""Word -> the directory of a CA (RFC 8555, section 7.1.1)."""


def acme_directory(value: str) -> str:
    """Return a word of DIRECTORIES or a URL; raise ValueError for anything else."""
    if value in DIRECTORIES or re.fullmatch(r"https://[A-Za-z0-9.\[\]:_~%/?=&+-]+", value):
        return value
    raise ValueError(f"must be {' or '.join(map(repr, DIRECTORIES))}, or the https:// address of a directory")


def dns_provider(value: str) -> str:
    """Return the code of a provider; raise ValueError for what is none."""
    if re.fullmatch(r"[a-z][a-z0-9]*", value):
        return value
    raise ValueError("is no code of lego's; write one like 'cloudflare' (https://go-acme.github.io/lego/dns)")


class DnsChallengeConfig(Model):
    """The CA is answered by a record that is written for the time of it: nothing has to be reached from
    outside, and the names need not lead here. `mailinfra:acmeCredentials` are the provider's variables."""

    provider: Annotated[str, AfterValidator(dns_provider)] = Field(examples=["cloudflare"])
    """Who serves the zone, by lego's code: https://go-acme.github.io/lego/dns has it, and the names of the
    variables, `CF_DNS_API_TOKEN` for example."""

    check_propagation: bool = True
    """Whether the CA is asked only once all of the zone's servers have the record; `false` where they cannot
    be asked from here."""


class KeyKind(StrEnum):
    """What the certificate's key is made for."""

    ECDSA = "ecdsa"
    RSA = "rsa"


class AcmeConfig(Model):
    """A certificate by ACME: had at the first `up`, and renewed for ever while everything runs. The CA asks
    at port 80 of each name, so `ports.webmailRedirect` has to be reached there, unless `dns` answers. Until
    the first one is there the stack's own is shown. docs/operations.md says what a failure means."""

    email: ForeignAddress = Field(examples=["postmaster@example.org"])
    """Address that the CA writes to."""

    directory: Annotated[str, AfterValidator(acme_directory)] = Field(
        default="letsencrypt", examples=["letsencrypt-staging"]
    )
    """Whom to ask: `letsencrypt`; `letsencrypt-staging`, whose certificates no client knows and whose limits
    are wide, to try with; or the address of another CA's directory. With its first certificate you agree to
    the CA's terms."""

    ca_file: FilePath | None = Field(default=None, examples=["tls/company-ca.pem"])
    """PEM file with the CA of the directory's own address and of the certificates; needed unless a public CA
    signed them."""

    names: Items[DomainName] = Field(default=(), examples=[["autoconfig.example.org", "mta-sts.example.org"]])
    """Further names that it covers, beside `hostname`. Each leads to this server."""

    key: Annotated[KeyKind, Field(strict=False)] = Field(default=KeyKind.ECDSA, examples=["rsa"])
    """Kind of its key: `ecdsa` (P-256), or `rsa` (2048 bits), which other servers of any age know, and mail
    programs compute longer with. Another one is had at once."""

    dns: DnsChallengeConfig | None = None
    """A record in the DNS answers the CA, in place of port 80."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return a CA file that cannot be used."""
        if self.ca_file is None:
            return
        from mailinfra.config import pem

        if fault := pem.certificate_fault(self.ca_file):
            yield Mistake(place=("caFile",), reason=fault, given=self.ca_file)

    def url(self) -> str:
        """Return the address of the directory."""
        return DIRECTORIES.get(self.directory, self.directory)

    def all_names(self, hostname: str) -> list[str]:
        """Return what the certificate covers: the host name first, each once."""
        return list(dict.fromkeys([hostname, *self.names]))

    def is_public(self) -> bool:
        """Return whether clients know the CA; it is not known of every directory, and then they are not told
        to insist."""
        return self.directory == "letsencrypt"

    def authority(self) -> str | None:
        """Return the domain by which CAA names the CA; None for one that is not in the list."""
        return LETS_ENCRYPT if self.directory in DIRECTORIES else None


class PublicCertificateConfig(Model):
    """The certificate of the public ports: `certificateFile` and `keyFile` name one from elsewhere, or `acme`
    has one made. Paths are absolute or start at the project's folder."""

    certificate_file: FilePath | None = Field(default=None, examples=["tls/fullchain.pem"])
    """PEM file with the server's certificate first and the intermediate ones after it (certbot's
    `fullchain.pem`, not its `cert.pem`)."""

    key_file: FilePath | None = Field(default=None, examples=["tls/privkey.pem"])
    """PEM file with the private key of that certificate, without a passphrase."""

    ca_file: FilePath | None = Field(default=None, examples=["tls/ca.pem"])
    """PEM file with the CA that signed it; needed unless a public CA did, which clients know already."""

    acme: AcmeConfig | None = None
    """In place of files."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return what is missing, is there twice or cannot be used."""
        given = {
            "certificateFile": self.certificate_file,
            "keyFile": self.key_file,
            "caFile": self.ca_file,
        }
        for key, path in given.items():
            if self.acme is not None and path is not None:
                reason = "is of no use with 'acme', which brings key and certificate; remove one of the two"
                yield Mistake(place=(key,), reason=reason, about=("acme",))
            if self.acme is None and path is None and key != "caFile":
                yield Mistake(place=(key,), reason="is missing; add it", about=("acme",))
        if self.acme is None and self.certificate_file is None and self.key_file is not None:
            from mailinfra.config import pem

            if fault := pem.key_file_fault(self.key_file):
                yield Mistake(place=("keyFile",), reason=fault, given=self.key_file)
        if (files := self.files()) is not None:
            yield from files.contradictions()

    def files(self) -> CertificateConfig | None:
        """Return the files; None where there are none, or not all."""
        if self.acme is not None or self.certificate_file is None or self.key_file is None:
            return None
        return CertificateConfig.model_construct(
            certificate_file=self.certificate_file, key_file=self.key_file, ca_file=self.ca_file
        )


def authorities(given: Iterable[CertificateConfig | AcmeConfig | None]) -> list[str]:
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
