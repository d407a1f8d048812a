"""Subnets: whether those that a stack wants for its containers are free, asked before Pulumi starts.

Docker refuses a subnet that one of its networks has without saying which, and takes one that the machine
itself lives in: then the machine no longer reaches its neighbours.
`python -m bootstrap.subnets FILE` runs in .venv: the file is YAML, and its form the product's.
"""

import json
import re
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from bootstrap.commands import ask
from bootstrap.inventory import STACK_LABEL, full_name
from bootstrap.machine import Machine
from bootstrap.problem import Problem
from bootstrap.registry import daemon_socket

Subnet = IPv4Network | IPv6Network

BRIDGE = re.compile(r"lo|br-[0-9a-f]{12}")
"""Interfaces that are looked at through Docker, which knows whose they are, or not at all."""

BROADEST = 7
"""Bits: a prefix this short is a route to the Internet or into a tunnel, not somebody's network."""


def require_free_subnets(machine: Machine, stack: str, file: Path) -> None:
    """Raise Problem if somebody else has a subnet of this stack; a daemon elsewhere is not asked."""
    if daemon_socket(machine) is None:
        return
    words = [machine.venv_python, "-m", "bootstrap.subnets", file]
    said = ask(words, env=machine.env, cwd=machine.project, timeout_seconds=30)
    # A stack file with mistakes is the program's to explain: it names each with its place and remedy.
    wanted: dict[str, str] = json.loads(said.text) if said.good else {}
    networks = list(docker_networks(machine))
    bridges = {(network.get("Options") or {}).get("com.docker.network.bridge.name") for network in networks}
    others = [network for network in networks if not is_ours(network, stack)]
    taken = [
        *((f"Docker's network {network['Name']}", one) for network in others for one in subnets(network)),
        *(
            (f"this machine's {name}", one)
            for name, one in links(machine.system)
            if name not in bridges and not BRIDGE.fullmatch(name)
        ),
    ]
    met = [
        f"{text} ({key}) meets {whose}, {one}"
        for key, text in wanted.items()
        for whose, one in taken
        if overlap(ip_network(text), one)
    ]
    if met:
        raise Problem(
            f"stack {stack} wants a subnet that is in use: {'; '.join(met)}",
            f"Choose another private one under server.network in {file.name} (docker network ls shows whose)",
        )


def overlap(one: Subnet, other: Subnet) -> bool:
    """Return whether two subnets share an address."""
    return one.version == other.version and one.overlaps(other)


def docker_networks(machine: Machine) -> Iterator[dict[str, Any]]:
    """Return what Docker says of each of its networks; nothing where it does not answer."""
    listed = ask(["docker", "network", "ls", "--quiet"], env=machine.env, timeout_seconds=20)
    if numbers := listed.text.split():
        words = ["docker", "network", "inspect", "--format", "{{json .}}", *numbers]
        # One that is gone by now makes this fail, and the other ones are told all the same.
        yield from map(json.loads, ask(words, env=machine.env, timeout_seconds=20).text.splitlines())


def is_ours(network: dict[str, Any], stack: str) -> bool:
    """Return whether a network belongs to this very stack."""
    labels: dict[str, str] = network.get("Labels") or {}
    return labels.get(STACK_LABEL) == full_name(stack)


def subnets(network: dict[str, Any]) -> Iterator[Subnet]:
    """Return the subnets of one of Docker's networks."""
    for pool in (network.get("IPAM") or {}).get("Config") or []:
        if pool.get("Subnet"):
            yield ip_network(pool["Subnet"], strict=False)


def links(system: Path) -> Iterator[tuple[str, Subnet]]:
    """Return interface and subnet of each network that this machine is in."""
    for words in table(system / "proc/net/route"):
        if words[1] != "Destination" and int(words[2], 16) == 0:
            network = IPv4Network(f"{kernels(words[1])}/{kernels(words[7])}")
            if network.prefixlen > BROADEST:
                yield words[0], network
    for words in table(system / "proc/net/ipv6_route"):
        if int(words[4], 16) == 0:
            length = int(words[1], 16)
            network6 = IPv6Network((IPv6Address(bytes.fromhex(words[0])), length))
            if BROADEST < length < 128 and not (network6.is_link_local or network6.is_multicast):
                yield words[9], network6


def kernels(word: str) -> IPv4Address:
    """Return the address that the kernel writes as one number in the machine's own byte order."""
    return IPv4Address(int(word, 16).to_bytes(4, sys.byteorder))


def table(path: Path) -> Iterator[list[str]]:
    """Return the lines of one of the kernel's tables as words; none where it has no such table."""
    if path.exists():
        yield from (line.split() for line in path.read_text().splitlines())


def wanted_subnets(file: Path) -> dict[str, str]:
    """Return key and subnet of each network that the stack makes."""
    import yaml

    from mailinfra.config.network import NetworkConfig

    server = (yaml.safe_load(file.read_text()) or {}).get("config", {}).get("mailinfra:server", {})
    network = NetworkConfig.model_validate_json(json.dumps(server.get("network", {})))
    return {key: str(one) for key, one in (("subnet", network.subnet), ("subnet6", network.subnet6)) if one}


if __name__ == "__main__":
    print(json.dumps(wanted_subnets(Path(sys.argv[1]))))
