"""DNS records of a stack that is up: handed to the command that shows, writes and checks them.

Owns where they lie on this machine. Does not own what they are, nor how they are shown or compared
(mailinfra/cli/dns/).
"""

from collections.abc import Sequence
from pathlib import Path

from bootstrap.commands import ask, pass_through
from bootstrap.files import write_whole
from bootstrap.machine import Machine
from bootstrap.pulumi_cli import Pulumi

MODULE = "mailinfra.cli.dns"
ASK_SECONDS = 30


def show(pulumi: Pulumi, stack: str) -> int:
    """Show the records, write a file for each zone, and return the exit status."""
    given = write(pulumi, stack)
    if code := _run(pulumi, "table", "--records", str(given)):
        return code
    pulumi.machine.report.say("Zone files, with every value whole:")
    return _run(pulumi, "zone", "--records", str(given), "--folder", str(given.parent))


def check(pulumi: Pulumi, stack: str, resolvers: Sequence[str] = (), keys: Sequence[str] = ()) -> int:
    """Compare the records with what the DNS answers; 1 where one that is needed is not right."""
    words = [*_asking(resolvers), *(word for one in keys for word in ("--key", one))]
    return _run(pulumi, "check", "--records", str(write(pulumi, stack)), *words)


def check_key(pulumi: Pulumi, host: str, values: Sequence[str], resolvers: Sequence[str] = ()) -> int:
    """Return 0 where the DNS has no record TLSA for port 25 of `host`, or all of `values`."""
    return _run(pulumi, "key", host, *values, *_asking(resolvers))


def key_fault(pulumi: Pulumi, host: str, values: Sequence[str], resolvers: Sequence[str] = ()) -> str:
    """Return why the DNS speaks against these keys, without a word to anybody; empty where it does not."""
    machine = pulumi.machine
    words = _command(machine, "key", host, *values, *_asking(resolvers))
    said = ask(words, env=machine.env, cwd=machine.project, timeout_seconds=ASK_SECONDS)
    if said.good:
        return ""
    return said.text.partition(": ")[2] or f"not known, {said.error or 'nothing answers'}"


def _asking(resolvers: Sequence[str]) -> list[str]:
    return [word for one in resolvers for word in ("--resolver", one)]


def write(pulumi: Pulumi, stack: str) -> Path:
    """Write what the stack's output says, and return the file."""
    path = pulumi.machine.data / f"{stack}-dns" / "records.json"
    text = pulumi.tell("stack", "output", "dns_records", "--json", "--stack", stack)
    write_whole(path, text)
    return path


def _run(pulumi: Pulumi, *words: str) -> int:
    machine = pulumi.machine
    return pass_through(_command(machine, *words), env=machine.env, cwd=machine.project)


def _command(machine: Machine, *words: str) -> list[object]:
    return [machine.venv_python, "-m", MODULE, *words]
