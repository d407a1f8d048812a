"""Survey: state, locks, processes and Docker, looked at together before Pulumi starts.

Owns what follows from one look: who is unknown, what is gone, whose server this is. It touches nothing; what
is done about it is repair.py's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bootstrap import by_hand, health, inventory, processes
from bootstrap.by_hand import Deed
from bootstrap.health import Daemon
from bootstrap.inventory import Container
from bootstrap.locks import Lock, locks
from bootstrap.pulumi_cli import Pulumi
from bootstrap.record import CONTAINER, IMAGE, NETWORK, VOLUME, Record, name


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found before an update."""

    stack: str
    """The stack."""

    record: Record
    """What the state knows."""

    locks: Sequence[Lock] = ()
    """Its locks."""

    strays: Sequence[processes.Process] = ()
    """Plugins that outlived their engine."""

    containers: Sequence[Container] = ()
    """What Docker has."""

    networks: dict[str, str] = field(default_factory=dict)
    """Id -> name of the stack's networks."""

    volumes: Sequence[str] = ()
    """Names of all volumes that are the stack's."""

    images: frozenset[str] = frozenset()
    """Those images of the state that Docker has."""

    @property
    def daemons(self) -> list[Daemon]:
        """The daemons that the state knows, as they are."""
        return health.daemons(self.record, self.containers)

    @property
    def deeds(self) -> list[tuple[Daemon, list[Deed]]]:
        """What a hand did to the daemons' containers, of each to which anything was done."""
        resources = {str(resource["urn"]): resource for resource, _ in self.record.daemons()}
        done = [(one, list(by_hand.deeds(one, resources[one.urn]))) for one in self.daemons]
        return [(one, deeds) for one, deeds in done if deeds]

    @property
    def strangers(self) -> list[Container]:
        """Containers that the state does not know and that no killed update of it can have made.

        As long as the state knows anything that Docker has, it is this server's, and the rest are leftovers.
        """
        there = {one.identity for one in self.containers} | set(self.networks)
        begun = [one for one in self.record.operations if one.resource["type"] in (CONTAINER, NETWORK)]
        if there & self.record.identities or begun:
            return []
        return [one for one in self.containers if one.serves and one.status != "created"]

    @property
    def orphans(self) -> list[Container]:
        """Containers that the state does not know."""
        return [one for one in self.containers if one.identity not in self.record.identities]

    @property
    def orphan_networks(self) -> dict[str, str]:
        """Networks that the state does not know."""
        return {key: text for key, text in self.networks.items() if key not in self.record.identities}

    @property
    def orphan_volumes(self) -> list[str]:
        """Volumes of rendered files that the state does not know."""
        services = {service for _, service in self.record.daemons()} | {
            one.service for one in self.containers
        }
        return [
            volume
            for volume in self.volumes
            if volume not in self.record.identities
            and inventory.holds_files(volume, self.stack, sorted(services))
        ]

    @property
    def missing(self) -> dict[str, str]:
        """URN -> name of what the state has and Docker has not; a daemon's name is that of its service."""
        there = {one.identity for one in self.containers} | set(self.networks) | set(self.volumes)
        services = {str(resource["urn"]): service for resource, service in self.record.daemons()}
        gone = {
            str(resource["urn"]): services.get(str(resource["urn"])) or name(str(resource["urn"]))
            for token in (CONTAINER, NETWORK, VOLUME)
            for resource in self.record.of(token)
            if resource["id"] not in there
        }
        gone |= {
            str(resource["urn"]): name(str(resource["urn"]))
            for resource in self.record.of(IMAGE)
            if (resource.get("outputs") or {}).get("imageId") not in {*self.images, None}
        }
        return gone

    @property
    def buried(self) -> set[str]:
        """Ids of what the state means to delete from Docker and Docker has no more."""
        there = {one.identity for one in self.containers} | set(self.networks) | set(self.volumes)
        return {
            str(resource["id"])
            for resource in self.record.resources
            if resource.get("delete")
            and resource["type"] in (CONTAINER, NETWORK, VOLUME)
            and resource.get("id") not in there
        }

    @property
    def data_lost(self) -> set[str]:
        """Names of volumes with data that the state has and Docker does not."""
        return {
            str(resource["id"])
            for resource in self.record.of(VOLUME)
            if (resource.get("retainOnDelete") or resource.get("protect")) and resource["urn"] in self.missing
        }


def survey(pulumi: Pulumi, stack: str) -> Survey:
    """Look at everything; nothing is touched."""
    machine = pulumi.machine
    record = pulumi.record(stack)
    wanted = [str((one.get("outputs") or {}).get("imageId", "")) for one in record.of(IMAGE)]
    return Survey(
        stack=stack,
        record=record,
        locks=locks(machine, stack),
        strays=processes.left_behind(machine),
        containers=inventory.containers(machine, stack),
        networks=inventory.networks(machine, stack),
        volumes=inventory.volumes(machine, stack),
        images=frozenset(inventory.images(machine, wanted)) if any(wanted) else frozenset(),
    )
