"""One mail server: all sections together, and the rules between them.

Owns what crosses two sections. Does not own a section, nor where the form comes from (load.py).
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mailinfra.config.accounts.lists import AccountsConfig
from mailinfra.config.certificate import AcmeConfig, CertificateConfig, PublicCertificateConfig, covers
from mailinfra.config.dkim import DkimConfig
from mailinfra.config.filtering import FilteringConfig
from mailinfra.config.images import ImagesConfig
from mailinfra.config.mail import (
    ForwardingConfig,
    LimitsConfig,
    ReceivingConfig,
    SendingConfig,
    SmarthostConfig,
    WebmailConfig,
)
from mailinfra.config.model import Items, ListOrWord, Mistake, Model, Switch, Word
from mailinfra.config.mta_sts import MtaSts
from mailinfra.config.network import NetworkConfig, PortsConfig
from mailinfra.config.rotation import RotationConfig
from mailinfra.config.storage import DatabaseConfig, Databases, StorageConfig
from mailinfra.types import (
    Dnssec,
    DomainName,
    ListenAddress,
    OnDestroy,
    PublicAddress,
    ResolverAddress,
    off_as_a_word,
    within,
)

LOCAL = {"127.0.0.1", "0.0.0.0"}  # noqa: S104
"""Addresses to listen on with which the machine reaches its own ports at 127.0.0.1."""

MOST_ADDRESSES = 6
"""Addresses to publish ports on: inside, each has a port of its own, 10,000 above the one before."""

ACCOUNTS_FILE = {"type": "string", "format": "path", "examples": ["accounts.yaml"]}


class ServerConfig(Model):
    """One mail server: `mailinfra:server` in the stack file."""

    hostname: DomainName = Field(examples=["mail.example.org"])
    """The server's own name: in greetings, in the certificate and as MX of every domain."""

    addresses: Items[PublicAddress] = Field(default=(), examples=[["192.0.2.25", "2001:db8::25"]])
    """Public IP addresses of the host, for its DNS records."""

    listen: Items[ListenAddress] = Field(default=("0.0.0.0",), examples=[["0.0.0.0", "::"]])  # noqa: S104
    """IP addresses of the host that the ports are published on; `0.0.0.0` and `::` mean all of their kind. An
    IPv6 one other than `::1` needs `network.subnet6`."""

    ports: PortsConfig = PortsConfig()
    """TCP ports on the host."""

    network: NetworkConfig = NetworkConfig()
    """The Docker network of the containers."""

    certificate: Annotated[PublicCertificateConfig | None, Word("own")] = None
    """`own` makes a CA for this stack and signs with it; a public server has `acme`, or names its files."""

    images: ImagesConfig = ImagesConfig()
    """Where the container images come from."""

    database: DatabaseConfig = DatabaseConfig()
    """The database: a container of its own, or an existing server."""

    storage: StorageConfig = StorageConfig()
    """What keeps data, and for how long."""

    limits: LimitsConfig = LimitsConfig()
    """How much is accepted."""

    receiving: ReceivingConfig = ReceivingConfig()
    """Checks on arriving mail."""

    sending: SendingConfig = SendingConfig()
    """Checks on what users hand in."""

    forwarding: ForwardingConfig = ForwardingConfig()
    """Mail that aliases lead elsewhere."""

    filtering: Annotated[FilteringConfig | None, Switch()] = Field(
        default=FilteringConfig(), examples=[False]
    )
    """The filter: `true`, `false` or its settings."""

    webmail: WebmailConfig = WebmailConfig()
    """How webmail is reached."""

    dkim: DkimConfig = DkimConfig()
    """What signs the mail that users send."""

    rotate: RotationConfig = RotationConfig()
    """Secrets that the stack makes and nobody types: another text makes another one."""

    resolvers: Annotated[Items[ResolverAddress] | None, ListOrWord("host", none="root")] = Field(
        default=(), examples=[["192.0.2.53"]]
    )
    """Whom the stack's resolver asks for Postfix, the filter and a certificate by ACME. `host`, the default:
    the servers of the host's own /etc/resolv.conf, through Docker, which asks them on the host's behalf, so
    one on its loopback (unbound, systemd-resolved) works, too. `root`: the DNS itself, from its root on; port
    53 has to be open towards the Internet. Otherwise addresses that a container reaches, the network's
    gateway among them."""

    dnssec: Annotated[Dnssec, Field(strict=False), BeforeValidator(off_as_a_word)] = Field(
        default=Dnssec.PERMISSIVE, examples=["strict"]
    )
    """Whether signatures in the DNS are verified. Where they hold, Postfix hands in mail as the receiver's
    TLSA records say (DANE). `permissive`: what cannot be verified counts as unsigned, so it does no harm
    where the servers in `resolvers` leave signatures out, or know names that nobody else does. `strict`: what
    is wrongly signed, or not at all where it should be, is no answer, and mail waits; it needs servers that
    pass signatures on. `off`: nothing is verified. Without `receiving.checkDomains` nobody asks."""

    smarthost: SmarthostConfig | None = None
    """A server that all mail leaves through; without it each message goes to its recipient's own server."""

    accounts: Annotated[AccountsConfig | None, Word("external", also=ACCOUNTS_FILE)] = AccountsConfig()
    """Domains, mailboxes and aliases; or the path of a YAML file that holds them; or `external`: then the
    rows of the database are left to somebody else."""

    def postmaster(self) -> str | None:
        """Return who gets mail to `postmaster` without a domain, and at `hostname`; None where `hostname` is
        itself a domain with mailboxes."""
        if self.accounts is None or self.hostname in {domain.name for domain in self.accounts.domains}:
            return None
        return self.accounts.postmaster(self.hostname)

    def local_mail(self) -> str | None:
        """Return who gets what Postfix's container writes to its users; None while nobody receives mail."""
        if self.accounts is None:
            return None
        own, known = f"postmaster@{self.hostname}", self.accounts.directory()
        return own if own in {**known.aliases, **known.mailboxes} else self.postmaster()

    def keeps_junk(self) -> str | None:
        """Return the mailbox that gets junk which an alias would lead elsewhere: the postmaster's; None where
        nothing is known to be junk, or nobody to be the postmaster."""
        start = self.local_mail()
        if self.filtering is None or self.accounts is None or start is None:
            return None
        known = self.accounts.directory()
        ahead, seen = [start], set[str]()
        while ahead:
            address = ahead.pop(0)
            if known.mailboxes.get(address, {}).get("receives"):
                return address
            if address not in seen:
                seen.add(address)
                ahead += known.aliases.get(address, {}).get("targets", [])
        return None

    def has_resolver(self) -> bool:
        """Return whether a resolver of the stack's own runs, which Postfix and the filter then ask."""
        is_wanted = self.filtering is not None or self.dnssec is not Dnssec.OFF or self.resolvers is None
        return self.receiving.check_domains and is_wanted

    def reached_at(self) -> str:
        """Return what mail programs connect to: the name, or an address where the server listens on loopback
        alone."""
        is_local = all(address in {"127.0.0.1", "::1"} for address in self.listen)
        return self.listen[0] if is_local else self.hostname

    def certificate_files(self) -> CertificateConfig | None:
        """Return the files of the certificate; None where it is the stack's own, or comes by ACME."""
        return self.certificate.files() if self.certificate else None

    def acme(self) -> AcmeConfig | None:
        """Return how the certificate comes by ACME; None where it does not."""
        return self.certificate.acme if self.certificate else None

    def record(self) -> dict[str, Any]:
        """Return every setting as it holds, defaults included, in the words that a person writes.

        Without the accounts, whose rows are compared one by one, and without the values of the driver's
        options: a share's password may stand there.
        """
        settings = self.model_dump(mode="json", by_alias=True, exclude={"accounts"})
        settings["certificate"] = settings["certificate"] or "own"
        settings["resolvers"] = "root" if self.resolvers is None else settings["resolvers"] or "host"
        settings["filtering"] = settings["filtering"] or False
        settings["storage"]["mail"]["driverOptions"] = sorted(self.storage.mail.driver_options)
        return settings

    def contradictions(self) -> Iterator[Mistake]:
        """Return the settings of different sections that contradict each other."""
        files = self.certificate_files()
        for section, given in (("certificate", files), ("webmail", self.webmail.certificate)):
            names = given.names() if given else None
            if given and names is not None and not covers(names, self.hostname):
                reason = (
                    f"{self.hostname!r} is not named by {given.certificate_file}, which names "
                    f"{', '.join(names) or 'no host at all'}; get one for this name, or use one of those"
                )
                yield Mistake(place=("hostname",), reason=reason, about=(section,))
        if self.database.external and "database" in self.ports.model_fields_set:
            reason = "publishes our own container, and 'database.external' replaces it; remove one of the two"
            yield Mistake(place=("ports", "database"), reason=reason, about=("database",))
        external = self.database.external
        if external and external.databases is Databases.ADOPT and self.storage.on_destroy is OnDestroy.DELETE:
            reason = "would drop databases that were adopted, not made here; write 'retain' or 'protect'"
            yield Mistake(place=("storage", "onDestroy"), reason=reason, given="delete", about=("database",))
        yield from self._challenges_that_nobody_answers()
        if self.webmail.reverse_proxy and self.ports.webmail_redirect is None:
            reason = "needs 'ports.webmailRedirect', which is off: the proxy asks there; write a port"
            yield Mistake(place=("webmail", "reverseProxy"), reason=reason, about=("ports",))
        if self.webmail.reverse_proxy == "host" and LOCAL.isdisjoint(self.listen):
            reason = (
                "asks at 127.0.0.1, and 'listen' does not name it; add '127.0.0.1' there, or write the "
                "address that the proxy's requests come from"
            )
            yield Mistake(place=("webmail", "reverseProxy"), reason=reason, given="host", about=("listen",))
        yield from self._mail_to_itself()
        yield from self._questions_that_nobody_answers()
        yield from self._domains_of_nobody()
        yield from self._resolvers_without_ipv6()
        yield from self._policy_that_nobody_fetches()
        yield from self._addresses_in_subnets()
        yield from self._listening_twice()
        yield from self._listening_without_ipv6()

    def hosted(self) -> list[str]:
        """Return the hosted domains, as far as they are known: of other accounts, those that the filter is
        told of."""
        if self.accounts is not None:
            return [domain.name for domain in self.accounts.domains]
        return [each.name for each in self.filtering.domains] if self.filtering else []

    def filtered_names(self) -> dict[str, list[str]]:
        """Return each domain of `filtering.domains` with those that are other names of it and have nothing
        of their own."""
        own = [each.name for each in self.filtering.domains] if self.filtering else []
        known = self.accounts.domains if self.accounts is not None else ()
        return {
            name: [name, *(one.name for one in known if one.alias_of == name and one.name not in own)]
            for name in own
        }

    def _mail_to_itself(self) -> Iterator[Mistake]:
        if self.smarthost is None:
            return
        host, ports = self.smarthost.host, self.ports
        # The host of the containers is this server where its own ports are, and may be another one elsewhere.
        is_ours = self.smarthost.port in {ports.smtp, ports.submission, ports.submissions}
        every = {"0.0.0.0", "::", *self.network.gateways()}  # noqa: S104
        # By `postfix` Docker's DNS knows Postfix's own container.
        itself = host in {"postfix", self.hostname, *self.addresses, *self.listen}
        if itself or (is_ours and host in self.network.gateways() and not every.isdisjoint(self.listen)):
            reason = (
                f"{host} is this server itself, and mail would go round in circles; name another one, or "
                "remove 'smarthost'"
            )
            about = ("hostname", "addresses", "listen", "ports", "network")
            yield Mistake(place=("smarthost", "host"), reason=reason, about=about)

    def _questions_that_nobody_answers(self) -> Iterator[Mistake]:
        if self.receiving.check_domains:
            return
        asking: list[tuple[tuple[str | int, ...], bool, str, str]] = [
            (("resolvers",), self.resolvers is None, "asks the DNS", "remove one of both"),
            (("dnssec",), self.dnssec is Dnssec.STRICT, "asks the DNS", "remove one of both"),
        ]
        if filtering := self.filtering:
            proof = "needs SPF and DKIM, which are in the DNS"
            told = "tells domains what the DNS proved of their mail"
            lists = {("allowed",): filtering.allowed} | {
                ("domains", index, "allowed"): each.allowed for index, each in enumerate(filtering.domains)
            }
            asking += [
                (("filtering", "reputation"), filtering.reputation, "asks lists in the DNS", "remove it"),
                (("filtering", "dmarcReports"), filtering.dmarc_reports, told, "remove it"),
                *((("filtering", *path), bool(given), proof, "remove it") for path, given in lists.items()),
            ]
        for place, is_set, why, remedy in asking:
            if is_set:
                reason = f"{why}, and 'receiving.checkDomains' says that there is none; {remedy}"
                yield Mistake(place=place, reason=reason, about=("receiving",))

    def _domains_of_nobody(self) -> Iterator[Mistake]:
        if self.filtering is None or self.accounts is None:
            return
        hosted = self.hosted()
        for index, each in enumerate(self.filtering.domains):
            if each.name not in hosted:
                reason = f"{each.name} is none of 'accounts.domains'; correct it, or declare the domain there"
                place = ("filtering", "domains", index, "name")
                yield Mistake(place=place, reason=reason, about=("accounts",))

    def _resolvers_without_ipv6(self) -> Iterator[Mistake]:
        for index, one in enumerate(self.resolvers or ()):
            if ":" in one and self.network.subnet6 is None:
                reason = (
                    f"{one} is IPv6, and the containers have no IPv6; add 'network.subnet6', like "
                    "'fd00:94::/64', or write 'host', which asks on the host's behalf"
                )
                yield Mistake(place=("resolvers", index), reason=reason, about=("network",))

    def _challenges_that_nobody_answers(self) -> Iterator[Mistake]:
        acme = self.acme()
        if acme and acme.dns is None and self.ports.webmail_redirect is None:
            reason = (
                "needs 'ports.webmailRedirect', which is off: the CA asks at port 80, and webmail answers; "
                "write the port that is reached there, or have the DNS answer with 'certificate.acme.dns'"
            )
            yield Mistake(place=("certificate", "acme"), reason=reason, about=("ports",))

    def _policy_that_nobody_fetches(self) -> Iterator[Mistake]:
        """Other servers ask `https://mta-sts.DOMAIN`, and then verify the certificate on port 25."""
        if self.receiving.mta_sts is MtaSts.OFF:
            return
        place = ("receiving", "mtaSts")
        files, acme = self.certificate_files(), self.acme()
        is_known = acme.ca_file is None if acme else files is not None and files.ca_file is None
        if not is_known:
            reason = (
                "needs a certificate of a public CA on port 25: no other server knows ours, and with "
                "'enforce' none would hand in mail; name its files under 'certificate', or write 'off'"
            )
            yield Mistake(
                place=place, reason=reason, given=str(self.receiving.mta_sts), about=("certificate",)
            )
            return
        shown = self.webmail.certificate or files
        names = shown.names() if shown else acme.all_names(self.hostname) if acme else None
        if self.webmail.reverse_proxy is not None or self.accounts is None or names is None:
            return
        missing = [
            f"mta-sts.{one.name}" for one in self.accounts.domains if not covers(names, f"mta-sts.{one.name}")
        ]
        if missing and shown is None:
            reason = (
                f"is asked for at {', '.join(missing)}; add that to 'certificate.acme.names', put a reverse "
                "proxy with these names in front of webmail, or write 'off'"
            )
            about = ("certificate", "webmail", "accounts")
            yield Mistake(place=place, reason=reason, given=str(self.receiving.mta_sts), about=about)
        elif shown is not None and (missing or shown.ca_file is not None):
            reason = (
                f"is asked for at {', '.join(missing) or 'names that no public CA has signed'}, and "
                f"webmail's {shown.certificate_file} names {', '.join(names) or 'no host at all'}; get one "
                "for these names, too, put a reverse proxy with them in front of webmail, or write 'off'"
            )
            about = ("certificate", "webmail", "accounts")
            yield Mistake(place=place, reason=reason, given=str(self.receiving.mta_sts), about=about)

    def _addresses_in_subnets(self) -> Iterator[Mistake]:
        places: list[tuple[tuple[str | int, ...], str]] = [
            *((("addresses", index), one) for index, one in enumerate(self.addresses)),
            *(
                (("resolvers", index), one)
                for index, one in enumerate(self.resolvers or ())
                if one not in self.network.gateways()  # the host itself, as its containers see it
            ),
            *((("listen", index), one) for index, one in enumerate(self.listen)),
        ]
        if self.database.external:
            places.append((("database", "external", "host"), self.database.external.host))
        if self.smarthost and self.smarthost.host not in self.network.gateways():
            places.append((("smarthost", "host"), self.smarthost.host))
        for place, given in places:
            for network in (self.network.subnet, self.network.subnet6):
                if network and within(given, network):
                    reason = (
                        f"{given} is inside of the containers' own network {network}; choose another subnet"
                    )
                    yield Mistake(place=place, reason=reason, about=("network",))

    def _listening_twice(self) -> Iterator[Mistake]:
        if not self.listen:
            reason = "is empty, so nobody could reach the server; write ['0.0.0.0']"
            yield Mistake(place=("listen",), reason=reason)
        if len(self.listen) > MOST_ADDRESSES:
            reason = (
                f"has {len(self.listen)} addresses, and ports are published on {MOST_ADDRESSES} at most; "
                "list fewer, or write ['0.0.0.0', '::'] for all"
            )
            yield Mistake(place=("listen",), reason=reason)
        for index, one in enumerate(self.listen):
            every = "::" if ":" in one else "0.0.0.0"  # noqa: S104
            if one in self.listen[:index]:
                reason = (
                    f"{one} is listed before; a port can be published on an address once, remove one of them"
                )
                yield Mistake(place=("listen", index), reason=reason)
            elif one != every and every in self.listen:
                reason = (
                    f"{one} is covered by {every}, and its ports would be taken twice; remove one of the two"
                )
                yield Mistake(place=("listen", index), reason=reason)

    def _listening_without_ipv6(self) -> Iterator[Mistake]:
        for index, one in enumerate(self.listen):
            if ":" in one and one != "::1" and self.network.subnet6 is None:
                reason = (
                    f"{one} is IPv6, and the containers have no IPv6: every client over IPv6 would seem to "
                    "come from the gateway's address; add 'network.subnet6', like 'fd00:94::/64'"
                )
                yield Mistake(place=("listen", index), reason=reason, about=("network",))
