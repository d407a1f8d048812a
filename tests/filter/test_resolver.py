"""The resolver by itself: strangers choose which names it is asked for, and as many as they like.

Owns who asks it, and servers that answer at length or not at all. Does not own what it verifies
(tests/e2e/test_resolver.py).
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest
from docker.models.containers import Container

from mailinfra.components.resolver import MEMORY_MIB
from mailinfra.types import MIB
from tests.filter.yard import Yard, yard
from tests.name_server import NameServer, serving
from tests.waiting import until

pytestmark = [pytest.mark.filter, pytest.mark.timeout(900)]

KNOWN = "known.test"
LONG, SHORT = 60_000, 1_000
"""Octets of an answer about a name of a stranger: nearly as long as one may be, and as fits into UDP."""

NAMES = ((LONG, 20_000), (SHORT, 60_000), (LONG, 20_000))
WAITING = 400
"""Questions at a time: as many as Postfix and the filter may ask."""

ENOUGH = 0.75
"""Share of its memory limit that it may take: the rest is for what no test asks for."""


class Strangers(NameServer):
    """Knows a text for every name below stranger.test, whose length is in the name."""

    def answer(self, wire: bytes, *, over_udp: bool) -> bytes | None:
        """Return the answer to a question; made by hand, for each name is asked for once."""
        end = wire.find(b"\x08stranger\x04test\x00") + 15
        if end < 15 or self.is_silent:
            return super().answer(wire, over_udp=over_udp)
        length = LONG if b"long" in wire else SHORT
        head, question = wire[:2], wire[12 : end + 4]
        if over_udp and length == LONG:  # come again over TCP
            return head + struct.pack("!HHHHH", 0x8780, 1, 0, 0, 0) + question
        text = (b"\xff" + b"x" * 255) * (length // 256)
        record = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 3600, len(text)) + text
        return head + struct.pack("!HHHHH", 0x8580, 1, 1, 0, 0) + question + record


@contextmanager
def asked(**changes: Any) -> Iterator[tuple[Yard, Strangers, Container]]:
    """Yield a resolver, and whom it asks."""
    zone = f"{KNOWN}. IN SOA ns.{KNOWN}. a.{KNOWN}. 1 7200 3600 86400 5\n{KNOWN}. IN NS ns.{KNOWN}.\n"
    names = "".join(f"host{number}.{KNOWN}. 5 IN A 192.0.2.1\n" for number in range(1000))
    with (
        yard() as place,
        serving(strangers := Strangers(zones={KNOWN: zone + names}, host=place.gateway)),
    ):
        yield place, strangers, place.resolver(strangers.port, **changes)


def question(name: str, kind: str = "A") -> bytes:
    return dns.message.make_query(name, kind).to_wire()


def answers(address: str, number: int, seconds: float = 10) -> bool:
    """Return whether it answers for a name that it knows, or has not been asked for before."""
    try:
        said = dns.query.udp(dns.message.make_query(f"host{number}.{KNOWN}", "A"), address, timeout=seconds)
    except dns.exception.Timeout:
        return False
    return said.rcode() == dns.rcode.NOERROR


def flood(address: str) -> None:
    """Ask for the names of strangers, each once."""
    names = (
        f"{'long' if length == LONG else 'short'}-{part}-{number}.stranger.test"
        for part, (length, count) in enumerate(NAMES)
        for number in range(count)
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect((address, 53))
        link.settimeout(2)
        waiting = 0
        for name in names:
            link.send(question(name, "TXT"))
            waiting += 1
            while waiting >= WAITING:
                try:
                    link.recv(65535)
                    waiting -= 1
                except TimeoutError:  # what it had no room for is not answered
                    waiting = 0


def used(container: Container) -> int:
    """Return the octets that a container holds now."""
    found: Any = container.stats(stream=False)
    return int(found["memory_stats"]["usage"])


@pytest.mark.long
def test_a_flood_of_names_with_long_answers_fits_into_its_memory_and_others_are_answered() -> None:
    with asked() as (place, _, container):
        address = place.address(container)
        assert answers(address, 0)
        pouring = threading.Thread(target=flood, args=(address,))
        pouring.start()
        most, rounds, good = 0, 0, 0
        while pouring.is_alive():
            most, rounds = max(most, used(container)), rounds + 1
            good += answers(address, rounds % 1000)
            time.sleep(0.5)
        pouring.join()
        container.reload()
        assert container.attrs["State"]["Running"], "it was killed"
        assert most < ENOUGH * MEMORY_MIB * MIB, f"{most // MIB} MiB"
        assert most > 32 * MIB, "it has remembered something"
        assert good >= 0.9 * rounds, f"{good} of {rounds} names of others"


SILENCE = "infra-cache-max-rtt: 1000"
"""It waits for a silent server for a second, so that it takes seconds for what takes some minutes."""


def silence(strangers: Strangers, address: str, *, seconds: float) -> None:
    """Let the servers that it asks be silent for so long, while it is asked for one name after the other."""
    strangers.is_silent = True
    deadline, number = time.monotonic() + seconds, 500
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect((address, 53))
        while time.monotonic() < deadline:
            link.send(question(f"host{number}.{KNOWN}"))
            number += 1
            time.sleep(0.2)
    strangers.is_silent = False


def hastily(text: str) -> str:
    assert "infra-cache-max-rtt: 10000" in text
    return text.replace("infra-cache-max-rtt: 10000", SILENCE)


@pytest.mark.long
def test_servers_that_were_silent_are_asked_again_as_soon_as_they_answer() -> None:
    with asked(edit=hastily) as (place, strangers, container):
        address = place.address(container)
        silence(strangers, address, seconds=20)
        until(lambda: answers(address, 1), 20, "a name is answered for")


@pytest.mark.long
def test_the_control_without_the_setting_they_are_given_up_for_a_quarter_of_an_hour() -> None:
    def edit(text: str) -> str:
        assert "  infra-keep-probing: yes\n" in text
        return hastily(text).replace("  infra-keep-probing: yes\n", "")

    with asked(edit=edit) as (place, strangers, container):
        address = place.address(container)
        silence(strangers, address, seconds=20)
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            assert not answers(address, 1)
            time.sleep(1)
