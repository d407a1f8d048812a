"""What ends late: the removal of what is in use, and builds that nobody waits for any more."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2 as proto

from bootstrap.base_image import BASE
from bootstrap.providers.install import launcher
from tests.providers.wire import Answer, Plugin, encoded, plugin

pytestmark = pytest.mark.providers

NETWORK, VOLUME = "docker:index/network:Network", "docker:index/volume:Volume"
NAME = "prov-removal"


@pytest.fixture
def used(daemon: docker.DockerClient) -> Iterator[dict[str, Any]]:
    """A network and a volume that a container uses."""
    clean(daemon)
    network = daemon.networks.create(NAME)
    daemon.volumes.create(NAME)
    user = daemon.containers.run(
        BASE, ["sleep", "600"], name=NAME, network=NAME, volumes={NAME: {"bind": "/v"}}, detach=True
    )
    yield {NETWORK: network.id, VOLUME: NAME, "user": user}
    clean(daemon)


def clean(daemon: docker.DockerClient) -> None:
    for container in daemon.containers.list(all=True, filters={"name": f"^{NAME}$"}, ignore_removed=True):
        container.remove(force=True)
    for network in daemon.networks.list(names=[NAME]):
        network.remove()
    for volume in daemon.volumes.list(filters={"name": NAME}):
        volume.remove(force=True)


def delete(started: Plugin, token: str, identity: str) -> tuple[Answer, float]:
    """Return the answer to the removal, and how long it took."""
    began = time.monotonic()
    state = encoded({"id": identity, "name": NAME})
    request = proto.DeleteRequest(id=identity, urn=f"urn:pulumi:t::t::{token}::n", properties=state)
    return started.ask("Delete", request), time.monotonic() - began


def test_what_stays_in_use_is_given_up_after_thirty_seconds(
    plugins: dict[str, Plugin], used: dict[str, Any]
) -> None:
    with ThreadPoolExecutor(2) as both:
        calls = [both.submit(delete, plugins["docker"], token, used[token]) for token in (VOLUME, NETWORK)]
        (volume, seconds), (network, _) = (call.result() for call in calls)
    words = "timeout while waiting for state to become 'removed' (last state: '{}', timeout: 30s)"
    assert (volume.error, network.error) == (words.format("in_use"), words.format("pending"))
    assert 29 < seconds < 40


def test_what_comes_out_of_use_meanwhile_is_removed(
    plugins: dict[str, Plugin], used: dict[str, Any], daemon: docker.DockerClient
) -> None:
    with ThreadPoolExecutor(1) as other:
        call = other.submit(delete, plugins["docker"], VOLUME, NAME)
        time.sleep(4)
        used["user"].remove(force=True)
        answer, seconds = call.result()
    assert answer.error == ""
    assert 2 < seconds < 20
    assert daemon.volumes.list(filters={"name": NAME}) == []


def test_a_build_ends_when_the_engine_gives_up_and_leaves_no_container(
    daemon: docker.DockerClient, tmp_path: Path
) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo {tmp_path} && sleep 300\n")
    build = {"context": str(tmp_path / "context"), "dockerfile": "Dockerfile", "remove": True}
    given = {"name": f"{NAME}:1", "build": build}
    urn = "urn:pulumi:t::t::docker:index/remoteImage:RemoteImage::n"
    with plugin(launcher("docker", tmp_path), {}) as started, ThreadPoolExecutor(1) as other:
        call = other.submit(started.ask, "Create", proto.CreateRequest(urn=urn, properties=encoded(given)))
        wait_until(lambda: building(daemon, tmp_path))
        began = time.monotonic()
        started.ask("Cancel", Empty())
        answer = call.result()
        assert time.monotonic() - began < 5
    assert answer.error == f"the build of image {NAME}:1 was interrupted"
    wait_until(lambda: not building(daemon, tmp_path))


def building(daemon: docker.DockerClient, mark: Path) -> bool:
    """Tell whether a step of the build that bears this mark has a container."""
    return any(str(mark) in str(found.attrs["Config"]["Cmd"]) for found in containers(daemon))


def containers(daemon: docker.DockerClient) -> list[Any]:
    return daemon.containers.list(all=True, ignore_removed=True)


def wait_until(done: Any) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.3)
