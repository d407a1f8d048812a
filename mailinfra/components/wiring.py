"""Wiring: what a person configured, in the words of the components.

Owns the way from settings to args that needs no resource. Does not own the order of components
(mailserver.py), nor the values that come out of other components (parts.py).
"""

from collections.abc import Mapping

from mailinfra.components.certificates import CertificateFiles
from mailinfra.components.database.server import ExistingServer
from mailinfra.components.postfix_files import ClientLimits, Smarthost
from mailinfra.config.load import Secrets, ServerConfig
from mailinfra.config.storage import Databases
from mailinfra.containers import images
from mailinfra.containers.rendering import text_of

_PULLED = {"base": images.DEBIAN, "mysql": images.MYSQL, "roundcube": images.ROUNDCUBE}


def image(stack: str, server: ServerConfig, name: str) -> images.ImageSource:
    """Return where the image of a daemon comes from."""
    choice = str(getattr(server.images, name))
    match choice:
        case "build":
            base = _PULLED["base"] if server.images.base == "pull" else server.images.base
            return images.Built(folder=name, base=base, stack=stack)
        case "pull":
            return images.Pulled(reference=_PULLED[name])
        case reference:
            return images.Pulled(reference=reference)


def published(server: ServerConfig, *protocols: str) -> dict[str, int]:
    """Return protocol -> port on the host, of those that are on."""
    ports = {protocol: getattr(server.ports, protocol) for protocol in protocols}
    return {protocol: port for protocol, port in ports.items() if port is not None}


def certificate_files(server: ServerConfig) -> CertificateFiles | None:
    """Return the user's own certificate, or None where the stack's CA signs one."""
    if server.certificate is None:
        return None
    files = server.certificate
    return CertificateFiles(certificate=files.certificate_file, key=files.key_file, ca=files.ca_file)


def existing_server(server: ServerConfig, secrets: Secrets) -> ExistingServer | None:
    """Return somebody's MySQL server, or None where it is a container of ours."""
    external = server.database.external
    if external is None or secrets.database_password is None:
        return None
    return ExistingServer(
        host=external.host,
        port=external.port,
        administrator=external.administrator,
        password=secrets.database_password,
        adopt=external.databases is Databases.ADOPT,
        ca_file=external.ca_file,
    )


def database_clients(server: ServerConfig) -> Mapping[str, str]:
    """Return service -> address that it logs in to the database from; anywhere, where Docker hides it."""
    hosts = server.network.hosts()
    places = {"dovecot": hosts["dovecot"], "postfix": hosts["postfix"], "roundcube": hosts["webmail"]}
    return places if server.database.external is None else dict.fromkeys(places, "%")


def smarthost(server: ServerConfig, secrets: Secrets) -> Smarthost | None:
    """Return the server that takes all outgoing mail, or None where each domain's own does."""
    if server.smarthost is None:
        return None
    return Smarthost(
        host=server.smarthost.host,
        port=server.smarthost.port,
        username=server.smarthost.username,
        password=secrets.smarthost_password,
        ca=text_of(server.smarthost.ca_file) if server.smarthost.ca_file else None,
    )


def client_limits(server: ServerConfig) -> ClientLimits:
    """Return what one client address may do at the SMTP ports."""
    clients = server.limits.clients
    return ClientLimits(
        connections=clients.connections,
        connection_rate=clients.connection_rate,
        auth_rate=clients.auth_rate,
        message_rate=clients.message_rate,
        recipient_rate=clients.recipient_rate,
    )


def postmaster(server: ServerConfig) -> str | None:
    """Return who gets mail to `postmaster` without a domain: its own domain's, unless the host is one."""
    accounts = server.accounts
    if accounts is None or server.hostname in {domain.name for domain in accounts.domains}:
        return None
    return accounts.postmaster(server.hostname)


def reached_at(server: ServerConfig) -> str:
    """Return the name under which mail programs find the server: an address where it listens on one only."""
    return (
        server.listen[0]
        if all(address in {"127.0.0.1", "::1"} for address in server.listen)
        else server.hostname
    )
