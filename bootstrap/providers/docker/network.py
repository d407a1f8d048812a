"""Network: what containers reach each other through."""

import contextlib
from typing import Any, ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.docker.daemon import LABELS, Daemon, labels_of, named_labels, saying, until_removed
from bootstrap.providers.order import ordered
from bootstrap.providers.plan import plan
from bootstrap.providers.resource import Existing, Resource
from bootstrap.providers.values import Properties

__all__ = ["Network"]

_REPLACES = Property(replaces=True)
_COMPUTED = Property(replaces=True, computed=True)


_PROPERTIES = {
    "name": _REPLACES,
    "driver": _COMPUTED,
    "attachable": Property(kind="truth", replaces=True),
    "ingress": Property(kind="truth", replaces=True, foreign=True),
    "internal": Property(kind="truth", replaces=True, computed=True),
    "ipv6": Property(kind="truth", replaces=True),
    "ipamDriver": Property(replaces=True, default="default"),
    "ipamOptions": Property(kind="map", replaces=True, foreign=True),
    "ipamConfigs": Property(
        kind="list",
        replaces=True,
        computed=True,
        unordered=True,
        fields={
            **dict.fromkeys(("subnet", "gateway", "ipRange"), _REPLACES),
            "auxAddress": Property(kind="map", replaces=True),
        },
    ),
    "labels": LABELS,
    "options": Property(kind="map", replaces=True, computed=True),
}


class Network(Resource):
    """A network; every change replaces it."""

    token = "docker:index/network:Network"  # noqa: S105 (the type's name)
    meta = '{"schema_version":"1"}'
    properties: ClassVar = _PROPERTIES
    outputs = ("scope",)
    automatic_name = "name"

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create the network."""
        pools = [
            {
                "Subnet": pool.get("subnet"),
                "Gateway": pool.get("gateway"),
                "IPRange": pool.get("ipRange"),
                "AuxiliaryAddresses": pool.get("auxAddress"),
            }
            for pool in inputs.get("ipamConfigs") or []
        ]
        with saying("Unable to create network"):
            made = self._daemon.api.create_network(
                inputs["name"],
                driver=inputs.get("driver") or "bridge",
                options=inputs.get("options"),
                ipam={"Driver": inputs["ipamDriver"], "Config": [_given(pool) for pool in pools]},
                check_duplicate=True,
                internal=bool(inputs.get("internal")),
                labels=labels_of(inputs),
                enable_ipv6=bool(inputs.get("ipv6")),
                attachable=bool(inputs.get("attachable")),
            )
        with saying("Unable to inspect network"):
            state = _state(self._daemon.api.inspect_network(made["Id"]))
        planned = plan({}, inputs, self.properties).state
        wanted = {"ipamConfigs": planned["ipamConfigs"]} if inputs.get("ipamConfigs") else {}
        return made["Id"], {**state, "ipamOptions": None, **wanted}

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return the network as the daemon describes it."""
        from docker.errors import NotFound

        with saying("Unable to inspect network"):
            try:
                network = self._daemon.api.inspect_network(old.identity)
            except NotFound:
                return None
        return network["Id"], _state(network)

    def delete(self, old: Existing) -> None:
        """Remove the network; one that is gone is as good."""
        from docker.errors import NotFound

        def remove() -> None:
            with contextlib.suppress(NotFound):  # it is gone all the same
                self._daemon.api.remove_network(old.identity)

        until_removed(remove, used="has active endpoints", last_state="pending")


def _state(network: dict[str, Any]) -> Properties:
    return {
        "id": network["Id"],
        "name": network["Name"],
        "driver": network["Driver"],
        "scope": network["Scope"],
        "attachable": network["Attachable"],
        "ingress": network["Ingress"],
        "internal": network["Internal"],
        "ipv6": network["EnableIPv6"],
        "ipamDriver": network["IPAM"]["Driver"],
        "ipamOptions": network["IPAM"]["Options"] or {},
        "ipamConfigs": ordered(
            [
                {
                    "subnet": pool.get("Subnet", ""),
                    "gateway": pool.get("Gateway", ""),
                    "ipRange": pool.get("IPRange", ""),
                    "auxAddress": pool.get("AuxiliaryAddresses") or {},
                }
                for pool in network["IPAM"]["Config"] or []
            ],
            _PROPERTIES["ipamConfigs"],
        ),
        "labels": named_labels(network["Labels"]),
        "options": network["Options"] or {},
    }


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
