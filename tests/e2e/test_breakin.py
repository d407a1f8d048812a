"""Who has taken over one container: what of the others, and of the world, answers from there.

docs/architecture.md says who may talk to whom, and is read here: no more answers than it says, and no less.
Every port that any daemon listens on is tried from every container, at every address of every other one.
"""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from mailinfra.components.network import DOVECOT, MYSQL, POSTFIX, WEBMAIL
from mailinfra.containers import labels
from mailinfra.containers.place import INNER_STEP
from tests.e2e.browser import log_in, visit
from tests.e2e.clients import Imap
from tests.e2e.ground import addresses
from tests.e2e.server import INNER, Server
from tests.e2e.stackfile import ALICE, BOB
from tests.e2e.vantage import Vantage
from tests.waiting import until

DAEMONS = (MYSQL, DOVECOT, POSTFIX, WEBMAIL)
"""Those of a stack without the filter."""

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
OUTSIDE = "the outside"

Way = tuple[str, str, str, int]
"""Who, whom, over which network, at which port."""


def promised() -> set[Way]:
    """Return every way that the table in the documentation names."""
    (table,) = re.findall(r"<!-- reach -->\n(.*?)<!-- end of reach -->", PAGE, re.DOTALL)
    ways: set[Way] = set()
    for row in table.splitlines()[2:]:
        if not row.strip():
            continue
        client, server, networks, ports, _ = (cell.strip() for cell in row.strip("|").split("|"))
        for network in networks.split(", "):
            for port in ports.replace("any", "53").split(", "):
                ways.add((client, server, network, int(port)))
    return ways


def inside(server: Server, daemon: str, *targets: list[tuple[str, int]]) -> Any:
    """Run the walk in the network namespace of a daemon's container, with no capability, as it has none."""
    container = server.stack.containers()[daemon]
    said = server.world.docker.containers.run(
        server.world.image,
        ["/ground/walk.py", *(json.dumps(each) for each in targets)],
        labels={"mailinfra.e2e": "yes"},
        network_mode=f"container:{container.id}",
        cap_drop=["ALL"],
        remove=True,
    )
    return json.loads(said)


def homes(server: Server) -> dict[str, tuple[str, str]]:
    """Return each address of the stack -> its daemon and network, as Docker tells."""
    networks = server.stack.docker.networks.list(
        filters={"label": f"{labels.STACK}={server.stack.full_name}"}
    )
    names = {one.name: (one.attrs["Labels"] or {}).get("mailinfra.network", "the one") for one in networks}
    found = {}
    for daemon, container in server.stack.containers().items():
        for name, each in container.attrs["NetworkSettings"]["Networks"].items():
            for address in (each["IPAddress"], each["GlobalIPv6Address"]):
                if address:
                    found[address] = (daemon, names[name])
    return found


@pytest.fixture(scope="module")
def reached(server: Server) -> set[Way]:
    """Every way that there is: each container's view of all ports that anybody listens on."""
    ports = sorted({port for daemon in DAEMONS for port in inside(server, daemon)})
    assert {24, 25, 993, 3306, 4523, 8443} <= set(ports), "the walk sees nothing"
    where = homes(server)
    ways: set[Way] = set()
    for client in DAEMONS:
        targets = [
            (address, port) for address, (daemon, _) in where.items() if daemon != client for port in ports
        ]
        world = (addresses.HOST_OUTSIDE, 53)
        for address, port in inside(server, client, [*targets, world]):
            host, network = where.get(address, (OUTSIDE, "front"))
            ways.add((client, host, network, port if port < INNER_STEP else port % INNER_STEP))
    return ways


def test_nothing_answers_that_the_documentation_does_not_name(reached: set[Way]) -> None:
    assert sorted(reached - promised()) == []


def test_every_way_that_the_documentation_names_is_open(reached: set[Way]) -> None:
    assert sorted(promised() - reached) == []


@pytest.mark.parametrize("port", [24, 4523], ids=["lmtp", "logins"])
def test_only_postfix_reaches_what_takes_any_sender_and_any_guess(reached: set[Way], port: int) -> None:
    assert {client for client, _, _, at in reached if at == port} == {"postfix"}


def test_the_databases_container_has_no_way_out(reached: set[Way]) -> None:
    assert {client for client, whom, *_ in reached if whom == OUTSIDE} == {"dovecot", "postfix", "webmail"}


def test_the_visitor_of_the_webmail_is_whom_dovecot_logs(server: Server) -> None:
    url, began = server.outputs["endpoints"]["webmail"]["url"], time.time()
    visit(url, lambda window: log_in(window, ALICE, server.password(ALICE)))
    # A browser on this machine comes through Docker's proxy, and so from the bridge.
    assert logins(server, ALICE, began) == {str(addresses.FRONT[1])}


def test_nobody_but_the_webmail_is_believed_on_an_address(server: Server) -> None:
    began, relay = time.time(), server.world.relay("stranger")
    place = Vantage(name="sibling", host=addresses.DOVECOT, ports=INNER, relay=relay)
    client = Imap(place, "imaps", wrapped=server.tls)
    client.xatom("ID", '("x-originating-ip" "203.0.113.9")')
    client.authenticate("PLAIN", lambda _: f"\0{BOB}\0{server.password(BOB)}".encode())
    assert logins(server, BOB, began) == {addresses.STRANGER}


def logins(server: Server, user: str, began: float) -> set[str]:
    """Return from which addresses a mailbox was opened over IMAP since then."""
    pattern = re.compile(rf"imap-login: Info: Logged in: user=<{re.escape(user)}>.* rip=([^, ]+)")
    return until(
        lambda: set(pattern.findall(server.stack.journals(since=began)["dovecot"])), 60, f"{user} is logged"
    )
