"""Mail server: the only place where the parts meet.

Owns the order: certificates, database, accounts, Dovecot, Postfix, webmail. Does not own any setting
(mailinfra/config), which value goes where (parts.py) or what a part is made of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi import ComponentResource, Output, ResourceOptions

from mailinfra.components import wiring
from mailinfra.components.dns import dns_records
from mailinfra.components.parts import Parts
from mailinfra.config.load import Secrets, ServerConfig


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
        parts = Parts(name, args.stack, args.server, args.secrets, ResourceOptions(parent=self))

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
