"""The world around the filter: who sends from where, whose records say what, and who signs and seals.

Owns the zones and the keys of strangers. Does not own the server's own records: those are what the program
says (`dns_records`), served as they are.
"""

import json
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from functools import cache
from typing import Any

import dkim  # type: ignore[import-untyped]
import dns.resolver
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailinfra.cli.dns.records import read, zones
from mailinfra.cli.dns.zone_file import zone_file
from mailinfra.components.dkim import public_record
from mailinfra.components.dns import DnsArgs, dns_records
from mailinfra.config.dkim import DkimConfig
from tests.filter.milter import HOSTNAME, STRANGER
from tests.filter.yard import DOMAINS, SELECTORS, keys
from tests.name_server import NameServer

ELSEWHERE = "198.51.100.66"
"""Where nobody's mail comes from."""

FORWARDER = "198.51.100.8"
"""Where a mailing list sends from, which no other domain names."""

ZONE = """\
$TTL 5
{zone}. IN SOA ns.{zone}. hostmaster.{zone}. 1 7200 3600 1209600 5
{zone}. IN NS ns.{zone}.
"""


@cache
def foreign_key() -> tuple[bytes, str]:
    """Return the key with which every stranger signs, as PEM, and its record."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return private, public_record("rsa-1", public)


def _texts(text: str) -> str:
    return " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))


def _sender(domain: str, spf: str, wish: str | None, *more: str) -> str:
    lines = [f"{domain}. IN MX 10 {domain}.", f"{domain}. IN A {STRANGER}", *more]
    if spf:
        lines.append(f'{domain}. IN TXT "{spf}"')
    if wish:
        lines.append(f'_dmarc.{domain}. IN TXT "v=DMARC1; p={wish}"')
    lines.append(f"s._domainkey.{domain}. IN TXT {_texts(foreign_key()[1])}")
    return ZONE.format(zone=domain) + "\n".join(lines) + "\n"


def strangers() -> dict[str, str]:
    """Return zone -> its file for everybody who writes to us."""
    own = f"v=spf1 ip4:{STRANGER} -all"
    return {
        "honest.test": _sender("honest.test", own, "reject", f"mx.honest.test. IN A {STRANGER}"),
        "strict.test": _sender("strict.test", "v=spf1 -all", "reject"),
        "careful.test": _sender("careful.test", "v=spf1 -all", "quarantine"),
        "easy.test": _sender("easy.test", "v=spf1 -all", "none"),
        "list.test": _sender("list.test", f"v=spf1 ip4:{FORWARDER} -all", None),
        "other.test": _sender("other.test", f"v=spf1 ip4:{FORWARDER} -all", None),
        "plain.test": ZONE.format(zone="plain.test") + f"plain.test. IN A {STRANGER}\n",
    }


def own_records(**changes: Any) -> list[dict[str, Any]]:
    """Return the output `dns_records` of the server, or as given."""
    values: dict[str, Any] = {
        "hostname": HOSTNAME,
        "addresses": ["192.0.2.25"],
        "domains": list(DOMAINS),
        "dkim": DkimConfig.model_validate({"keys": dict.fromkeys(SELECTORS, "signing")}),
        "dkim_records": dict(keys().public),
        **changes,
    }
    return [record.output() for record in dns_records(DnsArgs(**values))]


def own_zones(records: list[dict[str, Any]]) -> dict[str, str]:
    """Return zone -> its file, as `make dns` writes it."""
    return {
        zone: zone_file(zone, rows, HOSTNAME, 1) for zone, rows in zones(read(json.dumps(records))).items()
    }


def without(files: Mapping[str, str], name: str) -> dict[str, str]:
    """Return zones without the records of one name."""
    return {
        zone: "".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"{name}. "))
        for zone, text in files.items()
    }


# Messages


def letter(
    sender: str, to: str = "alice@example.test", text: str = "Hello there.\r\n", **headers: str
) -> bytes:
    """Return a message; other names are headers of it."""
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = sender, to, "A letter"
    message["Date"], message["Message-ID"] = (
        formatdate(),
        make_msgid(domain=sender.rpartition("@")[2].strip("<>")),
    )
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def signed(raw: bytes, domain: str) -> bytes:
    """Return a message with a DKIM signature of a stranger's domain."""
    private, _ = foreign_key()
    return bytes(dkim.sign(raw, b"s", domain.encode(), private)) + raw


def sealed(raw: bytes, sealer: str, said: str) -> bytes:
    """Return what a forwarder passes on that noted `said` of it and seals it (ARC, RFC 8617)."""
    private, _ = foreign_key()
    noted = f"Authentication-Results: {sealer}; {said}\r\n".encode() + raw
    lines = dkim.arc_sign(noted, b"s", sealer.encode(), private, sealer.encode())
    return b"".join(lines) + noted


def asking(names: NameServer) -> Any:
    """Return how dkimpy asks these names, over the network as anybody does."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [names.host], names.port

    def ask(name: bytes, timeout: float = 5) -> bytes | None:
        try:
            answer = resolver.resolve(name.decode(), "TXT", lifetime=timeout)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        return b"".join(answer[0].strings)

    return ask


def signers(raw: bytes, names: NameServer) -> list[tuple[str, str]]:
    """Return domain and algorithm of each signature; fail where one does not verify by the records there."""
    found = []
    for place, header in enumerate(message_from_bytes(raw).get_all("DKIM-Signature", [])):
        try:
            is_right = dkim.DKIM(raw).verify(idx=place, dnsfunc=asking(names))
        except dkim.ValidationError:
            is_right = False
        assert is_right, header
        tags = dict(
            part.strip().split("=", 1) for part in str(header).replace("\n", "").split(";") if "=" in part
        )
        found.append((tags["d"], tags["a"]))
    return sorted(found)
