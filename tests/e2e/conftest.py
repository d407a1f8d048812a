"""The shared stack of the end-to-end tests, and what a failing test shows."""

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from mailinfra.containers.images import DEBIAN
from tests.e2e import clients, stackfile, transcript
from tests.e2e.ground.world import World
from tests.e2e.server import Server
from tests.e2e.stack import EngineError, Stack, Workspace

SERVER = pytest.StashKey[Server]()


def tell(config: pytest.Config, text: str) -> None:
    """Show a line at once: the steps before the first test take a minute or two."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


@pytest.fixture(scope="session")
def start() -> dict[str, Any]:
    """The shipped settings that suit this machine."""
    return stackfile.suitable()


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A private copy of the program with a state of its own."""
    return Workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="session")
def world(start: dict[str, Any]) -> Iterator[World]:
    """Everything around the stack."""
    made = World(start.get("images", {}).get("base", DEBIAN))
    yield made
    made.remove()


@pytest.fixture(scope="session")
def server(
    start: dict[str, Any], workspace: Workspace, world: World, pytestconfig: pytest.Config
) -> Iterator[Server]:
    """The stack that all tests share, up and joined by the world; gone afterwards, whatever happened."""
    stack = Stack(workspace, "e2e-first")
    stack.purge()
    stack.configure(stackfile.whole(start))
    stack.set_secret("passwords", stackfile.PASSWORDS)
    shared = Server(stack, world)
    pytestconfig.stash[SERVER] = shared
    try:
        tell(pytestconfig, "bringing a stack up")
        began = time.monotonic()
        try:
            stack.up()
        except EngineError as error:
            written = [f"--- {name} wrote:\n{text}" for name, text in stack.journals().items()]
            pytest.exit("\n".join([str(error), *written]), returncode=1)
        tell(pytestconfig, f"it is up after {time.monotonic() - began:.0f} s")
        shared.arrive()
        yield shared
    finally:
        try:
            world.leave()
        finally:
            with suppress(EngineError):
                stack.destroy()
            stack.purge()


@pytest.fixture(scope="module")
def second(workspace: Workspace, start: dict[str, Any]) -> Iterator[Stack]:
    """A second stack, configured and not yet up; of one module."""
    stack = Stack(workspace, "e2e-second")
    stack.purge()
    stack.configure(stackfile.second(start))
    yield stack
    stack.forget()
    stack.purge()


@pytest.fixture(autouse=True)
def conversation(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test starts with an empty transcript and leaves no connection open."""
    transcript.LINES.clear()
    yield
    clients.close_all()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Show the conversation of a failed test, and what the daemons wrote while it ran."""
    report = yield
    if report.failed:
        report.sections.append(("the conversation", "\n".join(transcript.LINES[-300:])))
        shared = item.config.stash.get(SERVER, None)
        if shared is not None:
            for name, lines in shared.stack.journals(since=call.start - 1).items():
                report.sections.append((f"what {name} wrote", lines))
    return report
