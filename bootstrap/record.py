"""Record: what Pulumi's state knows of a stack, and which of it was under way when an update ended.

Owns how an exported state is read and what is changed in it. Does not own the engine (pulumi_cli.py).
"""

import copy
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.inventory import SERVICE_LABEL

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/remoteImage:RemoteImage"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
USER = "mysql:index/user:User"
DATABASE = "mysql:index/database:Database"

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

    def daemons(self) -> Iterator[tuple[Resource, str]]:
        """Return the container of each daemon, and which daemon that is."""
        for resource in self.of(CONTAINER):
            inputs = resource.get("inputs") or {}
            if inputs.get("mustRun") is not False:
                yield resource, service(inputs) or name(str(resource["urn"]))

    def repaired(self, gone: Collection[str]) -> dict[str, Any]:
        """Return the state for a new beginning: nothing under way, and `gone` (ids) deleted where due.

        MySQL drops no user twice. One whose dropping was cut short gets the engine's own mark of what is
        deleted and not yet made again; the program sees to it that the name is free when the user is made.
        """
        exported = copy.deepcopy(dict(self.exported))
        deployment = exported["deployment"]
        deployment["pending_operations"] = []
        deployment["resources"] = [
            each
            for each in deployment.get("resources") or []
            if not (each.get("delete") and each.get("id") in gone)
        ]
        dropped = {
            operation.urn
            for operation in self.operations
            if operation.kind == "deleting" and operation.resource["type"] == USER
        }
        for each in deployment["resources"]:
            if each["urn"] in dropped:
                each["pendingReplacement"] = True
        return exported

    def with_users_in(self, volume: str) -> dict[str, Any]:
        """Return the state with users that go with the volume (its name), and need no MySQL to be deleted."""
        exported = copy.deepcopy(dict(self.exported))
        for resource in self.of(VOLUME):
            for each in exported["deployment"]["resources"]:
                if resource["id"] == volume and each["type"] == USER:
                    each["deletedWith"] = resource["urn"]
        return exported


def service(inputs: Mapping[str, Any]) -> str:
    """Return the service that a container's labels name; empty where they name none."""
    for label in inputs.get("labels") or []:
        if isinstance(label, dict) and label.get("label") == SERVICE_LABEL:
            return str(label.get("value", ""))
    return ""
