"""Certificates: a CA of the stack's own, and what the daemons show to clients and to each other.

Owns the CA, the public certificate (signed by it, or from files) and the inner one. Does not own how a file
reaches a container, nor the check of files (config/certificate.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi_tls as tls
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.components.handles import Identity
from mailinfra.config.certificate import CertificateConfig
from mailinfra.containers.rendering import text_of

YEAR = 365 * 24
"""Hours."""

CA_HOURS, CA_RENEWAL_HOURS = 20 * YEAR, 2 * YEAR
"""Inside the renewal window every `up` asks for a new one, and clients must then trust the new CA: hardly
ever."""

LEAF_HOURS, LEAF_RENEWAL_HOURS = 2 * YEAR, YEAR // 2
"""Apple's clients refuse more than 825 days from a private CA (support.apple.com/103769). An `up` within
the last half year renews it, a planned and visible step."""


@dataclass(frozen=True, kw_only=True)
class CertificatesArgs:
    """What certificates are about."""

    stack: str
    """`<project>-<stack>`: what the CA is named after, so that a new host name leaves it as it is."""

    hostname: str
    """The server's own name, which the public certificate names."""

    inner_names: Sequence[str]
    """Names of the containers on the inner network, which the inner certificate names."""

    files: CertificateConfig | None = None
    """The public certificate where it comes from elsewhere; otherwise the own CA signs it."""

    webmail_files: CertificateConfig | None = None
    """The webmail's, where it comes from elsewhere and is another one."""


class Certificates(ComponentResource):
    """The certificates of one mail server."""

    public: Identity
    """What the mail daemons show on the public ports, and to each other."""

    webmail: Identity
    """What webmail shows under the same name: with a key of its own, unless files bring one key for all."""

    older: Identity | None
    """The same as `public` with an RSA key, for other servers that know no other; None where the certificate
    comes from elsewhere."""

    public_keys: Sequence[Input[str]]
    """PEM of the public half of each key that the mail daemons show, for the DNS."""

    inner: Identity
    """What the database shows on the inner network; the stack's own CA signed it, always."""

    def __init__(self, name: str, args: CertificatesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Certificates", name, None, opts)
        child = ResourceOptions(parent=self)

        ca_key: Output[str] = Output.secret(_key(f"{name}-ca", child).private_key_pem)
        ca = tls.SelfSignedCert(
            f"{name}-ca-certificate",
            private_key_pem=ca_key,
            subject=tls.SelfSignedCertSubjectArgs(common_name=f"CA of {args.stack}"[:64]),
            is_ca_certificate=True,
            set_subject_key_id=True,  # strict verifiers (Python 3.13's default) ask for it
            allowed_uses=["cert_signing", "crl_signing"],
            validity_period_hours=CA_HOURS,
            early_renewal_hours=CA_RENEWAL_HOURS,
            # Every client would have to trust another CA, and MySQL to start again, for the sake of a name.
            opts=ResourceOptions.merge(child, ResourceOptions(ignore_changes=["subject"])),
        )
        authority = _Authority(certificate=ca.cert_pem, key=ca_key)
        inner_names = ["localhost", *args.inner_names]
        inner_key = _key(f"{name}-inner", child)
        self.inner = authority.issue(f"{name}-inner", inner_key, inner_names, ["127.0.0.1"], child)
        self.older = None
        if args.files is None:
            key, older = _key(f"{name}-public", child), _key(f"{name}-older", child, rsa=True)
            self.public = authority.issue(f"{name}-public", key, [args.hostname], [], child)
            self.older = authority.issue(f"{name}-older", older, [args.hostname], [], child, rsa=True)
            self.public_keys = [key.public_key_pem, older.public_key_pem]
        else:
            self.public = self.webmail = _read(args.files)
            self.public_keys = [args.files.public_key()]
        if args.webmail_files is not None:
            self.webmail = _read(args.webmail_files)
        elif args.files is None:
            webmail_key = _key(f"{name}-webmail", child)
            self.webmail = authority.issue(f"{name}-webmail", webmail_key, [args.hostname], [], child)
        self.register_outputs(
            {
                "ca": self.inner.ca,
                "trust": self.public.ca,
                "certificate": self.public.certificate,
                "key": self.public.key,
                "inner_certificate": self.inner.certificate,
                "inner_key": self.inner.key,
            }
        )


@dataclass(frozen=True, kw_only=True)
class _Authority:
    """A CA that can sign."""

    certificate: Output[str]
    key: Output[str]

    def issue(
        self,
        name: str,
        private: tls.PrivateKey,
        names: Sequence[str],
        addresses: Sequence[str],
        child: ResourceOptions,
        *,
        rsa: bool = False,
    ) -> Identity:
        """Return what a server shows that is reached under `names` and `addresses`; with `rsa` its key also
        serves the suites without forward secrecy."""
        key: Output[str] = Output.secret(private.private_key_pem)
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key,
            subject=tls.CertRequestSubjectArgs(common_name=names[0]) if len(names[0]) <= 64 else None,
            dns_names=names,
            ip_addresses=addresses,
            opts=child,
        )
        certificate = tls.LocallySignedCert(
            f"{name}-certificate",
            cert_request_pem=request.cert_request_pem,
            ca_cert_pem=self.certificate,
            ca_private_key_pem=self.key,
            allowed_uses=["digital_signature", *(["key_encipherment"] if rsa else []), "server_auth"],
            validity_period_hours=LEAF_HOURS,
            early_renewal_hours=LEAF_RENEWAL_HOURS,
            opts=child,
        )
        return Identity(certificate=certificate.cert_pem, key=key, ca=self.certificate)


def _read(files: CertificateConfig) -> Identity:
    return Identity(
        certificate=text_of(files.certificate_file),
        key=Output.secret(text_of(files.key_file)),
        ca=text_of(files.ca_file) if files.ca_file else "",
    )


def _key(name: str, child: ResourceOptions, *, rsa: bool = False) -> tls.PrivateKey:
    if rsa:
        return tls.PrivateKey(f"{name}-key", algorithm="RSA", opts=child)  # of 2048 bits
    return tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=child)
