"""ACME: gets the certificate that the mail server shows, and renews it while all others run.

Owns the container, its volumes and the rendered configuration. Does not own when it asks and what a failure
means (images/acme), nor how a daemon takes another certificate (its own image and configuration).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi_docker as docker
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.components.handles import Identity
from mailinfra.config.certificate import AcmeConfig
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.durability import learned
from mailinfra.containers.place import Place
from mailinfra.containers.rendering import rendered, text_of
from mailinfra.containers.service import Health, Mount, Renewed, Service, ServiceArgs, after
from mailinfra.types import OnDestroy
from mailinfra.user_ids import ACME

MEMORY_MIB = 128
TEMPLATES = ("acme.json",)
"""Files below configs/acme/, the same as below /etc/mailinfra."""

_CA = "/etc/mailinfra/ca.pem"


@dataclass(frozen=True, kw_only=True)
class AcmeArgs:
    """What is asked for, and what is shown meanwhile."""

    place: Place
    """Where it runs."""

    hostname: str
    """The server's own name, the first one of the certificate."""

    acme: AcmeConfig
    """Whom it asks, and for which further names."""

    identity: Identity
    """The stack's own: shown until there is another one. The key of it is the certificate's, too."""

    webmail: str
    """Where webmail answers in plain HTTP, for the challenge."""

    credentials: Input[Mapping[str, str]] | None = field(default=None, repr=False)
    """Variables of who serves the zone, where a record answers the CA."""

    addresses: Sequence[str] = ()
    """Public addresses of the host, to which the names lead."""

    resolvers: Sequence[Input[str]] = ()
    """DNS servers in place of those that the engine knows, the host's own: Docker asks them for all names but
    those of containers."""

    key_generation: str | None = None
    """Which key `identity` has, where nobody keeps it over `destroy`: this one's volume does then. None where
    somebody does."""

    on_destroy: OnDestroy = OnDestroy.RETAIN
    """What becomes of the certificate when the stack is destroyed."""


class Acme(ComponentResource):
    """Who renews the certificate of one mail server."""

    renewed: Renewed
    """Where others find it."""

    def __init__(self, name: str, args: AcmeArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Acme", name, None, opts)
        child = ResourceOptions(parent=self)
        kept = ResourceOptions.merge(child, learned(args.on_destroy))
        # Fixed names: the next `up` after a `destroy` asks for no other certificate while that one is good.
        shown = docker.Volume(f"{name}-shown-issued", name=f"{args.place.stack}-tls", opts=kept)
        account = docker.Volume(f"{name}-account-issued", name=f"{args.place.stack}-acme", opts=kept)
        service = Service(
            f"{name}-service",
            ServiceArgs(
                place=args.place,
                folders=[
                    Folder(path="/etc/mailinfra", files=configuration(args)),
                    Folder(path="/run/secrets", files=secrets(args), secret=True),
                ],
                mounts=[Mount(path="/tls", source=shown.name), Mount(path="/acme", source=account.name)],
                tmpfs={"/tmp": f"uid={ACME},gid={ACME},mode=0700,size=4m"},  # noqa: S108
                health=Health(command=["healthy"]),
                memory_mib=MEMORY_MIB,
                user=f"{ACME}:{ACME}",
                resolvers=args.resolvers,
            ),
            opts=child,
        )
        self.renewed = Renewed(
            volume=after(f"{args.place.stack}-tls", service.id_when_healthy), group=ACME, challenges=True
        )
        self.register_outputs({"host": service.host, "volume": shown.name})


def configuration(args: AcmeArgs) -> dict[str, Input[str]]:
    """Return path below /etc/mailinfra -> text of each file that holds no secret."""
    files: dict[str, Input[str]] = {path: rendered(f"acme/{path}", values(args)) for path in TEMPLATES}
    if args.acme.ca_file is not None:
        files["ca.pem"] = text_of(args.acme.ca_file)
    return files


def secrets(args: AcmeArgs) -> dict[str, Input[str]]:
    """Return path below /run/secrets -> text of each file that nobody else may read."""
    files: dict[str, Input[str]] = {
        "certificate.pem": args.identity.certificate,
        "key.pem": args.identity.key,
    }
    if args.acme.dns is not None:
        files["credentials.json"] = Output.secret(Output.json_dumps(args.credentials or {}, sort_keys=True))
    return files


def values(args: AcmeArgs) -> dict[str, Any]:
    """Return what the template may ask for."""
    return {
        "names": args.acme.all_names(args.hostname),
        "email": args.acme.email,
        "directory": args.acme.url(),
        "ca_file": None if args.acme.ca_file is None else _CA,
        "addresses": sorted(args.addresses),
        "webmail": args.webmail,
        "dns_provider": args.acme.dns.provider if args.acme.dns else "",
        "key_generation": json.dumps(args.key_generation),
        "check_propagation": args.acme.dns is None or args.acme.dns.check_propagation,
    }
