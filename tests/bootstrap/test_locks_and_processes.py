"""A lock counts while its engine runs, and a plugin is ended only where its engine provably does not."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bootstrap import processes, repair
from bootstrap.locks import lock_folder, locks
from bootstrap.machine import Machine
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import Harbour, whole

OURS = "python\0-m\0mailinfra.provider.ending\0"
BOOT = 1_700_000_000
TICKS = os.sysconf("SC_CLK_TCK")
TAKEN = datetime.fromtimestamp(BOOT + 5000, tz=UTC)


@pytest.fixture
def harbour(world: World) -> Harbour:
    (world.folder / "system/proc").mkdir(parents=True)
    (world.folder / "system/proc/stat").write_text(f"cpu 1 2 3\nbtime {BOOT}\n")
    made = Harbour(world)
    whole(made)
    return made


def lock(harbour: Harbour, pid: int = 4711, **more: Any) -> Path:
    """Have a lock of stack dev, taken 5000 seconds after the machine's start."""
    folder = lock_folder(harbour.pulumi.machine, "dev")
    assert folder is not None
    folder.mkdir(parents=True)
    written = {
        "pid": pid,
        "username": "root",
        "hostname": socket.gethostname(),
        "timestamp": TAKEN.isoformat().replace("+00:00", ".123456789Z"),
        **more,
    }
    (folder / "one.json").write_text(json.dumps(written))
    return folder / "one.json"


def process(world: World, pid: int, name: str = "pulumi", age: int = 4990, state: str = "S") -> Path:
    """Have a process that began `age` seconds after the machine's start."""
    folder = world.folder / "system/proc" / str(pid)
    folder.mkdir(parents=True)
    fields = [state, *["0"] * 18, str(age * TICKS), "0"]
    (folder / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}")
    (folder / "comm").write_text(f"{name}\n")
    return folder


def put_right(harbour: Harbour) -> str:
    repair.repair(harbour.pulumi, "dev", taken_over="make up TAKEOVER=1")
    return harbour.world.said


def test_the_lock_of_an_engine_that_is_gone_is_removed_and_named(harbour: Harbour) -> None:
    path = lock(harbour)
    assert "removed the lock of an update that was killed (root@" in put_right(harbour)
    assert not path.exists()


def test_the_lock_of_an_engine_that_runs_is_respected_and_named(harbour: Harbour) -> None:
    path = lock(harbour)
    process(harbour.world, 4711)
    with pytest.raises(
        Problem, match=r"process 4711 of root@.* is updating stack dev, since .*kill -INT 4711"
    ):
        put_right(harbour)
    assert path.exists()
    assert not harbour.touched


@pytest.mark.parametrize(
    "other", [{"name": "cron"}, {"age": 5100}, {"state": "Z"}], ids=["another program", "younger", "dead"]
)
def test_whoever_has_the_number_of_a_dead_engine_keeps_no_lock_alive(
    harbour: Harbour, other: dict[str, Any]
) -> None:
    path = lock(harbour)
    process(harbour.world, 4711, **other)
    put_right(harbour)
    assert not path.exists()


def test_a_lock_of_another_machine_is_for_a_person_to_remove(harbour: Harbour) -> None:
    path = lock(harbour, hostname="build7.example.net")
    with pytest.raises(Problem, match=r"root@build7\.example\.net is updating.*pulumi cancel --stack dev"):
        put_right(harbour)
    assert path.exists()


def test_a_lock_that_was_only_half_written_is_removed(harbour: Harbour) -> None:
    path = lock(harbour)
    path.write_text('{"pid": 47')
    put_right(harbour)
    assert not path.exists()


def test_times_with_an_offset_are_understood(harbour: Harbour) -> None:
    local = (TAKEN + timedelta(hours=2)).replace(tzinfo=None).isoformat() + ".1234567+02:00"
    lock(harbour, timestamp=local)
    process(harbour.world, 4711)
    (found,) = locks(harbour.pulumi.machine, "dev")
    assert not found.stale


@pytest.mark.parametrize(
    ("backend", "folder"),
    [
        ("file:///srv/st%20ate", "/srv/st ate"),
        ("file://~/state", "{home}/state"),
        ("file://~", "{home}"),
        ("file://./state", "{project}/state"),
    ],
)
def test_the_state_is_found_where_pulumi_looks_for_it(world: World, backend: str, folder: str) -> None:
    found = lock_folder(world.machine(PULUMI_BACKEND_URL=backend), "dev")
    expected = Path(folder.format(home=world.home, project=world.project))
    assert found == expected / ".pulumi/locks/organization/mailinfra/dev"


def test_locks_of_a_backend_elsewhere_are_left_to_pulumi(world: World) -> None:
    assert locks(world.machine(PULUMI_BACKEND_URL="s3://bucket"), "dev") == []


def plugin(
    world: World, pid: int, words: str, *, engine: int, listens: bool, cwd: Path | None = None
) -> None:
    """Have a plugin that was told its engine's port."""
    folder = process(world, pid, "python")
    (folder / "cmdline").write_bytes(f"{words}\x00127.0.0.1:{engine}\x00".encode())
    (folder / "cwd").symlink_to(cwd or world.project)
    (folder / "net").mkdir()
    state = "0A" if listens else "01"
    line = f"0: 0100007F:{engine:04X} 00000000:0000 {state} 0:0 0:0 0 0 0 77 1"
    (folder / "net/tcp").write_text(f"sl local_address rem_address st\n{line}\n")


def left(machine: Machine) -> dict[int, str]:
    return {one.pid: one.name for one in processes.left_behind(machine)}


def test_plugins_are_left_behind_where_nobody_listens_at_their_engines_address(world: World) -> None:
    plugin(world, 11, f"{OURS}bootstrap.providers.docker", engine=40000, listens=False)
    plugin(world, 12, "/home/plugins/pulumi-resource-mysql", engine=40000, listens=False)
    plugin(world, 13, "/bin/pulumi-language-python", engine=40000, listens=False)
    plugin(world, 14, f"{OURS}mailinfra.provider", engine=40000, listens=False)
    assert left(world.machine()) == {
        11: "bootstrap.providers.docker",
        12: "pulumi-resource-mysql",
        13: "pulumi-language-python",
        14: "mailinfra.provider",
    }


def test_nobody_elses_process_is_ever_taken_for_one_left_behind(world: World, tmp_path: Path) -> None:
    plugin(world, 11, "/plugins/pulumi-resource-docker", engine=40000, listens=True)
    plugin(world, 12, "/plugins/pulumi-resource-docker", engine=40000, listens=False, cwd=tmp_path)
    plugin(world, 13, "/usr/bin/psql", engine=5432, listens=False)
    process(world, 14)
    assert not left(world.machine())


def test_the_sockets_of_others_are_not_looked_through(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(world, 11, "/plugins/pulumi-resource-docker", engine=40000, listens=True)
    plugin(world, 12, "/plugins/pulumi-resource-docker", engine=40000, listens=False, cwd=tmp_path)
    plugin(world, 13, "/usr/bin/psql", engine=5432, listens=False)
    read: list[str] = []
    real = processes.listeners

    def listeners(tables: Path) -> Iterator[tuple[str, int, str]]:
        read.append(tables.parent.name)
        return real(tables)

    monkeypatch.setattr(processes, "listeners", listeners)
    assert not left(world.machine())
    assert read == ["11"], "a table takes the kernel milliseconds, and a machine has hundreds of processes"


def test_a_process_that_does_not_hear_the_polite_signal_is_ended_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "END_SECONDS", 0.3)
    deaf = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo ready; sleep 60 & wait; sleep 60"], stdout=-1, process_group=0
    )
    assert deaf.stdout is not None
    deaf.stdout.readline()
    processes.end(processes.Process(pid=deaf.pid, name="pulumi-resource-docker"))
    assert deaf.wait(5) == -9
    deaf.stdout.close()


def test_what_is_left_behind_is_ended_before_docker_is_looked_at(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []
    plugin(harbour.world, 11, "/plugins/pulumi-resource-docker", engine=40000, listens=False)

    def end(one: processes.Process) -> None:
        ended.append(one.pid)
        harbour.container("d4", "webmail")  # what it had begun

    monkeypatch.setattr(processes, "end", end)
    said = put_right(harbour)
    assert ended == [11]
    assert "ended pulumi-resource-docker (process 11), whose engine is gone" in said
    assert "docker rm --force --volumes d4" in harbour.world.calls
