"""Docker engine: a daemon that answers, else Debian's, installed and started.

Owns the daemon that it started, remembered so that tests and CI can stop just that one.
Does not own images (base_image.py) or anything that runs in the daemon.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

from bootstrap.commands import Answer, ask
from bootstrap.files import write_whole
from bootstrap.machine import Machine
from bootstrap.packages import install_debian
from bootstrap.problem import Problem

NEED = "Docker engine"
START_SECONDS = 60
FREE_BYTES = 3 * 1024**3
"""Images, their build and the first databases take some two gigabytes."""


def bring_docker(machine: Machine) -> None:
    """Have a Docker engine that answers, with room for images; raise Problem where that takes a person."""
    how = "running"
    said = version(machine)
    if not said.good:
        refuse_what_only_a_person_can_mend(machine, said)
        how = bring_daemon(machine)
        said = version(machine)
    free = free_bytes(machine)
    if free is not None and free < FREE_BYTES:
        raise Problem(
            f"Docker has {free / 1024**3:.1f} GiB of disk left, and images need {FREE_BYTES >> 30} GiB",
            "Free some, for example with docker image prune",
        )
    machine.report.found(NEED, f"{said.text}, {how}")


def version(machine: Machine) -> Answer:
    """Return what the daemon says its version is."""
    words = ["docker", "version", "--format", "{{.Server.Version}}"]
    return ask(words, env=machine.env, timeout_seconds=10)


def refuse_what_only_a_person_can_mend(machine: Machine, said: Answer) -> None:
    """Raise Problem where the daemon refuses this user or is another machine's."""
    if "permission denied" in said.error:
        raise Problem(
            "the Docker engine refuses this user",
            "Add the user to the group docker and log in again, or run make as root",
        )
    if host := machine.env.get("DOCKER_HOST"):
        raise Problem(
            f"DOCKER_HOST names {host}, and no Docker engine answers there",
            "Start it, or unset DOCKER_HOST for the one of this machine",
        )
    if (context := chosen_context(machine)) not in ("", "default"):
        raise Problem(
            f"Docker's context {context} is the current one, and no Docker engine answers there",
            "Start it, or choose the one of this machine: docker context use default, and no DOCKER_CONTEXT",
        )
    if not machine.is_root:
        raise Problem(
            "no Docker engine answers, and only root can start one",
            "Start it (sudo systemctl start docker), or run make as root",
        )


def chosen_context(machine: Machine) -> str:
    """Return the context that Docker's client uses, whether it exists or not; empty where none is chosen."""
    if named := machine.env.get("DOCKER_CONTEXT"):
        return named
    home = machine.env.get("HOME") or str(Path.home())
    folder = Path(machine.env.get("DOCKER_CONFIG") or f"{home}/.docker")
    try:
        kept = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(kept.get("currentContext") or "") if isinstance(kept, dict) else ""


def bring_daemon(machine: Machine) -> str:
    """Install what is missing, start the daemon, and return in a few words what was done."""
    packages = [
        package
        for program, package in (("dockerd", "docker.io"), ("docker", "docker.io"), ("iptables", "iptables"))
        if not machine.find(program)
    ]
    if packages:
        # The client is a package of its own in Debian 13 and newer, and only recommended there.
        split = ask(["apt-cache", "show", "docker-cli"], env=machine.env, timeout_seconds=30).good
        extra = ["docker-cli"] if split and "docker.io" in packages else []
        install_debian(machine, NEED, sorted({*packages, *extra}))
        if version(machine).good:  # only the client was missing, or the package has started its daemon
            return "installed from Debian"
    done = "installed from Debian and started" if packages else "started"
    with machine.report.step(NEED, "starting"):
        if (machine.system / "run/systemd/system").is_dir():
            ask(["systemctl", "start", "docker"], env=machine.env, timeout_seconds=START_SECONDS)
            if wait_for(machine, None):
                return done
        start(machine)
    return f"{done}, its output in {machine.log('dockerd')}"


def start(machine: Machine) -> None:
    """Start dockerd detached from this terminal, remember it, and wait until it answers."""
    program = machine.find("dockerd")
    if not program:
        raise Problem("there is no dockerd on PATH although Docker is installed", "Put /usr/sbin on PATH")
    log = machine.log("dockerd")
    log.parent.mkdir(parents=True, exist_ok=True)
    output = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    # Not with subprocess: it means to outlive us. Its output is never ours: a daemon that holds it
    # would keep a CI run from ending.
    pid = os.posix_spawn(
        program,
        [str(program)],
        dict(machine.env),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), output, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    write_whole(record(machine), json.dumps({"pid": pid, "began": began(machine, pid)}))
    if wait_for(machine, pid):
        return
    stop_docker(machine)
    last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
    raise Problem(f"the Docker engine does not start: {''.join(last) or 'it says nothing'}", f"Read {log}")


def wait_for(machine: Machine, pid: int | None) -> bool:
    """Return whether the daemon answers before the time is up or the process has ended."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if version(machine).good:
            return True
        if pid and ended(pid):
            return False
        time.sleep(0.5)
    return False


def record(machine: Machine) -> Path:
    """Return the file that remembers the daemon that we started."""
    return machine.data / "dockerd.json"


def began(machine: Machine, pid: int) -> str:
    """Return when the process began, in the kernel's ticks: with its number it names a process for good."""
    try:
        stat = (machine.system / "proc" / str(pid) / "stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def started_by_us(machine: Machine) -> int | None:
    """Return the number of the running daemon that this bootstrap started, or None."""
    try:
        kept = json.loads(record(machine).read_text())
    except (OSError, ValueError):
        return None
    pid = int(kept["pid"])
    return pid if kept["began"] and began(machine, pid) == kept["began"] else None


def stop_docker(machine: Machine) -> bool:
    """Stop the daemon if this bootstrap started it; return whether it did."""
    pid = started_by_us(machine)
    record(machine).unlink(missing_ok=True)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while began(machine, pid) and not ended(pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    return True


def ended(pid: int) -> bool:
    """Return whether a process that this run started has ended; False for any other."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    return False


def free_bytes(machine: Machine) -> int | None:
    """Return the free space where a local daemon keeps its images; None where it cannot be seen from here."""
    said = ask(["docker", "info", "--format", "{{.DockerRootDir}}"], env=machine.env, timeout_seconds=10)
    try:
        return (
            shutil.disk_usage(machine.system / said.text.lstrip("/")).free
            if said.good and said.text
            else None
        )
    except OSError:
        return None
