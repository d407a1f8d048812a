"""The Docker engine: found, refused with a remedy, or started - and only what was started is stopped."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from bootstrap import docker_engine
from bootstrap.docker_engine import bring_docker, started_by_us, stop_docker
from bootstrap.machine import Machine
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World

ANSWERS = 'case "$1" in version) echo 20.10.24;; info) echo /;; esac'
SILENT = 'echo "Cannot connect to the Docker daemon" >&2; exit 1'


@pytest.fixture
def real(world: World) -> Iterator[Machine]:
    """A machine with the real /proc, for tests that start processes."""
    (world.folder / "system").mkdir()
    (world.folder / "system/proc").symlink_to("/proc")
    machine = world.machine()
    yield machine
    stop_docker(machine)


def startable(world: World, daemon: str) -> None:
    """Docker is installed, and its client answers once the daemon has made the file `up`."""
    world.program("iptables")
    world.program("docker", f"[ -e {world.folder}/up ] || exit 1\n{ANSWERS}")
    world.program("dockerd", daemon)


def test_a_running_daemon_is_taken(world: World) -> None:
    world.program("docker", ANSWERS)
    bring_docker(world.machine(root=False))
    assert world.said == "Docker engine     20.10.24, running\n"


def test_a_daemon_that_refuses_this_user_is_a_sentence_with_remedy(world: World) -> None:
    world.program("docker", 'echo "permission denied while trying to connect" >&2; exit 1')
    with pytest.raises(Problem, match=r"refuses this user\. Add the user to the group docker"):
        bring_docker(world.machine())


def test_a_daemon_elsewhere_that_is_silent_is_never_replaced_by_one_here(world: World) -> None:
    world.program("docker", SILENT)
    with pytest.raises(Problem, match=r"DOCKER_HOST names tcp://192\.0\.2\.9:2376.*unset DOCKER_HOST"):
        bring_docker(world.machine(DOCKER_HOST="tcp://192.0.2.9:2376"))


def test_a_silent_context_is_never_replaced_by_a_daemon_here(world: World) -> None:
    world.program("docker", SILENT)
    world.program("dockerd")
    silent = r"Docker's context far is the current one, .*docker context use default"
    with pytest.raises(Problem, match=silent):
        bring_docker(world.machine(DOCKER_CONTEXT="far"))
    (world.home / ".docker").mkdir()
    (world.home / ".docker/config.json").write_text('{"currentContext": "far"}')
    with pytest.raises(Problem, match=silent):
        bring_docker(world.machine())
    assert not any(call.startswith("dockerd") for call in world.calls)


def test_without_root_nothing_is_installed_or_started(world: World) -> None:
    world.program("docker", SILENT)
    world.program("apt-get")
    with pytest.raises(Problem, match=r"only root can start one\. Start it \(sudo systemctl start docker\)"):
        bring_docker(world.machine(root=False))
    assert not [call for call in world.calls if call.startswith("apt-get")]


def test_what_is_missing_comes_from_debian(world: World) -> None:
    world.program("apt-cache", "exit 1")
    bring = f"printf '#!/bin/sh\\n{ANSWERS}\\n' > {world.bin}/docker; /bin/chmod +x {world.bin}/docker"
    world.program("apt-get", f'case "$1" in install) {bring};; esac')
    bring_docker(world.machine())
    assert "apt-get install --yes --no-install-recommends docker.io iptables" in world.calls
    assert "20.10.24, installed from Debian" in world.said


def test_another_system_than_debian_is_a_sentence_with_remedy(world: World) -> None:
    with pytest.raises(Problem, match=r"docker\.io iptables must be installed, and this is not Debian"):
        bring_docker(world.machine())


def test_a_started_daemon_outlives_make_and_is_stopped_by_name(world: World, real: Machine) -> None:
    startable(world, f"echo listening; touch {world.folder}/up; exec sleep 60")
    bring_docker(real)
    pid = started_by_us(real)
    assert pid is not None
    assert os.getsid(pid) == pid, "a session of its own: the end of a terminal must not end it"
    assert os.readlink(f"/proc/{pid}/fd/1") == str(real.log("dockerd")), (
        "it must never hold a CI run's output"
    )
    assert stop_docker(real)
    assert started_by_us(real) is None
    assert not stop_docker(real), "the second time there is nothing to stop"


def test_a_daemon_that_somebody_else_started_is_never_stopped(world: World, real: Machine) -> None:
    world.program("docker", ANSWERS)
    bring_docker(real)
    assert not stop_docker(real)


def test_a_reused_process_number_is_not_taken_for_the_daemon(world: World, real: Machine) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        docker_engine.record(real).parent.mkdir(parents=True)
        docker_engine.record(real).write_text(f'{{"pid": {other.pid}, "began": "1"}}')
        assert not stop_docker(real)
        assert other.poll() is None
        other.kill()


def test_a_daemon_that_dies_is_told_with_its_last_word(world: World, real: Machine) -> None:
    startable(world, "echo failed to start daemon: devices cgroup is not mounted; exit 1")
    began = time.monotonic()
    with pytest.raises(
        Problem, match=r"does not start: failed to start daemon: devices cgroup.*Read .*dockerd\.log"
    ):
        bring_docker(real)
    assert time.monotonic() - began < 10


def test_a_daemon_that_never_answers_is_given_up_and_stopped(
    world: World, real: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_engine, "START_SECONDS", 1)
    startable(world, "exec sleep 60")
    with pytest.raises(Problem, match="does not start: it says nothing"):
        bring_docker(real)
    assert started_by_us(real) is None


def test_a_full_disk_is_a_sentence_with_remedy(world: World, short_of: Callable[[int], None]) -> None:
    world.program("docker", ANSWERS)
    short_of(400 * 1024**2)
    with pytest.raises(Problem, match=r"0\.4 GiB of disk left, and images need 3 GiB\. Free some"):
        bring_docker(world.machine())
