"""Create, Read, Update and Delete: what the real docker provider answered of a stack's containers.

The recorded inputs are put to this machine's daemon, with small images in place of the recorded ones. What
no two machines answer alike has to be there where it was; all else is compared as it is, with its order:
nothing, empty and zero are three things.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from pulumi.runtime.proto import provider_pb2 as proto

from bootstrap.base_image import BASE
from tests.providers.stack import StackRecording
from tests.providers.wire import Answer, Plugin, encoded

pytestmark = pytest.mark.providers

RECORDING = StackRecording("docker")
CONTAINER = "docker:index/container:Container"
PLACES = (
    ("mailinfra-rec", "prov-life"),
    ("rec-probe", "prov-life-probe"),
    ('"ipPrefixLength": 24', '"ipPrefixLength": 28'),
    ('"5s"', '"1s"'),  # how long the first health check takes
)
VARYING = re.compile(
    r"(^|\.)(id|image|imageId|mountpoint|macAddress|globalIpv6Address|ipv6Gateway|ipPrefixLength|networkName"
    r"|name|hostname|ipAddress|gateway|exitCode)$"
)
"""What no two machines answer alike."""

CALLS = {
    method: [call for call in RECORDING.calls if call["call"] == f"{method} {CONTAINER}"]
    for method in ("Create", "Read", "Update")
}
SCRIPT = r"#!/bin/sh\ntrap exit TERM WINCH\nsleep 1000 & wait\n"
UPDATES = CALLS["Update"]


def placed(value: Any) -> Any:
    """Return recorded data with this test's names and addresses."""
    text = json.dumps(value)
    for theirs, ours in PLACES:
        text = text.replace(theirs, ours)
    text = re.sub(r"192\.168\.17[34]\.(\d+)", lambda found: f"203.0.113.{160 + int(found[1])}", text)
    text = re.sub(r"\b191(\d\d)\b", r"239\1", text)
    return json.loads(text)


def differing(recorded: Any, ours: Any, path: str = "") -> Iterator[str]:
    """Yield what is other than recorded, with its place."""
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for name in sorted(recorded.keys() | ours.keys()):
            if name not in ours or name not in recorded:
                yield f"{path}.{name}: {'missing here' if name not in ours else 'only here'}"
            else:
                yield from differing(recorded[name], ours[name], f"{path}.{name}")
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        by_file = path.endswith(".uploads")  # ordered by their contents, which the recording does not hold
        pairs = zip(
            *(sorted(v, key=lambda i: i["file"]) if by_file else v for v in (recorded, ours)), strict=True
        )
        for index, (one, other) in enumerate(pairs):
            yield from differing(one, other, f"{path}[{index}]")
    elif VARYING.search(path):
        if type(recorded) is not type(ours) or bool(recorded) != bool(ours):
            yield f"{path}: recorded {recorded!r}, here {ours!r}"
    elif recorded != ours or type(recorded) is not type(ours):
        yield f"{path}: recorded {recorded!r}, here {ours!r}"


@pytest.fixture(scope="module")
def images(
    daemon: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., str]]:
    """Give an image that says of itself what a recorded container's one said."""
    ids: dict[str, str] = {}

    def built(state: dict[str, Any]) -> str:
        entry, working, ends = state["entrypoints"], state["workingDir"], state["stopSignal"]
        health = (state["healthcheck"] or {}).get("tests", ["", "true"])[1]
        program = entry[0] if entry else "/entry"
        program = program if program.startswith("/") else f"/usr/local/bin/{program}"
        lines = [
            f"FROM {BASE}",
            f"RUN printf '{SCRIPT}' >{program} && chmod 755 {program}",
            f"RUN ln -sf /bin/true /usr/local/bin/{health}",
            f"ENTRYPOINT {json.dumps(entry)}" if entry else "",
            f"WORKDIR {working}" if working else "",
            f"CMD {json.dumps(state['command'])}",
            f"STOPSIGNAL {ends}" if ends else "",
        ]
        text = "\n".join(lines)
        if text not in ids:
            folder = tmp_path_factory.mktemp("image")
            (folder / "Dockerfile").write_text(text)
            ids[text] = daemon.images.build(path=str(folder), rm=True, forcerm=True)[0].id or ""
        return ids[text]

    yield built
    for identity in ids.values():
        daemon.images.remove(identity, force=True)


class Life:
    """A recorded container, made here, and what the provider answered to what was recorded of it."""

    def __init__(self, plugin: Plugin, call: dict[str, Any], image: str) -> None:
        """Make the container of `call` from `image`."""
        self._plugin, self._urn = plugin, f"urn:pulumi:rec::mailinfra::{CONTAINER}::{call['resource']}"
        self.inputs = self._here(RECORDING.value(call["given"]), image)
        request = proto.CreateRequest(urn=self._urn, properties=encoded(self.inputs))
        self.answer = self._plugin.ask("Create", request)
        assert self.answer.error == ""
        self.identity, self.state = self.answer.fields["id"], self.answer.fields["properties"]

    def _here(self, recorded: dict[str, Any], image: str) -> dict[str, Any]:
        inputs: dict[str, Any] = placed(recorded)
        networks = [{**item, "name": "prov-life"} for item in inputs.get("networksAdvanced", [])]
        inputs |= {"networksAdvanced": networks} if networks else {}
        return {**inputs, "image": image, "name": f"prov-life-{self._urn.rpartition(':')[2]}"}

    def read(self) -> Answer:
        """Refresh it."""
        state, inputs = encoded(self.state), encoded(self.inputs)
        request = proto.ReadRequest(id=self.identity, urn=self._urn, properties=state, inputs=inputs)
        return self._plugin.ask("Read", request)

    def update(self, recorded: dict[str, Any]) -> Answer:
        """Change it as recorded."""
        news = self._here(recorded, self.inputs["image"])
        request = proto.UpdateRequest(
            id=self.identity, urn=self._urn, olds=encoded(self.state), news=encoded(news)
        )
        answer = self._plugin.ask("Update", request)
        if not answer.error:
            self.inputs, self.state = news, answer.fields["properties"]
        return answer

    def delete(self) -> Answer:
        """Remove it."""
        request = proto.DeleteRequest(id=self.identity, urn=self._urn, properties=encoded(self.state))
        return self._plugin.ask("Delete", request)


def clean(daemon: docker.DockerClient) -> None:
    for container in daemon.containers.list(all=True, ignore_removed=True):
        if str(container.name).startswith("prov-life"):
            container.remove(force=True, v=True)
    for volume in daemon.volumes.list():
        if volume.name.startswith("prov-life"):
            volume.remove(force=True)
    for network in daemon.networks.list():
        if str(network.name).startswith("prov-life"):
            network.remove()


@pytest.fixture(scope="module")
def network(daemon: docker.DockerClient) -> Iterator[None]:
    """The network that the recorded containers have their addresses in."""
    clean(daemon)
    pool = docker.types.IPAMPool(subnet="203.0.113.160/28", gateway="203.0.113.161")
    daemon.networks.create("prov-life", ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    yield
    clean(daemon)


def read_of(identity: str) -> dict[str, Any] | None:
    return next((call for call in CALLS["Read"] if call["id"] == identity), None)


@pytest.mark.parametrize("call", CALLS["Create"], ids=lambda call: f"{call['number']}-{call['step']}")
@pytest.mark.usefixtures("network")
def test_a_container_is_made_and_read_back_with_the_recorded_state(
    plugins: dict[str, Plugin], images: Callable[..., str], call: dict[str, Any]
) -> None:
    recorded = RECORDING.value(call["answer"])
    life = Life(plugins["docker"], call, images(recorded))
    try:
        assert list(differing(placed(recorded), life.state)) == []
        found = read_of(call["id"])
        if found and not found["step"].startswith("update"):
            answer = life.read()
            assert (
                list(differing(placed(RECORDING.value(found["answer"])), answer.fields["properties"])) == []
            )
            inputs = placed(RECORDING.value(found["answered inputs"]))
            assert list(differing(inputs, answer.fields["inputs"])) == []
    finally:
        assert life.delete().error == ""


@pytest.mark.parametrize("call", UPDATES, ids=lambda call: call["step"].rpartition(": ")[2])
@pytest.mark.usefixtures("network")
def test_an_update_in_place_changes_the_recorded_part_of_state_and_container(
    plugins: dict[str, Plugin], images: Callable[..., str], call: dict[str, Any]
) -> None:
    make = CALLS["Create"][-1]
    life = Life(plugins["docker"], make, images(RECORDING.value(make["answer"])))
    try:
        answer = life.update(RECORDING.value(call["given"]))
        if "error" in call:
            words = re.search("Error response from daemon: [^,]*", call["error"]["message"])
            assert words
            assert words[0] in answer.error
            return
        recorded = placed(RECORDING.value(call["answer"]))
        assert list(differing(recorded, answer.fields["properties"])) == []
        found = read_of(RECORDING.value(call["state"])["id"])
        assert found
        answer = life.read()
        assert list(differing(placed(RECORDING.value(found["answer"])), answer.fields["properties"])) == []
        inputs = placed(RECORDING.value(found["answered inputs"]))
        assert list(differing(inputs, answer.fields["inputs"])) == []
    finally:
        assert life.delete().error == ""
