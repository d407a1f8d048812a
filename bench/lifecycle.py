"""The life of a stack: how long it takes to start, to look, and how much memory it holds when idle.

Owns a throw-away stack and an empty program to compare with. Does not own mail (mail.py) or accounts
(scale.py).
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docker.models.containers import Container

from bench.figures import Figure, interleaved, seconds
from tests.e2e.stack import Stack, Workspace

ROUNDS = 5

EMPTY = '''"""Nothing but the providers that the mail server has."""

import pulumi
import pulumi_docker
import pulumi_mysql
import pulumi_random
import pulumi_tls

from mailinfra.components.own_provider import Provider

pulumi_docker.Provider("docker")
pulumi_mysql.Provider("mysql", endpoint="127.0.0.1:1", username="nobody", password="nothing")
pulumi_random.Provider("random")
pulumi_tls.Provider("tls")
Provider("ours", pulumi.ResourceOptions())
'''


def bare(tell: Callable[[str], None]) -> Figure:
    """Measure `make up` with empty caches: engine, packages, plugins anew; Docker's layers are left alone."""
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory(prefix="mailinfra-bare-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(root), str(clone)], check=True)
        environment = {
            **os.environ,
            "HOME": folder,
            "XDG_CACHE_HOME": f"{folder}/cache",
            "XDG_DATA_HOME": f"{folder}/data",
            "PATH": os.pathsep.join(
                part for part in os.environ["PATH"].split(os.pathsep) if "mailinfra" not in part
            ),
        }
        environment.pop("PULUMI_BACKEND_URL", None)
        environment.pop("PULUMI_HOME", None)
        tell("a bare machine: clone, make up, with empty caches (minutes)")

        def make(target: str) -> None:
            done = subprocess.run(
                ["make", target], cwd=clone, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(f"make {target} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")

        value = seconds(lambda: make("up"))
        make("destroy")
    return Figure(name="bare machine to working server", values=[value], unit="s", aim="under 600 s")


def start_and_look(stack: Stack, tell: Callable[[str], None]) -> list[Figure]:
    """Measure a warm start, previews that change nothing, and idle memory; the stack is up afterwards."""
    starts = []
    for number in range(3):
        tell(f"warm start {number + 1} of 3")
        starts.append(seconds(lambda: stack.up(settled=False)))
        if number < 2:
            stack.destroy()
    with tempfile.TemporaryDirectory(prefix="mailinfra-empty-") as folder:
        empty = _empty_program(Path(folder))
        tell(f"previews that change nothing, {ROUNDS} pairs in turn with an empty program")
        stack.preview()
        empty.preview()
        ours, theirs, ratios = interleaved(
            lambda: seconds(stack.preview), lambda: seconds(empty.preview), ROUNDS
        )
        tell(f"the same with a program that declares the same resources flat, {ROUNDS} pairs")
        _, flatly, to_flat = interleaved(
            lambda: seconds(stack.preview), lambda: _of_the_same_declared_flat(stack), ROUNDS
        )
        tell(f"the same with a refresh, {ROUNDS} pairs")
        refreshed, _, to_refreshed = interleaved(
            lambda: seconds(lambda: stack.preview("--refresh")), lambda: seconds(empty.preview), ROUNDS
        )
    again = [seconds(lambda: stack.up(settled=False)) for _ in range(3)]
    return [
        Figure(name="warm start to healthy", values=starts, unit="s", aim="under 60 s"),
        Figure(name="`up` that changes nothing", values=again, unit="s"),
        Figure(name="preview that changes nothing", values=ours, unit="s"),
        Figure(name="preview of an empty program", values=theirs, unit="s"),
        Figure(name="ratio of the two", values=ratios, unit="", aim="at most 1.3"),
        Figure(name="preview of the same, declared flat", values=flatly, unit="s"),
        Figure(name="ratio to that", values=to_flat, unit=""),
        Figure(name="preview with a refresh", values=refreshed, unit="s"),
        Figure(name="its ratio to the empty program", values=to_refreshed, unit="", aim="at most 2"),
        Figure(
            name="memory of all containers, idle", values=[memory(stack)], unit="MiB", aim="at most 512 MiB"
        ),
    ]


def _empty_program(folder: Path) -> Stack:
    workspace = Workspace(folder)
    (workspace.program / "__main__.py").write_text(EMPTY)
    empty = Stack(workspace, "empty")
    empty.configure({"hostname": "mail.example.test"})  # the project asks for it
    empty.up()
    return empty


def _of_the_same_declared_flat(stack: Stack) -> float:
    """Return seconds of a preview of the same resources by flat.py, which finds no change either."""
    program = stack.workspace.program
    ours = (program / "__main__.py").read_text()
    (program / "state.json").write_text(stack.state("--show-secrets"))
    (program / "__main__.py").write_text(Path(__file__).with_name("flat.py").read_text())
    try:
        return seconds(lambda: stack.preview("--expect-no-changes"))
    finally:
        (program / "__main__.py").write_text(ours)
        (program / "state.json").unlink()


def memory(stack: Stack) -> float:
    """Return MiB that all containers use, without the page cache that the kernel may take back."""
    return sum(used(container) for container in stack.containers().values())


def used(container: Container) -> float:
    """Return MiB that one container uses, the page cache left out."""
    stats: Any = container.stats(stream=False)
    memory = stats["memory_stats"]
    # The first name is the first version of control groups, the second the second.
    reclaimable = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    return float(memory["usage"] - reclaimable) / 1024**2
