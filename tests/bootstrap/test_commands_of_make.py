"""The commands behind make: thin, without tracebacks, and unknown to the product."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap import checks, cli
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World

ROOT = Path(__file__).parents[2]


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


def make(*words: str, python: str) -> subprocess.CompletedProcess[str]:
    """Run make with another interpreter in place of Python."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *words, f"PYTHON={python}"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )


def test_make_passes_its_variables_on() -> None:
    done = make("-n", "destroy", "STACK=second", "PURGE=1", python="python3")
    passed = '--stack "second" --purge "1" --takeover "" --diff "" --yes "" --long "" --resolver ""'
    assert f"python3 -m bootstrap destroy {passed} ||" in done.stdout


def test_make_adds_nothing_to_what_a_command_says(tmp_path: Path) -> None:
    fails = tmp_path / "fails"
    fails.write_text("#!/bin/sh\necho 'Stopped: a sentence.' >&2\nexit 130\n")
    fails.chmod(0o755)
    done = make("up", python=str(fails))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "Stopped: a sentence.\n")


def test_make_only_prints_where_it_is_told_to(tmp_path: Path) -> None:
    for words in (["-n", "up"], ["up", "-n"], ["--dry-run", "up"], ["-kn", "up"]):
        done = make(*words, python="/nowhere/python")
        assert (done.returncode, done.stderr) == (0, ""), words


def test_make_hands_no_flags_of_its_own_down(tmp_path: Path) -> None:
    shows = tmp_path / "shows"
    shows.write_text('#!/bin/sh\necho "<$MAKEFLAGS>"\n')
    shows.chmod(0o755)
    assert make("test", python=str(shows)).stdout == "<>\n", "a make in the tests would do nothing"


@pytest.mark.parametrize("text", ["1", "yes", "true", "YES"])
def test_a_yes_is_understood(text: str) -> None:
    assert cli.switch("PURGE", text)


@pytest.mark.parametrize("text", ["", "0", "no", "false", " "])
def test_a_no_is_understood(text: str) -> None:
    assert not cli.switch("PURGE", text)


@pytest.mark.parametrize("words", [("--purge", "later"), ("--takeover", "2")])
def test_what_is_neither_is_refused_before_anything_is_touched(
    words: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "ready", lambda *_: pytest.fail("something was touched"))
    assert cli.main(["destroy", *words]) == 1
    name = words[0].removeprefix("--").upper()
    expected = f"{name}={words[1]} is neither yes (1, yes, true) nor no (0, no, false). Write {name}=1"
    assert expected in capsys.readouterr().err


def test_an_old_python_is_refused_in_a_sentence() -> None:
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_module('bootstrap', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.9 is too old, 3.11 is needed.")


def test_a_failed_tier_fails_the_run_and_the_others_still_run(world: World) -> None:
    world.program("pytest", 'case "$*" in tests/accounts*) exit 1;; esac', folder=world.project / ".venv/bin")
    machine = world.machine()
    assert checks.test(machine, machine.env, long=False) == 1
    assert len(world.calls) == len(checks.TIERS)
    assert "accounts          FAILED in 0 s" in world.said
    assert "e2e               passed in 0 s" in world.said


@pytest.mark.parametrize("long", [True, False])
def test_tests_of_many_minutes_run_where_they_are_asked_for(world: World, long: bool) -> None:
    world.program("pytest", "true", folder=world.project / ".venv/bin")
    machine = world.machine()
    assert checks.test(machine, machine.env, long=long) == 0
    assert all(("-m not long" in call) is not long for call in world.calls)


@pytest.mark.parametrize("pause", ["0.3", "60"])
def test_a_long_run_says_how_far_it_is_and_leaves_pytests_words_as_they_are(
    tmp_path: Path, pause: str
) -> None:
    folder = tmp_path / "tests/slow"
    folder.mkdir(parents=True)
    (folder.parent / "conftest.py").write_text("from tests.conftest import *\n")
    (folder / "test_wait.py").write_text(
        "import os, time\ndef test_first(): print('captured')\n"
        "def test_second():\n    os.system('echo captured')\n    time.sleep(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", f"progress_seconds={pause}", "--rootdir", ".", "tests"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.findall(
        r"^\d\d:\d\d slow: (\d of \d) after \d s, now test_wait.py::(\w+)$", done.stdout, re.MULTILINE
    )
    assert set(told) == ({("1 of 2", "test_second")} if pause == "0.3" else set())
    assert len(told) <= 3, "once in each pause"
    assert "captured" not in done.stdout
    assert re.search(r"^=+ 2 passed in ", done.stdout, re.MULTILINE)


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
    for path in [*(ROOT / "bootstrap").glob("*.py"), *(ROOT / "bootstrap/plan").glob("*.py")]:
        assert imports(path) <= sys.stdlib_module_names | {"bootstrap"}, (
            f"{path.name} runs before anything is installed"
        )


def test_the_product_knows_nothing_of_the_bootstrap() -> None:
    for path in [ROOT / "__main__.py", *(ROOT / "mailinfra").rglob("*.py")]:
        assert "bootstrap" not in imports(path), path


def test_no_registry_is_named_but_pulumis_own_site() -> None:
    text = "".join(path.read_text() for path in (ROOT / "bootstrap").glob("*.py"))
    hosts = set(re.findall(r"https?://([a-z0-9.-]+)", text))
    assert hosts <= {"docs.astral.sh", "docs.docker.com", "get.pulumi.com", "specifications.freedesktop.org"}


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
