"""Certificate files: a certificate of one's own is shown, and another one in its place, while all goes on.

Owns the container that hands the files on, and its volumes. Does not own what is in the files
(config/certificate.py), when a pair is taken (images/acme/files.py), nor how a daemon takes another
certificate (its own image and configuration).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi_docker as docker
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.components.handles import Identity
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.durability import CACHE
from mailinfra.containers.place import Place
from mailinfra.containers.service import Health, Mount, Renewed, Service, ServiceArgs, after
from mailinfra.user_ids import ACME

MEMORY_MIB = 96
SHOWN = {"mail": "/tls", "webmail": "/webmail"}
"""Who shows it -> where the container that hands it on sees the volume; the same in images/acme/files.py."""


@dataclass(frozen=True, kw_only=True)
class CertificateFilesArgs:
    """Which certificates are shown."""

    place: Place
    """Where it runs; in no network, for nobody asks it anything."""

    hostname: str
    """The server's own name, which each certificate has to name."""

    identities: Mapping[str, Identity]
    """`mail`, `webmail` -> what is shown there; each has a volume of its own, so that webmail reads no key of
    the mail daemons'."""


class CertificateFiles(ComponentResource):
    """Who hands the files of one mail server on."""

    renewed: Mapping[str, Renewed]
    """`mail`, `webmail` -> where others find what they show."""

    def __init__(self, name: str, args: CertificateFilesArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:CertificateFiles", name, None, opts)
        child = ResourceOptions(parent=self)
        names = {whose: f"{args.place.stack}-shown-{whose}" for whose in args.identities}
        volumes = {
            whose: docker.Volume(f"{name}-{whose}{CACHE}", name=volume, opts=child)
            for whose, volume in names.items()
        }
        service = Service(
            f"{name}-service",
            ServiceArgs(
                place=args.place,
                folders=[Folder(path="/files", files=files(args), secret=True, reread=True)],
                mounts=[Mount(path=SHOWN[whose], source=volume.name) for whose, volume in volumes.items()],
                tmpfs={"/tmp": f"uid={ACME},gid={ACME},mode=0700,size=1m"},  # noqa: S108
                health=Health(command=["healthy"]),
                memory_mib=MEMORY_MIB,
                user=f"{ACME}:{ACME}",
                command=["files", args.hostname],
            ),
            opts=child,
        )
        self.renewed = {
            whose: Renewed(volume=after(volume, service.id_when_healthy), group=ACME)
            for whose, volume in names.items()
        }
        self.register_outputs({"host": service.host})


def files(args: CertificateFilesArgs) -> dict[str, Input[str]]:
    """Return path below /files -> text of each file."""
    found: dict[str, Input[str]] = {}
    for whose, identity in args.identities.items():
        found[f"{whose}/chain.pem"] = Output.from_input(identity.certificate)
        found[f"{whose}/key.pem"] = identity.key
    return found
