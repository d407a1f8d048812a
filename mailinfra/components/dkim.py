"""DKIM keys: one set for the whole server, whichever domain a message is from.

Owns the keys, their form for the filter and their form for the DNS. Does not own who signs with them, their
states (config/dkim.py), or the records of a domain (dns.py).
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_tls as tls
from pulumi import ComponentResource, Output, ResourceOptions

from mailinfra.components.keeping import Keeper, Pair, kept
from mailinfra.components.own_provider import KeptNames
from mailinfra.config.dkim import DkimConfig, algorithm

RSA_BITS = 2048
"""Every verifier takes them (RFC 8301); the record of a longer key exceeds a plain UDP answer of 512
bytes."""


@dataclass(frozen=True, kw_only=True)
class DkimKeysArgs:
    """Which keys there are."""

    dkim: DkimConfig
    """Their selectors and states."""

    keeper: Keeper | None = None
    """What lets them outlive `destroy`: the DNS names them."""


class DkimKeys(ComponentResource):
    """The keys with which one mail server signs."""

    private_files: Output[dict[str, str]]
    """File name -> private key of each key that signs, as rspamd reads it; secret."""

    signing: list[tuple[str, str]]
    """Selector and file name of each key that signs."""

    sealing: tuple[str, str] | None
    """Those of the first one that ARC knows, which is RSA's."""

    public_records: Output[dict[str, str]]
    """Selector -> text of its record, for every key, whatever its state."""

    def __init__(self, name: str, args: DkimKeysArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:DkimKeys", name, None, opts)
        child = ResourceOptions(parent=self)
        names = {selector: f"{name}-{selector}" for selector in args.dkim.keys}
        keys = {selector: _key(each, selector, args, child) for selector, each in names.items()}
        if args.keeper is not None:
            # A line that is removed takes its key along; `destroy` does not.
            KeptNames(f"{name}-kept-names", args.keeper.connection, list(names.values()), child)
        self.signing = [(selector, f"{selector}.key") for selector in args.dkim.signing()]
        self.sealing = next((one for one in self.signing if algorithm(one[0]) == "rsa"), None)
        private = {file: _private(selector, keys[selector]) for selector, file in self.signing}
        self.private_files = Output.secret(_together(private))
        self.public_records = _together({selector: _public(selector, key) for selector, key in keys.items()})
        self.register_outputs(
            {"private_files": self.private_files, "public_records": self.public_records},
        )


def public_record(selector: str, pem: str) -> str:
    """Return the text of the record that verifies what the key of this public half signs (RFC 6376, 8463)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    key = load_pem_public_key(pem.encode())
    kind = algorithm(selector)
    content = (
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if kind == "rsa"
        else key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    )
    return f"v=DKIM1; k={kind}; p={base64.b64encode(content).decode()}"


def seed(pem: str) -> str:
    """Return an Ed25519 key as base64 of its 32 bytes: rspamd before 4.0 does not read PEM of this kind."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key(pem.encode(), password=None)
    return base64.b64encode(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())).decode()


def _key(name: str, selector: str, args: DkimKeysArgs, child: ResourceOptions) -> Pair:
    made = _made(name, selector, child)
    pair = Pair(private=Output.secret(made.private_key_pem), public=made.public_key_pem)
    return kept(args.keeper, name, pair, child)


def _made(name: str, selector: str, child: ResourceOptions) -> tls.PrivateKey:
    # Whatever a later version of this program would ask for, a key that the DNS names stays as it is: another
    # one has another selector. `destroy` has to take it along, so it is not protected.
    lasting = ResourceOptions.merge(
        child, ResourceOptions(ignore_changes=["algorithm", "ecdsaCurve", "rsaBits"])
    )
    if algorithm(selector) == "rsa":
        return tls.PrivateKey(name, algorithm="RSA", rsa_bits=RSA_BITS, opts=lasting)
    return tls.PrivateKey(name, algorithm="ED25519", opts=lasting)


def _private(selector: str, key: Pair) -> Output[str]:
    return key.private if algorithm(selector) == "rsa" else key.private.apply(seed)


def _public(selector: str, key: Pair) -> Output[str]:
    return key.public.apply(lambda pem: public_record(selector, pem))


def _together(values: Mapping[str, Output[str]]) -> Output[dict[str, str]]:
    return Output.all(*values.values()).apply(lambda known: dict(zip(values, known, strict=True)))
