"""`make bench`: prints what the product costs, each figure beside what it is compared to."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench import filtering, guesses, lifecycle, mail, scale
from bench.figures import show
from tests.e2e import stackfile
from tests.e2e.stack import EngineError, Stack, Workspace

USER = "alice@example.test"
SUBNET = "192.168.97.0/24"
SECTIONS = ("life", "mail", "filtering", "guesses", "scale", "bare")


def plugins(home: Path) -> str:
    """Return which provider plugins a Pulumi home holds: Pulumi's own are binaries, local ones scripts."""
    found = []
    for name in ("docker", "mysql", "random", "tls"):
        for program in sorted(home.glob(f"plugins/resource-{name}-v*/pulumi-resource-{name}")):
            with program.open("rb") as file:
                kind = "local provider" if file.read(2) == b"#!" else "Pulumi's own"
            found.append(f"{program.parent.name.removeprefix('resource-')}: {kind}")
    return ", ".join(found) or f"none in {home} yet"


def settings() -> dict[str, Any]:
    """Return a stack of its own: no limits per client, nothing kept."""
    ports = stackfile.free_ports([*stackfile.PROTOCOLS, "webmail", "webmailRedirect", "database"])
    unlimited = ("connections", "connectionRate", "messageRate", "recipientRate")
    return {
        **stackfile.suitable(),
        "ports": ports,
        "network": {"subnet": SUBNET},
        "storage": {"onDestroy": "delete"},
        "limits": {"clients": dict.fromkeys(unlimited, 0)},
        "accounts": {"domains": [{"name": "example.test"}], "mailboxes": [{"address": USER}]},
    }


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"Sections: {', '.join(SECTIONS)}.")] = None,
) -> None:
    """Measure; each section is printed when it is done."""
    console = Console()
    wanted = only or list(SECTIONS)
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    console.print(f"Provider plugins: {plugins(home)}")

    def tell(text: str) -> None:
        console.print(f"[dim]{text} ...[/dim]")

    with tempfile.TemporaryDirectory(prefix="mailinfra-bench-") as folder:
        stack = Stack(Workspace(Path(folder)), "bench")
        stack.purge()
        given = settings()
        stack.configure(given)
        try:
            if "life" in wanted:
                show(console, "Life of a stack", lifecycle.start_and_look(stack, tell))
            else:
                tell("bringing a stack up")
                stack.up()
            reader = mail.Reader(
                host="127.0.0.1",
                port=given["ports"]["imaps"],
                user=USER,
                password=stack.outputs()["mailboxes"][USER],
            )
            if "mail" in wanted:
                show(console, "Messages", mail.throughput(stack, reader, tell))
                show(console, "Notice of new mail", mail.idle_push(stack, reader, tell))
                show(console, "Logins", mail.logins(stack, reader, tell))
            if "filtering" in wanted:
                for title, figures in filtering.cost(stack, reader, tell):
                    show(console, title, figures)
            if "guesses" in wanted:
                show(console, "Guessed passwords", guesses.guessed(stack, reader, tell))
            if "scale" in wanted:
                show(console, "Accounts", scale.growth(stack, given, tell))
        finally:
            with suppress(EngineError):
                stack.destroy()
            stack.purge()
    if "bare" in wanted:
        show(console, "From nothing", [lifecycle.bare(tell)])


if __name__ == "__main__":
    typer.run(main)
