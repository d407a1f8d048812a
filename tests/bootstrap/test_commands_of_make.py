"""The commands behind make: thin, without tracebacks, and unknown to the product."""

import ast
import errno
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootstrap import checks, cli
from bootstrap.lanes import ASIDE
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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/passphrase"),
            "/data/passphrase: No space left on device. Free some room there; running it",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/data"),
            "/data: Permission denied. Give this user",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", ".venv"),
            ".venv: Read-only file system. Make it writable",
        ),
        (KeyError("endpoints"), "make itself has a bug: KeyError: 'endpoints'. Please report it with "),
    ],
)
def test_what_nobody_expected_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    error: Exception,
    said: str,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cli, "ready", fails)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cli.main(["up"]) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"\nStopped: {said}")
    assert "Traceback" not in told
    kept = tmp_path / "mailinfra/logs/make.log"
    assert kept.exists() == isinstance(error, KeyError)


TALKS = """
import sys, threading
from bootstrap import cli
from bootstrap.endings import open_streams
def talks(*_, **__):
    from bootstrap.report import Report
    report = Report(sys.stdout, 0.01)
    with report.step("Need", "waiting"):
        for _ in range(200):
            report.say("x" * 4096)
    sys.stdin.readline()
    raise cli.Problem("nothing is wrong", "Go on")
cli.ready = talks
open_streams()
sys.exit(cli.main(["status"]))
"""


@pytest.mark.parametrize(
    ("shell", "said"),
    [
        ("{} | head -1 > /dev/null", ""),
        ("{} >&-", "\nStopped: nothing is wrong. Go on.\n"),
        ("{} >&- <&-", "\nStopped: nothing is wrong. Go on.\n"),
        (
            "{} > /dev/full",
            "\nStopped: what make writes to: No space left on device. Free some room there; running ",
        ),
        ("{} >&- 2>&-", ""),
    ],
)
def test_who_does_not_read_gets_no_traceback(tmp_path: Path, shell: str, said: str) -> None:
    program = tmp_path / "talks.py"
    program.write_text(TALKS)
    done = subprocess.run(
        ["sh", "-c", shell.format(f"{sys.executable} {program}")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.startswith(said)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert said or done.stderr == ""


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
    assert re.search(r"^accounts          FAILED in \d+ s$", world.said, re.MULTILINE)
    assert re.search(r"^e2e               passed in \d+ s$", world.said, re.MULTILINE)


@pytest.mark.parametrize("long", [True, False])
def test_tests_of_many_minutes_run_where_they_are_asked_for(world: World, long: bool) -> None:
    world.program("pytest", "true", folder=world.project / ".venv/bin")
    machine = world.machine()
    assert checks.test(machine, machine.env, long=long) == 0
    assert all(("-m not long" in call) is not long for call in world.calls)


TOLD = re.compile(r"^\d\d:\d\d slow: (\d of \d) after \d+ s, now test_wait.py::(\w+)$", re.MULTILINE)


def slow_run(folder: Path, pause: str, aside: int = 0) -> str:
    """Return what pytest says of two tests, of which the second takes a second."""
    tests = folder / "tests/slow"
    tests.mkdir(parents=True)
    (tests.parent / "conftest.py").write_text("from tests.conftest import *\n")
    (tests / "test_wait.py").write_text(
        f"import os, time\ndef test_first():\n    print('captured')\n    assert {ASIDE!r} not in os.environ\n"
        "def test_second():\n    os.system('echo captured')\n    time.sleep(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", f"progress_seconds={pause}", "--rootdir", ".", "tests"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **({ASIDE: str(aside)} if aside else {})},
        pass_fds=[aside] if aside else [],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "captured" not in done.stdout
    assert re.search(r"^=+ 2 passed in ", done.stdout, re.MULTILINE)
    return done.stdout


@pytest.mark.parametrize("pause", ["0.3", "60"])
def test_a_long_run_says_how_far_it_is_and_leaves_pytests_words_as_they_are(
    tmp_path: Path, pause: str
) -> None:
    began = time.monotonic()
    told = TOLD.findall(slow_run(tmp_path, pause))
    assert set(told) == ({("1 of 2", "test_second")} if pause == "0.3" else set())
    assert len(told) <= (time.monotonic() - began) / float(pause), "once in each pause"


def test_a_tier_beside_another_says_how_far_it_is_where_it_is_read_at_once(tmp_path: Path) -> None:
    with (tmp_path / "read").open("w") as read:
        kept = slow_run(tmp_path, "0.3", read.fileno())
    assert set(TOLD.findall((tmp_path / "read").read_text())) == {("1 of 2", "test_second")}
    assert not TOLD.findall(kept)


BROWSER = re.compile(r"^ *(from|import) .*(playwright|\bbrowser\b)", re.MULTILINE)


def files_of(tier: checks.Tier) -> set[Path]:
    """Return the files of tests that a tier runs."""
    named = [ROOT / word for word in tier.arguments if not word.startswith("--")]
    left_out = {ROOT / word.removeprefix("--ignore=") for word in tier.arguments if word.startswith("--")}
    found: set[Path] = set()
    for path in named or [ROOT / "tests/unit", ROOT / "tests/graph"]:
        assert path.exists(), path
        found |= {path} if path.suffix else set(path.rglob("test_*.py"))
    return found - left_out


def test_every_file_of_tests_is_in_one_tier() -> None:
    named = sorted(file for tier in checks.TIERS for file in files_of(tier))
    assert named == sorted((ROOT / "tests").rglob("test_*.py")), "tests that no tier names never run"


def test_nothing_runs_beside_a_browser() -> None:
    with_browser = []
    for stage in checks.STAGES:
        files = [file for lane in stage for tier in lane for file in files_of(tier)]
        found = [file for file in files if BROWSER.search(file.read_text())]
        assert len(stage) == 1 or not found, f"{found[0]}: it gives up when a container beside it begins"
        with_browser += found
    assert with_browser, "the control: there are tests with one"


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
