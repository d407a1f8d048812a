"""The chain of a server's certificate: who signed whom, and whether clients can follow it today.

Owns the order of a chain file, its end, and which of its certificates are needed. Does not own what a single
file holds (pem.py), nor what is told beforehand of one that will end (endings.py).
"""

import itertools
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailinfra.config.pem import certificates, kind_fault, public_half

PUBLIC = Path("/usr/share/ca-certificates/mozilla")
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where systems keep the public CAs. The folder first: it is without those that a company has added here,
which the containers do not know."""


def chain_fault(path: str, key_path: str, ca_path: str | None) -> str | None:
    """Return what is wrong with the chain in a certificate file, and what to do; None if clients follow it.

    A file that cannot be read is reported elsewhere.
    """
    try:
        chain = certificates(path)
        trusted = certificates(ca_path) if ca_path else []
    except ValueError:
        return None
    return (
        _order_fault(chain, key_path)
        or _leaf_fault(chain[0])
        or _end_fault(chain, trusted)
        or _time_fault(needed(chain, trusted)[1:])
    )


def needed(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return what clients need to follow the chain: up to the one that a public CA signed, or the whole of it
    with the CAs in `trusted` above it.

    Chains of public CAs often go on, for clients that do not know the newest root: what comes after the first
    signature of a root that this machine knows may end before the rest.
    """
    found = list(chain)
    if not trusted:
        roots = public_roots() or ()
        for number, one in enumerate(chain, start=1):
            if any(_signed(one, root) or one == root for root in roots):
                return found[:number]
        return found
    last = found[-1]
    while last not in trusted or not _signed(last, last):
        signers = [one for one in trusted if _signed(last, one) and one not in found]
        if not signers:
            break
        last = max(signers, key=lambda one: one.not_valid_after_utc)
        found.append(last)
    return found


def _order_fault(chain: Sequence[x509.Certificate], key_path: str) -> str | None:
    try:
        key = public_half(key_path)
    except ValueError:
        key = None
    for number, one in enumerate(chain[1:], start=2):
        if key is not None and one.public_key() == key and chain[0].public_key() != key:
            return (
                f"holds the chain in the wrong order: the server's own certificate is number {number} in it; "
                "put it first, and after each one its signer"
            )
    for number, (one, signer) in enumerate(itertools.pairwise(chain), start=1):
        if not _signed(one, signer):
            return (
                f"holds the chain in the wrong order: number {number + 1} ({_name(signer)}) did not sign "
                f"number {number} ({_name(one)}); put the server's own first, and after each one its signer"
            )
    return None


def _leaf_fault(leaf: x509.Certificate) -> str | None:
    if fault := kind_fault(leaf.public_key()):
        return fault
    try:
        uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None
    if {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}.isdisjoint(uses):
        return "is not for a server (its extended key usage lacks serverAuth); get one that is"
    return None


def _end_fault(chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]) -> str | None:
    last = chain[-1]
    if trusted:
        while last not in trusted or not _signed(last, last):
            signer = next((one for one in trusted if _signed(last, one)), None)
            if signer is None:
                return (
                    f"ends with {_name(last)}, signed by {_issuer(last)}, which is not in 'caFile'; name the "
                    "file of the CA at the root there"
                )
            last = signer
        return None
    public = public_roots()
    if public is None or any(_signed(last, one) or last == one for one in public):
        return None
    if len(chain) == 1 and not _signed(last, last):
        return (
            "holds the server's certificate alone, and mail programs do not know who signed it "
            f"({_issuer(last)}); name the file with the whole chain (certbot's is fullchain.pem), or the "
            "signer under 'caFile' where that is a CA of your own"
        )
    return (
        f"ends with {_issuer(last)}, which is no public CA: neither mail programs nor the daemons among "
        "themselves trust it; name that CA under 'caFile'"
    )


def _time_fault(above: Sequence[x509.Certificate]) -> str | None:
    """Return which of those above the server's own does not hold today; pem.py judges that one."""
    now = datetime.now(UTC)
    for one in above:
        first, end = one.not_valid_before_utc, one.not_valid_after_utc
        if now > end or now < first:
            when = f"expired on {end:%Y-%m-%d}" if now > end else f"is not valid before {first:%Y-%m-%d}"
            return (
                f"rests on {_name(one)}, which {when}; get the chain anew from who signs your certificates, "
                "or name another CA under 'caFile' where that is one of your own"
            )
    return None


@cache
def public_roots() -> tuple[x509.Certificate, ...] | None:
    """Return the public CAs that this machine knows, or None where they are kept elsewhere."""
    files = sorted(PUBLIC.glob("*.crt")) or [path for path in map(Path, BUNDLES) if path.is_file()][:1]
    found: list[x509.Certificate] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old roots have numbers that are none today
        for path in files:
            try:
                found += x509.load_pem_x509_certificates(path.read_bytes())
            except (OSError, ValueError):
                continue
    return tuple(found) or None


def _signed(one: x509.Certificate, signer: x509.Certificate) -> bool:
    if one.issuer != signer.subject:
        return False
    try:
        one.verify_directly_issued_by(signer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _name(one: x509.Certificate) -> str:
    return common_name(one.subject)


def _issuer(one: x509.Certificate) -> str:
    return common_name(one.issuer)


def common_name(name: x509.Name) -> str:
    """Return what people call it, in quotes."""
    names = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return repr(str(names[0].value) if names else name.rfc4514_string())
