"""Certificates: a CA of the stack's own, and what the daemons show to clients and to each other.

Owns the CA, the public certificate (signed by it, or from files) and the inner ones. Does not own how a file
reaches a container, nor the check of files (config/certificate.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import pulumi
import pulumi_tls as tls
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.components.handles import Identity
from mailinfra.components.keeping import Keeper, Pair, kept
from mailinfra.components.passwords import generated_name
from mailinfra.config import endings
from mailinfra.config.certificate import CertificateConfig, KeyKind
from mailinfra.containers.rendering import text_of

YEAR = 365 * 24
"""Hours."""

CA_HOURS, CA_RENEWAL_HOURS = 20 * YEAR, 2 * YEAR
"""Inside the renewal window every `up` asks for a new one, and clients must then trust the new CA: hardly
ever."""

LEAF_HOURS, LEAF_RENEWAL_HOURS = 2 * YEAR, YEAR // 2
"""Apple's clients refuse more than 825 days from a private CA (support.apple.com/103769). An `up` within
the last half year renews it, a planned and visible step."""


INNER_HOURS, INNER_RENEWAL_HOURS = 10 * YEAR, 5 * YEAR
"""Of what only our own containers see: mail flows inside, however long nobody runs `up`."""


@dataclass(frozen=True, kw_only=True)
class CertificatesArgs:
    """What certificates are about."""

    stack: str
    """`<project>-<stack>`: what the CA is named after, so that a new host name leaves it as it is."""

    hostname: str
    """The server's own name, which the public certificate names."""

    inner_names: Sequence[str]
    """Names of the database's container, which its certificate names."""

    mail_names: Sequence[str]
    """Names of the mail daemons' containers, which the certificate names that they show to webmail."""

    files: CertificateConfig | None = None
    """The public certificate where it comes from elsewhere; otherwise the own CA signs it."""

    keeper: Keeper | None = None
    """What lets the CA and the keys that the DNS names outlive `destroy`."""

    addresses: Sequence[str] = ()
    """Addresses of loopback by which mail programs and browsers reach the server."""

    ca_generation: str = ""
    """Which CA the own one is."""

    generation: str = ""
    """Which keys the daemons show."""

    renewed: KeyKind | None = None
    """Of which kind the key is for which somebody else's certificate takes the place of what the own CA
    signs: that is shown until then, and has one key for all, as the other one. None where nobody's does."""

    webmail_files: CertificateConfig | None = None
    """The webmail's, where it comes from elsewhere and is another one."""


class Certificates(ComponentResource):
    """The certificates of one mail server."""

    public: Identity
    """What the mail daemons show on the public ports."""

    webmail: Identity
    """What webmail shows under the same name: with a key of its own, unless files bring one key for all."""

    older: Identity | None
    """The same as `public` with an RSA key, for other servers that know no other; None where the certificate
    comes from elsewhere."""

    public_keys: Sequence[Input[str]]
    """PEM of the public half of each key that the mail daemons show, for the DNS."""

    inner: Identity
    """What the database shows on the inner network; the stack's own CA signed it, always."""

    inner_mail: Identity
    """What the mail daemons show to webmail, which asks for them by their containers' names; the stack's own
    CA signed it, always (docs/adr/0027-two-certificates.md)."""

    def __init__(self, name: str, args: CertificatesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Certificates", name, None, opts)
        child = ResourceOptions(parent=self)

        ca_key = _key(f"{name}-ca", child, args.ca_generation).private
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
        # MySQL has to run before what it keeps is found, so the link to it has a CA of this state.
        inner_authority = _Authority(certificate=ca.cert_pem, key=ca_key)
        # The one that mail programs trust already.
        trusted = kept(args.keeper, f"{name}-ca", Pair(private=ca_key, public=ca.cert_pem), child)
        authority = _Authority(certificate=trusted.public, key=trusted.private)
        inner_names = ["localhost", *args.inner_names]
        inner_key = _key(f"{name}-inner", child, args.generation)
        self.inner = inner_authority.issue(f"{name}-inner", inner_key, inner_names, ["127.0.0.1"], child)
        self.inner_mail = inner_authority.issue(
            f"{name}-inner-mail",
            _key(f"{name}-inner-mail", child, args.generation),
            args.mail_names,
            [],
            child,
            hours=(INNER_HOURS, INNER_RENEWAL_HOURS),
        )
        self.older = None
        if args.files is None:
            names, addresses = [args.hostname], args.addresses
            is_rsa = args.renewed is KeyKind.RSA
            kind = f"{name}-older" if is_rsa else f"{name}-public"
            key = _kept_key(kind, args, child, rsa=is_rsa)
            self.public = authority.issue(kind, key, names, addresses, child, rsa=is_rsa)
            self.public_keys = [key.public]
            if args.renewed is not None:
                self.webmail = self.public
            else:
                older = _kept_key(f"{name}-older", args, child, rsa=True)
                self.older = authority.issue(f"{name}-older", older, names, addresses, child, rsa=True)
                self.public_keys = [key.public, older.public]
        else:
            self.public = self.webmail = _read(args.files)
            self.public_keys = [args.files.public_key()]
        if args.webmail_files is not None:
            self.webmail = _read(args.webmail_files)
        elif args.files is None and args.renewed is None:
            webmail_key = _key(f"{name}-webmail", child, args.generation)
            self.webmail = authority.issue(
                f"{name}-webmail", webmail_key, [args.hostname], args.addresses, child
            )
        self._watch(authority)
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

    def _watch(self, authority: "_Authority") -> None:
        """Warn of what ends soon and is not renewed by this update: the CA that was kept is older than the
        candidate of this state, which alone asks for its renewal."""
        own = [
            (
                "the stack's own CA",
                authority.certificate,
                "`rotate: {ca: …}` with another text makes a new one, which mail programs have to trust",
            ),
            *(
                (f"the certificate {what}", one.certificate, "`rotate: {certificates: …}` makes another one")
                for what, one in (
                    ("for the public ports", self.public),
                    ("with an RSA key", self.older),
                    ("for webmail", self.webmail),
                    ("for the database's link", self.inner),
                    ("for webmail's link to the mail daemons", self.inner_mail),
                )
                # Of files of one's own config/endings.py tells.
                if one is not None and isinstance(one.certificate, Output)
            ),
        ]
        for what, text, remedy in own:
            Output.from_input(text).apply(partial(self._warn, what, remedy))

    def _warn(self, what: str, remedy: str, text: str) -> None:
        for line in endings.of_own(what, text, remedy, datetime.now(UTC)):
            pulumi.warn(line, self)


@dataclass(frozen=True, kw_only=True)
class _Authority:
    """A CA that can sign."""

    certificate: Output[str]
    key: Output[str]

    def issue(
        self,
        name: str,
        pair: Pair,
        names: Sequence[str],
        addresses: Sequence[str],
        child: ResourceOptions,
        *,
        rsa: bool = False,
        hours: tuple[int, int] = (LEAF_HOURS, LEAF_RENEWAL_HOURS),
    ) -> Identity:
        """Return what a server shows that is reached under `names` and `addresses`; with `rsa` its key also
        serves the suites without forward secrecy. `hours` are how long it holds, and how long before its end
        an `up` renews it."""
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=pair.private,
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
            validity_period_hours=hours[0],
            early_renewal_hours=hours[1],
            opts=child,
        )
        return Identity(certificate=certificate.cert_pem, key=pair.private, ca=self.certificate)


def _read(files: CertificateConfig) -> Identity:
    return Identity(
        certificate=text_of(files.certificate_file),
        key=Output.secret(text_of(files.key_file)),
        ca=text_of(files.ca_file) if files.ca_file else "",
    )


def _key(name: str, child: ResourceOptions, generation: str, *, rsa: bool = False) -> Pair:
    resource = generated_name(f"{name}-key", generation)
    if rsa:
        made = tls.PrivateKey(resource, algorithm="RSA", opts=child)  # of 2048 bits
    else:
        made = tls.PrivateKey(resource, algorithm="ECDSA", ecdsa_curve="P256", opts=child)
    return Pair(private=Output.secret(made.private_key_pem), public=made.public_key_pem)


def _kept_key(name: str, args: CertificatesArgs, child: ResourceOptions, *, rsa: bool = False) -> Pair:
    """Return a key that the DNS may name (TLSA)."""
    return kept(args.keeper, f"{name}-key", _key(name, child, args.generation, rsa=rsa), child)
