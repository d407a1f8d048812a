"""What Docker itself says that each container may, and what is seen from inside."""

from typing import Any

import pytest
from docker.models.containers import Container

from mailinfra.containers.config_volumes import OPEN_FILES, PROCESSES
from tests.e2e.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CAPABILITIES = {"postfix": ["CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID"]}
"""Service -> what it has; the others have none."""


def everyone(server: Server) -> list[Container]:
    """Return the stack's containers, those that fill volumes included."""
    label = {"label": f"mailinfra.stack={server.stack.full_name}"}
    found: list[Container] = server.stack.docker.containers.list(all=True, filters=dict(label))
    return found


def fills(container: Container) -> bool:
    return "-filler" in str(container.name)


def test_docker_holds_every_container_to_its_limits(server: Server) -> None:
    found = everyone(server)
    assert {fills(one) for one in found} == {True, False}
    for one in found:
        host: dict[str, Any] = one.attrs["HostConfig"]
        service = one.labels["mailinfra.service"]
        assert host["CapDrop"] == ["ALL"], one.name
        assert (host["CapAdd"] or []) == ([] if fills(one) else CAPABILITIES.get(service, [])), one.name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], one.name
        assert host["Memory"] == host["MemorySwap"] > 0, one.name
        assert {each["Name"]: (each["Soft"], each["Hard"]) for each in host["Ulimits"]} == {
            "nofile": (OPEN_FILES, OPEN_FILES),
            "nproc": (PROCESSES, PROCESSES),
        }, one.name
        assert host["ReadonlyRootfs"] is not fills(one), one.name
        assert host["RestartPolicy"]["Name"] == ("no" if fills(one) else "unless-stopped"), one.name
        assert host["Privileged"] is False, one.name


def test_what_fills_a_volume_never_ran(server: Server) -> None:
    for one in filter(fills, everyone(server)):
        assert one.status == "created", one.name
        assert one.attrs["Config"]["User"] == "65534:65534", one.name


def test_the_processes_have_the_limits_that_were_declared(server: Server) -> None:
    for name, one in server.stack.containers().items():
        limits = one.exec_run(["cat", "/proc/self/limits"]).output.decode()
        rows = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()[1:]}
        assert rows["Max open files"] == [str(OPEN_FILES)] * 2, name
        assert rows["Max processes"] == [str(PROCESSES)] * 2, name
