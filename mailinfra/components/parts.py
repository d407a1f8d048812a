"""Parts: each part of one mail server, made from its configuration and from the parts before it.

Owns the network and which value goes where. Does not own the order of parts (mailserver.py), nor the way from
settings to args that needs no resource (wiring.py).
"""

import pulumi_docker as docker
from pulumi import ResourceOptions

from mailinfra.components import wiring
from mailinfra.components.accounts import Accounts, AccountsArgs, Hashing
from mailinfra.components.certificates import Certificates, CertificatesArgs
from mailinfra.components.database import Database, DatabaseArgs
from mailinfra.components.database.server import OwnServer
from mailinfra.components.dovecot import Dovecot, DovecotArgs
from mailinfra.components.own_provider import Provider
from mailinfra.components.postfix import Postfix, PostfixArgs
from mailinfra.components.roundcube import Roundcube, RoundcubeArgs
from mailinfra.config.accounts.lists import Undeclared
from mailinfra.config.load import Secrets, ServerConfig

MIB = 1024**2


class Parts:
    """The parts of one server, each made from the configuration and from those before it."""

    def __init__(
        self, name: str, stack: str, server: ServerConfig, secrets: Secrets, child: ResourceOptions
    ) -> None:
        self.name, self.stack, self.server, self.secrets = name, stack, server, secrets
        ours = Provider(f"{name}-provider", child)
        self.child = ResourceOptions.merge(child, ResourceOptions(providers=[ours]))
        self.hosts, self.hosts6 = server.network.hosts(), server.network.hosts6()
        self.network = docker.Network(
            f"{name}-network",
            driver="bridge",
            ipv6=bool(self.hosts6),
            ipam_configs=[
                docker.NetworkIpamConfigArgs(subnet=str(subnet), gateway=hosts["gateway"])
                for subnet, hosts in (
                    (server.network.subnet, self.hosts),
                    (server.network.subnet6, self.hosts6),
                )
                if hosts
            ],
            labels=[docker.NetworkLabelArgs(label="mailinfra.stack", value=stack)],
            # Two networks cannot have one subnet: all containers go first, then the network, and come back.
            opts=ResourceOptions.merge(child, ResourceOptions(delete_before_replace=True)),
        ).name
        self.webmail_addresses = [hosts["webmail"] for hosts in (self.hosts, self.hosts6) if hosts]

    def certificates(self) -> Certificates:
        """Return the CA and the certificates of the server."""
        return Certificates(
            f"{self.name}-certificates",
            CertificatesArgs(
                stack=self.stack,
                hostname=self.server.hostname,
                inner_names=["mysql"],
                files=wiring.certificate_files(self.server),
            ),
            self.child,
        )

    def database(self, certificates: Certificates) -> Database:
        """Return our own database, or the way to an existing one."""
        own = OwnServer(
            image=wiring.image(self.stack, self.server, "mysql"),
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
        """Return the declared accounts, or None where somebody else writes them."""
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
                delete_mail=self.server.accounts.delete_mail,
                hashing=Hashing(
                    memory_kib=hashing.memory_kib,
                    iterations=hashing.iterations,
                    parallelism=hashing.parallelism,
                ),
            ),
            self.child,
        )

    def dovecot(self, certificates: Certificates, database: Database) -> Dovecot:
        """Return who keeps the mail."""
        user, mail = database.users["dovecot"], self.server.storage.mail
        return Dovecot(
            f"{self.name}-dovecot",
            DovecotArgs(
                stack=self.stack,
                image=wiring.image(self.stack, self.server, "dovecot"),
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
        """Return who takes and sends mail."""
        user = database.users["postfix"]
        return Postfix(
            f"{self.name}-postfix",
            PostfixArgs(
                stack=self.stack,
                image=wiring.image(self.stack, self.server, "postfix"),
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
        """Return the webmail."""
        user, passwords = database.users["roundcube"], database.users["passwords"]
        return Roundcube(
            f"{self.name}-roundcube",
            RoundcubeArgs(
                stack=self.stack,
                image=wiring.image(self.stack, self.server, "roundcube"),
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
