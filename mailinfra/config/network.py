"""Where the server is reached: ports on the host, and the networks of its containers.

Owns which ports and subnets go together, and which part of the subnet each network has. Does not own who is
in which network (components/network.py), nor names and certificates (certificate.py).
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network

from pydantic import Field

from mailinfra.config.model import Mistake, Model
from mailinfra.types import Port, PortOrOff, Subnet4, Subnet6, nobodys

FRONT, INNER, DATABASE, DEPLOYMENT = NETWORKS = ("front", "inner", "database", "deployment")
"""The networks of one stack. The order is that of the quarters of its subnet, and part of every stack."""


class PortsConfig(Model):
    """TCP ports on the host. `false` turns one off; a laptop chooses high ones."""

    smtp: Port = Field(default=25, examples=[2525])
    """Port for mail from other servers (SMTP with STARTTLS). Other servers know no other port than 25."""

    submission: PortOrOff = Field(default=587, examples=[2587])
    """Port where mail programs hand in mail with STARTTLS, or false."""

    submissions: PortOrOff = Field(default=465, examples=[2465])
    """Port where mail programs hand in mail with TLS from the first byte, or false."""

    imap: PortOrOff = Field(default=143, examples=[2143])
    """Port for reading mail over IMAP with STARTTLS, or false."""

    imaps: PortOrOff = Field(default=993, examples=[2993])
    """Port for reading mail over IMAP with TLS from the first byte, or false."""

    pop3: PortOrOff = Field(default=110, examples=[2110])
    """Port for fetching mail over POP3 with STLS, or false."""

    pop3s: PortOrOff = Field(default=995, examples=[2995])
    """Port for fetching mail over POP3 with TLS from the first byte, or false."""

    webmail: Port = Field(default=8443, examples=[443])
    """Port for webmail over HTTPS."""

    webmail_redirect: PortOrOff = Field(default=8000, examples=[80])
    """Port for plain HTTP that redirects to webmail (or serves a reverse proxy, `webmail.reverseProxy`), or
    false."""

    database: Port = Field(default=3306, examples=[13306])
    """Port of the database, on the loopback interface only: accounts are written through it."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return each port that two services would listen on."""
        first: dict[int, str] = {}
        for name, field in type(self).model_fields.items():
            key, number = str(field.alias), getattr(self, name)
            if number in first:
                reason = f"port {number} is already used by {first[number]!r}; write another number"
                yield Mistake(place=(key,), reason=reason, about=(first[number],))
            elif number is not None:
                first[number] = key

    def on(self, names: Iterable[str]) -> dict[str, int]:
        """Return name -> port on the host, of those among `names` that are on."""
        ports = {name: getattr(self, name) for name in names}
        return {name: port for name, port in ports.items() if port is not None}


class NetworkConfig(Model):
    """The Docker networks of the containers; docs/architecture.md shows who is in which. Two stacks on one
    host need two different subnets."""

    subnet: Subnet4 = IPv4Network("192.168.94.0/24")
    """IPv4 subnet, at least a /27, that nothing else on the host or in your network uses. Its quarters are
    the networks `front`, `inner`, `database` and `deployment`, in this order."""

    subnet6: Subnet6 | None = None
    """Private IPv6 subnet, at least a /125, of the network `front`; without it the containers have no IPv6 of
    their own."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return a subnet that belongs to the machine itself, to groups or to somebody on the Internet."""
        for key, network in (("subnet", self.subnet), ("subnet6", self.subnet6)):
            if network and not _usable(network):
                reason = f"{network} is not a network for containers; choose a private one"
                yield Mistake(place=(key,), reason=reason)
        if self.subnet.is_global and _usable(self.subnet):
            reason = (
                f"{self.subnet} is somebody's on the Internet, who would get no mail; choose a private one"
            )
            yield Mistake(place=("subnet",), reason=reason)
        if self.subnet6 and self.subnet6.is_global and _usable(self.subnet6):
            reason = (
                f"{self.subnet6} is routed on the Internet, and a Docker before 27 lets everybody in to the "
                "containers' inner ports; choose a private one out of fd00::/8, like 'fd00:94::/64'"
            )
            yield Mistake(place=("subnet6",), reason=reason)

    def parts(self) -> dict[str, IPv4Network]:
        """Return network -> its quarter of the subnet."""
        return dict(zip(NETWORKS, self.subnet.subnets(prefixlen_diff=2), strict=True))

    def gateways(self) -> list[str]:
        """Return the first address of the network `front`, of each kind: the host itself, as its containers
        see it."""
        return [str(subnet[1]) for subnet in (self.subnet, self.subnet6) if subnet is not None]


def _usable(network: IPv4Network | IPv6Network) -> bool:
    first = network.network_address
    if first.is_loopback or first.is_unspecified or first.is_link_local:
        return False
    return nobodys(str(first)) is None
