"""The names of the tests' world: the zones that the name server answers from.

Owns every name that the tests use. Does not own addresses (addresses.py) or the server (image/names.py).
"""

from ipaddress import ip_address

from tests.e2e.ground.addresses import PEERS, POSTFIX, POSTFIX6, STRANGER, STRANGER6

HOSTNAME = "mail.example.test"
"""Name of the mail server under test."""

REPORTED = "reported.example.net"
"""In a domain that rspamd takes for one: the public suffix list does not know `.test`."""

READERS = {
    "itself": f"mailto:dmarc@{REPORTED}",
    "an agency": "mailto:agency@example.com!10m",
    "a stranger": "mailto:victim@example.org",
}

Zones = dict[str, list[tuple[str, str]]]


def zones() -> Zones:
    """Return name -> (type, value) for every name of the world."""
    found: Zones = {
        HOSTNAME: [("A", POSTFIX), ("AAAA", POSTFIX6), ("TXT", "v=spf1 a -all")],
        "example.test": [("MX", f"10 {HOSTNAME}."), ("TXT", "v=spf1 mx -all")],
        "second.test": [("MX", f"10 {HOSTNAME}.")],
        "twin.test": [("MX", f"10 {HOSTNAME}.")],
        "peer.test": [("MX", "10 mx1.peer.test."), ("MX", "20 mx2.peer.test.")],
        "plain.test": [("MX", "10 plain.peer.test.")],
        "only6.test": [("MX", "10 six.peer.test.")],
        "six.peer.test": [("AAAA", PEERS["mx2"][1])],
        "no-mx.test": [("A", PEERS["mx2"][0])],
        "null-mx.test": [("MX", "0 .")],
        "stranger.test": [("A", STRANGER), ("AAAA", STRANGER6), ("MX", "10 mx1.peer.test.")],
        "client.stranger.test": [("A", STRANGER), ("AAAA", STRANGER6)],
        "example.net": [("MX", "10 mx1.peer.test.")],  # the friend of the README
        "lost.test": [("SERVFAIL", "")],
        # Asks for reports: itself, who agrees to get them, and who never heard of it.
        **_sender(REPORTED, f"ip4:{STRANGER} ip6:{STRANGER6}", f"reject; rua={','.join(READERS.values())}"),
        f"{REPORTED}._report._dmarc.example.com": [("TXT", "v=DMARC1")],
        "example.com": [("MX", "10 mx1.peer.test.")],
        # Who writes from where they say, with a wish for all others, and two that never write.
        **_sender("honest.test", f"ip4:{STRANGER} ip6:{STRANGER6}", "reject"),
        **_sender("strict.test", "", "reject"),
        "known.test": [("MX", "10 mx1.peer.test."), ("TXT", f"v=spf1 ip4:{STRANGER} ip6:{STRANGER6} -all")],
        **_sender("careful.test", "", "quarantine"),
    }
    for peer, (address, address6) in PEERS.items():
        found[f"{peer}.peer.test"] = [("A", address), ("AAAA", address6)]
        for number in (address, address6):
            found[ip_address(number).reverse_pointer] = [("PTR", f"{peer}.peer.test.")]
    return found


def _sender(domain: str, may: str, wish: str) -> Zones:
    """Return a domain whose mail comes from `may` alone (SPF), and what becomes of other mail (DMARC)."""
    return {
        domain: [("MX", "10 mx1.peer.test."), ("TXT", " ".join(f"v=spf1 {may} -all".split()))],
        f"_dmarc.{domain}": [("TXT", f"v=DMARC1; p={wish}")],
    }
