"""Pulumi: its own commands on one stack, shown on this terminal as they are.

Owns how make calls the engine. Does not own what a stack declares, nor what stays of it (volumes.py).
"""

import difflib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

from bootstrap.commands import Answer, ask, pass_through
from bootstrap.engine import Engine
from bootstrap.machine import Machine
from bootstrap.plan.engine import Plan, read
from bootstrap.problem import Problem
from bootstrap.record import Record

ASK_SECONDS = 60
PLAN_SECONDS = 900
"""How long the engine may take over a preview: ten thousand accounts, and a machine at work."""

REMEDIES = {
    "incorrect passphrase": "The stack file's encryptionsalt belongs to another passphrase: set"
    " PULUMI_CONFIG_PASSPHRASE_FILE to its file, or remove that line if the stack has no secrets yet",
    "no stack named": "make up brings it into being; pulumi stack ls shows those that exist",
    "does not have output property": "The stack is not up, or from before this output: make up",
    "locked by": "Wait for the other update; if none runs, pulumi cancel removes the lock",
}
"""What Pulumi says -> what a person does about it."""


class Absent(Enum):
    """What to do about a stack that does not exist yet."""

    CREATE = "create"
    """Bring it into being."""

    REFUSE = "refuse"
    """End with a sentence."""

    IGNORE = "ignore"
    """Go on; a person will create it."""


@dataclass(frozen=True, kw_only=True)
class Pulumi:
    """The engine in this project."""

    machine: Machine
    """With the environment that the engine needs."""

    engine: Engine
    """The command."""

    def show(self, *arguments: str) -> int:
        """Run a command on this terminal and return its exit status."""
        return pass_through(self._words(arguments), env=self.machine.env, cwd=self.machine.project)

    def tell(self, *arguments: str) -> str:
        """Return what a command says; raise Problem when it fails."""
        said = self._ask(*arguments)
        if not said.good:
            detail = said.error or said.text
            command = f"pulumi {' '.join(arguments)}"
            raise Problem(f"{command}: {detail.removeprefix('error: ')}", remedy(detail))
        return said.text

    def selected(self) -> str:
        """Return the name of the selected stack; empty where there is none."""
        said = self._ask("stack", "ls", "--json")
        stacks: list[dict[str, Any]] = json.loads(said.text) if said.good and said.text else []
        return next((str(stack["name"]).rpartition("/")[2] for stack in stacks if stack.get("current")), "")

    def select(self, stack: str, absent: Absent) -> None:
        """Make `stack` the selected one; `absent` says what happens where it does not exist yet."""
        if absent is Absent.IGNORE:
            self._ask("stack", "select", stack)
        else:
            self.tell("stack", "select", stack, *(["--create"] if absent is Absent.CREATE else []))

    def setting(self, stack: str, path: str) -> str:
        """Return a setting of the stack file; empty where it is not set."""
        said = self._ask("config", "get", "--path", path, "--stack", stack)
        return said.text if said.good else ""

    def outputs(self, stack: str) -> Mapping[str, Any]:
        """Return the stack's outputs, secrets in clear text."""
        said = self.tell("stack", "output", "--json", "--show-secrets", "--stack", stack)
        outputs: Mapping[str, Any] = json.loads(said)
        return outputs

    def record(self, stack: str) -> Record:
        """Return what the stack's state knows, its secrets encrypted."""
        return Record(json.loads(self.tell("stack", "export", "--stack", stack)))

    def restore(self, stack: str, state: Mapping[str, Any]) -> None:
        """Make `state` the stack's state."""
        with tempfile.TemporaryDirectory(prefix="mailinfra-") as folder:  # only this user may look into it
            file = Path(folder) / "state.json"
            file.write_text(json.dumps(state))
            self.tell("stack", "import", "--stack", stack, "--file", str(file))

    def plan(self, stack: str) -> Plan:
        """Return what an update would do; a plan with errors where the engine has none."""
        resources = self.record(stack).resources
        with self.machine.report.step("Preview", "asking the engine what would change"):
            said = self._ask("preview", "--json", "--stack", stack, timeout_seconds=PLAN_SECONDS)
        try:
            plan = read(stack, said.text, resources)
        except ValueError:
            detail = said.error or said.text
            raise Problem(f"pulumi preview: {detail.removeprefix('error: ')}", remedy(detail)) from None
        if not said.good and not plan.errors:
            return replace(plan, errors=[said.error.removeprefix("error: ") or "the engine gave no reason"])
        return plan

    def _ask(self, *arguments: str, timeout_seconds: float = ASK_SECONDS) -> Answer:
        return ask(
            self._words(arguments),
            env=self.machine.env,
            cwd=self.machine.project,
            timeout_seconds=timeout_seconds,
        )

    def _words(self, arguments: tuple[str, ...]) -> list[str | Path]:
        return [self.engine.program, *arguments]


def remedy(detail: str) -> str:
    """Return what to do about a message of Pulumi's that make can explain."""
    for sign, advice in REMEDIES.items():
        if sign in detail:
            return advice
    return 'Try that command by hand, after eval "$(make env)"'


def stack_file(machine: Machine, stack: str) -> Path:
    """Return the stack's configuration file; raise Problem where there is none."""
    path = machine.project / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        there = sorted(
            file.name.removeprefix("Pulumi.").removesuffix(".yaml")
            for file in machine.project.glob("Pulumi.*.yaml")
        )
        copy = f"copy one of them to {path.name} and give it ports and a subnet of its own"
        near = difflib.get_close_matches(stack, there, n=1)
        raise Problem(
            f"stack {stack!r} has no {path.name} (there are: {', '.join(there)})",
            f"Did you mean STACK={near[0]}? Otherwise {copy}" if near else copy[0].upper() + copy[1:],
        )
    return path
