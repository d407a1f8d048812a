"""Volume: data that outlives a container."""

import contextlib
from typing import ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.docker.daemon import LABELS, Daemon, labels_of, named_labels, saying, until_removed
from bootstrap.providers.resource import Existing, Resource
from bootstrap.providers.values import Properties

__all__ = ["Volume"]


class Volume(Resource):
    """A volume; every change replaces it, which loses what it holds."""

    token = "docker:index/volume:Volume"  # noqa: S105 (the type's name)
    meta = '{"schema_version":"1"}'
    properties: ClassVar = {
        "name": Property(replaces=True),
        "driver": Property(replaces=True, computed=True),
        "driverOpts": Property(kind="map", replaces=True),
        "cluster": Property(kind="object", foreign=True),
        "labels": LABELS,
    }
    outputs = ("mountpoint",)
    automatic_name = "name"

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create the volume; Docker takes one that exists under this name as it is."""
        with saying("Unable to create volume"):
            self._daemon.api.create_volume(
                inputs["name"],
                driver=inputs.get("driver"),
                driver_opts=inputs.get("driverOpts"),
                labels=labels_of(inputs),
            )
        found = self.read(Existing(identity=inputs["name"], state={}))
        assert found  # noqa: S101 (made a moment ago)
        identity, state = found
        return identity, {**state, "driverOpts": state["driverOpts"] or None}

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return the volume as the daemon describes it."""
        from docker.errors import NotFound

        with saying("Unable to inspect volume"):
            try:
                volume = self._daemon.api.inspect_volume(old.identity)
            except NotFound:
                return None
        return old.identity, {
            "id": old.identity,
            "name": volume["Name"],
            "cluster": None,
            "driver": volume["Driver"],
            "driverOpts": volume["Options"] or {},
            "labels": named_labels(volume["Labels"]),
            "mountpoint": volume["Mountpoint"],
        }

    def delete(self, old: Existing) -> None:
        """Remove the volume with what it holds; one that is gone is as good."""
        from docker.errors import NotFound

        def remove() -> None:
            with contextlib.suppress(NotFound):  # it is gone all the same
                self._daemon.api.remove_volume(old.identity, force=True)

        until_removed(remove, used="volume is in use", last_state="in_use")
