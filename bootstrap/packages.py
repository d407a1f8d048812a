"""Python packages: uv and the project's virtual environment, exactly as locked.

Owns .venv and uv where the machine has none. Does not own the lock file (requirements.txt).
"""

import csv
import hashlib
import re
from pathlib import Path

from bootstrap.commands import CommandFailed, ask, run
from bootstrap.files import write_whole
from bootstrap.machine import Machine
from bootstrap.problem import Problem

NEED = "Python packages"
TOOLS = Path(__file__).parent / "tools"


BUNDLES = ("etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem")
"""Where systems keep the CAs that they trust, a company's own among them."""


def trusting(machine: Machine) -> dict[str, str]:
    """Return the environment in which uv and pip trust whom this machine trusts.

    Each brings CAs of its own, and behind a proxy that looks into TLS only the machine's store has the right
    one. What a user has set stays, and so does their own list where the machine has none.
    """
    bundle = next((path for name in BUNDLES if (path := machine.system / name).is_file()), None)
    if bundle is None:
        return dict(machine.env)
    # https://docs.astral.sh/uv/concepts/authentication/certificates; the second is its name in older ones.
    wanted = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}
    if not machine.env.keys() & {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}:
        wanted["PIP_CERT"] = str(bundle)
    return {**wanted, **machine.env}


def bring_uv(machine: Machine) -> tuple[Path, str]:
    """Return uv and where it comes from: PATH, an earlier run, or pip's index by a pinned hash."""
    if found := machine.find("uv"):
        return found, "uv on PATH"
    pinned = TOOLS / "uv.txt"
    target = machine.cache / f"uv-{digest(pinned)}"
    if (uv := target / "bin/uv").exists():
        return uv, "uv brought earlier"
    pip = bring_pip(machine)
    install = ["install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    try:
        with machine.report.step(NEED, "fetching uv with pip") as step:
            run(
                [*pip, *install, "--target", target, "-r", pinned],
                env={**trusting(machine), "PIP_RETRIES": "1"},
                timeout_seconds=300,
                log=machine.log("uv"),
                tell=step.tell,
            )
    except CommandFailed as failure:
        raise Problem(
            f"there is no uv on PATH, and pip cannot fetch it: {failure.last}",
            f"Look at the index that pip uses (pip config list), or install uv; see {machine.log('uv')}",
        ) from None
    return uv, "uv fetched with pip"


def bring_pip(machine: Machine) -> list[str | Path]:
    """Return the command that is pip: the interpreter's own, one in a bare environment, or Debian's."""
    own: list[str | Path] = [machine.python, "-m", "pip"]
    if ask([*own, "--version"], env=machine.env, timeout_seconds=20).good:
        return own
    folder = machine.cache / "pip"
    bare: list[str | Path] = [folder / "bin/python", "-m", "pip"]
    make = [machine.python, "-m", "venv", "--clear", folder]
    if ask([*bare, "--version"], env=machine.env, timeout_seconds=20).good:
        return bare
    if ask(make, env=machine.env, timeout_seconds=120).good:
        return bare
    remedy = "Install pip or uv, or run this as root on Debian or Ubuntu"
    if not (machine.is_root and machine.find("apt-get")):
        raise Problem(f"{machine.python} has neither pip nor ensurepip, and there is no uv on PATH", remedy)
    install_debian(machine, NEED, ["python3-venv"])
    # Debian's package serves Debian's interpreter, whichever one runs this.
    if not ask([machine.system / "usr/bin/python3", *make[1:]], env=machine.env, timeout_seconds=120).good:
        raise Problem("Debian's python3-venv is installed and still makes no environment", remedy)
    return bare


def install_debian(machine: Machine, need: str, packages: list[str]) -> None:
    """Install Debian packages; raise Problem where only root or another system could."""
    if not machine.is_root:
        raise Problem(
            f"installing {' '.join(packages)} needs root", "Run make as root, or install them yourself"
        )
    if not machine.find("apt-get"):
        raise Problem(
            f"{' '.join(packages)} must be installed, and this is not Debian", "Install them yourself"
        )
    env = {**machine.env, "DEBIAN_FRONTEND": "noninteractive"}
    with machine.report.step(need, f"installing Debian's {', '.join(packages)}") as step:
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            run(
                ["apt-get", *arguments],
                env=env,
                timeout_seconds=600,
                log=machine.log(f"apt-{arguments[0]}"),
                tell=step.tell,
            )


def bring_packages(machine: Machine) -> None:
    """Make .venv hold what requirements.txt locks, and nothing else."""
    lock = machine.project / "requirements.txt"
    stamp = machine.venv / "mailinfra-lock"
    expected = digest(lock)
    count = len(re.findall(r"^[a-z0-9][^=\s]*==", lock.read_text(), re.MULTILINE))
    folder = packages_folder(machine)
    missing = first_missing(folder) if folder else ""
    kept = stamp.read_text().splitlines() if stamp.exists() else []
    if kept[:1] == [expected] and folder and not missing and all((folder / one).is_dir() for one in kept[1:]):
        machine.report.found(NEED, f"{count} as locked")
        return
    if missing:
        machine.report.found(NEED, f".venv has lost {missing}, so it is made anew")
    uv, source = bring_uv(machine)
    env = {**trusting(machine), "UV_PYTHON_DOWNLOADS": "never"}
    with machine.report.step(NEED, f"installing {count} as locked") as step:
        try:
            # uv takes a package for whole that has its .dist-info, so what has lost a file begins anew.
            if not folder or missing:
                make = [uv, "venv", "--quiet", "--clear", "--python", machine.python, machine.venv]
                run(make, env=env, timeout_seconds=120, log=machine.log("venv"), tell=step.tell)
            # Compiled once and here: where PYTHONDONTWRITEBYTECODE is set, as in many containers, each
            # preview would compile them anew.
            options = ["--require-hashes", "--compile-bytecode"]
            sync = [uv, "pip", "sync", *options, "--python", machine.venv_python, lock]
            run(sync, env=env, timeout_seconds=900, log=machine.log("packages"), tell=step.tell)
        except CommandFailed as failure:
            raise Problem(
                f"the Python packages cannot be installed: {failure.last}",
                "Look at the package index that uv uses (UV_DEFAULT_INDEX, uv.toml), at the disk, and "
                f"whether this user may write to {machine.venv}",
            ) from None
    made = packages_folder(machine)
    write_whole(stamp, "\n".join([expected, *(installed(made) if made else ())]))
    machine.report.found(NEED, f"{count} as locked, installed by {source}")


def packages_folder(machine: Machine) -> Path | None:
    """Return where .venv's interpreter looks for packages; None where it does not start or is too old.

    Asked of the interpreter itself: where the system got a newer Python under the same name, its folder is
    another one, which is empty.
    """
    code = "import sys, sysconfig; print(sysconfig.get_path('purelib')); sys.exit(sys.version_info < (3, 11))"
    said = ask([machine.venv_python, "-c", code], env=machine.env, timeout_seconds=20)
    return Path(said.text) if said.good and said.text else None


def installed(folder: Path) -> list[str]:
    """Return the names of the folders that describe the installed packages."""
    return sorted(path.name for path in folder.glob("*.dist-info"))


def first_missing(folder: Path) -> str:
    """Return the first file that an installed package names and that is not there; empty where all are.

    PEP 627 has the file that names them; what Python compiles may go at any time.
    """
    for name in installed(folder):
        record = folder / name / "RECORD"
        if not record.is_file():
            return f"{name}/RECORD"
        for path, *_ in csv.reader(record.read_text(encoding="utf-8").splitlines()):
            if not path.endswith(".pyc") and not (folder / path).exists():
                return path
    return ""


def digest(path: Path) -> str:
    """Return sixteen hexadecimal digits over a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def locked_version(machine: Machine, package: str) -> str:
    """Return the version that requirements.txt locks for `package`."""
    found = re.search(
        rf"^{re.escape(package)}==([^\s;\\]+)", (machine.project / "requirements.txt").read_text(), re.M
    )
    if not found:
        raise Problem(f"requirements.txt locks no {package}", "Run make lock")
    return found[1]
