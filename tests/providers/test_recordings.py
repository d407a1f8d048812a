"""The local providers answer as the real ones were recorded to answer, call by call."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from bootstrap.providers.docker.container import Container
from bootstrap.providers.docker.image import RemoteImage
from bootstrap.providers.docker.network import Network
from bootstrap.providers.docker.volume import Volume
from bootstrap.providers.mysql.accounts import Grant, User
from bootstrap.providers.mysql.database import Database
from bootstrap.providers.random.password import RandomPassword
from bootstrap.providers.tls.certificate import LocallySignedCert, SelfSignedCert
from bootstrap.providers.tls.key import PrivateKey
from bootstrap.providers.tls.request import CertRequest
from tests.providers.player import Player, Problems, recorded_calls
from tests.providers.wire import Plugin

pytestmark = pytest.mark.providers

RESOURCES = (
    Container,
    RemoteImage,
    Network,
    Volume,
    Grant,
    User,
    Database,
    RandomPassword,
    LocallySignedCert,
    SelfSignedCert,
    PrivateKey,
    CertRequest,
)
DECLARED = {kind.token: {*kind.properties, *kind.outputs} for kind in RESOURCES}

RECORDINGS = {
    "docker": "docker",
    "docker-config-volume": "docker",
    "mysql": "mysql",
    "random": "random",
    "tls": "tls",
}
"""Recording -> the provider that it is of."""

NOT_DECLARED = {
    "docker": {
        *("attach", "cpuSet", "gpus", "ipcMode", "logs", "pidMode", "publishAllPorts", "rm", "runtime"),
        *("stdinOpen", "storageOpts", "tty"),
    },
    "mysql": {"authPlugin", "password"},
}
"""Recording -> properties of the real provider that no resource of this program declares."""

DEVIATIONS: dict[tuple[str, int], set[str]] = {}
"""Recording and call -> aspects in which the answer is another; docs/closed-network.md says why."""

Outcomes = dict[int, Problems]


def call_ids(recording: str) -> list[Any]:
    return [
        pytest.param(recording, call, id=f"{recording}-{call['number']}-{call['call']}")
        for call in recorded_calls(recording)
    ]


ALL_CALLS = [param for recording in RECORDINGS for param in call_ids(recording)]


@pytest.fixture(scope="session")
def played(
    plugins: dict[str, Plugin], surroundings: Path, mysql: dict[str, Any], daemon: docker.DockerClient
) -> Callable[[str], Outcomes]:
    """Play a recording from its first call to its last, once; give what was other at each call."""
    outcomes: dict[str, Outcomes] = {}

    def by_hand(what: str, identity: str) -> None:
        container = daemon.containers.get(identity)
        if what == "stopped by hand":
            container.stop(timeout=1)
        else:
            container.remove(force=True)

    def renamed(text: str) -> str:
        text = re.sub(
            r"((?<![\w-])|(?<=[0-9a-f]{64}))rec(?=net|vol|container|bad|exit|unhealthy|taken|port|ro|conf|orded)",
            "prov-rec",
            text,
        )
        text = text.replace("CONTEXT", str(surroundings)).replace("192.0.2.0/24", "203.0.113.192/28")
        return text.replace('"192.0.2.1"', '"203.0.113.193"').replace("x-42b447f", "n-42b447f")

    def play(recording: str) -> Outcomes:
        if recording not in outcomes:
            player = Player(plugins[RECORDINGS[recording]], DECLARED, by_hand)
            calls = recorded_calls(recording, renamed)
            if recording == "mysql":
                calls[0]["given"] = mysql
            outcomes[recording] = {call["number"]: player.play(call) for call in calls}
        return outcomes[recording]

    return play


@pytest.mark.parametrize(("recording", "call"), ALL_CALLS)
def test_the_local_provider_answers_as_the_real_one_did(
    played: Callable[[str], Outcomes], recording: str, call: dict[str, Any]
) -> None:
    problems = played(recording)[call["number"]]
    expected = DEVIATIONS.get((recording, call["number"]), set())
    expected = {"failures"} if undeclared(call) else expected
    told = "\n".join(f"{aspect}: {text}" for aspect, text in problems.items())
    assert problems.keys() == expected, told or f"a listed deviation is gone: {expected}"


def test_what_a_local_provider_does_not_have_it_refuses_by_name(played: Callable[[str], Outcomes]) -> None:
    refused = {
        (recording, name)
        for recording in RECORDINGS
        for call in recorded_calls(recording)
        for name in undeclared(call)
        if f"The local provider does not have '{name}'" in played(recording)[call["number"]]["failures"]
    }
    assert refused == {(recording, name) for recording, names in NOT_DECLARED.items() for name in names}, (
        "a property that is silently ignored is a setting that is silently not set"
    )


def undeclared(call: dict[str, Any]) -> set[str]:
    """Return which properties of a diff's change the local provider does not have, by the table."""
    names = {name for recorded in NOT_DECLARED.values() for name in recorded}
    return names & call["given"].keys() if call["call"].startswith("Diff") else set()
