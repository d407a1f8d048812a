"""Mail server: the only place where the parts meet.

Owns the network and the order: certificates, database, accounts, Dovecot, Postfix, webmail. Does not own any
setting (config.py) or what a part is made of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi_docker as docker
from pulumi import ComponentResource, Output, ResourceOptions

from mailinfra import wiring
from mailinfra.accounts import Accounts, AccountsArgs, Hashing
from mailinfra.certificates import Certificates, CertificatesArgs
from mailinfra.config import Secrets, ServerConfig
from mailinfra.database import Database, DatabaseArgs
from mailinfra.dns import dns_records
from mailinfra.dovecot import Dovecot, DovecotArgs
from mailinfra.mysql_server import OwnServer
from mailinfra.postfix import Postfix, PostfixArgs
from mailinfra.resources import Provider
from mailinfra.roundcube import Roundcube, RoundcubeArgs
from mailinfra.settings.accounts import Undeclared

MIB = 1024**2


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

    dns_records: Sequence[Mapping[str, Any]]
    """Records that the domains need: name, type, ttl, value and, for an MX, priority."""

    def __init__(self, name: str, args: MailServerArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:MailServer", name, None, opts)
        parts = _Parts(name, args, ResourceOptions(parent=self))

        certificates = parts.certificates()
        database = parts.database(certificates)
        accounts = parts.accounts(database)
        dovecot = parts.dovecot(certificates, database)
        postfix = parts.postfix(certificates, database, dovecot)
        parts.roundcube(certificates, database, dovecot, postfix)

        server = args.server
        domains = [domain.name for domain in server.accounts.domains] if server.accounts else []
        self.endpoints = _endpoints(server)
        self.mailboxes = accounts.initial_passwords if accounts else Output.secret({})
        self.ca_certificate = certificates.trust
        self.dns_records = [
            record.output() for record in dns_records(server.hostname, server.addresses, domains)
        ]
        self.register_outputs(
            {
                "endpoints": self.endpoints,
                "mailboxes": self.mailboxes,
                "ca_certificate": self.ca_certificate,
                "dns_records": self.dns_records,
            }
        )


def _endpoints(server: ServerConfig) -> dict[str, dict[str, Any]]:
    host = wiring.reached_at(server)
    protocols = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s")
    ports = wiring.published(server, *protocols)
    endpoints: dict[str, dict[str, Any]] = {
        protocol: {"host": host, "port": port} for protocol, port in ports.items()
    }
    # Whoever has a proxy in front knows its address; ours is what the proxy is told.
    suffix = "" if server.ports.webmail == 443 else f":{server.ports.webmail}"
    endpoints["webmail"] = {"url": f"https://{f'[{host}]' if ':' in host else host}{suffix}/"}
    return endpoints


class _Parts:
    """The parts of one server, each made from the configuration and from those before it."""

    def __init__(self, name: str, args: MailServerArgs, child: ResourceOptions) -> None:
        self.name, self.stack = name, args.stack
        ours = Provider(f"{name}-provider", child)
        self.child = ResourceOptions.merge(child, ResourceOptions(providers=[ours]))
        self.server, self.secrets = args.server, args.secrets
        self.hosts, self.hosts6 = args.server.network.hosts(), args.server.network.hosts6()
        subnets = [(args.server.network.subnet, self.hosts)]
        if args.server.network.subnet6 is not None:
            subnets.append((args.server.network.subnet6, self.hosts6))  # type: ignore[arg-type]
        self.network = docker.Network(
            f"{name}-network",
            driver="bridge",
            ipv6=bool(self.hosts6),
            ipam_configs=[
                docker.NetworkIpamConfigArgs(subnet=str(subnet), gateway=hosts["gateway"])
                for subnet, hosts in subnets
            ],
            labels=[docker.NetworkLabelArgs(label="mailinfra.stack", value=args.stack)],
            opts=child,
        ).name
        self.webmail_addresses = [hosts["webmail"] for hosts in (self.hosts, self.hosts6) if hosts]

    def certificates(self) -> Certificates:
        return Certificates(
            f"{self.name}-certificates",
            CertificatesArgs(
                hostname=self.server.hostname,
                inner_names=["mysql"],
                files=wiring.certificate_files(self.server),
            ),
            self.child,
        )

    def database(self, certificates: Certificates) -> Database:
        own = OwnServer(
            image=wiring.image(self.server, "mysql"),
            network=self.network,
            address=self.hosts["mysql"],
            gateway=self.hosts["gateway"],
            port=self.server.ports.database,
            memory_mib=self.server.database.memory // MIB,
            certificate=certificates.inner_certificate,
            key=certificates.inner_key,
            ca=certificates.ca,
        )
        return Database(
            f"{self.name}-database",
            DatabaseArgs(
                stack=self.stack,
                server=wiring.existing_server(self.server, self.secrets) or own,
                clients=wiring.database_clients(self.server),
                on_destroy=self.server.storage.on_destroy,
            ),
            self.child,
        )

    def accounts(self, database: Database) -> Accounts | None:
        if self.server.accounts is None:
            return None
        entries = self.server.accounts.directory()
        hashing = self.server.accounts.hashing
        return Accounts(
            f"{self.name}-accounts",
            AccountsArgs(
                connection=database.connection,
                domains=entries.domains,
                mailboxes=entries.mailboxes,
                aliases=entries.aliases,
                passwords=self.secrets.passwords,
                keep_undeclared=self.server.accounts.undeclared is Undeclared.KEEP,
                hashing=Hashing(
                    memory_kib=hashing.memory_kib,
                    iterations=hashing.iterations,
                    parallelism=hashing.parallelism,
                ),
            ),
            self.child,
        )

    def dovecot(self, certificates: Certificates, database: Database) -> Dovecot:
        user, mail = database.users["dovecot"], self.server.storage.mail
        return Dovecot(
            f"{self.name}-dovecot",
            DovecotArgs(
                stack=self.stack,
                image=wiring.image(self.server, "dovecot"),
                hostname=self.server.hostname,
                network=self.network,
                address=self.hosts["dovecot"],
                address6=self.hosts6.get("dovecot"),
                listen=self.server.listen,
                ports=wiring.published(self.server, "imap", "imaps", "pop3", "pop3s"),
                webmail_addresses=self.webmail_addresses,
                database_host=database.host,
                database_port=database.port,
                database_user=user.name,
                database_password=user.password,
                database_ca=database.ca,
                certificate=certificates.certificate,
                key=certificates.key,
                mail_host_path=mail.host_path,
                mail_driver=mail.driver,
                mail_driver_options=mail.driver_options,
                on_destroy=self.server.storage.on_destroy,
            ),
            self.child,
        )

    def postfix(self, certificates: Certificates, database: Database, dovecot: Dovecot) -> Postfix:
        user = database.users["postfix"]
        return Postfix(
            f"{self.name}-postfix",
            PostfixArgs(
                stack=self.stack,
                image=wiring.image(self.server, "postfix"),
                hostname=self.server.hostname,
                network=self.network,
                address=self.hosts["postfix"],
                address6=self.hosts6.get("postfix"),
                listen=self.server.listen,
                ports=wiring.published(self.server, "smtp", "submission", "submissions"),
                webmail_addresses=self.webmail_addresses,
                dovecot_host=dovecot.host,
                dovecot_ca=certificates.trust,
                database_host=database.host,
                database_port=database.port,
                database_user=user.name,
                database_password=user.password,
                database_ca=database.ca,
                certificate=certificates.certificate,
                key=certificates.key,
                postmaster=wiring.postmaster(self.server),
                message_size=self.server.limits.message_size,
                recipients=self.server.limits.recipients,
                limits=wiring.client_limits(self.server),
                check_domains=self.server.receiving.check_domains,
                resolvers=self.server.resolvers,
                smarthost=wiring.smarthost(self.server, self.secrets),
                on_destroy=self.server.storage.on_destroy,
            ),
            self.child,
        )

    def roundcube(
        self, certificates: Certificates, database: Database, dovecot: Dovecot, postfix: Postfix
    ) -> Roundcube:
        user, passwords = database.users["roundcube"], database.users["passwords"]
        return Roundcube(
            f"{self.name}-roundcube",
            RoundcubeArgs(
                stack=self.stack,
                image=wiring.image(self.server, "roundcube"),
                hostname=self.server.hostname,
                network=self.network,
                address=self.hosts["webmail"],
                address6=self.hosts6.get("webmail"),
                listen=self.server.listen,
                port=self.server.ports.webmail,
                redirect_port=self.server.ports.webmail_redirect,
                reverse_proxy=self.server.webmail.reverse_proxy,
                imap_host=dovecot.host,
                smtp_host=postfix.host,
                mail_ca=certificates.trust,
                database_host=database.host,
                database_port=database.port,
                database_user=user.name,
                database_password=user.password,
                passwords_user=passwords.name,
                passwords_password=passwords.password,
                database_ca=database.ca,
                certificate=certificates.certificate,
                key=certificates.key,
                message_size=self.server.limits.message_size,
            ),
            self.child,
        )
