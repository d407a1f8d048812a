"""Container: made, filled with files, connected, started, waited for."""

import base64
import io
import tarfile
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from bootstrap.providers.docker.container_properties import IN_PLACE, OUTPUTS, PROPERTIES
from bootstrap.providers.docker.container_request import request, restart_policy, swap_bytes
from bootstrap.providers.docker.container_state import made, refreshed
from bootstrap.providers.docker.daemon import Daemon, saying, sentence
from bootstrap.providers.docker.image import local_or_pulled
from bootstrap.providers.resource import TIMEOUTS, Difference, Existing, Incomplete, Refused, Resource
from bootstrap.providers.values import Properties

__all__ = ["Container"]

POLL_SECONDS = 0.25
SETTLE_SECONDS = 0.25
"""How long a container that ends at once has to do so before its state is read."""

_TAINTED = TIMEOUTS + ',"schema_version":"2","tainted":true}'


class Container(Resource):
    """A container; most changes replace it, the old one first."""

    token = "docker:index/container:Container"  # noqa: S105 (the type's name)
    meta = TIMEOUTS + ',"schema_version":"2"}'
    properties: ClassVar = PROPERTIES
    outputs = OUTPUTS
    automatic_name = "name"
    deletes_first = True

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def comparable(self, state: Properties, inputs: Properties) -> Properties:
        """Return the inputs, with the state's ports where another order is all that differs."""
        old, new = state.get("ports") or [], inputs.get("ports") or []
        if isinstance(new, list) and old and same_ports(old, new):
            return {**inputs, "ports": old}
        return inputs

    def diff(self, state: Properties, inputs: Properties) -> Difference:
        """Replace also what never came to what was asked for."""
        found = super().diff(state, inputs)
        if state.get("__meta") == _TAINTED:
            found.kinds.setdefault("wait", "UPDATE")
            found.names = sorted({*found.names, "wait"})
            found.replaces = sorted({*found.replaces, "wait"})
        return found

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create the container and bring it to where it was asked to be; it stays where that fails."""
        local_or_pulled(
            self._daemon, inputs["image"], f"Unable to create container with image {inputs['image']}"
        )
        with saying("Unable to create container"):
            created = self._daemon.api.create_container_from_config(
                request(inputs, inputs["image"]), inputs["name"]
            )
        identity = created["Id"]
        try:
            self._connect(identity, inputs)
            self._upload(identity, inputs)
            if inputs["start"]:
                with saying("Unable to start container"):
                    self._daemon.api.start(identity)
                time.sleep(SETTLE_SECONDS)
                if inputs.get("wait"):
                    self._wait(identity, inputs["waitTimeout"])
        except Refused as refusal:
            state = made(self._inspect(identity), self.given(inputs))
            raise Incomplete(str(refusal), identity, {**state, "__meta": _TAINTED}) from None
        return identity, made(self._inspect(identity), self.given(inputs))

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return the container as the daemon describes it."""
        from docker.errors import NotFound

        self.no_import(old)
        try:
            container = self._daemon.api.inspect_container(old.identity)
        except NotFound:
            return None
        return container["Id"], refreshed(container, old.state)

    def update(self, old: Existing, inputs: Properties) -> Properties:
        """Change limits and restart policy; all else changes in the state, and not in the container."""
        wanted = super().update(old, inputs)
        if wanted["mustRun"] and not old.state.get("mustRun") and wanted["start"]:
            with saying("Unable to start container"):
                self._daemon.api.start(old.identity)
        if all(wanted.get(name) == old.state.get(name) for name in IN_PLACE):
            return wanted
        with saying("Unable to update a container"):
            self._daemon.api.update_container(
                old.identity,
                mem_limit=wanted.get("memory") and f"{wanted['memory']}m",
                memswap_limit=swap_bytes(wanted.get("memorySwap") or 0) or None,
                cpu_shares=wanted.get("cpuShares"),
                restart_policy=restart_policy(wanted),
            )
        return wanted

    def delete(self, old: Existing) -> None:
        """Stop the container, with grace where asked for, and remove it; one that is gone is as good."""
        from docker.errors import NotFound

        with saying(f"Error deleting container {old.identity}"):
            try:
                if grace := old.state.get("destroyGraceSeconds"):
                    self._daemon.api.stop(old.identity, timeout=grace)
                self._daemon.api.remove_container(
                    old.identity, v=bool(old.state.get("removeVolumes")), force=True
                )
            except NotFound:
                return

    def _inspect(self, identity: str) -> dict[str, Any]:
        with saying("Unable to inspect container"):
            inspected: dict[str, Any] = self._daemon.api.inspect_container(identity)
            return inspected

    def _connect(self, identity: str, inputs: Properties) -> None:
        networks = inputs.get("networksAdvanced") or []
        if networks:
            self._leave_bridge(identity)
        with saying("Unable to connect to network"):
            for network in networks:
                self._daemon.api.connect_container_to_network(
                    identity,
                    network["name"],
                    aliases=network.get("aliases"),
                    ipv4_address=network.get("ipv4Address"),
                    ipv6_address=network.get("ipv6Address"),
                    link_local_ips=network.get("linkLocalIps"),
                )

    def _leave_bridge(self, identity: str) -> None:
        from docker.errors import DockerException

        try:
            self._daemon.api.disconnect_container_from_network(identity, "bridge")
        except DockerException as error:
            if "is not connected to" not in sentence(error):
                raise Refused(f"Unable to disconnect the default network: {sentence(error)}") from None

    def _upload(self, identity: str, inputs: Properties) -> None:
        for upload in inputs.get("uploads") or []:
            with saying("Unable to upload volume content"):
                self._daemon.api.put_archive(identity, "/", _archive(upload))

    def _wait(self, identity: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            health = self._inspect(identity)["State"].get("Health")
            if health is None:
                raise Refused(
                    "you have supplied a 'wait' argument, but the container does not have a healthcheck "
                    "defined. Please remove the 'wait' argument or add a 'healthcheck' attribute"
                )
            if health["Status"] == "healthy":
                return
            if time.monotonic() >= deadline:
                raise Refused("container failed to be in healthy state")
            time.sleep(POLL_SECONDS)


def same_ports(old: Sequence[Properties], new: Sequence[Properties]) -> bool:
    """Tell whether the real provider finds the one list in the other.

    It looks at the first new port of the same number and protocol only: it never finds a second address.
    """
    if len(old) != len(new):
        return False
    for port in old:
        of_this = [other for other in new if other.get("internal") == port["internal"]]
        found = next((other for other in of_this if other.get("protocol") == port["protocol"]), None)
        if found is None or found.get("ip") != port["ip"]:
            return False
        if found.get("external") not in (port["external"], None):
            return False
    return True


def _archive(upload: Properties) -> bytes:
    content = base64.b64decode(upload.get("contentBase64") or "") or str(upload.get("content") or "").encode()
    entry = tarfile.TarInfo(upload["file"].lstrip("/"))
    entry.size, entry.mtime = len(content), int(time.time())
    entry.mode = int(upload.get("permissions") or ("0744" if upload.get("executable") else "0644"), 8)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
