"""Which networks the tests live in: documentation ranges (RFC 5737, RFC 3849) that are free on this machine.

Owns every address of the tests. Does not own names (zones.py) or containers (world.py).
"""

import re
import socket
import struct
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network
from itertools import islice
from pathlib import Path

DOCUMENTATION = [IPv4Network(f"{net}/24") for net in ("198.51.100.0", "203.0.113.0", "192.0.2.0")]


def routed() -> list[IPv4Network]:
    """Return the IPv4 networks that this machine has a route to, without the default one."""
    found = []
    for line in Path("/proc/net/route").read_text().splitlines()[1:]:
        fields = line.split()
        target, mask = (struct.pack("<I", int(fields[place], 16)) for place in (1, 7))
        network = IPv4Network(f"{socket.inet_ntoa(target)}/{socket.inet_ntoa(mask)}")
        if network.prefixlen:
            found.append(network)
    return found


def asked() -> list[IPv4Network]:
    """Return the addresses that images are built from and names are asked of: apt's mirrors, name servers.

    A network of Docker's would take over the way to them. Private networks have mirrors at any address.
    """
    folder = Path("/etc/apt")
    sources = [folder / "sources.list", *folder.glob("sources.list.d/*")]
    text = " ".join(file.read_text() for file in sources if file.is_file())
    found = set(re.findall(r"^nameserver\s+([\d.]+)$", Path("/etc/resolv.conf").read_text(), re.MULTILINE))
    for host in {"deb.debian.org", *re.findall(r"https?://([^/:\s]+)", text)}:
        with suppress(OSError):
            found |= set(socket.gethostbyname_ex(host)[2])
    return [IPv4Network(address) for address in sorted(found)]


def unused(count: int) -> list[IPv4Network]:
    """Return `count` documentation networks of 64 addresses that nothing on this machine uses."""
    taken = [*routed(), *asked()]
    candidates = (part for net in DOCUMENTATION for part in net.subnets(new_prefix=26))
    found = list(
        islice((net for net in candidates if not any(net.overlaps(other) for other in taken)), count)
    )
    if len(found) < count:
        raise RuntimeError(f"no documentation network is left beside {[str(net) for net in taken]}")
    return found


SUBNET, OUTSIDE, SECOND = unused(3)
"""Networks of the stack, of the world that reaches it through published ports only, of a second stack."""

SUBNET6 = IPv6Network("2001:db8:e2e:1::/64")
OUTSIDE6 = IPv6Network("2001:db8:e2e:2::/64")

HOST_OUTSIDE, HOST_OUTSIDE6 = str(OUTSIDE[1]), str(OUTSIDE6[1])
"""The Docker host as the world sees it."""

CLIENT_OUTSIDE6 = str(OUTSIDE6[10])
CLIENT_OUTSIDE, NAME_SERVER = str(OUTSIDE[10]), str(OUTSIDE[53])
"""A client there, and the name server; containers reach the latter at port 53 of `HOST_OUTSIDE`."""

FRONT, INNER, DATABASE, DEPLOYMENT = SUBNET.subnets(prefixlen_diff=2)
"""The networks of the stack."""

DOVECOT, POSTFIX, WEBMAIL = (str(FRONT[number]) for number in (3, 4, 5))
DOVECOT6, POSTFIX6, WEBMAIL6 = (str(SUBNET6[number]) for number in (3, 4, 5))

INNER_DOVECOT, MYSQL = str(INNER[3]), str(DATABASE[2])
"""Where Postfix reaches Dovecot, and all daemons MySQL."""

STRANGER, STRANGER6 = str(FRONT[14]), str(SUBNET6[14])
"""A client in the network `front` that nobody has invited."""

PEERS = {
    peer: (str(FRONT[number]), str(SUBNET6[number]))
    for number, peer in enumerate(("mx1", "mx2", "plain"), 11)
}
"""Peer mail server -> its IPv4 and its IPv6 address."""
