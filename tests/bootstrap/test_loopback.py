"""Ports on loopback alone: `make up` says where Docker lets neighbours in, and how to keep them out."""

import json
from typing import Any

import pytest

from bootstrap.loopback import FRONT, NETWORK_LABEL, warning
from mailinfra.config import network as networks
from mailinfra.containers import labels
from tests.bootstrap.conftest import World


def said(world: World, version: str, host: str, *pools: str) -> list[str]:
    """Return what is said of a stack with these subnets, beside another one, on such a Docker."""
    mine, other = {"mailinfra.stack": "mailinfra-dev"}, {"mailinfra.stack": "mailinfra-other"}
    made: list[dict[str, Any]] = [
        {"Labels": {**mine, NETWORK_LABEL: "inner"}, "IPAM": {"Config": [{"Subnet": "192.168.94.64/26"}]}},
        {"Labels": {**mine, NETWORK_LABEL: FRONT}, "IPAM": {"Config": [{"Subnet": one} for one in pools]}},
        {"Labels": {**other, NETWORK_LABEL: FRONT}, "IPAM": {"Config": [{"Subnet": "10.0.0.0/26"}]}},
    ]
    lines = "\n".join(json.dumps(one) for one in made)
    answers = f"version*) echo {version};; *inspect*) echo '{lines}';; *ls*) echo 0123456789ab;;"
    world.program("docker", f'case "$*" in {answers} esac')
    return list(warning(world.machine(), "dev", {"endpoints": {"smtp": {"host": host, "port": 2525}}}))


def test_an_older_docker_is_said_to_let_neighbours_in_with_the_rule_that_does_not(world: World) -> None:
    first, rule = said(world, "20.10.24", "127.0.0.1", "192.168.94.0/26")
    assert first.startswith("Published on 127.0.0.1 alone, and with Docker 20.10.24 a neighbour")
    assert rule.strip() == (
        "iptables -I DOCKER-USER ! -s 192.168.94.0/26 -d 192.168.94.0/26 -m conntrack --ctstate NEW -j DROP"
    )


def test_each_kind_of_address_has_its_own_table(world: World) -> None:
    rules = said(world, "27.5.1", "::1", "192.168.94.0/26", "fd00:94::/64")[1:]
    assert [rule.split()[0] for rule in rules] == ["iptables", "ip6tables"]


@pytest.mark.parametrize(
    ("version", "host"),
    [("28.0.0", "127.0.0.1"), ("29.1.2", "::1"), ("20.10.24", "mail.example.org"), ("unknown", "127.0.0.1")],
    ids=["closed", "later", "public", "no version"],
)
def test_nothing_is_said_where_nothing_is_open(world: World, version: str, host: str) -> None:
    assert said(world, version, host, "192.168.94.0/26") == []


def test_the_network_is_found_by_the_label_that_the_program_gives() -> None:
    assert (NETWORK_LABEL, FRONT) == (labels.NETWORK, networks.FRONT)
