"""Mail server: the only place where the parts meet.

Owns their order (networks, certificates, database, accounts, filter, Dovecot, Postfix, webmail) and what each
gets from the form and from those before it. Does not own any setting (mailinfra/config) or what a part is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pulumi import ComponentResource, Output, ResourceOptions, deferred_output

from mailinfra import chains
from mailinfra.components.accounts import Accounts, AccountsArgs
from mailinfra.components.acme import Acme, AcmeArgs
from mailinfra.components.certificate_files import CertificateFiles, CertificateFilesArgs
from mailinfra.components.certificates import Certificates, CertificatesArgs
from mailinfra.components.database import Database, DatabaseArgs
from mailinfra.components.database.server import ExistingServer, OwnServer, Role
from mailinfra.components.dkim import DkimKeys, DkimKeysArgs
from mailinfra.components.dns import DnsArgs, dns_records, tlsa
from mailinfra.components.dovecot import Dovecot, DovecotArgs
from mailinfra.components.handles import ReportsWay
from mailinfra.components.keeping import Keeper
from mailinfra.components.network import (
    ACME,
    CERTIFICATE,
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
from mailinfra.components.own_provider import Connection, Provider, SinglePasswords
from mailinfra.components.policy import Policy
from mailinfra.components.postfix import REPORTS_PORT, Postfix, PostfixArgs
from mailinfra.components.resolver import Resolver, ResolverArgs
from mailinfra.components.roundcube import PORTS as WEBMAIL_PORTS
from mailinfra.components.roundcube import Roundcube, RoundcubeArgs
from mailinfra.components.rspamd import Rspamd, RspamdArgs
from mailinfra.components.valkey import Valkey, ValkeyArgs
from mailinfra.config.certificate import AcmeConfig, CertificateConfig, authorities
from mailinfra.config.load import Secrets
from mailinfra.config.network import DATABASE, DEPLOYMENT, FRONT, INNER
from mailinfra.config.server import ServerConfig
from mailinfra.containers.images import chosen
from mailinfra.containers.place import Place
from mailinfra.containers.rendering import text_of
from mailinfra.types import Dnssec


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
        policy = Policy(args.server.storage.on_destroy, args.server.storage.mail.host_path)
        opts = ResourceOptions.merge(opts, policy.listening)
        # In the state, so that the next preview can say which setting changed, and from what, and whether
        # port 25 would show a key that the DNS does not name yet.
        kept: dict[str, Any] = {"settings": args.server.record()}
        files, acme = args.server.certificate_files(), args.server.acme()
        if files is not None:
            kept["tlsa"] = [tlsa(files.public_key())]
        super().__init__("mailinfra:index:MailServer", name, kept, opts)
        server, secrets, child = args.server, args.secrets, ResourceOptions(parent=self)
        on_destroy, rotate = server.storage.on_destroy, server.rotate
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

        with _keeper(server, own_provider) as (keeper, found):
            certificates = Certificates(
                f"{name}-certificates",
                CertificatesArgs(
                    stack=args.stack,
                    hostname=server.hostname,
                    inner_names=[MYSQL],
                    mail_names=[DOVECOT, POSTFIX],
                    files=files,
                    webmail_files=server.webmail.certificate,
                    keeper=keeper,
                    addresses=[server.reached_at()] if server.reached_at() != server.hostname else [],
                    ca_generation=rotate.of("ca"),
                    generation=rotate.of("certificates"),
                    renewed=acme.key if acme else None,
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
                        generation=rotate.of("mysql"),
                    ),
                    clients={
                        "dovecot": networks.address(DATABASE, DOVECOT),
                        "postfix": networks.address(DATABASE, POSTFIX),
                        "roundcube": networks.address(DATABASE, WEBMAIL),
                    },
                    generations={
                        "dovecot": rotate.of("dovecot"),
                        "postfix": rotate.of("postfix"),
                        "roundcube": rotate.of("webmail"),
                    },
                    on_destroy=on_destroy,
                    own_provider=own_provider,
                ),
                child,
            )
            found(database.connection)
        resolver = (
            Resolver(
                f"{name}-resolver",
                ResolverArgs(
                    place=place(RESOLVER, "resolver"),
                    inner=networks.address(INNER, RESOLVER),
                    clients=str(networks.parts[INNER]),
                    certificate=(networks.address(FRONT, RESOLVER), networks.address(FRONT, ACME))
                    if acme is not None and server.resolvers is None
                    else None,
                    resolvers=server.resolvers,
                    dnssec=server.dnssec,
                ),
                child,
            )
            if server.has_resolver()
            else None
        )
        renewed = renewed_webmail = None
        if acme is not None:
            # Before those that show what it places.
            renewed = Acme(
                f"{name}-acme",
                AcmeArgs(
                    place=place(ACME, "acme"),
                    hostname=server.hostname,
                    acme=acme,
                    identity=certificates.public,
                    webmail=f"{WEBMAIL}:{WEBMAIL_PORTS['webmail_redirect']}",
                    credentials=secrets.acme_credentials,
                    addresses=server.addresses,
                    key_generation=f"{acme.key} {rotate.of('certificates')}" if keeper is None else None,
                    resolvers=[resolver.front] if resolver and resolver.front else server.resolvers or (),
                    on_destroy=on_destroy,
                ),
                child,
            ).renewed
        handed_on = {
            whose: identity
            for whose, given, identity in (
                ("mail", files, certificates.public),
                ("webmail", server.webmail.certificate, certificates.webmail),
            )
            if given is not None
        }
        if handed_on:
            made = CertificateFiles(
                f"{name}-certificate-files",
                CertificateFilesArgs(
                    place=place(CERTIFICATE, "acme"), hostname=server.hostname, identities=handed_on
                ),
                child,
            ).renewed
            renewed, renewed_webmail = made.get("mail", renewed), made.get("webmail")
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
        domains = server.hosted()
        # Also without a filter: made anew with it, they would not be what the DNS says until it follows.
        dkim = DkimKeys(f"{name}-dkim", DkimKeysArgs(dkim=server.dkim, keeper=keeper), child)
        rspamd = reports = None
        if server.filtering is not None:
            if server.filtering.dmarc_reports:
                reports = ReportsWay(
                    taker=networks.address(INNER, POSTFIX),
                    sender=networks.address(INNER, RSPAMD),
                    resolver=networks.address(INNER, RESOLVER),
                )
            valkey = Valkey(
                f"{name}-valkey",
                ValkeyArgs(
                    place=place(VALKEY, "valkey"),
                    address=networks.address(INNER, VALKEY),
                    generation=rotate.of("valkey"),
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
                    all_domains_known=server.accounts is not None,
                    names=server.filtered_names(),
                    signing=sorted(dkim.signing, reverse=True),
                    seal=dkim.sealing,
                    keys=dkim.private_files,
                    filtering=server.filtering,
                    limits=server.limits,
                    generation=rotate.of("filter"),
                    hostname=server.hostname,
                    reports=reports,
                    reports_port=REPORTS_PORT,
                ),
                child,
            )
        dovecot = Dovecot(
            f"{name}-dovecot",
            DovecotArgs(
                place=place(DOVECOT, "dovecot"),
                hostname=server.hostname,
                identity=certificates.public,
                renewed=renewed,
                inner_identity=certificates.inner_mail,
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
                renewed=renewed,
                inner_identity=certificates.inner_mail,
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
                sending=server.sending,
                forwarding=server.forwarding,
                srs_generation=rotate.of("forwards"),
                keeps_junk=server.keeps_junk(),
                reports=reports,
                resolvers=[resolver.peer.host] if resolver else server.resolvers or (),
                dnssec=server.dnssec if resolver else Dnssec.OFF,
                smarthost=server.smarthost,
                smarthost_password=secrets.smarthost_password,
                on_destroy=on_destroy,
            ),
            child,
        )
        webmail = Roundcube(
            f"{name}-roundcube",
            RoundcubeArgs(
                place=place(WEBMAIL, "roundcube"),
                hostname=server.hostname,
                identity=certificates.webmail,
                renewed=renewed_webmail or renewed,
                public_certificate=_browsers_know(server.webmail.certificate or acme or files),
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
                sending=server.sending,
                mta_sts=server.receiving.mta_sts,
                generation=rotate.of("sessions"),
            ),
            child,
        )
        SinglePasswords(
            f"{name}-single-passwords",
            database.connection,
            database.hosts,
            {user: login.password for user, login in database.logins.items()},
            # Who was let in with an old password meanwhile has the new one by then.
            ResourceOptions.merge(child, ResourceOptions(depends_on=[dovecot, postfix, webmail])),
        )

        policy.enforce()

        self.endpoints = _endpoints(server)
        self.mailboxes = accounts.initial_passwords if accounts else Output.secret({})
        self.ca_certificate = Output.from_input(
            certificates.public.ca if acme is None else text_of(acme.ca_file) if acme.ca_file else ""
        )
        # Whose key acme keeps, for want of somebody else, is not known here after a `destroy`.
        keys = certificates.public_keys if acme is None or keeper is not None else ()
        self.dns_records = Output.all(dkim.public_records, *keys).apply(
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


@contextmanager
def _keeper(
    server: ServerConfig, own_provider: Provider
) -> Iterator[tuple[Keeper | None, Callable[[Connection], None]]]:
    """Yield what keeps secrets, and who is to be told of the database once that is declared.

    None with somebody else's server: whoever administrates that would hold the CA. Where the program fails
    before the database is declared, what waits for it fails, too: it would wait for ever.
    """
    if server.database.external is not None:
        yield None, lambda _: None
        return
    values: dict[str, tuple[Output[Any], Callable[[Output[Any]], None]]] = {
        name: deferred_output() for name in ("host", "password", "ca")
    }

    def found(connection: Connection) -> None:
        for name, (_, resolve) in values.items():
            resolve(Output.from_input(getattr(connection, name)))

    connection = Connection(
        host=values["host"][0],
        port=server.ports.database,
        user=Role.DEPLOY.value,
        password=values["password"][0],
        ca=values["ca"][0],
        through=own_provider,
    )
    try:
        yield Keeper(connection=connection), found
    except Exception as error:
        for _, resolve in values.values():
            resolve(Output.from_input(_failing(error)))
        raise


async def _failing(error: Exception) -> Any:
    raise error


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
        authorities=authorities((server.acme() or server.certificate_files(), server.webmail.certificate)),
        mta_sts=server.receiving.mta_sts,
        by_smarthost=server.smarthost is not None,
    )


def _browsers_know(files: CertificateConfig | AcmeConfig | None) -> bool:
    """Return whether a public CA signs the certificate; None stands for the stack's own CA."""
    if isinstance(files, AcmeConfig):
        return files.is_public()
    return files is not None and files.ca_file is None


def _webmail_url(server: ServerConfig) -> str:
    """Return where webmail answers; whoever has a proxy in front knows that one's address."""
    host = server.reached_at()
    suffix = "" if server.ports.webmail == 443 else f":{server.ports.webmail}"
    return f"https://{f'[{host}]' if ':' in host else host}{suffix}"
