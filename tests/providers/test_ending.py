"""How a provider's process ends: with its engine, at a signal, and never with a traceback."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto import provider_pb2_grpc

from bootstrap.providers.install import launcher
from tests.providers.wire import encoded

pytestmark = pytest.mark.providers

ROOT = Path(__file__).parents[2]
NAMES = ("docker", "mysql", "random", "tls", "mailinfra")
SIGNALS = (signal.SIGINT, signal.SIGTERM)
MOMENTS = (0.02, 0.1, 0.3, 0.6, 1.0)
"""Seconds after the start: while the shell, Python, the SDK start, and after."""


def program(name: str, folder: Path) -> Path:
    if name == "mailinfra":
        return ROOT / "plugins" / "pulumi-resource-mailinfra"
    return launcher(name, folder / name, Path(sys.executable))


@contextmanager
def started(executable: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a plugin as the engine does: as the leader of a group of its own."""
    command = [str(executable), "127.0.0.1:1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, process_group=0) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("name", NAMES)
def test_a_signal_ends_a_plugin_at_once_and_silently(
    name: str, number: signal.Signals, tmp_path: Path
) -> None:
    with started(program(name, tmp_path)) as process:
        assert process.stdout
        assert process.stdout.readline().strip().isdigit()
        os.killpg(process.pid, number)
        left, errors = process.communicate(timeout=20)
    assert (process.returncode, left, errors) == (0, "", "")


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_at_any_moment_of_the_start_prints_nothing(name: str, tmp_path: Path) -> None:
    executable, began = program(name, tmp_path), time.monotonic()
    with ExitStack() as stack:
        processes = [stack.enter_context(started(executable)) for _ in MOMENTS]
        for process, moment in zip(processes, MOMENTS, strict=True):
            time.sleep(max(began + moment - time.monotonic(), 0))
            os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.5)
        for process in processes:
            process.kill()
        assert [process.communicate(timeout=20)[1] for process in processes] == [""] * len(MOMENTS)


def test_a_signal_in_the_middle_of_a_call_prints_nothing(tmp_path: Path) -> None:
    with started(program("mysql", tmp_path)) as process:
        assert process.stdout
        with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            settings = encoded({"endpoint": "127.0.0.1:9", "username": "nobody", "password": "x"})
            stub.Configure(proto.ConfigureRequest(args=settings))
            urn = "urn:pulumi:t::t::mysql:index/database:Database::n"
            call = stub.Read.future(proto.ReadRequest(id="d", urn=urn))
            time.sleep(1)
            os.killpg(process.pid, signal.SIGINT)
            errors = process.communicate(timeout=20)[1]
            assert call.code() is grpc.StatusCode.UNAVAILABLE
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize("name", NAMES)
def test_a_plugin_ends_within_seconds_of_an_engine_that_was_killed(name: str, tmp_path: Path) -> None:
    engine_program = (
        "import subprocess, sys, time\n"
        "plugin = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True, process_group=0)\n"
        "print(plugin.pid, plugin.stdout.readline(), flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", engine_program, str(program(name, tmp_path)), "127.0.0.1:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout
        plugin = int(engine.stdout.readline().split()[0])
        engine.kill()
    deadline = time.monotonic() + 5
    while running(plugin):
        assert time.monotonic() < deadline, f"{name} still runs, five seconds after its engine"
        time.sleep(0.1)


def running(process: int) -> bool:
    """Tell whether a process runs; one that only waits to be noticed does not."""
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
