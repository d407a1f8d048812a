"""Command line: what each make target calls, `python3 -m bootstrap COMMAND`.

Owns the commands' names and the exit status. A Problem ends a command with its two sentences.
"""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bootstrap import (
    acme,
    callers,
    checkpoint,
    checks,
    endings,
    health,
    loopback,
    owners,
    records,
    repair,
    rotation,
    status,
    summary,
    upgrade,
    volumes,
)
from bootstrap.commands import pass_through
from bootstrap.docker_engine import stop_docker, version
from bootstrap.machine import Machine
from bootstrap.packages import bring_packages, bring_uv, trusting
from bootstrap.plan import consent
from bootstrap.plan.engine import Plan
from bootstrap.ports import require_free_ports
from bootstrap.problem import Problem
from bootstrap.pulumi_cli import Absent, stack_file
from bootstrap.ready import Ready, ready, ready_for_tests, ready_to_read, updating
from bootstrap.report import Report
from bootstrap.subnets import require_free_subnets
from bootstrap.survey import survey

PROJECT = Path(__file__).resolve().parent.parent


def up(machine: Machine, arguments: argparse.Namespace) -> int:
    """Bring what is missing, put right what was interrupted, say what would change, make it so."""
    takeover = switch("TAKEOVER", arguments.takeover)
    diff, yes = switch("DIFF", arguments.diff), switch("YES", arguments.yes)
    it = ready(machine, arguments.stack)
    with updating(machine, it.stack):
        checkpoint.mend(it.pulumi.machine, it.stack)
        return bring_up(it, arguments, takeover=takeover, diff=diff, yes=yes)


def bring_up(
    it: Ready,
    arguments: argparse.Namespace,
    *,
    takeover: bool,
    diff: bool,
    yes: bool,
    undo: Callable[[], None] = lambda: None,
) -> int:
    """Put right what was interrupted, update, and say what then runs; 1 where not all of it does.

    `undo` takes back what was prepared, where there is no plan or a person does not agree to it.
    """
    machine = it.pulumi.machine
    try:
        agreed = plan_with_consent(it, arguments, takeover=takeover, diff=diff, yes=yes)
    except BaseException:
        undo()
        raise
    if agreed is None:
        undo()
        return 1
    plan, kept = agreed
    owners.give(it.pulumi, it.stack, kept, plan)
    if plan.is_new:
        machine.report.say(f"\n{summary.NEW}")
    machine.report.say()
    if code := it.pulumi.show("up", "--yes", "--skip-preview", "--stack", it.stack):
        return failed(it, arguments, code)
    outputs = it.pulumi.outputs(it.stack)
    certificate = summary.write_certificate(outputs, machine.data / f"{it.stack}-ca.pem")
    record = it.pulumi.record(it.stack)
    daemons = health.settled(machine, it.stack, record, health.SETTLE_SECONDS)
    machine.report.say()
    again = command("up", arguments)
    if not all(daemon.runs_well for daemon in daemons):
        for line in summary.broken(it.stack, daemons, health.told(machine, daemons), again):
            machine.report.say(line)
        return 1
    renewal = acme.first(machine, daemons)
    meanwhile = summary.write_meanwhile(record, renewal, machine.data / f"{it.stack}-own-ca.pem")
    lines = summary.lines(
        outputs,
        stack=it.stack,
        certificate=certificate,
        daemons=daemons,
        renewal=renewal,
        meanwhile=meanwhile,
        named=bool(arguments.stack),
    )
    hidden = callers.warning(machine, plan.declared or {})
    for line in [*lines, *loopback.warning(machine, it.stack, outputs), *hidden]:
        machine.report.say(line)
    return 0


def plan_with_consent(
    it: Ready, arguments: argparse.Namespace, *, takeover: bool, diff: bool, yes: bool
) -> tuple[Plan, list[owners.Data]] | None:
    """Return what is to be done, and whose data is given over first; None where it may not be done."""
    refuse_clashes(it)
    repair.repair(it.pulumi, it.stack, taken_over=take_over(arguments), takeover=takeover)
    kept = owners.former(it.pulumi.machine, it.stack)
    plan = it.pulumi.plan(it.stack)
    resolvers = arguments.resolver.split()
    if not show_plan(it, plan, diff, resolvers):
        return None
    rotation.refuse(it.pulumi, plan, resolvers)
    for line in owners.foretold(kept):
        it.pulumi.machine.report.say(f"\nFirst, {command('up', arguments)} will {line}.")
    if consent.asks(plan, yes=yes) and not consent.agrees(it.pulumi.machine.report, sys.stdin.readline):
        return None
    return plan, kept


def failed(it: Ready, arguments: argparse.Namespace, code: int) -> int:
    """Say what is true after an update that failed, and return its exit status."""
    report = it.pulumi.machine.report
    report.say("\nPulumi stopped at the error above. What was made stays.")
    found = survey(it.pulumi, it.stack)
    for line in health.told(it.pulumi.machine, [one for one in found.daemons if one.container is not None]):
        report.say(line)
    again = command("up", arguments)
    if lines := repair.foretell(it.pulumi, found, take_over(arguments)):
        report.say(f"First, {again} will")
        for line in lines:
            report.say(f"  - {line}")
    else:
        report.say(f"Put right what it names; {again} then makes what is still missing.")
    return code


def refuse_clashes(it: Ready) -> None:
    """Raise Problem where somebody else has a port or a subnet of the stack."""
    file = stack_file(it.pulumi.machine, it.stack)
    require_free_ports(it.pulumi.machine, it.stack, file)
    require_free_subnets(it.pulumi.machine, it.stack, file)


def preview(machine: Machine, arguments: argparse.Namespace) -> int:
    """Say what `up` would change; DIFF=1 shows each property, too."""
    diff = switch("DIFF", arguments.diff)
    it = ready(machine, arguments.stack)
    checkpoint.refuse_broken(it.pulumi.machine, it.stack, command("up", arguments))
    refuse_clashes(it)
    found = survey(it.pulumi, it.stack)
    lines = repair.foretell(it.pulumi, found, take_over(arguments))
    lines += owners.foretold(owners.former(machine, it.stack))
    if lines:
        machine.report.say(f"\nBefore what follows, {command('up', arguments)} will")
        for line in lines:
            machine.report.say(f"  - {line}")
    plan = it.pulumi.plan(it.stack)
    if not show_plan(it, plan, diff, arguments.resolver.split()):
        return 1
    if renewal := acme.renewal(machine, found.daemons):
        machine.report.say(f"\nThe certificate that is shown: {renewal.sentence()}.")
    if plan.steps:
        more = "" if diff else f"; {command('preview DIFF=1', arguments)} shows every property"
        machine.report.say(f"\n{command('up', arguments)} makes it so{more}.")
    return 0


def show_plan(it: Ready, plan: Plan, diff: bool, resolvers: Sequence[str]) -> bool:
    """Show the plan in words, and on demand the engine's own; return whether there is one."""
    report = it.pulumi.machine.report
    there = volumes.existing(it.pulumi.machine, volumes.fixed(it.stack))
    if not consent.show(plan, report, there, rotation.looked_up(it.pulumi, plan, resolvers)):
        return False
    if diff:
        report.say(f"\n{summary.NEW}\n" if plan.is_new else "")
        return it.pulumi.show("preview", "--diff", "--stack", it.stack) == 0
    return True


def renew(machine: Machine, arguments: argparse.Namespace) -> int:
    """Build the images anew that are built here, with Debian's updates of today, and update."""
    diff, yes = switch("DIFF", arguments.diff), switch("YES", arguments.yes)
    it = ready(machine, arguments.stack, Absent.REFUSE)
    with updating(machine, it.stack):
        checkpoint.mend(it.pulumi.machine, it.stack)
        undo = upgrade.begin(it.pulumi, it.stack)
        if undo is None:
            machine.report.say(
                "No image of this stack is built here. A newer release of this program names newer images, "
                "and so may you, under images in the stack file."
            )
            return 0
        return bring_up(it, arguments, takeover=False, diff=diff, yes=yes, undo=undo)


def show_status(machine: Machine, arguments: argparse.Namespace) -> int:
    """Say what runs, how it is, how old it is, and what to do; 1 where something does not run well, or a
    certificate is near its end."""
    it = ready(machine, arguments.stack, Absent.REFUSE)
    checkpoint.refuse_broken(it.pulumi.machine, it.stack, command("up", arguments))
    found = survey(it.pulumi, it.stack)
    try:
        first = repair.foretell(it.pulumi, found, take_over(arguments))
    except Problem as problem:
        first = [str(problem)]
    seen = status.look(it.pulumi.machine, it.stack, found.daemons)
    again = {name: command(name, arguments) for name in ("up", "upgrade")}
    machine.report.say()
    for line in [*status.page(seen, again, first), *health.told(it.pulumi.machine, found.daemons)]:
        machine.report.say(line)
    return 0 if seen.is_well else 1


def destroy(machine: Machine, arguments: argparse.Namespace) -> int:
    """Remove the stack and keep its data; with --purge remove that too, after a question."""
    purge, takeover = switch("PURGE", arguments.purge), switch("TAKEOVER", arguments.takeover)
    it = ready(machine, arguments.stack, Absent.REFUSE)
    again = take_over(arguments, "destroy")
    with updating(machine, it.stack):
        checkpoint.mend(it.pulumi.machine, it.stack)
        repair.repair(it.pulumi, it.stack, taken_over=again, takeover=takeover, healing=False)
        machine.report.say()
        if purge:
            return volumes.purge(it.pulumi, it.stack, sys.stdin.readline)
        return volumes.destroy(it.pulumi, it.stack)


def switch(name: str, text: str) -> bool:
    """Return whether a variable of make says yes; raise Problem where it says neither yes nor no."""
    if text.strip().lower() in ("1", "yes", "true"):
        return True
    if text.strip().lower() in ("", "0", "no", "false"):
        return False
    raise Problem(
        f"{name}={text} is neither yes (1, yes, true) nor no (0, no, false)",
        f"Write {name}=1, or leave it out",
    )


def command(name: str, arguments: argparse.Namespace) -> str:
    """Return how a person calls a command for the same stack once more."""
    return f"make {name} STACK={arguments.stack}" if arguments.stack else f"make {name}"


def take_over(arguments: argparse.Namespace, name: str = "up") -> str:
    """Return the command that takes over a server that the state does not know."""
    return command(f"{name} TAKEOVER=1", arguments)


def env(machine: Machine, arguments: argparse.Namespace) -> int:
    """Print what a shell evaluates to use pulumi itself: eval "$(make env)"."""
    print(ready(machine, arguments.stack, Absent.IGNORE).environment.shell())
    return 0


def dns(machine: Machine, arguments: argparse.Namespace) -> int:
    """Show the DNS records that the stack needs, and write them as zone files."""
    it = ready_to_read(machine, arguments.stack)
    machine.report.say()
    if code := records.show(it.pulumi, it.stack):
        return code
    machine.report.say(f"{command('dns-check', arguments)} compares them with what the DNS answers.")
    return 0


def dns_check(machine: Machine, arguments: argparse.Namespace) -> int:
    """Ask the DNS for the records that the stack needs; end with 1 where a required one is not right."""
    it = ready_to_read(machine, arguments.stack)
    machine.report.say()
    return records.check(it.pulumi, it.stack, arguments.resolver.split())


def test(machine: Machine, arguments: argparse.Namespace) -> int:
    """Run all tests, tier by tier; with --long those that take many minutes, too."""
    return checks.test(machine, ready_for_tests(machine), long=switch("LONG", arguments.long))


def interruptions(machine: Machine, _: argparse.Namespace) -> int:
    """Kill an update at every resource by every signal; goes on where it was stopped."""
    folder = machine.cache / "interruptions"
    machine.report.say(f"Takes hours; what is done is in {folder}, which a new beginning needs removed.")
    words = ["--folder", str(folder)]
    return _module(machine, ready_for_tests(machine), "tests.interruptions.matrix", *words)


def check(machine: Machine, _: argparse.Namespace) -> int:
    """Run linters, type checker and the check that generated files are fresh."""
    bring_packages(machine)
    return checks.check(machine)


def bench(machine: Machine, _: argparse.Namespace) -> int:
    """Measure how long things take."""
    return _module(machine, ready_for_tests(machine), "bench")


def docs(machine: Machine, _: argparse.Namespace) -> int:
    """Write the generated documentation and the schema for editors."""
    bring_packages(machine)
    return _module(machine, machine.env, "mailinfra.docgen")


def lock(machine: Machine, _: argparse.Namespace) -> int:
    """Look up the newest packages that pyproject.toml allows, and lock them with hashes."""
    uv, _source = bring_uv(machine)
    words = [uv, "pip", "compile", "pyproject.toml", "--group", "dev", "--group", "providers", "--universal"]
    words += [
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-header",
        "--upgrade",
        "-q",
        "-o",
        "requirements.txt",
    ]
    return pass_through(words, env=trusting(machine), cwd=machine.project)


def running(machine: Machine, _: argparse.Namespace) -> int:
    """End with 0 if a Docker engine answers."""
    return 0 if version(machine).good else 1


def stop(machine: Machine, _: argparse.Namespace) -> int:
    """Stop the Docker engine if this bootstrap started it."""
    stopped = stop_docker(machine)
    machine.report.say(
        "Stopped the Docker engine." if stopped else "The Docker engine was not started from here."
    )
    return 0


COMMANDS: Mapping[str, Callable[[Machine, argparse.Namespace], int]] = {
    **{
        command.__name__: command
        for command in (up, preview, destroy, env, dns, test, check, bench, docs, lock, running, stop)
    },
    "dns-check": dns_check,
    "status": show_status,
    "test-interruptions": interruptions,
    "upgrade": renew,
}


def main(words: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python3 -m bootstrap", description="From a bare machine to pulumi up."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        text = (command.__doc__ or "").splitlines()[0]
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument(
            "--stack", default="", help="the stack; else the selected one, else what this machine can run"
        )
        one.add_argument("--purge", default="", help="with destroy: remove the data volumes too")
        one.add_argument(
            "--takeover", default="", help="with up: take over a running server that the state does not know"
        )
        one.add_argument("--diff", default="", help="with preview and up: show every property, too")
        one.add_argument("--long", default="", help="with test: the tests that take many minutes, too")
        one.add_argument(
            "--resolver",
            default="",
            help="with dns-check, preview and up: ask these, ADDRESS or ADDRESS@PORT",
        )
        one.add_argument("--yes", default="", help="with up: do not ask before a server with mail is changed")
    arguments = parser.parse_args(words)
    # What `env` prints is for a shell to evaluate, so all else goes where a person reads it.
    report = Report(sys.stderr if arguments.command == "env" else sys.stdout)
    machine = Machine(project=PROJECT, env=dict(os.environ), report=report, is_root=os.geteuid() == 0)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        return COMMANDS[arguments.command](machine, arguments)
    except Problem as problem:
        print(f"\nStopped: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped by you; running it again goes on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return endings.unread()
    except Exception as error:
        return endings.unforeseen(error, machine.log("make"))


def interrupt(*_: object) -> None:
    """End in order what goes on, for whoever is asked to end as for whoever is interrupted."""
    raise KeyboardInterrupt


def _module(machine: Machine, env: Mapping[str, str], name: str, *words: str) -> int:
    return pass_through([machine.venv_python, "-m", name, *words], env=env, cwd=machine.project)
