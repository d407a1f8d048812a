"""Configuration: everything that a person decides about one mail server, read and checked before anything
starts.

Owns the whole form and the only access to pulumi.Config. Does not own its sections (settings/) or any
resource.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import pulumi
from pulumi import Output
from pulumi.runtime import is_config_secret
from pydantic import Field, ValidationError

from mailinfra.settings.accounts import AccountsConfig
from mailinfra.settings.certificate import CertificateConfig, covers
from mailinfra.settings.explanation import explain
from mailinfra.settings.files import Beside, by_stored_address, password_mistakes, with_accounts
from mailinfra.settings.images import ImagesConfig
from mailinfra.settings.model import Items, Mistake, Model, Word
from mailinfra.settings.network import NetworkConfig, PortsConfig
from mailinfra.settings.service import LimitsConfig, ReceivingConfig, SmarthostConfig, WebmailConfig
from mailinfra.settings.storage import DatabaseConfig, StorageConfig
from mailinfra.types import DomainName, IpAddress, within


class ServerConfig(Model):
    """One mail server: `mailinfra:server` in the stack file."""

    hostname: DomainName = Field(examples=["mail.example.org"])
    """The server's own name: in greetings, in the certificate and as MX of every domain."""

    addresses: Items[IpAddress] = Field(default=(), examples=[["192.0.2.25", "2001:db8::25"]])
    """Public IP addresses of the host, for its DNS records."""

    listen: Items[IpAddress] = Field(default=("0.0.0.0",), examples=[["0.0.0.0", "::"]])  # noqa: S104
    """IP addresses of the host that the ports are published on; `0.0.0.0` and `::` mean all of their kind."""

    ports: PortsConfig = PortsConfig()
    """TCP ports on the host."""

    network: NetworkConfig = NetworkConfig()
    """The Docker network of the containers."""

    certificate: Annotated[CertificateConfig | None, Word("own")] = None
    """`own` makes a CA for this stack and signs with it; a public server names its files."""

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

    webmail: WebmailConfig = WebmailConfig()
    """How webmail is reached."""

    resolvers: Items[IpAddress] = Field(default=(), examples=[["192.0.2.53"]])
    """DNS servers that Postfix asks, in place of Docker's."""

    smarthost: SmarthostConfig | None = None
    """A server that all mail leaves through; without it each message goes to its recipient's own server."""

    accounts: Annotated[AccountsConfig | None, Word("external")] = AccountsConfig()
    """Domains, mailboxes and aliases; or the path of a YAML file that holds them; or `external`: then the
    rows of the database are left to somebody else."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return the settings of different sections that contradict each other."""
        names = self.certificate.names() if self.certificate else None
        if self.certificate and names is not None and not covers(names, self.hostname):
            reason = (
                f"{self.hostname!r} is not named by {self.certificate.certificate_file}, which names "
                f"{', '.join(names) or 'no host at all'}; get one for this name, or use one of those"
            )
            yield Mistake(place=("hostname",), reason=reason, about=("certificate",))
        yield from self._addresses_in_subnets()
        yield from self._listening_twice()

    def _addresses_in_subnets(self) -> Iterator[Mistake]:
        places: list[tuple[tuple[str | int, ...], str]] = [
            *((("addresses", index), one) for index, one in enumerate(self.addresses)),
            *((("resolvers", index), one) for index, one in enumerate(self.resolvers)),
            *((("listen", index), one) for index, one in enumerate(self.listen)),
        ]
        if self.database.external:
            places.append((("database", "external", "host"), self.database.external.host))
        for place, given in places:
            for network in (self.network.subnet, self.network.subnet6):
                if network and within(given, network):
                    reason = (
                        f"{given} is inside of the containers' own network {network}; choose another subnet"
                    )
                    yield Mistake(place=place, reason=reason, about=("network",))

    def _listening_twice(self) -> Iterator[Mistake]:
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


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What stands beside the form under keys of its own, encrypted in the stack file."""

    passwords: Output[Mapping[str, str]]
    """`mailinfra:passwords`: address -> password, or hash from another system; empty by default."""

    database_password: Output[str] | None
    """`mailinfra:databasePassword`: the administrator's, where the database is an existing server."""

    smarthost_password: Output[str] | None
    """`mailinfra:smarthostPassword`: where mail leaves through a smarthost that asks for one."""


def load(config: pulumi.Config) -> ServerConfig:
    """Return the configuration of this stack, or stop with one line for each mistake in it."""
    if is_config_secret(config.full_key("server")):
        raise pulumi.RunError(
            "mailinfra:server holds a secret, and mistakes in it are printed; move the secret to a key of "
            "its own: mailinfra:passwords, mailinfra:databasePassword or mailinfra:smarthostPassword"
        )
    text = config.get("server")
    if text is None:
        raise pulumi.RunError(
            "mailinfra:server is missing from the stack file; copy it from Pulumi.example.yaml, "
            "docs/configuration.md describes every field"
        )
    return check(json.loads(text), beside(config))


def load_secrets(config: pulumi.Config) -> Secrets:
    """Return the secrets of this stack; each is an output that stays secret wherever it goes."""
    passwords = config.get_secret_object("passwords")
    return Secrets(
        passwords=Output.secret({}) if passwords is None else passwords.apply(by_stored_address),
        database_password=config.get_secret("databasePassword"),
        smarthost_password=config.get_secret("smarthostPassword"),
    )


def check(given: Any, beside: Beside) -> ServerConfig:
    """Return the checked form; raise pulumi.RunError with one line for each mistake in it and beside it."""
    given, accounts_file, lines = with_accounts(given)
    server = None
    try:
        server = ServerConfig.model_validate(given)
    except ValidationError as error:
        lines += explain(error, accounts_file)
    lines += password_mistakes(beside.passwords, given.get("accounts") if isinstance(given, dict) else None)
    if server is not None:
        lines += unpaired(server, beside)
    if lines or server is None:
        raise pulumi.RunError("\n  ".join(["the configuration of this stack is not valid:", *lines]))
    return server


def beside(config: pulumi.Config) -> Beside:
    """Return what the checks need to know of the secret keys, and refuse one that is not encrypted."""
    for key in ("passwords", "databasePassword", "smarthostPassword"):
        if config.get(key) is not None and not is_config_secret(config.full_key(key)):
            raise pulumi.RunError(
                f"mailinfra:{key} stands in clear text; change it, then `pulumi config set --secret`"
            )
    return Beside(
        passwords=config.get_object("passwords"),
        database_password=config.get("databasePassword") is not None,
        smarthost_password=config.get("smarthostPassword") is not None,
    )


def unpaired(server: ServerConfig, beside: Beside) -> Iterator[str]:
    """Return each secret key without its setting, and each setting without its secret key."""
    needs_smarthost = server.smarthost is not None and server.smarthost.username is not None
    pairs = (
        (
            "databasePassword",
            beside.database_password,
            "database.external",
            server.database.external is not None,
        ),
        ("smarthostPassword", beside.smarthost_password, "smarthost.username", needs_smarthost),
    )
    for key, present, setting, needed in pairs:
        if needed and not present:
            yield f"mailinfra:{key}: is missing for server.{setting}; `pulumi config set --secret {key}`"
        if present and not needed:
            yield f"mailinfra:{key}: is of no use without server.{setting}; remove one or add the other"
