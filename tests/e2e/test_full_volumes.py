"""A volume is full: mail is put off, nothing that was taken is lost, and all is well once there is space."""

from collections.abc import Iterator
from typing import Any

import pytest

from mailinfra.user_ids import DOVECOT
from tests.e2e import load
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.server import Server, letter
from tests.e2e.stack import Stack
from tests.e2e.stackfile import ALICE
from tests.e2e.vantage import Vantage
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

MAIL = {"type": "tmpfs", "device": "tmpfs", "o": f"size=8m,uid={DOVECOT},gid={DOVECOT}"}
QUEUE = {"type": "tmpfs", "device": "tmpfs", "o": "size=24m"}


class Small(Server):
    """A second stack's server, reached from this machine alone."""

    def vantage(self, name: str) -> Vantage:
        """Return this machine, whatever place is asked for."""
        del name
        return super().vantage("host")

    def password(self, user: str) -> str:
        """Return the generated password of a mailbox."""
        return str(self.outputs["mailboxes"][user])


@pytest.fixture(scope="module")
def small(server: Server, second: Stack) -> Iterator[Server]:
    """A second stack whose mail and queue have little space."""
    queue = second.docker.volumes.create(f"{second.full_name}-queue", driver_opts=QUEUE)
    server.world.hold(str(queue.name))
    settings = {**second.settings, "hostname": HOSTNAME}
    settings["storage"]["mail"] = {"driverOptions": MAIL}
    settings["limits"] = {"messageSize": "5M"}
    settings["receiving"] = {"checkDomains": False}
    second.configure(settings)
    # The queue's volume was made above, with little space: not what the stack declares.
    second.up(settled=False)
    made = Small(second, server.world)
    made.read()
    yield made
    server.world.release()
    second.destroy()


def run(server: Server, service: str, *command: str) -> int:
    """Run a command in a container; return how it ended."""
    done: Any = server.stack.containers()[service].exec_run(list(command), user="root")
    return int(done.exit_code)


def fill(server: Server, service: str, folder: str) -> None:
    """Take all the space that a volume has."""
    ended = run(server, service, "dd", "if=/dev/zero", f"of={folder}/filler", "bs=64k")
    assert ended != 0, "the volume has no end"


def test_mail_waits_while_the_mail_volume_is_full_and_arrives_after(small: Server) -> None:
    small.arrives(ALICE, small.deliver(ALICE))
    fill(small, "dovecot", "/mail")
    sent = [small.deliver(ALICE, text="Hello again.\r\n" * 2000) for _ in range(3)]
    until(lambda: small.journal("postfix").count("status=deferred") >= 3, 60, "all of them are deferred")
    assert load.queued(small) == 3
    run(small, "dovecot", "rm", "/mail/filler")
    load.emptied(small)
    for message_id in sent:
        small.arrives(ALICE, message_id)
    assert "status=bounced" not in small.journal("postfix")


def test_a_full_queue_volume_puts_mail_off_and_loses_none_that_was_taken(small: Server) -> None:
    small.stack.containers()["dovecot"].stop(timeout=20)
    sent = [small.deliver(ALICE) for _ in range(3)]
    large = letter("friend@peer.test", ALICE, text="Hello again.\r\n" * 100_000)
    with small.smtp() as under_way, small.smtp() as late:
        under_way.ehlo()
        under_way.mail("friend@peer.test")
        under_way.rcpt(ALICE)
        assert under_way.docmd("DATA")[0] == 354
        fill(small, "postfix", "/var/spool/postfix")
        under_way.send(large.as_bytes() + b".\r\n")
        outgrown = under_way.getreply()
        late.ehlo()
        early = late.mail("friend@peer.test")
    assert outgrown[0] // 100 == 4, f"what does not fit is not taken: {outgrown}"
    assert early[0] == 452, f"nothing new is begun: {early}"
    run(small, "postfix", "rm", "/var/spool/postfix/filler")
    assert load.queued(small) == 3, "the control: all of them waited in that volume"
    small.stack.all_containers()["dovecot"].start()
    until(lambda: "dovecot" in small.stack.healthy(), 60, "Dovecot greets")
    load.emptied(small)
    for message_id in sent:
        small.arrives(ALICE, message_id)
    assert not small.found(ALICE, "Message-ID", str(large["Message-ID"])), "its sender keeps it"
    small.arrives(ALICE, small.deliver(ALICE))
