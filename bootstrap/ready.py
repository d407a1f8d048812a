"""Ready: every need in turn, until plain `pulumi` commands work.

Owns the order. Each need's own module owns how it is met.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bootstrap.base_image import bring_images, choose_stack
from bootstrap.clients import bring_clients
from bootstrap.docker_engine import bring_docker
from bootstrap.engine import bring_engine
from bootstrap.environment import Environment, compose
from bootstrap.machine import Machine
from bootstrap.packages import bring_packages
from bootstrap.plugins import bring_plugins
from bootstrap.problem import Problem
from bootstrap.pulumi_cli import Absent, Pulumi, stack_file
from bootstrap.readable import require_readable
from bootstrap.state import bring_state


@dataclass(frozen=True, kw_only=True)
class Ready:
    """A machine with everything on it."""

    pulumi: Pulumi
    """The engine, in its environment."""

    environment: Environment
    """What a user's own shell needs."""

    stack: str
    """The stack that this command is about; it is the selected one."""


def ready(machine: Machine, stack: str, absent: Absent = Absent.CREATE) -> Ready:
    """Bring every need and select the stack: the named, else the selected one, else what can run here."""
    with alone(machine):
        environment, pulumi = prepare(machine, bring_state)
        machine = pulumi.machine
        chosen = stack or pulumi.selected() or choose_stack(machine)
        file = stack_file(machine, chosen)
        if absent is not Absent.IGNORE:
            require_readable(machine, file)
        bring_images(machine, file)
        pulumi.select(chosen, absent)
        machine.report.found("Stack", chosen)
    return Ready(pulumi=pulumi, environment=environment, stack=chosen)


def ready_for_tests(machine: Machine) -> Mapping[str, str]:
    """Bring every need and return the environment of the tests, which keep state of their own.

    MAILINFRA_TEST_STACK names the stack file to copy: the one whose images this machine can get.
    """
    with alone(machine):
        environment, pulumi = prepare(machine, lambda _: {})
        chosen = choose_stack(pulumi.machine)
        bring_images(pulumi.machine, stack_file(machine, chosen))
        bring_clients(machine)
    return {**environment.over(machine.env), "MAILINFRA_TEST_STACK": chosen}


def ready_to_read(machine: Machine, stack: str) -> Ready:
    """Bring what reading a stack's state needs, without Docker; the stack is the named, else the selected
    one, and no other one is selected."""
    with alone(machine):
        environment, pulumi = composed(machine, bring_state)
        chosen = stack or pulumi.selected()
        if not chosen:
            raise Problem("no stack is selected", "Name one, as in make dns STACK=prod; make up makes one")
        machine.report.found("Stack", chosen)
    return Ready(pulumi=pulumi, environment=environment, stack=chosen)


def prepare(machine: Machine, state: Callable[[Machine], Mapping[str, str]]) -> tuple[Environment, Pulumi]:
    """Bring packages, engine, plugins, state and the Docker engine."""
    made = composed(machine, state)
    bring_docker(machine)
    return made


def composed(machine: Machine, state: Callable[[Machine], Mapping[str, str]]) -> tuple[Environment, Pulumi]:
    """Bring packages, engine, plugins and state."""
    bring_packages(machine)
    engine = bring_engine(machine)
    plugins = bring_plugins(machine, engine)
    environment = compose(machine, engine, plugins, state(machine))
    inside = replace(machine, env=environment.over(machine.env))
    return environment, Pulumi(machine=inside, engine=engine)


@contextmanager
def alone(machine: Machine) -> Iterator[None]:
    """Keep two makes from bringing the same thing at once: the second waits and then finds it."""
    machine.cache.mkdir(parents=True, exist_ok=True)
    machine.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not os.access(machine.data, os.W_OK | os.X_OK):
        raise Problem(
            f"this user may not write to {machine.data}, which keeps passphrase, state and plugins",
            "Give the user the right to it, run make as the user whose it is, or name another folder for all "
            "such data in XDG_DATA_HOME",
        )
    with (machine.cache / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with machine.report.step("Waiting", "another make brings what is missing"):
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def updating(machine: Machine, stack: str) -> Iterator[None]:
    """Keep two makes from one stack: the second would take what the first is making for leftovers."""
    path = machine.data / "updating" / stack
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(
                f"another make is at work on stack {stack} at this moment", "Run this again when it has ended"
            ) from None
        yield
