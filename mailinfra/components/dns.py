"""DNS: the records that the domains of a mail server need.

Owns what they are, as data, what each is for and how urgent it is. Does not own a zone: a person, or another
program, writes them there. Nor the form of a zone file, or whether the DNS has them (mailinfra/cli/dns/).
"""

import base64
import hashlib
import ipaddress
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mailinfra.config.dkim import RETIREMENT_DAYS, DkimConfig, KeyState
from mailinfra.config.mta_sts import MtaSts, policy_id
from mailinfra.config.network import PortsConfig

TTL = 3600
"""Seconds that a resolver may remember a record; an hour bounds how long a mistake stays."""

MX_PRIORITY = 10
"""Preference of the only MX; room is left on both sides."""

SERVICES = {
    "submissions": (0, "hand in mail with TLS from the first byte"),
    "submission": (10, "hand in mail with STARTTLS"),
    "imaps": (0, "read mail over IMAP with TLS from the first byte"),
    "imap": (10, "read mail over IMAP with STARTTLS"),
    "pop3s": (20, "fetch mail over POP3 with TLS from the first byte"),
    "pop3": (30, "fetch mail over POP3 with STLS"),
}
"""Protocol, as in PortsConfig and as RFC 6186 and 8314 name it -> priority, and what mail programs do there.
TLS from the first byte comes first, and IMAP before POP3."""


class Urgency(StrEnum):
    """What becomes of mail without a record."""

    REQUIRED = "required"
    """Mail does not arrive, or others refuse it."""

    RECOMMENDED = "recommended"
    """Mail flows, and is believed less or is harder to set up."""

    OPTIONAL = "optional"
    """Some servers or programs make use of it."""


@dataclass(frozen=True, kw_only=True)
class DnsRecord:
    """One record, with the names of common DNS providers' fields."""

    zone: str
    """The zone that it is written into: the shortest hosted domain above its name, or the host's own one."""

    name: str
    """Fully qualified name, without the dot at its end."""

    type: str
    """A, AAAA, CAA, CNAME, MX, PTR, SRV, TLSA or TXT."""

    value: str
    """As in a zone file, with names fully qualified and without the dot at their end, a TXT whole and without
    quotes; of an SRV its weight, port and target."""

    ttl: int = TTL
    """Seconds."""

    priority: int | None = None
    """Preference of an MX or an SRV; the lower one is tried first."""

    purpose: str
    """One sentence: what it is for."""

    urgency: Urgency
    """Whether mail works without it."""

    def output(self) -> dict[str, Any]:
        """Return the record as a stack output: its fields, without a priority where it has none."""
        given = {**vars(self), "urgency": self.urgency.value}
        return {key: value for key, value in given.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class DnsArgs:
    """What the records say."""

    hostname: str
    """The server's own name, to which all domains point."""

    addresses: Sequence[str] = ()
    """Its public IP addresses."""

    domains: Sequence[str] = ()
    """The domains whose mail ends here."""

    ports: PortsConfig = field(default_factory=PortsConfig)
    """Where mail programs connect to; what is off is said, too."""

    https_port: int = 443
    """Where the server, or a proxy in front of it, answers over HTTPS."""

    dkim: DkimConfig | None = None
    """Which keys there are, and how far each is; None where nothing signs."""

    dkim_records: Mapping[str, str] = field(default_factory=dict)
    """Selector -> text of its key's record."""

    certificate_keys: Sequence[str] = ()
    """PEM of the public half of each key that is shown on port 25."""

    authorities: Sequence[str] = ()
    """Domains by which CAA names who signs the host's certificates; `;` alone for nobody that is public; none
    where that is not known."""

    mta_sts: MtaSts = MtaSts.OFF
    """What other servers are asked to do about TLS."""

    by_smarthost: bool = False
    """Whether mail leaves through somebody else's server."""


def dns_records(args: DnsArgs) -> list[DnsRecord]:
    """Return every record: first those of the host, then those of each domain; the order of domains and
    addresses changes nothing."""
    domains = frozenset(args.domains)
    taken = domains | {args.hostname}
    return [
        *_host(args, domains),
        *(record for domain in sorted(domains) for record in _domain(args, domain, domains, taken)),
    ]


def zone_of(name: str, hostname: str, domains: Collection[str]) -> str:
    """Return the zone that `name` is most likely in: DNS alone knows, and nobody is asked here."""
    labels = name.split(".")
    for start in reversed(range(len(labels))):
        if (above := ".".join(labels[start:])) in domains:
            return above
    parent = hostname.partition(".")[2]
    return parent if "." in parent else hostname


def _host(args: DnsArgs, domains: Collection[str]) -> Iterator[DnsRecord]:
    host = args.hostname
    zone = zone_of(host, host, domains)
    addresses = sorted(
        {ipaddress.ip_address(one) for one in args.addresses}, key=lambda one: (one.version, one)
    )
    for address in addresses:
        yield DnsRecord(
            zone=zone,
            name=host,
            type="A" if address.version == 4 else "AAAA",
            value=str(address),
            purpose="Address of the server: where all domains' mail and all mail programs go.",
            urgency=Urgency.REQUIRED,
        )
    for address in addresses:
        yield DnsRecord(
            zone=address.reverse_pointer.partition(".")[2],
            name=address.reverse_pointer,
            type="PTR",
            value=host,
            purpose=(
                f"Name of {address}, set where the address is rented, not in your zone: many servers refuse "
                "mail from an address without it."
            ),
            urgency=Urgency.REQUIRED,
        )
    if host not in domains:
        yield DnsRecord(
            zone=zone,
            name=host,
            type="TXT",
            value="v=spf1 a -all",
            purpose="SPF of the host's own name, which is all that a bounce has for a sender.",
            urgency=Urgency.RECOMMENDED,
        )
    if args.dkim and host not in domains and args.dkim.points(len(domains)):
        reader = "all domains of the server point here"
        yield from _keys(args.dkim, host, zone, "TXT", args.dkim_records.__getitem__, reader)
    for authority in args.authorities:
        yield DnsRecord(
            zone=zone,
            name=host,
            type="CAA",
            value=f'0 issue "{authority}"',
            purpose=(
                "No public authority may sign a certificate for the host; change it before you get one."
                if authority == ";"
                else "Only this authority may sign certificates for the host; name yours if it is another."
            ),
            urgency=Urgency.OPTIONAL,
        )
    for value in sorted({tlsa(pem) for pem in args.certificate_keys}):
        yield DnsRecord(
            zone=zone,
            name=f"_25._tcp.{host}",
            type="TLSA",
            value=value,
            purpose=(
                "DANE: the key that port 25 shows; counts only where the zone is signed (DNSSEC), and has to "
                "change before the key does."
            ),
            urgency=Urgency.OPTIONAL,
        )


def _domain(
    args: DnsArgs, domain: str, domains: Collection[str], taken: Collection[str]
) -> Iterator[DnsRecord]:
    zone = zone_of(domain, args.hostname, domains)
    yield DnsRecord(
        zone=zone,
        name=domain,
        type="MX",
        value=args.hostname,
        priority=MX_PRIORITY,
        purpose="The server that takes the domain's mail.",
        urgency=Urgency.REQUIRED,
    )
    yield _spf(args, domain, zone)
    if args.dkim and domain != args.hostname and args.dkim.points(len(domains)):
        pointer = f"_domainkey.{args.hostname}"
        reader = "points to the server's one record"
        yield from _keys(args.dkim, domain, zone, "CNAME", lambda selector: f"{selector}.{pointer}", reader)
    elif args.dkim:
        reader = "receivers verify signatures by it"
        yield from _keys(args.dkim, domain, zone, "TXT", args.dkim_records.__getitem__, reader)
    yield DnsRecord(
        zone=zone,
        name=f"_dmarc.{domain}",
        type="TXT",
        value=f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}",
        purpose=(
            "DMARC: asks for reports and refuses nothing yet; raise p to quarantine, then to reject, once "
            "the reports name no mail of yours that fails."
        ),
        urgency=Urgency.RECOMMENDED,
    )
    yield from _services(args.ports, args.hostname, domain, zone)
    yield from _set_up(args, domain, zone, taken)
    yield from _tls(args, domain, zone, taken)


def _spf(args: DnsArgs, domain: str, zone: str) -> DnsRecord:
    more = (
        "; add before ~all what the smarthost's provider names, such as include:spf.example.net"
        if args.by_smarthost
        else ""
    )
    return DnsRecord(
        zone=zone,
        name=domain,
        type="TXT",
        value="v=spf1 mx ~all",
        purpose=f"SPF: which servers send the domain's mail; large providers refuse what has none{more}.",
        urgency=Urgency.REQUIRED,
    )


_OF_STATE = {
    KeyState.SIGNING: ("the key that signs", Urgency.REQUIRED),
    KeyState.PUBLISHED: ("a key that will sign: write it before it does", Urgency.RECOMMENDED),
    KeyState.RETIRED: (
        f"a key that signs no more: leave it for {RETIREMENT_DAYS} days after the switch",
        Urgency.RECOMMENDED,
    ),
}


def _keys(
    dkim: DkimConfig, below: str, zone: str, kind: str, value: Callable[[str], str], reader: str
) -> Iterator[DnsRecord]:
    """Return a record for each key; `value` makes its value of the selector."""
    for selector, state in dkim.keys.items():
        what, urgency = _OF_STATE[state]
        yield DnsRecord(
            zone=zone,
            name=f"{selector}._domainkey.{below}",
            type=kind,
            value=value(selector),
            purpose=f"DKIM, {what}; {reader}.",
            urgency=urgency,
        )


def _services(ports: PortsConfig, hostname: str, domain: str, zone: str) -> Iterator[DnsRecord]:
    for protocol, (priority, action) in SERVICES.items():
        port = ports.on([protocol]).get(protocol)
        yield DnsRecord(
            zone=zone,
            name=f"_{protocol}._tcp.{domain}",
            type="SRV",
            value="0 0 ." if port is None else f"0 {port} {hostname}",
            priority=0 if port is None else priority,
            purpose=(
                f"Tells mail programs that they cannot {action} here."
                if port is None
                else f"Tells mail programs where they {action}."
            ),
            urgency=Urgency.OPTIONAL if port is None else Urgency.RECOMMENDED,
        )


def _set_up(args: DnsArgs, domain: str, zone: str, taken: Collection[str]) -> Iterator[DnsRecord]:
    """Return where mail programs ask for the settings of an account; names that are `taken` lead here
    already."""
    for name, program in (("autoconfig", "Thunderbird"), ("autodiscover", "Outlook")):
        full = f"{name}.{domain}"
        if full not in taken:
            yield DnsRecord(
                zone=zone,
                name=full,
                type="CNAME",
                value=args.hostname,
                purpose=f"Where {program} asks for an account's settings; the certificate has to name it.",
                urgency=Urgency.OPTIONAL,
            )
    yield DnsRecord(
        zone=zone,
        name=f"_autodiscover._tcp.{domain}",
        type="SRV",
        value=f"0 {args.https_port} {args.hostname}",
        priority=0,
        purpose="Where Outlook asks for an account's settings, under the name that the certificate has.",
        urgency=Urgency.OPTIONAL,
    )


def _tls(args: DnsArgs, domain: str, zone: str, taken: Collection[str]) -> Iterator[DnsRecord]:
    """Return what other servers are told about TLS on the way here."""
    if args.mta_sts is not MtaSts.OFF:
        yield DnsRecord(
            zone=zone,
            name=f"_mta-sts.{domain}",
            type="TXT",
            value=f"v=STSv1; id={policy_id(args.mta_sts, args.hostname)}",
            purpose="MTA-STS: says that there is a policy about TLS, and which one; it changes with that.",
            urgency=Urgency.OPTIONAL,
        )
        if f"mta-sts.{domain}" not in taken:
            yield DnsRecord(
                zone=zone,
                name=f"mta-sts.{domain}",
                type="CNAME",
                value=args.hostname,
                purpose=(
                    "Where that policy is read, over HTTPS on port 443 with a certificate that names it; "
                    "write it before the record of the policy."
                ),
                urgency=Urgency.OPTIONAL,
            )
    yield DnsRecord(
        zone=zone,
        name=f"_smtp._tls.{domain}",
        type="TXT",
        value=f"v=TLSRPTv1; rua=mailto:postmaster@{domain}",
        purpose="TLS-RPT: asks other servers to report once a day how TLS with this one went.",
        urgency=Urgency.OPTIONAL,
    )


def tlsa(pem: str) -> str:
    """Return what TLSA says of a public key in PEM: its SHA-256, whichever certificate it is in."""
    lines = [line for line in pem.strip().splitlines() if not line.startswith("-----")]
    return f"3 1 1 {hashlib.sha256(base64.b64decode(''.join(lines), validate=True)).hexdigest()}"
