"""Mail server: the only place where the parts meet.

Owns their order (networks, certificates, database, accounts, filter, Dovecot, Postfix, webmail) and what each
gets from the form and from those before it. Does not own any setting (mailinfra/config) or what a part is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi import ComponentResource, Output, ResourceOptions

from mailinfra import chains
from mailinfra.components.accounts import Accounts, AccountsArgs
from mailinfra.components.certificates import Certificates, CertificatesArgs
from mailinfra.components.database import Database, DatabaseArgs
from mailinfra.components.database.server import ExistingServer, OwnServer
from mailinfra.components.dkim import DkimKeys, DkimKeysArgs
from mailinfra.components.dns import DnsArgs, dns_records
from mailinfra.components.dovecot import Dovecot, DovecotArgs
from mailinfra.components.network import (
    DOVECOT,
    GATEWAY,
    MYSQL,
    POSTFIX,
    RESOLVER,
    RSPAMD,
    VALKEY,
    WEBMAIL,
    docker_networks,
)
from mailinfra.components.own_provider import Provider
from mailinfra.components.policy import Policy
from mailinfra.components.postfix import Postfix, PostfixArgs
from mailinfra.components.resolver import Resolver, ResolverArgs
from mailinfra.components.roundcube import Roundcube, RoundcubeArgs
from mailinfra.components.rspamd import Rspamd, RspamdArgs
from mailinfra.components.valkey import Valkey, ValkeyArgs
from mailinfra.config.certificate import CertificateConfig, authorities
from mailinfra.config.load import Secrets
from mailinfra.config.network import DATABASE, DEPLOYMENT, INNER
from mailinfra.config.server import ServerConfig
from mailinfra.containers.images import chosen
from mailinfra.containers.place import Place


@dataclass(frozen=True, kw_only=True)
class MailServerArgs:
    """One mail server, as a person configured it."""

    stack: str
    """`<project>-<stack>`: the front of every fixed name."""

    server: ServerConfig
    """The checked configuration."""

    secrets: Secrets
    """What stands beside it, encrypted."""


class MailServer(ComponentResource):
    """A complete mail server."""

    endpoints: Mapping[str, Mapping[str, Any]]
    """Protocol -> host and port, webmail -> url; a protocol that is off is absent."""

    mailboxes: Output[Mapping[str, str]]
    """Address -> initial password of each mailbox whose password was generated; secret."""

    ca_certificate: Output[str]
    """PEM of the CA to trust; empty where a public one signed the certificate."""

    dns_records: Output[Sequence[Mapping[str, Any]]]
    """Records that the domains need: zone, name, type, ttl, value, priority of an MX or SRV, what it is for
    and how urgent it is."""

    def __init__(self, name: str, args: MailServerArgs, opts: ResourceOptions | None = None) -> None:
        policy = Policy(args.server.storage.on_destroy)
        opts = ResourceOptions.merge(opts, policy.listening)
        # In the state, so that the next preview can say which setting changed, and from what.
        super().__init__("mailinfra:index:MailServer", name, {"settings": args.server.record()}, opts)
        server, secrets, child = args.server, args.secrets, ResourceOptions(parent=self)
        on_destroy = server.storage.on_destroy
        own_provider = Provider(f"{name}-provider", child)
        networks = docker_networks(
            f"{name}-network",
            args.stack,
            server.network,
            child,
            own_database=server.database.external is None,
        )

        def place(alias: str, image: str) -> Place:
            images = server.images
            choice = getattr(images, image)
            source = chosen(image, choice, base=images.base, stack=args.stack, revision=images.revision)
            return networks.place(alias, args.stack, source, server.listen)

        certificates = Certificates(
            f"{name}-certificates",
            CertificatesArgs(
                stack=args.stack,
                hostname=server.hostname,
                inner_names=[MYSQL],
                files=server.certificate,
                webmail_files=server.webmail.certificate,
            ),
            child,
        )
        database = Database(
            f"{name}-database",
            DatabaseArgs(
                server=_existing_server(server, secrets)
                or OwnServer(
                    place=place(MYSQL, "mysql"),
                    gateway=networks.address(DEPLOYMENT, GATEWAY),
                    port=server.ports.database,
                    memory=server.database.memory,
                    identity=certificates.inner,
                ),
                clients={
                    "dovecot": networks.address(DATABASE, DOVECOT),
                    "postfix": networks.address(DATABASE, POSTFIX),
                    "roundcube": networks.address(DATABASE, WEBMAIL),
                },
                on_destroy=on_destroy,
                own_provider=own_provider,
            ),
            child,
        )
        accounts = (
            Accounts(
                f"{name}-accounts",
                AccountsArgs(
                    connection=database.connection, declared=server.accounts, passwords=secrets.passwords
                ),
                child,
            )
            if server.accounts is not None
            else None  # somebody else writes them
        )
        domains = [domain.name for domain in server.accounts.domains] if server.accounts else []
        # Also without a filter: made anew with it, they would not be what the DNS says until it follows.
        dkim = DkimKeys(f"{name}-dkim", DkimKeysArgs(dkim=server.dkim), child)
        rspamd = None
        if server.filtering is not None:
            resolver = (
                Resolver(
                    f"{name}-resolver",
                    ResolverArgs(
                        place=place(RESOLVER, "resolver"),
                        inner=networks.address(INNER, RESOLVER),
                        clients=str(networks.parts[INNER]),
                        resolvers=server.resolvers,
                    ),
                    child,
                )
                if server.receiving.check_domains
                else None  # there is no DNS
            )
            valkey = Valkey(
                f"{name}-valkey",
                ValkeyArgs(
                    place=place(VALKEY, "valkey"),
                    address=networks.address(INNER, VALKEY),
                    on_destroy=on_destroy,
                ),
                child,
            )
            rspamd = Rspamd(
                f"{name}-rspamd",
                RspamdArgs(
                    place=place(RSPAMD, "rspamd"),
                    valkey=valkey.peer,
                    valkey_password=valkey.password,
                    resolver=resolver.peer if resolver else None,
                    gateways=server.network.gateways(),
                    domains=domains,
                    signing=sorted(dkim.signing, reverse=True),
                    keys=dkim.private_files,
                    filtering=server.filtering,
                    limits=server.limits,
                ),
                child,
            )
        dovecot = Dovecot(
            f"{name}-dovecot",
            DovecotArgs(
                place=place(DOVECOT, "dovecot"),
                hostname=server.hostname,
                identity=certificates.public,
                database=database.logins["dovecot"],
                ports=server.ports,
                fronts=networks.fronts(DOVECOT),
                inner=networks.attachment(INNER, DOVECOT),
                gateways=networks.fronts(GATEWAY),
                webmail_addresses=networks.fronts(WEBMAIL),
                mail=server.storage.mail,
                limits=server.limits,
                filter=rspamd.peer if rspamd else None,
                filter_password=rspamd.password if rspamd else None,
                on_destroy=on_destroy,
            ),
            child,
        )
        postfix = Postfix(
            f"{name}-postfix",
            PostfixArgs(
                place=place(POSTFIX, "postfix"),
                hostname=server.hostname,
                identity=certificates.public,
                database=database.logins["postfix"],
                dovecot=dovecot.inner,
                filter=rspamd.peer if rspamd else None,
                ports=server.ports,
                fronts=networks.fronts(POSTFIX),
                webmail_addresses=networks.fronts(WEBMAIL),
                older=certificates.older,
                postmaster=server.postmaster(),
                local_mail=server.local_mail(),
                widest_alias=chains.WIDEST,
                limits=server.limits,
                receiving=server.receiving,
                resolvers=server.resolvers,
                smarthost=server.smarthost,
                smarthost_password=secrets.smarthost_password,
                on_destroy=on_destroy,
            ),
            child,
        )
        Roundcube(
            f"{name}-roundcube",
            RoundcubeArgs(
                place=place(WEBMAIL, "roundcube"),
                hostname=server.hostname,
                identity=certificates.webmail,
                public_certificate=_browsers_know(server.webmail.certificate or server.certificate),
                url=_webmail_url(server),
                database=database.logins["roundcube"],
                passwords=database.logins["passwords"],
                identities=database.logins["identities"],
                dovecot=dovecot.peer,
                postfix=postfix.peer,
                ports=server.ports,
                webmail=server.webmail,
                gateways=server.network.gateways(),
                limits=server.limits,
                mta_sts=server.receiving.mta_sts,
            ),
            child,
        )

        policy.enforce()

        self.endpoints = _endpoints(server)
        self.mailboxes = accounts.initial_passwords if accounts else Output.secret({})
        self.ca_certificate = Output.from_input(certificates.public.ca)
        self.dns_records = Output.all(dkim.public_records, *certificates.public_keys).apply(
            lambda known: [
                record.output() for record in dns_records(_dns(server, domains, known[0], known[1:]))
            ]
        )
        self.register_outputs(
            {
                "endpoints": self.endpoints,
                "mailboxes": self.mailboxes,
                "ca_certificate": self.ca_certificate,
                "dns_records": self.dns_records,
            }
        )


def _existing_server(server: ServerConfig, secrets: Secrets) -> ExistingServer | None:
    external = server.database.external
    if external is None or secrets.database_password is None:
        return None
    return ExistingServer(given=external, password=secrets.database_password)


def _endpoints(server: ServerConfig) -> dict[str, dict[str, Any]]:
    host = server.reached_at()
    ports = server.ports.on(["smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"])
    endpoints: dict[str, dict[str, Any]] = {
        protocol: {"host": host, "port": port} for protocol, port in ports.items()
    }
    endpoints["webmail"] = {"url": f"{_webmail_url(server)}/"}
    return endpoints


def _dns(
    server: ServerConfig, domains: Sequence[str], dkim_records: Mapping[str, str], keys: Sequence[str]
) -> DnsArgs:
    return DnsArgs(
        hostname=server.hostname,
        addresses=server.addresses,
        domains=domains,
        ports=server.ports,
        https_port=443 if server.webmail.reverse_proxy else server.ports.webmail,
        dkim=server.dkim if server.filtering else None,
        dkim_records=dkim_records,
        certificate_keys=keys,
        authorities=authorities((server.certificate, server.webmail.certificate)),
        mta_sts=server.receiving.mta_sts,
        by_smarthost=server.smarthost is not None,
    )


def _browsers_know(files: CertificateConfig | None) -> bool:
    """Return whether a public CA signed the certificate in `files`; None stands for the stack's own CA."""
    return files is not None and files.ca_file is None


def _webmail_url(server: ServerConfig) -> str:
    """Return where webmail answers; whoever has a proxy in front knows that one's address."""
    host = server.reached_at()
    suffix = "" if server.ports.webmail == 443 else f":{server.ports.webmail}"
    return f"https://{f'[{host}]' if ':' in host else host}{suffix}"
