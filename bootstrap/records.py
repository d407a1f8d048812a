"""DNS records of a stack that is up: handed to the command that shows, writes and checks them.

Owns where they lie on this machine. Does not own what they are, nor how they are shown or compared
(mailinfra/cli/dns/).
"""

from collections.abc import Sequence
from pathlib import Path

from bootstrap.commands import pass_through
from bootstrap.pulumi_cli import Pulumi

MODULE = "mailinfra.cli.dns"


def show(pulumi: Pulumi, stack: str) -> int:
    """Show the records, write a file for each zone, and return the exit status."""
    given = write(pulumi, stack)
    if code := _run(pulumi, "table", "--records", str(given)):
        return code
    pulumi.machine.report.say("Zone files, with every value whole:")
    return _run(pulumi, "zone", "--records", str(given), "--folder", str(given.parent))


def check(pulumi: Pulumi, stack: str, resolvers: Sequence[str] = (), keys: Sequence[str] = ()) -> int:
    """Compare the records with what the DNS answers; 1 where one that is needed is not right."""
    words = [word for one in resolvers for word in ("--resolver", one)]
    words += [word for one in keys for word in ("--key", one)]
    return _run(pulumi, "check", "--records", str(write(pulumi, stack)), *words)


def write(pulumi: Pulumi, stack: str) -> Path:
    """Write what the stack's output says, and return the file."""
    path = pulumi.machine.data / f"{stack}-dns" / "records.json"
    text = pulumi.tell("stack", "output", "dns_records", "--json", "--stack", stack)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _run(pulumi: Pulumi, *words: str) -> int:
    machine = pulumi.machine
    return pass_through([machine.venv_python, "-m", MODULE, *words], env=machine.env, cwd=machine.project)
