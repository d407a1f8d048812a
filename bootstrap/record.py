"""Record: what Pulumi's state knows of a stack, and which of it was under way when an update ended.

Owns how an exported state is read and what is changed in it. Does not own the engine (pulumi_cli.py).
"""

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/remoteImage:RemoteImage"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
USER = "mysql:index/user:User"
DATABASE = "mysql:index/database:Database"
STALE_USERS = "mailinfra:index:StaleUsers"

ONCE = ("creating", "deleting")
"""What MySQL does to a user once only: the second time it is an error."""

Resource = Mapping[str, Any]


def name(urn: str) -> str:
    """Return the last part of a URN, by which a person knows the resource."""
    return urn.rpartition("::")[2]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Something that an update had begun, and not ended, when it was killed."""

    kind: str
    """creating, updating, deleting, reading or importing."""

    resource: Resource
    """What it was done to."""

    @property
    def urn(self) -> str:
        """The resource's URN."""
        return str(self.resource["urn"])


class Record:
    """One exported state."""

    def __init__(self, exported: Mapping[str, Any]) -> None:
        self.exported = exported

    @property
    def resources(self) -> list[Resource]:
        """Every resource, those too that are only waiting to be deleted."""
        return list((self.exported.get("deployment") or {}).get("resources") or [])

    @property
    def operations(self) -> list[Operation]:
        """What was under way."""
        found = (self.exported.get("deployment") or {}).get("pending_operations") or []
        return [Operation(kind=str(each["type"]), resource=each["resource"]) for each in found]

    def of(self, token: str) -> Iterator[Resource]:
        """Return the resources of one type that should exist."""
        for resource in self.resources:
            if resource["type"] == token and not (
                resource.get("delete") or resource.get("pendingReplacement")
            ):
                yield resource

    @property
    def identities(self) -> set[str]:
        """Docker's id of everything that the state knows, what is waiting to be deleted included."""
        return {str(resource["id"]) for resource in self.resources if resource.get("id")}

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever made."""
        return not any(resource.get("custom") for resource in self.resources)

    @property
    def keeps_stale_users(self) -> bool:
        """Whether our provider keeps which of MySQL's users it has dropped (mailinfra/provider)."""
        return any(True for _ in self.of(STALE_USERS))

    def daemons(self) -> Iterator[tuple[Resource, str]]:
        """Return the container of each daemon, and which daemon that is."""
        for resource in self.of(CONTAINER):
            inputs = resource.get("inputs") or {}
            if inputs.get("mustRun") is not False:
                yield resource, service(inputs) or name(str(resource["urn"]))

    def repaired(self, gone: Collection[str]) -> dict[str, Any]:
        """Return the state for a new beginning: nothing under way, and `gone` (ids) deleted where due.

        A user whose making or dropping was cut short may be there or not, and MySQL does neither twice. Our
        provider drops one of that name, if it is there, once its record no longer says that it did.
        """
        exported = copy.deepcopy(dict(self.exported))
        deployment = exported["deployment"]
        deployment["pending_operations"] = []
        deployment["resources"] = [
            each
            for each in deployment.get("resources") or []
            if not (each.get("delete") and each.get("id") in gone)
        ]
        if self.keeps_stale_users:
            begun = [operation for operation in self.operations if operation.resource["type"] == USER]
            names = {str((one.resource.get("inputs") or {}).get("user")) for one in begun if one.kind in ONCE}
            dropped = {one.urn for one in begun if one.kind == "deleting"}
            for each in deployment["resources"]:
                if each["type"] == STALE_USERS:
                    _forget_users(each, names)
                elif each["urn"] in dropped:
                    each["pendingReplacement"] = True  # what the engine writes once it has deleted it
        return exported


def _forget_users(resource: dict[str, Any], names: Collection[str]) -> None:
    for side in ("inputs", "outputs"):
        users = (resource.get(side) or {}).get("users")
        if isinstance(users, dict):
            resource[side]["users"] = {key: host for key, host in users.items() if key not in names}


def service(inputs: Mapping[str, Any]) -> str:
    """Return the service that a container's labels name; empty where they name none."""
    for label in inputs.get("labels") or []:
        if isinstance(label, dict) and label.get("label") == "mailinfra.service":
            return str(label.get("value", ""))
    return ""
