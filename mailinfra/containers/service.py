"""Service: one hardened container, with its image, rendered files, volumes, ports and health.

Owns what every daemon has in common: read-only root, no capability that is not asked for, no new
privileges, a memory limit, bounded logs, files that reach it through read-only volumes.
Does not own what is in the files, nor the volumes that hold data.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi_docker as docker
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.containers import labels
from mailinfra.containers.config_volumes import NEVER_UPDATED, NO_NEW_PRIVILEGES, Folder, Volumes, ulimits
from mailinfra.containers.images import Built, ImageSource, Pulled
from mailinfra.containers.place import Place, PublishedPort


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A place that outlives the container."""

    path: str
    """Absolute path in the container."""

    source: Input[str]
    """Docker's name of the volume, or an absolute path of the host."""

    host: bool = False
    """Whether `source` is a folder of the Docker host."""

    read_only: bool = False
    """Whether another container writes there, and this one does not."""


@dataclass(frozen=True, kw_only=True)
class Renewed:
    """A certificate that another container renews, or hands on whenever its files are others."""

    volume: Input[str]
    """Docker's name of where it lies; known once there is something to show."""

    group: int
    """Who may read it."""

    challenges: bool = False
    """Whether what proves to a CA that the name is ours lies there, too."""

    path = "/tls"
    """Where it is mounted; `current` there is a link to the folder of the pair that is to be shown."""


def from_another(renewed: Renewed | None) -> list[Mount]:
    """Return the mount of who shows a renewed certificate."""
    if renewed is None:
        return []
    return [Mount(path=renewed.path, source=renewed.volume, read_only=True)]


@dataclass(frozen=True, kw_only=True)
class Health:
    """A command in the container that ends with 0 while the service does its work."""

    command: Sequence[str]
    """Program and arguments; no shell."""

    startup_seconds: int = 60
    """How long the first answer may take before the deployment fails."""


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """What one container is made of."""

    place: Place
    """Where it runs."""

    folders: Sequence[Folder] = ()
    """Rendered configuration, certificates and secrets."""

    mounts: Sequence[Mount] = ()
    """Data."""

    tmpfs: Mapping[str, str] = field(default_factory=dict)
    """Absolute path -> mount options of a writable folder in memory."""

    ports: Sequence[PublishedPort] = ()
    """What the world, or the machine itself, may reach."""

    health: Health
    """What proves the service."""

    memory_mib: int
    """Memory limit in MiB, without any swap."""

    user: str | None = None
    """`uid:gid`; None for the image's own."""

    groups: Sequence[int] = ()
    """Further groups of its processes: whose files they may read."""

    capabilities: Sequence[str] = ()
    """What is added after all are dropped; without the `CAP_` prefix a refresh replaces the container."""

    environment: Mapping[str, Input[str]] = field(default_factory=dict)
    """Environment variables; never a secret, for inspection shows them."""

    command: Sequence[str] | None = None
    """Arguments in place of the image's own."""

    resolvers: Sequence[Input[str]] = ()
    """DNS servers in place of the engine's."""

    init: bool = False
    """Whether a minimal init is process 1, for daemons that do not collect orphans."""

    stop_seconds: int = 30
    """How long the daemon may take to end before it is killed."""


class Service(ComponentResource):
    """One hardened container."""

    host: Output[str]
    """Name under which other containers reach it; known once it is healthy."""

    id_when_healthy: Output[str]
    """Docker's id of the container; unknown in a preview that makes or replaces it."""

    def __init__(self, name: str, args: ServiceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Service", name, None, opts)
        child = ResourceOptions(parent=self)

        image = docker.RemoteImage(f"{name}-image", image_args(args.place.image), opts=child)
        volumes = Volumes(
            stack=args.place.stack,
            alias=args.place.alias,
            image=image.image_id,
            labels=container_labels(args.place),
        )
        mounts = [volumes.mount(name, folder, child) for folder in args.folders]
        mounts += [
            docker.ContainerMountArgs(
                type="bind" if mount.host else "volume",
                source=mount.source,
                target=mount.path,
                read_only=mount.read_only or None,
            )
            for mount in args.mounts
        ]
        container = docker.Container(
            f"{name}-container",
            hardened(args, image.image_id, mounts),
            # Two containers cannot have one address and the same ports.
            opts=ResourceOptions.merge(
                child,
                ResourceOptions(replace_on_changes=NEVER_UPDATED, delete_before_replace=True),
            ),
        )
        self.id_when_healthy = container.id
        self.host = after(args.place.alias, container.id)
        self.register_outputs({"host": self.host, "id_when_healthy": self.id_when_healthy})


def after(value: str, *done: Output[Any]) -> Output[str]:
    """Return `value`, known in every preview, to those who have to wait until all of `done` are there.

    It depends on no resource. A container is deleted before the next one is created, and the engine then
    replaces whatever has a property of it, changed or not: one daemon's new limit would restart all others.
    """

    async def waited() -> str:
        for each in done:
            await each.future()
        return value

    return Output(set(), waited(), asyncio.sleep(0, result=True))


def image_args(source: ImageSource) -> docker.RemoteImageArgs:
    """Return what pulls or builds `source`; either is kept when the stack goes, for others may use it."""
    match source:
        case Pulled(reference=reference):
            return docker.RemoteImageArgs(name=reference, keep_locally=True)
        case Built():
            return docker.RemoteImageArgs(
                name=source.tag,
                keep_locally=True,
                build=docker.RemoteImageBuildArgs(
                    context=source.context, tags=[source.tag], build_args=source.build_args
                ),
                triggers={"context": source.hash},
            )


def go_duration(seconds: int) -> str:
    """Return a duration as Go writes it: `45s`, `2m0s`, `1h0m0s`.

    The provider reads it back in this form (https://pkg.go.dev/time#Duration.String), and any other spelling
    is a change in every preview.
    """
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def container_labels(place: Place) -> list[docker.ContainerLabelArgs]:
    """Return the labels that tell whose container this is."""
    return [
        docker.ContainerLabelArgs(label=labels.SERVICE, value=place.alias),
        docker.ContainerLabelArgs(label=labels.STACK, value=place.stack),
    ]


def hardened(
    args: ServiceArgs, image_id: Output[str], mounts: list[docker.ContainerMountArgs]
) -> docker.ContainerArgs:
    """Return the container: the one place that decides what every daemon may do."""
    place = args.place
    ports = sorted(args.ports, key=lambda port: (port.internal, port.address))
    return docker.ContainerArgs(
        image=image_id,
        hostname=place.alias,
        command=list(args.command) if args.command is not None else None,
        user=args.user,
        group_adds=[str(group) for group in args.groups] or None,
        envs=[Output.format("{}={}", key, value) for key, value in sorted(args.environment.items())],
        networks_advanced=[
            docker.ContainerNetworksAdvancedArgs(
                name=each.network,
                aliases=[each.name] if each.name is not None else None,
                ipv4_address=each.address,
                ipv6_address=each.address6,
            )
            for each in place.attachments
        ]
        or None,
        # Whoever is in no network of ours is in none at all: Docker's own reaches everything.
        network_mode=None if place.attachments else "none",
        dns=list(args.resolvers) or None,
        ports=[
            docker.ContainerPortArgs(
                internal=port.internal, external=port.external, ip=port.address, protocol="tcp"
            )
            for port in ports
        ]
        or None,
        mounts=mounts,
        tmpfs=dict(args.tmpfs) or None,
        read_only=True,
        capabilities=docker.ContainerCapabilitiesArgs(adds=sorted(args.capabilities), drops=["ALL"]),
        security_opts=NO_NEW_PRIVILEGES,
        memory=args.memory_mib,
        memory_swap=args.memory_mib,
        ulimits=ulimits(),
        init=args.init,
        # After a tenth of a second, then twice as long each time, up to a minute. It has no end: the policy
        # with one (`on-failure`) does not start again what the machine's own restart has ended.
        # https://docs.docker.com/engine/containers/start-containers-automatically/
        restart="unless-stopped",
        stop_timeout=args.stop_seconds,
        destroy_grace_seconds=args.stop_seconds,
        log_driver="json-file",
        log_opts={"max-size": "10m", "max-file": "5"},
        labels=container_labels(place),
        healthcheck=docker.ContainerHealthcheckArgs(
            tests=["CMD", *args.health.command],
            interval=go_duration(5),
            timeout=go_duration(10),
            retries=3,
            start_period=go_duration(args.health.startup_seconds),
        ),
        wait=True,
        wait_timeout=args.health.startup_seconds + 30,
    )
