"""The commands behind make: thin, without tracebacks, and unknown to the product."""

import ast
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import checks, cli
from bootstrap.ports import require_free_ports, wanted_ports
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World

ROOT = Path(__file__).parents[2]


@pytest.fixture
def listener(world: World) -> socket.socket:
    taken = socket.create_server(("127.0.0.1", 0))
    world.with_packages()
    wanted = json.dumps([["imaps", "127.0.0.1", taken.getsockname()[1]], ["smtp", "203.0.113.9", 2525]])
    world.program("python", f"echo '{wanted}'", folder=world.project / ".venv/bin")
    return taken


def test_a_taken_port_is_refused_before_pulumi_starts(world: World, listener: socket.socket) -> None:
    world.program("docker")
    machine = world.machine(DOCKER_HOST="unix:///run/docker.sock")
    port = listener.getsockname()[1]
    with (
        listener,
        pytest.raises(
            Problem, match=rf"listen on 127\.0\.0\.1:{port} \(imaps\), and something else.*ss -ltnp"
        ),
    ):
        require_free_ports(machine, "dev", world.project / "Pulumi.dev.yaml")


def test_a_stacks_own_containers_may_hold_its_ports(world: World, listener: socket.socket) -> None:
    world.program("docker", 'case "$*" in *label=mailinfra.stack=mailinfra-dev) echo 0123abcd;; esac')
    with listener:
        require_free_ports(
            world.machine(DOCKER_HOST="unix:///run/docker.sock"), "dev", world.project / "Pulumi.dev.yaml"
        )


def test_ports_of_a_daemon_elsewhere_are_not_looked_for_here(world: World, listener: socket.socket) -> None:
    with listener:
        require_free_ports(world.machine(DOCKER_HOST="tcp://192.0.2.1:2376"), "dev", world.project / "x.yaml")


def test_the_ports_of_the_committed_stacks_are_understood() -> None:
    for name in ("dev", "offline"):
        wanted = list(wanted_ports(ROOT / f"Pulumi.{name}.yaml"))
        assert {key for key, _, _ in wanted} >= {"smtp", "imaps", "webmail", "database"}
        assert {address for _, address, _ in wanted} == {"127.0.0.1"}, "a laptop is not open to its network"


def test_a_problem_ends_a_command_with_1_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise Problem("no Docker engine answers", "Start it")

    monkeypatch.setattr(cli, "ready", fails)
    assert cli.main(["up", "--stack", "dev"]) == 1
    assert capsys.readouterr().err == "\nStopped: no Docker engine answers. Start it.\n"


def test_an_interrupt_ends_a_command_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "ready", interrupted)
    assert cli.main(["preview"]) == 130
    assert "running it again goes on from here" in capsys.readouterr().err


def test_every_make_target_is_a_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    found = re.search(r"^COMMANDS := (.*)$", makefile, re.M)
    assert found
    assert set(found[1].split()) <= set(cli.COMMANDS)
    recipes = [line for line in makefile.splitlines() if line.startswith("\t")]
    assert all("python" in line.lower() and "bootstrap" in line for line in recipes), (
        "logic belongs to bootstrap/"
    )


def test_make_passes_stack_and_purge_on() -> None:
    words = ["make", "-n", "destroy", "STACK=second", "PURGE=1", "PYTHON=python3"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.strip() == 'python3 -m bootstrap destroy --stack "second" --purge "1"'


def test_an_old_python_is_refused_in_a_sentence() -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_module('bootstrap', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.9 is too old, 3.11 is needed.")


def test_a_failed_tier_fails_the_run_and_the_others_still_run(world: World) -> None:
    world.program("pytest", 'case "$*" in tests/accounts) exit 1;; esac', folder=world.project / ".venv/bin")
    machine = world.machine()
    assert checks.test(machine, machine.env) == 1
    assert len(world.calls) == len(checks.TIERS)
    assert "accounts          FAILED in 0 s" in world.said
    assert "e2e               passed in 0 s" in world.said


def test_every_folder_of_tests_is_in_a_tier() -> None:
    folders = {
        path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.glob("test_*.py"))
    }
    named = {Path(argument).name for tier in checks.TIERS for argument in tier.arguments}
    assert folders <= named | {"unit", "graph"}, "tests that no tier names never run"


def test_a_failed_check_fails_the_run_and_is_named(world: World) -> None:
    for program in ("ruff", "mypy", "pytest"):
        world.program(program, f"[ {program} != mypy ]", folder=world.project / ".venv/bin")
    assert checks.check(world.machine()) == 1
    assert world.said.endswith("Failed: mypy\n")


def imports(path: Path) -> set[str]:
    """Return the top-level packages that a file imports when it is imported itself."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_the_bootstrap_needs_the_standard_library_only() -> None:
    for path in (ROOT / "bootstrap").glob("*.py"):
        assert imports(path) <= sys.stdlib_module_names | {"bootstrap"}, (
            f"{path.name} runs before anything is installed"
        )


def test_the_product_knows_nothing_of_the_bootstrap() -> None:
    for path in [ROOT / "__main__.py", *(ROOT / "mailinfra").rglob("*.py")]:
        assert "bootstrap" not in imports(path), path


def test_no_registry_is_named_but_pulumis_own_site() -> None:
    text = "".join(path.read_text() for path in (ROOT / "bootstrap").glob("*.py"))
    hosts = set(re.findall(r"https?://([a-z0-9.-]+)", text))
    assert hosts <= {"get.pulumi.com", "docs.docker.com", "specifications.freedesktop.org"}


def test_ci_starts_from_the_repository_and_stops_only_what_it_started(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    for name, running in (("none", "1"), ("theirs", "0")):
        folder = tmp_path / name
        folder.mkdir()
        for program, script in (
            ("python3", f'case "$*" in *running) exit {running};; esac'),
            ("make", "exit 0"),
        ):
            (folder / program).write_text(f'#!/bin/sh\necho "{name}: {program} $*" >> {calls}\n{script}\n')
            (folder / program).chmod(0o755)
        env = {"PATH": f"{folder}:{os.environ['PATH']}"}
        assert subprocess.run([ROOT / ".ci/run"], env=env, cwd="/", check=False).returncode == 0
    noted = calls.read_text().splitlines()
    assert "none: python3 -m bootstrap stop" in noted
    assert "theirs: python3 -m bootstrap stop" not in noted
    assert {"none: make test", "none: make check", "theirs: make test", "theirs: make check"} <= set(noted)
