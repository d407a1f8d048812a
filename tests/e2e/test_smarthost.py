"""All mail leaves through a smarthost: logged in, over TLS to the right one, and never otherwise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import load
from tests.e2e.ground.addresses import PEERS
from tests.e2e.server import Server
from tests.e2e.stackfile import ALICE
from tests.e2e.test_sending import QUEUE_ID, at, deferred, reaches
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HOST, USER, PASSWORD = "mx1.peer.test", "relay@peer.test", "smarthost: 50% off, €9"
CLEAR = "plain.peer.test"
"""A peer without TLS."""

ELSEWHERE = "friend@plain.test"
"""Somebody whose own server is another peer."""


def use(server: Server, ca: str, file: Path) -> None:
    """Bring the stack up with the smarthost, whose certificate `ca` has signed."""
    file.write_text(ca)
    smarthost = {"host": HOST, "port": 25, "username": USER, "caFile": str(file)}
    server.stack.configure({**server.stack.settings, "smarthost": smarthost})
    server.stack.set_secret("smarthostPassword", PASSWORD)
    server.stack.up()


def waits(server: Server, sent: str) -> None:
    """Wait until a message is deferred; fail unless it is still in the queue and nowhere else."""
    until(lambda: deferred(server, sent), 60, f"{sent} is deferred")
    assert queue_ids(server, sent) & load.waiting(server), "it waits"
    assert not [peer for peer in PEERS if at(server, peer, sent)]


def queue_ids(server: Server, message_id: str) -> set[str]:
    """Return the ids that this message got in the queue."""
    lines = [line for line in server.journal("postfix").splitlines() if message_id in line]
    return {found[1] for line in lines if (found := QUEUE_ID.search(line))}


@pytest.fixture(scope="module")
def before(server: Server) -> Iterator[None]:
    """Afterwards there is no smarthost any more, and nothing waits for it."""
    settings = server.stack.settings
    yield
    server.stack.configure(settings)
    server.stack.remove_secret("smarthostPassword")
    server.stack.up()
    load.emptied(server)


def test_mail_waits_rather_than_go_to_a_smarthost_in_clear_text(server: Server, before: None) -> None:
    clear = server.submit(ALICE, ELSEWHERE)
    assert not reaches(server, "plain", clear).encrypted, (
        "the control: without a smarthost it takes clear text"
    )
    smarthost = {"host": CLEAR, "port": 25}  # no login: it would be missed there, too
    server.stack.configure({**server.stack.settings, "smarthost": smarthost})
    server.stack.up()
    waits(server, server.submit(ALICE, ELSEWHERE))


def test_mail_leaves_through_the_smarthost_logged_in_over_tls(
    server: Server, before: None, tmp_path: Path
) -> None:
    certificate: Any = server.world.container("mx1").exec_run(["cat", "/etc/peer.crt"])
    use(server, certificate.output.decode(), tmp_path / "ca.pem")
    sent = server.submit(ALICE, ELSEWHERE)
    mail = reaches(server, "mx1", sent)
    assert mail.encrypted
    assert mail.login == (USER, PASSWORD)
    assert mail.recipients == (ELSEWHERE,)
    assert not at(server, "plain", sent), "its own server is not asked"


def test_mail_waits_where_the_smarthost_cannot_prove_its_name(
    server: Server, before: None, tmp_path: Path
) -> None:
    use(server, server.outputs["ca_certificate"], tmp_path / "ca.pem")
    returned = server.found(ALICE, "From", "MAILER-DAEMON")
    sent = server.submit(ALICE, ELSEWHERE)
    waits(server, sent)
    assert server.found(ALICE, "From", "MAILER-DAEMON") == returned, "nothing is given up"
