"""Ports: whether those that a stack wants are free, and on addresses that this machine has, asked before
Pulumi touches anything.

`python -m bootstrap.ports FILE` runs in .venv: the file is YAML, and its form the product's.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from bootstrap import inventory
from bootstrap.commands import ask
from bootstrap.holders import held, is_elsewhere
from bootstrap.machine import Machine
from bootstrap.problem import Problem
from bootstrap.registry import daemon_socket

LOOPBACK = "127.0.0.1"


def require_free_ports(machine: Machine, stack: str, file: Path) -> None:
    """Raise Problem if somebody else has a port of this stack; a daemon elsewhere is not asked.

    While the stack runs too: a daemon whose port is taken would be deleted before its successor cannot start.
    """
    if daemon_socket(machine) is None:
        return
    words = [machine.venv_python, "-m", "bootstrap.ports", file]
    said = ask(words, env=machine.env, cwd=machine.project, timeout_seconds=30)
    # A stack file with mistakes is the program's to explain: it names each with its place and remedy.
    wanted: list[tuple[str, str, int]] = json.loads(said.text) if said.good else []
    strange = sorted({address for _, address, _ in wanted if is_elsewhere(address)})
    if strange:
        raise Problem(
            f"stack {stack} wants to listen on {', '.join(strange)}, which this machine does not have",
            f"Write one of its own (ip address shows them) under server.listen in {file.name}, or 0.0.0.0",
        )
    ours, running = inventory.containers(machine, stack), inventory.running_anywhere(machine)
    taken = [
        f"{address}:{port} ({key}), which {found.whose or 'another program'} has"
        for key, address, port in wanted
        if (found := held(machine, address, port, ours, running))
    ]
    if taken:
        raise Problem(
            f"stack {stack} wants to listen on {'; '.join(taken)}",
            f"Stop that (ss -ltnp shows it), or choose other numbers under server.ports in {file.name}",
        )


def wanted_ports(file: Path) -> Iterator[tuple[str, str, int]]:
    """Return key, address and number of each port that the stack publishes."""
    import yaml
    from pydantic import TypeAdapter

    from mailinfra.config.network import PortsConfig
    from mailinfra.types import ListenAddress

    server = (yaml.safe_load(file.read_text()) or {}).get("config", {}).get("mailinfra:server", {})
    ports = PortsConfig.model_validate_json(json.dumps(server.get("ports", {})))
    everywhere = ["0.0.0.0"]  # noqa: S104
    listen = TypeAdapter(list[ListenAddress]).validate_python(server.get("listen", everywhere))
    for key, number in ports.model_dump(by_alias=True).items():
        if number and key != "database":
            yield from ((key, address, number) for address in listen)
        elif number and "external" not in server.get("database", {}):
            yield key, LOOPBACK, number


if __name__ == "__main__":
    print(json.dumps(list(wanted_ports(Path(sys.argv[1])))))
