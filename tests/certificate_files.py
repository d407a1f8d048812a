"""Key, chain and root of a test's own, as files in the working folder, with any time to live."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
HOST = "mail.example.test"

Files = Callable[..., dict[str, str]]


def maker() -> Files:
    """Return what writes key.pem, chain.pem (the server's certificate and `Branch`) and ca.pem (`Root`), and
    returns the setting that names them; each ends so many and a half days from now, after so long a life."""
    keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in (HOST, "Branch", "Root")}

    def make(leaf: float = 200, branch: float = 200, root: float = 200, life: float = 400) -> dict[str, str]:
        def one(name: str, signer: str, days: float) -> x509.Certificate:
            last = NOW + days * DAY + DAY / 2
            return _certificate(name, keys[name], (signer, keys[signer]), (last - life * DAY, last))

        write("chain.pem", one(HOST, "Branch", leaf), one("Branch", "Root", branch))
        write("ca.pem", one("Root", "Root", root))
        form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        Path("key.pem").write_bytes(keys[HOST].private_bytes(serialization.Encoding.PEM, form, plain))
        return {"certificateFile": "chain.pem", "keyFile": "key.pem", "caFile": "ca.pem"}

    return make


def write(path: str, *parts: x509.Certificate) -> None:
    """Write certificates into one file."""
    Path(path).write_bytes(b"".join(one.public_bytes(serialization.Encoding.PEM) for one in parts))


def _certificate(
    name: str, key: Any, signer: tuple[str, Any], life: tuple[datetime, datetime]
) -> x509.Certificate:
    subject, issuer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, signer[0])
    )
    made = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number(), *life)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST)])
    return made.add_extension(names, critical=False).sign(signer[1], hashes.SHA256())
