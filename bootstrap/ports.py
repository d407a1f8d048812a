"""Ports: whether those that a stack wants are free, asked before Pulumi touches anything.

`python -m bootstrap.ports FILE` runs in .venv: the file is YAML, and its form the product's.
"""

import errno
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from bootstrap.commands import ask
from bootstrap.machine import Machine
from bootstrap.problem import Problem
from bootstrap.registry import daemon_socket

LOOPBACK = "127.0.0.1"


def require_free_ports(machine: Machine, stack: str, file: Path) -> None:
    """Raise Problem if another program listens where this stack wants to; a daemon elsewhere is not asked."""
    if daemon_socket(machine) is None:
        return
    words = [machine.venv_python, "-m", "bootstrap.ports", file]
    said = ask(words, env=machine.env, cwd=machine.project, timeout_seconds=30)
    # A stack file with mistakes is the program's to explain: it names each with its place and remedy.
    wanted: list[tuple[str, str, int]] = json.loads(said.text) if said.good else []
    taken = [f"{address}:{port} ({key})" for key, address, port in wanted if is_taken(address, port)]
    if taken and not is_up(machine, stack):
        raise Problem(
            f"stack {stack} wants to listen on {', '.join(taken)}, and something else already does",
            f"Stop that (ss -ltnp shows it), or choose other numbers under server.ports in {file.name}",
        )


def is_taken(address: str, port: int) -> bool:
    """Return whether something listens there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            # Other errors, such as an address that this machine lacks, are Docker's to tell.
            return error.errno == errno.EADDRINUSE
    return False


def is_up(machine: Machine, stack: str) -> bool:
    """Return whether containers of this very stack run: then the ports are its own."""
    label = f"label=mailinfra.stack=mailinfra-{stack}"
    said = ask(["docker", "ps", "--quiet", "--filter", label], env=machine.env, timeout_seconds=20)
    return bool(said.text)


def wanted_ports(file: Path) -> Iterator[tuple[str, str, int]]:
    """Return key, address and number of each port that the stack publishes."""
    import yaml

    from mailinfra.config.network import PortsConfig

    server = (yaml.safe_load(file.read_text()) or {}).get("config", {}).get("mailinfra:server", {})
    ports = PortsConfig.model_validate_json(json.dumps(server.get("ports", {})))
    for key, number in ports.model_dump(by_alias=True).items():
        if number and key != "database":
            yield from ((key, address, number) for address in server.get("listen", ["0.0.0.0"]))  # noqa: S104
        elif number and "external" not in server.get("database", {}):
            yield key, LOOPBACK, number


if __name__ == "__main__":
    print(json.dumps(list(wanted_ports(Path(sys.argv[1])))))
