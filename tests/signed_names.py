"""A DNS server for tests whose root is signed with a key of its own: what a validating resolver asks.

One signed zone holds every name, so there is one key to trust. Names below `insecure` are delegated without
a key, as most of the world is. Owns no daemon that asks.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from tests.name_server import NameServer

DAY = 86400

HEAD = ". 30 IN SOA a. b. 1 3600 900 86400 1\n. 30 IN NS a.\n"


@dataclass(kw_only=True)
class SignedNames(NameServer):
    """What it knows, and what is wrong about it."""

    names: str
    """Lines of the signed zone."""

    insecure: Collection[str] = ()
    """Zones that are delegated without a key; their names are in `zones`."""

    bogus: set[str] = field(default_factory=set)
    """Names whose signatures are spoiled."""

    signs: bool = True
    """Whether it hands out signatures; without them it is a resolver that knows no DNSSEC."""

    seconds: float = 0.0
    """How long every answer takes."""

    @property
    def anchor(self) -> str:
        """The key to trust, as a line of a zone file."""
        return f". IN DNSKEY {self._key.to_text()}\n"

    def __post_init__(self) -> None:
        super().__post_init__()
        cuts = "".join(f"{name}. 30 IN NS ns.{name}.\n" for name in self.insecure)
        self._signed = dns.zone.from_text(HEAD + self.names + cuts, origin=".", relativize=False)
        private = ec.generate_private_key(ec.SECP256R1())
        self._key = dns.dnssec.make_dnskey(private.public_key(), "ECDSAP256SHA256", flags=257)
        now = int(time.time())
        dns.dnssec.sign_zone(
            self._signed,
            keys=[(private, self._key)],
            inception=now - DAY,
            expiration=now + 30 * DAY,
        )
        self._order = sorted(name for name, node in self._signed.nodes.items() if node.get_rdataset(IN, NSEC))

    def answer(self, wire: bytes, *, over_udp: bool) -> bytes | None:
        """Return the answer to a question; None for none."""
        time.sleep(self.seconds)
        return super().answer(wire, over_udp=over_udp)

    def _fill(
        self, response: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> None:
        is_cut = name.to_text(omit_final_dot=True) in self.insecure
        below = any(name.is_subdomain(dns.name.from_text(one)) for one in self.insecure)
        if below and not (is_cut and kind == dns.rdatatype.DS):
            super()._fill(response, name, kind)
            return
        node = self._signed.get_node(name)
        found = node.get_rdataset(IN, kind) if node is not None else None
        if found is not None:
            self._put(response.answer, name, [kind])
            return
        self._put(response.authority, dns.name.root, [dns.rdatatype.SOA])
        proofs = [name]
        if node is None and not any(one.is_subdomain(name) for one in self._signed):
            response.set_rcode(dns.rcode.NXDOMAIN)
            proofs.append(dns.name.Name((b"*", *self._encloser(name).labels)))
        if self.signs:
            for owner in {max(one for one in self._order if one <= proof) for proof in proofs}:
                self._put(response.authority, owner, [NSEC])

    def _encloser(self, name: dns.name.Name) -> dns.name.Name:
        while name != dns.name.root and not any(one.is_subdomain(name) for one in self._signed):
            name = name.parent()
        return name

    def _put(
        self, section: list[dns.rrset.RRset], name: dns.name.Name, kinds: Sequence[dns.rdatatype.RdataType]
    ) -> None:
        node = self._signed.nodes[name]
        for kind in kinds:
            section.append(_rrset(name, node.find_rdataset(IN, kind)))
            if self.signs:
                signatures = _rrset(name, node.find_rdataset(IN, dns.rdatatype.RRSIG, covers=kind))
                section.append(_spoiled(signatures) if self._is_bogus(name) else signatures)

    def _is_bogus(self, name: dns.name.Name) -> bool:
        return name.to_text(omit_final_dot=True) in self.bogus


IN, NSEC = dns.rdataclass.IN, dns.rdatatype.NSEC


def _rrset(name: dns.name.Name, rdataset: dns.rdataset.Rdataset) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset))


def _spoiled(signatures: dns.rrset.RRset) -> dns.rrset.RRset:
    """Return signatures that fit nothing."""
    spoiled = [one.replace(signature=bytes(len(one.signature))) for one in signatures]
    return dns.rrset.from_rdata_list(signatures.name, signatures.ttl, spoiled)
