"""Who calls: `make up` says where Docker hides it, and what is not checked then."""

from typing import Any

import pytest

from bootstrap.callers import warning
from tests.bootstrap.conftest import World

PUBLIC = {"listen": ["0.0.0.0"]}
BOTH = {"listen": ["0.0.0.0", "::"]}


def said(
    world: World,
    settings: dict[str, Any],
    version: str = "29.1.2",
    options: str = "[]",
    system: str = "Debian",
) -> list[str]:
    """Return what is said of a stack on such a Docker."""
    answers = f"version*) echo {version};; info*) echo '{options} {system}';;"
    world.program("docker", f'case "$*" in {answers} esac')
    return list(warning(world.machine(), settings))


@pytest.mark.parametrize(
    ("kind", "who"),
    [
        (
            {"options": '["name=seccomp","name=rootless","name=cgroupns"]'},
            "A rootless Docker",
        ),
        ({"system": "Docker Desktop"}, "Docker Desktop"),
    ],
)
def test_a_docker_that_hides_every_client_is_named(world: World, kind: dict[str, str], who: str) -> None:
    (line,) = said(world, PUBLIC, **kind)
    assert line.startswith(f"{who} hides who calls: strangers seem to come from the network's gateway")
    assert "not checked against SPF and DMARC" in line


def test_an_older_docker_hides_who_comes_over_ipv6(world: World) -> None:
    (line,) = said(world, BOTH, version="20.10.24")
    assert line.startswith("With Docker 20.10.24 strangers over IPv6 seem to come from the network's gateway")
    assert '"ip6tables": true' in line


@pytest.mark.parametrize(
    ("settings", "version"),
    [(BOTH, "27.0.1"), (PUBLIC, "20.10.24"), ({"listen": ["127.0.0.1", "::1"]}, "20.10.24"), ({}, "unknown")],
    ids=["routed", "no IPv6", "loopback", "nothing known"],
)
def test_nothing_is_said_where_each_client_is_seen(
    world: World, settings: dict[str, Any], version: str
) -> None:
    assert said(world, settings, version=version, options='["name=seccomp,profile=builtin"]') == []


def test_loopback_alone_is_nobodys_business(world: World) -> None:
    assert said(world, {"listen": ["127.0.0.1"]}, options='["name=rootless"]') == []
