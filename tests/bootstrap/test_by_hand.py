"""What a hand on Docker did to a container that runs on is undone by the next `make up`, and told before."""

from typing import Any

import pytest

from bootstrap import repair
from bootstrap.problem import Problem
from bootstrap.survey import survey
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import MYSQL, NET, Harbour, daemon, impatient

DECLARED: dict[str, Any] = {
    "networksAdvanced": [
        {"name": "front", "ipv4Address": "192.0.2.4", "aliases": ["postfix"]},
        {"name": "inner", "ipv4Address": "192.0.2.68", "ipv6Address": "2001:db8::4"},
    ],
    "restart": "unless-stopped",
    "memory": 64,
    "memorySwap": 64,
}
NETWORKS = {"front": "192.0.2.4", "inner": "192.0.2.68"}
HOST = {"RestartPolicy": {"Name": "unless-stopped"}, "Memory": 64 << 20, "MemorySwap": 64 << 20}


@pytest.fixture
def harbour(world: World, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    impatient(monkeypatch)
    return Harbour(world)


def said_and_touched(
    harbour: Harbour, networks: dict[str, str], host: dict[str, Any], *, status: str = "running"
) -> tuple[str, list[str]]:
    """Have a Postfix that Docker describes so; return what preview and update tell, and what was done."""
    harbour.container("a1", "mysql")
    harbour.container("c3", "postfix", networks=networks, host=host, status=status, comes_back=True)
    harbour.network("f0")
    harbour.state(MYSQL, daemon("postfix", "c3", DECLARED), NET)
    foretold = repair.foretell(harbour.pulumi, survey(harbour.pulumi, "dev"), "make up TAKEOVER=1")
    assert not harbour.touched, "a preview touches nothing"
    repair.repair(harbour.pulumi, "dev", taken_over="make up TAKEOVER=1")
    return "\n".join([*foretold, harbour.world.said]), harbour.touched


def test_a_container_that_is_as_declared_is_left_alone(harbour: Harbour) -> None:
    assert said_and_touched(harbour, NETWORKS, HOST) == ("", [])


def test_a_daemon_that_was_taken_out_of_a_network_is_put_back_at_its_address_and_begins_anew(
    harbour: Harbour,
) -> None:
    said, touched = said_and_touched(harbour, {"front": "192.0.2.4"}, HOST)
    assert "undo that postfix was taken out of network inner" in said
    assert "postfix was taken out of network inner: undone" in said
    connected = "docker network connect --ip 192.0.2.68 --ip6 2001:db8::4 inner c3"
    assert touched == [connected, "docker restart c3"]


def test_the_name_by_which_others_find_a_daemon_is_put_back_with_it(harbour: Harbour) -> None:
    _, touched = said_and_touched(harbour, {"inner": "192.0.2.68"}, HOST)
    assert touched == ["docker network connect --ip 192.0.2.4 --alias postfix front c3", "docker restart c3"]


def test_a_daemon_that_was_given_another_address_gets_its_own_back(harbour: Harbour) -> None:
    said, touched = said_and_touched(harbour, NETWORKS | {"front": "192.0.2.9"}, HOST)
    assert "postfix has 192.0.2.9 in network front, not 192.0.2.4" in said
    assert touched[0] == "docker network disconnect front c3"
    assert len(touched) == 3


def test_a_network_that_somebody_put_a_daemon_in_is_told_and_left_to_them(harbour: Harbour) -> None:
    said, touched = said_and_touched(harbour, NETWORKS | {"proxy": ""}, HOST)
    assert "postfix was put in network proxy, which nothing declares" in said
    assert "docker network disconnect proxy mail-postfix-c3" in said
    assert not touched


def test_a_daemon_that_would_not_come_back_with_its_machine_does_again(harbour: Harbour) -> None:
    said, touched = said_and_touched(harbour, NETWORKS, HOST | {"RestartPolicy": {"Name": "no"}})
    assert "postfix was told to restart 'no', not 'unless-stopped'" in said
    assert touched == ["docker update --restart unless-stopped c3"]


def test_limits_that_were_changed_are_those_of_the_stack_file_again(harbour: Harbour) -> None:
    said, touched = said_and_touched(harbour, NETWORKS, HOST | {"Memory": 0, "MemorySwap": 0})
    assert "memory 0 MiB in place of 64, memory with swap 0 MiB in place of 64" in said
    assert touched == [f"docker update --memory {64 << 20} --memory-swap {64 << 20} c3"]


def test_a_paused_daemon_goes_on_before_it_is_put_back(harbour: Harbour) -> None:
    _, touched = said_and_touched(harbour, {"front": "192.0.2.4"}, HOST, status="paused")
    assert touched[:2] == [
        "docker unpause c3",
        "docker network connect --ip 192.0.2.68 --ip6 2001:db8::4 inner c3",
    ]


def test_where_docker_does_not_put_a_daemon_back_its_container_is_made_again(harbour: Harbour) -> None:
    program = harbour.world.bin / "docker"
    refuses = '  "network connect"*) echo "address in use" >&2; exit 1 ;;\n'
    program.write_text(program.read_text().replace('  "network rm"*)', f'{refuses}  "network rm"*)'))
    said, touched = said_and_touched(harbour, {"front": "192.0.2.4"}, HOST)
    assert "docker rm --force --volumes c3" in touched
    assert "to be made again: postfix" in said


@pytest.mark.parametrize(
    "given", [{"NanoCpus": 100_000_000}, {"CpusetCpus": "0"}, {"CpuQuota": 5000}, {"CpuShares": 2}]
)
def test_a_daemon_that_was_left_a_part_of_the_processors_is_made_anew(
    harbour: Harbour, given: dict[str, Any]
) -> None:
    said, touched = said_and_touched(harbour, NETWORKS, HOST | given)
    assert "undo that postfix was given a part of the processors (" in said
    assert "docker rm --force --volumes c3" in touched
    assert "to be made again: postfix" in said


def test_processes_that_an_operator_limits_are_left_to_them(harbour: Harbour) -> None:
    """docs/containers.md names that command: the provider knows no such limit."""
    assert said_and_touched(harbour, NETWORKS, HOST | {"PidsLimit": 1000}) == ("", [])


def test_a_container_that_was_renamed_has_its_name_again(harbour: Harbour) -> None:
    harbour.container("a1", "mysql")
    harbour.container("c3", "postfix", networks=NETWORKS, host=HOST)
    harbour.network("f0")
    known = daemon("postfix", "c3", DECLARED) | {"outputs": {"name": "mail-postfix-service"}}
    harbour.state(MYSQL, known, NET)
    repair.repair(harbour.pulumi, "dev", taken_over="make up TAKEOVER=1")
    assert "postfix was renamed to mail-postfix-c3: undone" in harbour.world.said
    assert harbour.touched == ["docker rename c3 mail-postfix-service"]


@pytest.mark.parametrize("silent", ["ps", "inspect", "network ls", "volume ls"])
def test_a_docker_that_does_not_answer_has_not_lost_everything(harbour: Harbour, silent: str) -> None:
    harbour.container("a1", "mysql")
    harbour.network("f0")
    harbour.state(MYSQL, NET)
    program = harbour.world.bin / "docker"
    refuses = f'  "{silent}"*) echo "context deadline exceeded" >&2; exit 1 ;;\n'
    program.write_text(program.read_text().replace('case "$*" in\n', f'case "$*" in\n{refuses}', 1))
    with pytest.raises(Problem, match=r"does not say what it has \(docker .*context deadline exceeded"):
        repair.repair(harbour.pulumi, "dev", taken_over="make up TAKEOVER=1")
    assert not harbour.touched
