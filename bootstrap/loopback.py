"""Loopback: whether ports that are published on it alone answer to others, too.

A Docker before 28 takes in what a neighbour sends to the container's own address, once its port is published
at all (https://docs.docker.com/engine/network/packet-filtering-firewalls/). Owns the sentence that says so,
and the rule that closes it. Does not own docs/operations.md, which explains.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.docker_engine import version
from bootstrap.machine import Machine
from bootstrap.subnets import docker_networks, is_ours, subnets

CLOSED_SINCE = 28
"""Docker's first version that drops such packets."""

NETWORK_LABEL, FRONT = "mailinfra.network", "front"
"""Where the ports are published that a neighbour would reach; MySQL's own network answers the host alone."""

RULE = "{table} -I DOCKER-USER ! -s {subnet} -d {subnet} -m conntrack --ctstate NEW -j DROP"


def warning(machine: Machine, stack: str, outputs: Mapping[str, Any]) -> Iterator[str]:
    """Return what to say where ports on loopback alone answer to neighbours; nothing where they do not."""
    host = ((outputs.get("endpoints") or {}).get("smtp") or {}).get("host")
    said = version(machine)
    major = said.text.partition(".")[0]
    if host not in ("127.0.0.1", "::1") or not said.good or not major.isdigit() or int(major) >= CLOSED_SINCE:
        return
    found = [
        RULE.format(table="ip6tables" if subnet.version == 6 else "iptables", subnet=subnet)
        for network in docker_networks(machine)
        if is_ours(network, stack) and (network.get("Labels") or {}).get(NETWORK_LABEL) == FRONT
        for subnet in subnets(network)
    ]
    if found:
        yield (
            f"Published on {host} alone, and with Docker {said.text} a neighbour that routes to the "
            "containers reaches these ports all the same. This rule keeps them out, and so does Docker "
            f"{CLOSED_SINCE} (docs/operations.md):"
        )
        yield from (f"  {rule}" for rule in found)
