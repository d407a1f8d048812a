"""Volumes: the data that stays when a stack is destroyed, and its removal when a person really wants it.

Owns the list of what a stack left behind, kept beside the state, which then knows nothing of it any more.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from bootstrap.commands import ask
from bootstrap.files import write_whole
from bootstrap.machine import Machine
from bootstrap.problem import Problem
from bootstrap.pulumi_cli import Pulumi
from bootstrap.record import VOLUME

DATA = ("mail", "mysql", "queue", "valkey")
"""Ends of the fixed names of the volumes with data: `mailinfra-<stack>-mail`."""


def destroy(pulumi: Pulumi, stack: str) -> int:
    """Destroy the stack, say which volumes with data stay, and return Pulumi's exit status."""
    machine = pulumi.machine
    candidates = sorted({*remembered(machine, stack), *volumes_of(pulumi, stack)})
    remember(machine, stack, candidates)
    code = pulumi.show("destroy", "--yes", "--exclude-protected", "--stack", stack)
    kept = existing(machine, candidates)
    if code == 0:
        remember(machine, stack, kept)
    if kept:
        machine.report.say(f"\nKept, with all that is in them: {', '.join(kept)}")
        machine.report.say(
            f"make up STACK={stack} finds them again; make destroy PURGE=1 STACK={stack} removes them."
        )
    return code


def purge(pulumi: Pulumi, stack: str, read: Callable[[], str]) -> int:
    """Destroy the stack and remove its data volumes too, after a person has typed the stack's name."""
    machine = pulumi.machine
    candidates = sorted({*remembered(machine, stack), *volumes_of(pulumi, stack), *fixed(stack)})
    doomed = existing(machine, candidates)
    machine.report.say(
        f"This removes stack {stack} and, for ever, what is in: {', '.join(doomed) or 'no volume'}."
    )
    machine.report.say(f"Type the stack's name ({stack}) to go on:")
    if read().strip() != stack:
        raise Problem(f"that is not {stack!r}, so nothing was touched", "Run it again and type the name")
    remember(machine, stack, candidates)
    pulumi.tell("state", "unprotect", "--all", "--yes", "--stack", stack)
    code = pulumi.show("destroy", "--yes", "--stack", stack)
    if code:
        machine.report.say("\nPulumi could not destroy the stack, so its volumes stay.")
        return code
    for volume in existing(machine, candidates):
        said = ask(["docker", "volume", "rm", volume], env=machine.env, timeout_seconds=60)
        if not said.good:
            raise Problem(
                f"volume {volume} cannot be removed: {said.error}", "Stop what uses it and run this again"
            )
        machine.report.say(f"Removed volume {volume}.")
    remember(machine, stack, [])
    return 0


def volumes_of(pulumi: Pulumi, stack: str) -> list[str]:
    """Return Docker's names of the volumes in the stack's state that outlive it."""
    return [
        str(resource["outputs"]["name"])
        for resource in pulumi.record(stack).resources
        if resource["type"] == VOLUME and (resource.get("retainOnDelete") or resource.get("protect"))
    ]


def fixed(stack: str) -> list[str]:
    """Return the names that the data volumes of a stack always have, whether the state knows them or not.

    One of them may be there from before the state, or since the mail was moved elsewhere.
    """
    return [f"mailinfra-{stack}-{end}" for end in DATA]


def existing(machine: Machine, volumes: Sequence[str]) -> list[str]:
    """Return those that the Docker engine has."""
    words = ["docker", "volume", "inspect", "--format", "{{.Name}}"]
    return [name for name in volumes if ask([*words, name], env=machine.env, timeout_seconds=20).good]


def remembered(machine: Machine, stack: str) -> list[str]:
    """Return the volumes that an earlier destroy left."""
    try:
        return [str(name) for name in json.loads(_record(machine, stack).read_text())]
    except (OSError, ValueError):
        return []


def remember(machine: Machine, stack: str, volumes: Sequence[str]) -> None:
    """Keep the list for a later purge."""
    write_whole(_record(machine, stack), json.dumps(list(volumes)))


def _record(machine: Machine, stack: str) -> Path:
    return machine.data / "kept" / f"{stack}.json"
