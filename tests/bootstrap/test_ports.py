"""A port that somebody else has is refused before anything is touched, with who has it."""

import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from bootstrap import holders
from bootstrap.ports import require_free_ports, wanted_ports
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import Harbour

ROOT = Path(__file__).parents[2]


class Wish:
    """A stack that wants one port, and what else there is."""

    def __init__(self, world: World) -> None:
        self.world, self.harbour = world, Harbour(world)
        world.with_packages()
        self.want("127.0.0.1", 2525)

    def want(self, address: str, port: int) -> None:
        wanted = json.dumps([["smtp", address, port]])
        self.world.program("python", f"echo '{wanted}'", folder=self.world.project / ".venv/bin")

    def check(self, host: str = "unix:///run/docker.sock") -> None:
        ours = self.harbour.pulumi.machine
        machine = replace(ours, env={**ours.env, "DOCKER_HOST": host})
        require_free_ports(machine, "dev", self.world.project / "Pulumi.dev.yaml")

    def listens(self, local: str, *, table: str = "tcp", inode: str = "77", pid: int = 4711) -> None:
        """Have a program that listens at an address in the kernel's own writing."""
        net = self.world.folder / "system/proc/net"
        net.mkdir(parents=True, exist_ok=True)
        with (net / table).open("a") as file:
            file.write("" if file.tell() else "sl local_address rem_address st\n")
            file.write(f"0: {local} 00000000:0000 0A 0:0 0:0 0 0 0 {inode} 1\n")
        process = self.world.folder / f"system/proc/{pid}"
        (process / "fd").mkdir(parents=True, exist_ok=True)
        (process / "comm").write_text("nginx\n")
        if not (process / "fd" / inode).is_symlink():
            (process / "fd" / inode).symlink_to(f"socket:[{inode}]")


@pytest.fixture
def wish(world: World) -> Wish:
    return Wish(world)


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_taken_port_is_refused_with_who_has_it(wish: Wish) -> None:
    wish.listens("0100007F:09DD")
    with pytest.raises(Problem) as caught:
        wish.check()
    assert str(caught.value) == (
        "stack dev wants to listen on 127.0.0.1:2525 (smtp), which nginx (process 4711) has. Stop that (ss "
        "-ltnp shows it), or choose other numbers under server.ports in Pulumi.dev.yaml."
    )


def test_a_port_is_refused_also_where_the_kernels_tables_cannot_be_read(wish: Wish, listener: int) -> None:
    wish.want("127.0.0.1", listener)
    with pytest.raises(Problem, match=rf"127\.0\.0\.1:{listener} \(smtp\), which another program has"):
        wish.check()


def test_a_stacks_own_containers_may_hold_its_ports(wish: Wish) -> None:
    wish.harbour.container("c3", "postfix", ports={"127.0.0.1": "2525"})
    wish.listens("0100007F:09DD")
    wish.check()


def test_a_port_that_another_program_took_while_the_stack_runs_is_refused(wish: Wish) -> None:
    wish.harbour.container("a1", "mysql", ports={"127.0.0.1": "23306"})
    wish.harbour.container("c3", "postfix", status="exited")
    wish.listens("0100007F:09DD")
    with pytest.raises(Problem, match=r"which nginx \(process 4711\) has"):
        wish.check()


def test_a_wider_address_is_refused_where_somebody_else_has_a_part_of_it(wish: Wish) -> None:
    wish.want("0.0.0.0", 2525)
    wish.harbour.container("c3", "postfix", ports={"127.0.0.1": "2525"})
    wish.listens("0100007F:09DD")
    wish.check()
    wish.listens("0164A8C0:09DD", inode="78", pid=4712)
    with pytest.raises(Problem, match=r"0\.0\.0\.0:2525 \(smtp\), which nginx \(process 4712\) has"):
        wish.check()


@pytest.mark.parametrize("published", ["127.0.0.1", "0.0.0.0"])
def test_a_container_of_another_stack_is_named(wish: Wish, published: str) -> None:
    wish.harbour.container("e5", "postfix", stack="second", ports={published: "2525"})
    with pytest.raises(Problem, match="which container mail-postfix-e5 of stack second has"):
        wish.check()


def test_a_port_of_another_address_or_kind_is_no_clash(wish: Wish) -> None:
    wish.listens("0200007F:09DD")
    wish.listens("00000000000000000000000001000000:09DD", table="tcp6")
    wish.check()


def test_a_port_of_ipv6_is_refused_too(wish: Wish) -> None:
    wish.want("::1", 2525)
    wish.listens("00000000000000000000000001000000:09DD", table="tcp6")
    with pytest.raises(Problem, match=r"::1:2525 \(smtp\), which nginx"):
        wish.check()


def test_ports_of_a_daemon_elsewhere_are_not_looked_for_here(wish: Wish) -> None:
    wish.listens("0100007F:09DD")
    wish.check(host="tcp://192.0.2.1:2376")


def test_the_machines_own_tables_are_understood(world: World, listener: int) -> None:
    real = world.machine()
    object.__setattr__(real, "system", Path("/"))
    found = holders.held(real, "127.0.0.1", listener, [], [])
    assert found is not None
    assert re.fullmatch(rf".+ \(process {os.getpid()}\)", found.whose)


def test_the_ports_of_the_committed_stacks_are_understood() -> None:
    for name in ("dev", "offline"):
        wanted = list(wanted_ports(ROOT / f"Pulumi.{name}.yaml"))
        assert {key for key, _, _ in wanted} >= {"smtp", "imaps", "webmail", "database"}
        assert {address for _, address, _ in wanted} == {"127.0.0.1"}, "a laptop is not open to its network"


def test_an_address_that_the_machine_has_not_got_is_refused_before_a_daemon_is_deleted(wish: Wish) -> None:
    wish.want("192.0.2.99", 2525)
    with pytest.raises(
        Problem, match=r"on 192\.0\.2\.99, which this machine does not have\. Write one of its"
    ):
        wish.check()
    wish.check("tcp://192.0.2.9:2376")


@pytest.mark.parametrize("listen", ["127.0.0.1", "[localhost]", "[null]", "5", "['224.0.0.1']"])
def test_a_mistake_in_addresses_is_left_to_the_program(tmp_path: Path, listen: str) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_text(f"config:\n  mailinfra:server:\n    listen: {listen}\n")
    with pytest.raises(ValidationError):
        list(wanted_ports(file))
