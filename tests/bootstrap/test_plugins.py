"""Provider plugins: the real ones where they can be had, and the local ones only where they cannot."""

import subprocess
import time
from pathlib import Path

import pytest

from bootstrap import plugins
from bootstrap.engine import Engine
from bootstrap.plugins import bring_plugins
from bootstrap.problem import Problem
from bootstrap.providers.install import VERSIONS, launcher
from tests.bootstrap.conftest import PLUGINS, World

INSTALLS = 'mkdir -p "${PULUMI_HOME:-$HOME/.pulumi}/plugins/resource-$4-v$5"'
"""What `pulumi plugin install resource NAME VERSION` leaves."""


def engine(world: World, script: str = INSTALLS) -> Engine:
    return Engine(program=world.program("pulumi", script), version="3.259.0")


def have(home: Path) -> None:
    for name, version in PLUGINS.items():
        (home / "plugins" / f"resource-{name}-v{version}").mkdir(parents=True)


@pytest.fixture(autouse=True)
def packages(world: World) -> None:
    world.with_packages()


def test_installed_plugins_are_taken_and_nobody_is_asked(world: World) -> None:
    have(world.home / ".pulumi")
    found = bring_plugins(world.machine(), engine(world))
    assert not found.local
    assert (world.calls, world.asked) == ([], [])


def test_missing_plugins_are_downloaded_at_the_version_that_the_sdk_asks_for(world: World) -> None:
    found = bring_plugins(world.machine(online=True), engine(world))
    assert (found.local, found.home) == (False, world.home / ".pulumi")
    assert world.calls == [f"pulumi plugin install resource {name} {PLUGINS[name]}" for name in plugins.NAMES]


def test_only_what_is_missing_is_downloaded(world: World) -> None:
    have(world.home / ".pulumi")
    (world.home / ".pulumi/plugins/resource-tls-v5.6.2.partial").touch()
    bring_plugins(world.machine(online=True), engine(world))
    assert world.calls == ["pulumi plugin install resource tls 5.6.2"], "an unfinished one counts as missing"


def test_a_site_out_of_reach_means_local_providers_in_a_home_of_their_own(world: World) -> None:
    machine = world.machine(online=False)
    found = bring_plugins(machine, engine(world))
    assert (found.local, found.home) == (True, machine.pulumi_home)
    assert not (world.home / ".pulumi").exists(), "no other project of this user may ever meet them"
    assert all("--file" in call for call in world.calls)
    assert "going on with the local providers" in world.said


def test_a_download_that_fails_means_local_providers(world: World) -> None:
    script = f'case "$*" in *--file*) {INSTALLS};; *) echo 403; exit 1;; esac'
    assert bring_plugins(world.machine(online=True), engine(world, script)).local
    assert "docker cannot be downloaded" in world.said


def test_a_download_that_hangs_means_local_providers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "INSTALL_SECONDS", 0.5)
    script = f'case "$*" in *--file*) {INSTALLS};; *) exec sleep 60;; esac'
    began = time.monotonic()
    assert bring_plugins(world.machine(online=True), engine(world, script)).local
    assert time.monotonic() - began < 15


def test_a_machine_that_began_with_local_providers_stays_with_them(world: World) -> None:
    bring_plugins(world.machine(online=False), engine(world))
    before = world.calls
    found = bring_plugins(world.machine(online=True), engine(world))
    assert found.local, "one stack must not change its providers from run to run"
    assert world.calls == before


def test_a_shell_that_evaluated_make_env_finds_the_same(world: World) -> None:
    machine = world.machine(online=False)
    bring_plugins(machine, engine(world))
    again = bring_plugins(world.machine(PULUMI_HOME=str(machine.pulumi_home)), engine(world))
    assert (again.local, again.home) == (True, machine.pulumi_home)


def test_an_environment_without_the_sdk_package_is_a_sentence_with_remedy(world: World) -> None:
    next(world.project.rglob("pulumi_tls/pulumi-plugin.json")).unlink()
    with pytest.raises(Problem, match=r"pulumi_tls is not installed.*Remove \.venv"):
        bring_plugins(world.machine(), engine(world))


def test_the_local_providers_stand_in_for_the_locked_versions() -> None:
    lock = (Path(__file__).parents[2] / "requirements.txt").read_text()
    for name, version in VERSIONS.items():
        assert f"\npulumi-{name}=={version} " in lock


def test_a_launcher_starts_whatever_the_path_to_python_is(tmp_path: Path, world: World) -> None:
    python = world.program("py thon", "exit 7", folder=tmp_path / "a folder")
    script = launcher("random", tmp_path / "it", python)
    assert subprocess.run([script], check=False).returncode == 7
    assert world.calls == ["py thon -P -m mailinfra.provider.ending bootstrap.providers.random"]
