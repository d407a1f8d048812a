"""Network: what containers reach each other through."""

from typing import Any, ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.docker.daemon import LABELS, Daemon, labels_of, named_labels, saying
from bootstrap.providers.resource import Existing, Resource
from bootstrap.providers.values import Properties

__all__ = ["Network"]

_REPLACES = Property(replaces=True)
_COMPUTED = Property(replaces=True, computed=True)


class Network(Resource):
    """A network; every change replaces it."""

    token = "docker:index/network:Network"  # noqa: S105 (the type's name)
    properties: ClassVar = {
        "name": _REPLACES,
        "driver": _COMPUTED,
        "attachable": _REPLACES,
        "internal": _COMPUTED,
        "ipv6": _REPLACES,
        "ipamDriver": Property(replaces=True, default="default"),
        "ipamConfigs": Property(
            replaces=True,
            computed=True,
            unordered=True,
            fields=dict.fromkeys(("subnet", "gateway", "ipRange", "auxAddress"), Property()),
        ),
        "labels": LABELS,
        "options": _COMPUTED,
    }
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
        found = self.read(Existing(identity=made["Id"], state={}))
        assert found  # noqa: S101 (made a moment ago)
        return found

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

        with saying(f"Unable to remove network {old.state.get('name')}"):
            try:
                self._daemon.api.remove_network(old.identity)
            except NotFound:
                return


def _state(network: dict[str, Any]) -> Properties:
    return {
        "id": network["Id"],
        "name": network["Name"],
        "driver": network["Driver"],
        "scope": network["Scope"],
        "attachable": network["Attachable"],
        "internal": network["Internal"],
        "ipv6": network["EnableIPv6"],
        "ipamDriver": network["IPAM"]["Driver"],
        "ipamConfigs": [
            {
                "subnet": pool.get("Subnet", ""),
                "gateway": pool.get("Gateway", ""),
                "ipRange": pool.get("IPRange", ""),
                "auxAddress": pool.get("AuxiliaryAddresses") or {},
            }
            for pool in network["IPAM"]["Config"] or []
        ],
        "labels": named_labels(network["Labels"]),
        "options": network["Options"] or {},
    }


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
