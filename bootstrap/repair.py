"""Repair: what an interrupted update or a hand on Docker left, and how the next `up` gets over it.

Owns what is done about what the survey shows, before Pulumi starts. It removes locks, processes, containers,
networks and rendered files. It never removes a volume with data.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bootstrap import health, inventory, processes
from bootstrap.commands import CommandFailed, ask, run
from bootstrap.health import Daemon
from bootstrap.inventory import Container
from bootstrap.machine import Machine
from bootstrap.problem import Problem
from bootstrap.pulumi_cli import Pulumi
from bootstrap.record import DATABASE, USER, name
from bootstrap.survey import Survey, survey

NEED = "Repair"
REFRESH_SECONDS = 300
STOP_SECONDS = 60
START_SECONDS = 120.0
"""How long a daemon that was only stopped may take to prove its health; else its container is made anew."""
MYSQL_SECONDS = 300.0
"""The same for MySQL, which may have to recover what it had not written."""
RECOVER_SECONDS = 20.0
"""How long an unhealthy daemon may take to see that what it missed is there again: three checks and more."""
MYSQL = "mysql"


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something to put right."""

    did: str
    """What is told once it is done: `removed container …`."""

    will: str
    """What a preview tells: `remove container …`."""

    act: Callable[[], object]
    """Does it."""


def refuse_what_only_a_person_can_decide(found: Survey, taken_over: str) -> None:
    """Raise Problem where another update runs, or where the server that runs is another state's.

    `taken_over` is the command that takes such a server over.
    """
    for lock in found.locks:
        if not lock.stale:
            ends = f"kill -INT {lock.pid}" if lock.here else f"pulumi cancel --stack {found.stack}"
            raise Problem(
                f"process {lock.pid} of {lock.whose} is updating stack {found.stack}, since {lock.since}",
                f"Wait until it ends; if it hangs, end it: {ends}",
            )
    if strangers := found.strangers:
        listed = ", ".join(f"{one.service} ({one.name}, {one.condition})" for one in strangers)
        since = min(one.since for one in strangers)
        raise Problem(
            f"stack {found.stack} runs here already, since {since} UTC, and this state does not know it: "
            f"{listed}",
            "If somebody else keeps it, use their state (PULUMI_BACKEND_URL and passphrase). If its state "
            f"is lost, {taken_over} removes these containers and their network and keeps all its data; an "
            "update then finds the mail, accounts, passwords and contacts in them",
        )


def take_over(pulumi: Pulumi, found: Survey) -> None:
    """Remove containers, networks and rendered files of a server that the state does not know; data stays."""
    machine = pulumi.machine
    for container in found.orphans if found.strangers else ():
        stop_and_remove(machine, container)
        machine.report.found("Taking over", f"removed container {container.name} ({container.service})")
    for identity, text in found.orphan_networks.items() if found.strangers else ():
        docker(machine, "network", "rm", identity)
        machine.report.found("Taking over", f"removed network {text}")
    if found.strangers:
        for volume in found.orphan_volumes:
            ask_docker(machine, "volume", "rm", volume)
        kept = [one for one in found.volumes if one not in found.orphan_volumes]
        machine.report.found("Taking over", f"kept {', '.join(kept) or 'no data: there is none'}")


def sweep(pulumi: Pulumi, found: Survey) -> list[Step]:
    """Return what clears away the traces of a killed update: locks, orphans, what was under way."""
    machine = pulumi.machine
    steps = [
        Step(
            did=f"removed the lock of an update that was killed ({lock.whose}, since {lock.since} UTC)",
            will=f"remove the lock of an update that was killed ({lock.whose}, since {lock.since} UTC)",
            act=partial(lock.path.unlink, missing_ok=True),
        )
        for lock in found.locks
        if lock.stale
    ]
    for container in found.orphans:
        text = f"container {container.name} ({container.service}), which the state does not know"
        steps.append(removal(text, partial(stop_and_remove, machine, container)))
    for identity, network in found.orphan_networks.items():
        text = f"network {network}, which the state does not know"
        steps.append(removal(text, partial(docker, machine, "network", "rm", identity)))
    for volume in found.orphan_volumes:
        text = f"volume {volume}, rendered files which the state does not know"
        # One that a container of another stack uses, and that only looks like ours, Docker does not remove.
        steps.append(removal(text, partial(ask_docker, machine, "volume", "rm", volume)))
    if found.record.operations or found.buried:
        begun = ", ".join(
            f"{name(operation.urn)} ({operation.kind})" for operation in found.record.operations
        )
        what = f"what the last update had begun: {begun}" if begun else "what is deleted already"
        steps.append(
            Step(
                did=f"cleared {what}",
                will=f"clear {what}",
                act=partial(pulumi.restore, found.stack, found.record.repaired(found.buried)),
            )
        )
    return steps


def undo(machine: Machine, found: Survey) -> None:
    """Undo what a hand did to containers, and tell what is left to a person. A container of which Docker does
    not take it back is removed, to be made again."""
    for daemon, deeds in found.deeds:
        if daemon.container is None:
            continue
        for deed in deeds:
            machine.report.found(NEED, f"{deed.what}{': undone' if deed.is_undone else ''}")
        commands = [command for deed in deeds for command in deed.commands]
        if any(deed.restarts for deed in deeds) and daemon.container.status == "running":
            commands.append(("restart", daemon.identity))
        if commands and daemon.container.status == "paused":
            commands.insert(0, ("unpause", daemon.identity))
        if any(deed.anew for deed in deeds) or any(ask_docker(machine, *command) for command in commands):
            stop_and_remove(machine, daemon.container)


def removal(text: str, act: Callable[[], object]) -> Step:
    """Return the step that removes something."""
    return Step(did=f"removed {text}", will=f"remove {text}", act=act)


def heal(pulumi: Pulumi, found: Survey) -> None:
    """Bring every daemon of the state back, or have the state forget what is gone: then `up` makes it again.

    MySQL comes first: what asks it waits minutes for an answer while it is away.
    """
    machine = pulumi.machine
    lost = dict(found.missing)
    for seconds, daemons in (
        (MYSQL_SECONDS, [one for one in found.daemons if one.service == MYSQL]),
        (START_SECONDS, [one for one in found.daemons if one.service != MYSQL]),
    ):
        ill = {one.urn for one in daemons if one.container is not None and not one.runs_well}
        for daemon in daemons:
            if daemon.urn in ill and daemon.container is not None:
                wake(machine, daemon.container)
        for daemon in awaited(machine, found, ill, seconds):
            if daemon.container is not None and not daemon.runs_well:
                machine.report.found(NEED, f"{daemon.service} is {daemon.condition}; its last words:")
                for line in health.words(machine, daemon.container):
                    machine.report.say(line)
                stop_and_remove(machine, daemon.container)
                lost[daemon.urn] = daemon.service
            else:
                machine.report.found(NEED, f"{daemon.service} is {daemon.condition} again")
    if lost:
        machine.report.found(NEED, f"to be made again: {', '.join(sorted(set(lost.values())))}")
    for volume in sorted(found.data_lost):
        machine.report.found(NEED, f"volume {volume} is gone, and an empty one takes its place")
    if lost:
        refresh(pulumi, found.stack, list(lost))


def make_way(pulumi: Pulumi, found: Survey) -> None:
    """See to it that a destroy waits for nothing that is gone.

    A user that is not deleted together with its server is dropped in MySQL. That takes one that answers; each
    user waits five minutes for it.
    """
    if found.missing:
        refresh(pulumi, found.stack, list(found.missing))
    if not any(not one.get("deletedWith") for one in found.record.of(USER)):
        return
    for daemon in found.daemons:
        if daemon.service == MYSQL and not daemon.runs_well:
            if daemon.container is not None:
                wake(pulumi.machine, daemon.container)
            if not all(one.runs_well for one in awaited(pulumi.machine, found, {daemon.urn}, MYSQL_SECONDS)):
                pulumi.machine.report.found(NEED, "MySQL does not run, so its users stay in its volume")
                data = f"{inventory.full_name(found.stack)}-{MYSQL}"
                pulumi.restore(found.stack, pulumi.record(found.stack).with_users_in(data))


def awaited(machine: Machine, found: Survey, urns: set[str], seconds: float) -> list[Daemon]:
    """Return these daemons as soon as all run well, or none of them will, or the time is up."""
    began = time.monotonic()
    while True:
        there = inventory.containers(machine, found.stack) if urns else []
        daemons = [one for one in health.daemons(found.record, there) if one.urn in urns]
        elapsed = time.monotonic() - began
        hopeful = any(one.condition == "starting" for one in daemons) or elapsed < RECOVER_SECONDS
        if all(one.runs_well for one in daemons) or elapsed >= seconds or not hopeful:
            return daemons
        time.sleep(health.POLL_SECONDS)


def wake(machine: Machine, container: Container) -> None:
    """Start what was stopped, go on with what was paused, and begin MySQL anew where it is not healthy.

    Any other daemon that is unhealthy may only miss MySQL: it gets a moment before it is made anew.
    """
    verb = {"paused": "unpause", "exited": "start", "created": "start"}.get(container.status)
    if verb is None and container.service == MYSQL and container.condition == "unhealthy":
        verb = "restart"
    if verb:
        docker(machine, verb, container.identity)
        if verb == "unpause" and container.service != MYSQL:
            # What Docker says of its health is from before the pause, and its peers have given up on it.
            docker(machine, "restart", container.identity)
        done = {"unpause": "went on with", "start": "started", "restart": "restarted"}[verb]
        machine.report.found(
            NEED, f"{done} {container.service} ({container.name}): it was {container.condition}"
        )


def ailments(found: Survey) -> list[str]:
    """Return what a preview tells of what a hand did, of daemons that do not run, and of what is gone."""
    lines = [
        f"undo that {deed.what}" if deed.is_undone else deed.what
        for _, deeds in found.deeds
        for deed in deeds
    ]
    lines += [
        f"{'start' if one.container.status in ('exited', 'created') else 'restart'} {one.service}, "
        f"which is {one.condition}"
        for one in found.daemons
        if one.container is not None and not one.runs_well and one.condition != "starting"
    ]
    if gone := sorted(set(found.missing.values())):
        lines.append(f"make again what is gone: {', '.join(gone)}")
    return lines


def refresh(pulumi: Pulumi, stack: str, urns: Sequence[str]) -> None:
    """Have Pulumi look at these resources alone, and forget those that are gone."""
    machine = pulumi.machine
    targets = [word for urn in urns for word in ("--target", urn)]
    words = ["refresh", "--yes", "--skip-preview", "--stack", stack, *targets]
    try:
        with machine.report.step(NEED, "looking at what has changed") as step:
            run(
                [pulumi.engine.program, "--non-interactive", *words],
                env=machine.env,
                cwd=machine.project,
                timeout_seconds=REFRESH_SECONDS,
                log=machine.log("refresh"),
                tell=step.tell,
            )
    except CommandFailed as failure:
        raise Problem(
            f"Pulumi cannot look at what has changed: {failure.last}",
            f"See {machine.log('refresh')}, put that right and run make up again",
        ) from None


def repair(
    pulumi: Pulumi, stack: str, *, taken_over: str, takeover: bool = False, healing: bool = True
) -> Survey:
    """Put right what keeps an update from working, each thing told in a line; Problem where a person decides.

    Returns what was found. Without `healing` the daemons are left as they are: the update removes them.
    """
    machine = pulumi.machine
    found = survey(pulumi, stack)
    if takeover and not any(not lock.stale for lock in found.locks):
        take_over(pulumi, found)
        found = survey(pulumi, stack)
    refuse_what_only_a_person_can_decide(found, taken_over)
    if found.strays:
        for process in found.strays:
            processes.end(process)
            machine.report.found(NEED, f"ended {process.name} (process {process.pid}), whose engine is gone")
        found = survey(pulumi, stack)  # they may have gone on with what they had begun
    steps = sweep(pulumi, found)
    for step in steps:
        step.act()
        machine.report.found(NEED, step.did)
    for line in doubts(found):
        machine.report.found(NEED, line)
    if healing:
        if found.deeds:
            undo(machine, found)
            found = survey(pulumi, stack)
        heal(pulumi, found)
    else:
        make_way(pulumi, found)
    return found


def doubts(found: Survey) -> list[str]:
    """Return what may stand in the way and cannot be cleared from here."""
    own = any(service == "mysql" for _, service in found.record.daemons())
    return [
        f"database {name(operation.urn)} may be there already: if MySQL says so (error 1007), write "
        "databases: adopt under database.external"
        for operation in found.record.operations
        if operation.kind == "creating" and operation.resource["type"] == DATABASE and not own
    ]


def foretell(pulumi: Pulumi, found: Survey, taken_over: str) -> list[str]:
    """Return what `make up` would put right first; nothing is touched. Problem where a person decides."""
    refuse_what_only_a_person_can_decide(found, taken_over)
    ends = [f"end {one.name} (process {one.pid}), whose engine is gone" for one in found.strays]
    return [*ends, *(step.will for step in sweep(pulumi, found)), *doubts(found), *ailments(found)]


def stop_and_remove(machine: Machine, container: Container) -> None:
    """Remove a container, whose daemon ends in order if it can."""
    ask_docker(machine, "stop", container.identity)
    docker(machine, "rm", "--force", "--volumes", container.identity)


def ask_docker(machine: Machine, *words: str) -> str:
    """Return what Docker says against a command; empty where it did it."""
    said = ask(["docker", *words], env=machine.env, timeout_seconds=STOP_SECONDS)
    return "" if said.good else said.error or said.text or "no answer"


def docker(machine: Machine, *words: str) -> None:
    """Run a command of Docker's on something that may be gone by now; raise Problem where it fails."""
    complaint = ask_docker(machine, *words)
    if complaint and not any(sign in complaint for sign in ("No such", "not found", "in progress")):
        raise Problem(f"docker {' '.join(words)}: {complaint}", "Put that right and run make up again")
