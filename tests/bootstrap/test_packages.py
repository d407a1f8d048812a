"""Python packages: uv from wherever it is, and the environment exactly as locked."""

from pathlib import Path

import pytest

from bootstrap.packages import bring_packages, bring_uv, locked_version
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World

PIP_FETCHES_UV = """
case "$*" in
  *--version*) exit 0 ;;
  *install*) while [ $# -gt 0 ]; do [ "$1" = --target ] && folder=$2; shift; done
     mkdir -p "$folder/bin" && touch "$folder/bin/uv" ;;
esac
"""


def test_the_environment_is_made_from_the_lock_with_hashes(world: World) -> None:
    world.program("uv", f"mkdir -p {world.project}/.venv")
    bring_packages(world.machine())
    venv, sync = world.calls
    assert venv.startswith("uv venv")
    assert sync.startswith("uv pip sync --require-hashes")
    assert sync.endswith("requirements.txt")
    assert "2 as locked, installed by uv on PATH" in world.said


def test_nothing_is_installed_twice(world: World) -> None:
    world.program("uv")
    world.with_packages()
    bring_packages(world.machine())
    before = [call for call in world.calls if call.startswith("uv")]
    bring_packages(world.machine())
    assert [call for call in world.calls if call.startswith("uv")] == before
    assert world.said.endswith("Python packages   2 as locked\n")


def test_a_changed_lock_is_installed(world: World) -> None:
    world.program("uv")
    world.with_packages()
    bring_packages(world.machine())
    (world.project / "requirements.txt").write_text("pulumi==3.260.0\n")
    bring_packages(world.machine())
    assert len([call for call in world.calls if call.startswith("uv pip sync")]) == 2


def test_an_environment_whose_python_is_gone_is_made_anew(world: World) -> None:
    world.program("uv")
    world.with_packages()
    bring_packages(world.machine())
    (world.project / ".venv/bin/python").unlink()
    bring_packages(world.machine())
    assert world.calls[-2].startswith("uv venv")


def with_package(world: World) -> Path:
    """Give the project a .venv with one package, installed as locked; return the folder of packages."""
    world.program("uv")
    world.with_packages()
    folder = world.project / ".venv/lib/python3.11/site-packages"
    (folder / "yaml-6.dist-info").mkdir()
    (folder / "yaml").mkdir()
    (folder / "yaml/__init__.py").touch()
    (folder / "yaml-6.dist-info/RECORD").write_text(
        "yaml/__init__.py,,0\nyaml/__pycache__/x.pyc,,\n../../../bin/python,,\nyaml-6.dist-info/RECORD,,\n"
    )
    bring_packages(world.machine())
    return folder


def uv_calls(world: World) -> list[str]:
    """How uv was called, in order."""
    return [call for call in world.calls if call.startswith("uv")]


@pytest.mark.parametrize("file", ["yaml/__init__.py", "yaml-6.dist-info/RECORD"])
def test_an_environment_that_has_lost_a_file_is_made_anew(world: World, file: str) -> None:
    folder = with_package(world)
    (folder / file).unlink()
    bring_packages(world.machine())
    venv, sync = uv_calls(world)[-2:]
    assert venv.startswith("uv venv"), "uv takes a package for whole that has its .dist-info"
    assert sync.startswith("uv pip sync")
    assert f".venv has lost {file}, so it is made anew" in world.said


def test_a_package_that_somebody_removed_is_installed_again(world: World) -> None:
    folder = with_package(world)
    before = len(uv_calls(world))
    (folder / "yaml-6.dist-info/RECORD").unlink()
    (folder / "yaml-6.dist-info").rmdir()
    bring_packages(world.machine())
    (sync,) = uv_calls(world)[before:]
    assert sync.startswith("uv pip sync")


def test_an_environment_whose_python_became_a_newer_one_is_filled_anew(world: World) -> None:
    folder = with_package(world)
    before = len(uv_calls(world))
    newer = folder.parent.parent / "python3.14/site-packages"
    world.program("python", f"echo {newer}", folder=world.project / ".venv/bin")
    bring_packages(world.machine())
    assert uv_calls(world)[before:], "the packages are in the folder of the Python of before"


def test_an_environment_that_may_not_be_written_is_a_sentence_with_remedy(world: World) -> None:
    world.program("uv", 'case "$*" in *venv*--clear*) echo Permission denied; exit 2;; esac')
    with pytest.raises(Problem, match=r"cannot be installed: Permission denied.*may write to .*/\.venv"):
        bring_packages(world.machine())


def test_uv_is_fetched_with_pip_by_its_hash(world: World) -> None:
    world.program("python3", PIP_FETCHES_UV)
    uv, source = bring_uv(world.machine())
    assert uv.exists()
    assert source == "uv fetched with pip"
    assert "--require-hashes" in world.calls[-1]
    assert bring_uv(world.machine())[1] == "uv brought earlier"


def test_a_python_without_pip_gets_a_bare_environment_with_one(world: World) -> None:
    world.program(
        "python3",
        f"""case "$*" in
          *venv*) mkdir -p "$4/bin" && cp {world.folder}/pip-python "$4/bin/python" ;;
          *) echo No module named pip >&2; exit 1 ;;
        esac""",
    )
    world.program("pip-python", PIP_FETCHES_UV, folder=world.folder)
    assert bring_uv(world.machine(root=False))[0].exists()


def test_debian_brings_what_its_python_lacks(world: World) -> None:
    world.program("python3", "exit 1")
    world.program("apt-get")
    system = world.folder / "system/usr/bin"
    world.program("pip-python", PIP_FETCHES_UV, folder=world.folder)
    world.program(
        "python3", f'mkdir -p "$4/bin"; cp {world.folder}/pip-python "$4/bin/python"', folder=system
    )
    assert bring_uv(world.machine())[0].exists()
    assert "apt-get install --yes --no-install-recommends python3-venv" in world.calls


def test_no_pip_and_no_root_is_a_sentence_with_remedy(world: World) -> None:
    world.program("python3", "exit 1")
    with pytest.raises(Problem, match=r"neither pip nor ensurepip.*Install pip or uv, or run this as root"):
        bring_uv(world.machine(root=False))


def test_an_index_that_does_not_answer_is_a_sentence_with_remedy(world: World) -> None:
    script = 'case "$*" in *--version*) exit 0;; esac; echo ERROR: No matching distribution found; exit 1'
    world.program("python3", script)
    with pytest.raises(Problem, match=r"pip cannot fetch it: ERROR: No matching.*pip config list"):
        bring_uv(world.machine())


def test_a_failed_install_is_not_taken_for_a_good_one(world: World) -> None:
    world.program("uv", 'case "$*" in *sync*) echo hash mismatch; exit 2;; esac')
    machine = world.machine()
    for _ in range(2):
        with pytest.raises(Problem, match="the Python packages cannot be installed: hash mismatch"):
            bring_packages(machine)


def test_the_locked_version_is_read_from_the_lock(world: World) -> None:
    assert locked_version(world.machine(), "pulumi") == "3.259.0"
    with pytest.raises(Problem, match=r"locks no pulumi-docker\. Run make lock"):
        locked_version(world.machine(), "pulumi-docker")


TELLS_WHOM_IT_TRUSTS = 'echo "trust $UV_SYSTEM_CERTS $UV_NATIVE_TLS $PIP_CERT" >> "${0%/*}/../calls"'


def with_store(world: World) -> str:
    """Give the machine a store of CAs; return its path."""
    bundle = world.folder / "system/etc/ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    bundle.write_text("the CAs, a company's among them\n")
    return str(bundle)


def test_uv_and_pip_trust_whom_the_machine_trusts(world: World) -> None:
    bundle = with_store(world)
    world.program("uv", f"mkdir -p {world.project}/.venv\n{TELLS_WHOM_IT_TRUSTS}")
    bring_packages(world.machine())
    told = [call for call in world.calls if call.startswith("trust")]
    assert set(told) == {f"trust true true {bundle}"}
    world.program("python3", TELLS_WHOM_IT_TRUSTS + PIP_FETCHES_UV)
    (world.bin / "uv").unlink()
    bring_uv(world.machine())
    assert world.calls[-1] == f"trust true true {bundle}"


def test_where_the_machine_keeps_no_cas_uv_and_pip_have_their_own(world: World) -> None:
    world.program("uv", f"mkdir -p {world.project}/.venv\n{TELLS_WHOM_IT_TRUSTS}")
    bring_packages(world.machine())
    assert {call.rstrip() for call in world.calls if call.startswith("trust")} == {"trust"}


def test_what_a_user_says_of_certificates_stays(world: World) -> None:
    with_store(world)
    world.program("uv", f"mkdir -p {world.project}/.venv\n{TELLS_WHOM_IT_TRUSTS}")
    bring_packages(world.machine(UV_SYSTEM_CERTS="false", PIP_CERT="/theirs.pem"))
    assert {call for call in world.calls if call.startswith("trust")} == {"trust false true /theirs.pem"}
