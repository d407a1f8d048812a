"""A subnet that somebody else has is refused before Pulumi starts, with whose it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.problem import Problem
from bootstrap.subnets import require_free_subnets, wanted_subnets
from tests.bootstrap.conftest import World

ROOT = Path(__file__).parents[2]
LOCAL = "unix:///run/docker.sock"

ROUTES = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0164A8C0 0003 0 0 0 00000000 0 0 0
eth0 0064A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
br-0123456789ab 005EA8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
"""
ROUTES6 = """fd000100000000000000000000000000 40 {0} 00 {0} 00000100 00000001 00000000 00000001 eth0
fe800000000000000000000000000000 40 {0} 00 {0} 00000100 00000001 00000000 00000001 eth0
00000000000000000000000000000000 00 {0} 00 {0} ffffffff 00000001 00000000 00200200 lo
""".format("0" * 32)


def network(name: str, *pools: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "IPAM": {"Config": [{"Subnet": pool} for pool in pools] or None}, **more}


def ask_for(world: World, wanted: dict[str, str], *networks: dict[str, Any], host: str = LOCAL) -> None:
    """Check a stack that wants these subnets on a machine whose Docker has these networks."""
    lines = "\n".join(json.dumps(one) for one in networks)
    world.with_packages()
    world.program("python", f"echo '{json.dumps(wanted)}'", folder=world.project / ".venv/bin")
    world.program("docker", f"case \"$*\" in *inspect*) echo '{lines}';; *ls*) echo 0123456789ab;; esac")
    tables = world.folder / "system/proc/net"
    tables.mkdir(parents=True)
    (tables / "route").write_text(ROUTES)
    (tables / "ipv6_route").write_text(ROUTES6)
    require_free_subnets(world.machine(DOCKER_HOST=host), "dev", world.project / "Pulumi.dev.yaml")


def test_a_subnet_of_another_network_of_docker_is_refused_with_its_name(world: World) -> None:
    other = network("shop_default", "192.168.94.0/25", Labels={"mailinfra.stack": "mailinfra-other"})
    with pytest.raises(Problem) as caught:
        ask_for(world, {"subnet": "192.168.94.0/24"}, network("host"), other)
    assert str(caught.value) == (
        "stack dev wants a subnet that is in use: 192.168.94.0/24 (subnet) meets Docker's network "
        "shop_default, 192.168.94.0/25. Choose another private one under server.network in Pulumi.dev.yaml "
        "(docker network ls shows whose)."
    )


@pytest.mark.parametrize(
    ("key", "subnet", "whose"),
    [
        ("subnet", "192.168.100.128/25", "eth0, 192.168.100.0/24"),
        ("subnet6", "fd00:100::/80", "eth0, fd00:100::/64"),
    ],
)
def test_a_subnet_that_the_machine_itself_is_in_is_refused_for_docker_would_take_it(
    world: World, key: str, subnet: str, whose: str
) -> None:
    with pytest.raises(Problem, match=rf"{subnet} \({key}\) meets this machine's {whose}"):
        ask_for(world, {key: subnet})


def test_a_stacks_own_network_may_hold_its_subnet(world: World) -> None:
    own = network("mail-network", "192.168.94.0/24", Labels={"mailinfra.stack": "mailinfra-dev"})
    ask_for(world, {"subnet": "192.168.94.0/24"}, own)
    assert any("network inspect" in call for call in world.calls)


def test_free_subnets_are_taken_whatever_the_default_route_and_link_local_ones(world: World) -> None:
    ask_for(world, {"subnet": "10.9.8.0/24", "subnet6": "fd00:94::/64"}, network("bridge", "172.17.0.0/16"))
    assert any("network inspect" in call for call in world.calls)


def test_networks_of_a_daemon_elsewhere_are_not_looked_for_here(world: World) -> None:
    ask_for(world, {"subnet": "192.168.100.0/24"}, host="tcp://192.0.2.1:2376")
    assert not world.calls


def test_the_subnets_of_the_committed_stacks_are_understood() -> None:
    assert wanted_subnets(ROOT / "Pulumi.dev.yaml")["subnet"] == "192.168.94.0/24"
    assert set(wanted_subnets(ROOT / "Pulumi.example.yaml")) == {"subnet", "subnet6"}
