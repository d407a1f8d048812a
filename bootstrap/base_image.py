"""Base image: Debian as a Docker image where no registry has one for us.

Owns the question whether registries answer, and `mailinfra-base:trixie`, made by debootstrap from the
mirror that apt on this machine uses. Does not own the images that are built on it (images/).
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bootstrap.commands import CommandFailed, ask, run
from bootstrap.machine import Machine
from bootstrap.packages import install_debian
from bootstrap.problem import Problem
from bootstrap.registry import registry_answers

NEED = "Images"
RELEASE = "trixie"
BASE = f"mailinfra-base:{RELEASE}"
BUILD_SECONDS = 900


def bring_images(machine: Machine, stack_file: Path) -> None:
    """Have the base image where the stack builds on it; otherwise Docker pulls what the stack names."""
    if BASE not in stack_file.read_text(errors="replace"):
        machine.report.found(NEED, "pulled from their registries")
        return
    if ask(["docker", "image", "inspect", BASE], env=machine.env, timeout_seconds=20).good:
        machine.report.found(NEED, f"built on {BASE}, which is there")
        return
    build_base(machine)
    machine.report.found(NEED, f"built on {BASE}, made from this machine's Debian mirror")


def renew_base(machine: Machine, stack_file: Path) -> None:
    """Make the base anew where the stack builds on it; images on the former one stay as they are."""
    if BASE in stack_file.read_text(errors="replace"):
        build_base(machine)
        machine.report.found(NEED, f"made {BASE} anew from this machine's Debian mirror")


def choose_stack(machine: Machine) -> str:
    """Return `dev` where a registry has our images, `offline` where none answers."""
    from mailinfra.containers.images import DEBIAN

    with machine.report.step(NEED, "asking the image registry"):
        answers = registry_answers(machine, DEBIAN)
    machine.report.found(NEED, f"the image registry {'answers' if answers else 'cannot be reached'}")
    return "dev" if answers else "offline"


def build_base(machine: Machine) -> None:
    """Install Debian into a folder and import it; raise Problem with the remedy where that cannot be."""
    mirror = apt_mirror(machine)
    if not machine.is_root:
        raise Problem(
            f"building {BASE} needs root", "Run make as root, or use STACK=dev where images can be pulled"
        )
    if not machine.find("debootstrap"):
        install_debian(machine, NEED, ["debootstrap"])
    folder = Path(tempfile.mkdtemp(prefix="mailinfra-base-"))
    try:
        with machine.report.step(NEED, f"making {BASE} from this machine's Debian mirror") as step:
            run(
                [
                    "debootstrap",
                    "--variant=minbase",
                    "--include=ca-certificates",
                    RELEASE,
                    folder / "root",
                    mirror,
                ],
                env=machine.env,
                timeout_seconds=BUILD_SECONDS,
                log=machine.log("debootstrap"),
                tell=lambda line: step.tell(line.removeprefix("I: ")),
            )
            (folder / "root/etc/apt/sources.list").write_text(suites(machine, mirror))
            # Each image installs packages of its own: what was downloaded for this one only makes it bigger.
            for leftover in ("var/cache/apt/archives", "var/lib/apt/lists"):
                shutil.rmtree(folder / "root" / leftover, ignore_errors=True)
                (folder / "root" / leftover / "partial").mkdir(parents=True)
            step.tell("importing it")
            import_folder(machine, folder / "root")
    except CommandFailed as failure:
        raise Problem(
            f"{BASE} cannot be built: {failure.last}",
            f"Does apt's mirror have {RELEASE}, and the disk room? See {machine.log('debootstrap')}",
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def import_folder(machine: Machine, folder: Path) -> None:
    """Make the folder's content the image."""
    pack = ["tar", "--create", "--numeric-owner", "--one-file-system", "--directory", str(folder), "."]
    packer = subprocess.Popen(pack, stdout=subprocess.PIPE, env=dict(machine.env))
    try:
        done = subprocess.run(
            ["docker", "import", "--change", 'CMD ["bash"]', "-", BASE],
            stdin=packer.stdout,
            env=machine.env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    except subprocess.TimeoutExpired:
        packer.kill()
        raise CommandFailed("docker import took longer than 300 s", None, []) from None
    finally:
        if packer.stdout:
            packer.stdout.close()
    if packer.wait(30) or done.returncode:
        raise CommandFailed("docker import failed", None, done.stderr.splitlines())


def suites(machine: Machine, mirror: str) -> str:
    """Return apt's sources for the base: the release, its updates and Debian's security suite.

    The last two are there where this machine has them for its own release.
    """
    known = list(_sources(machine))
    wanted = [f"deb {mirror} {RELEASE} main"]
    if any(suite.endswith("-updates") for uri, suite in known if uri == mirror):
        wanted.append(f"deb {mirror} {RELEASE}-updates main")
    security = [uri for uri, suite in known if suite.endswith("-security")]
    wanted += [f"deb {uri} {RELEASE}-security main" for uri in security[:1]]
    return "\n".join([*wanted, ""])


def _sources(machine: Machine) -> Iterator[tuple[str, str]]:
    """Return each mirror and suite that apt's sources name with Debian's `main`."""
    folder = machine.system / "etc/apt"
    lists = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    for path in (path for path in lists if path.is_file()):
        yield from re.findall(
            r"^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+([a-z-]+)\s.*\bmain\b", path.read_text(), re.M
        )
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        for entry in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([A-Za-z-]+):\s*(.*)$", entry, re.M))
            if "main" in fields.get("Components", "").split() and "deb" in fields.get("Types", "").split():
                uri = fields["URIs"].split()[0]
                yield from ((uri, suite) for suite in fields.get("Suites", "").split())


def apt_mirror(machine: Machine) -> str:
    """Return the mirror that apt gets this release of Debian from, the first that its sources name."""
    for uri, suite in _sources(machine):
        if not suite.endswith("-security"):
            return uri
    raise Problem(
        f"no image registry answers, and apt's sources name no mirror of Debian to build {BASE} from",
        "Run this on Debian, or use STACK=dev where images can be pulled",
    )
