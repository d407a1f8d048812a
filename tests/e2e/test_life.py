"""The life of a stack: previews without surprises, small changes, neighbours, an end and a new beginning."""

import io
from dataclasses import replace
from typing import Any

import pytest

from bootstrap import owners
from bootstrap.machine import Machine
from bootstrap.report import Report
from mailinfra.user_ids import OWNED
from tests.e2e.server import Server
from tests.e2e.stack import EngineError, Stack
from tests.e2e.stackfile import ALICE, BOB, ERIN
from tests.e2e.test_sending import deferred, reaches
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200)]


def running(stack: Stack) -> dict[str, str]:
    """Return service -> Docker's id of its container: another id is another container."""
    return {name: str(container.id) for name, container in stack.containers().items()}


def test_a_second_preview_is_empty(server: Server) -> None:
    server.stack.preview("--expect-no-changes")


def test_a_refresh_finds_what_was_declared(server: Server) -> None:
    server.stack.preview("--refresh", "--expect-no-changes")


@pytest.mark.parametrize(
    ("section", "change", "daemon"),
    [
        ("limits", {"sessionsPerUser": 50}, "dovecot"),
        ("ports", {"smtp": 45025}, "postfix"),
        ("database", {"memory": "768M"}, "database"),
        ("ports", {"webmailRedirect": 45080}, "roundcube"),
    ],
)
def test_a_preview_shows_that_only_one_daemon_is_replaced(
    server: Server, section: str, change: dict[str, Any], daemon: str
) -> None:
    before = server.stack.settings
    server.stack.configure({**before, section: {**before.get(section, {}), **change}})
    try:
        steps = server.stack.preview_steps()
    finally:
        server.stack.configure(before)
    assert {name for name in steps if name.endswith("-service-container")} == {
        f"mail-{daemon}-service-container"
    }
    others = [name for name in steps if name != "mail" and not name.startswith(f"mail-{daemon}-")]
    assert not others, f"{others} have nothing to do with it"


def test_an_edited_setting_replaces_only_the_daemon_that_reads_it(server: Server) -> None:
    settings, before = server.stack.settings, running(server.stack)
    server.stack.configure({**settings, "limits": {**settings["limits"], "recipients": 150}})
    with pytest.raises(EngineError, match=r"no changes were expected|expect-no-changes"):
        server.stack.preview("--expect-no-changes")  # so the checks above can fail
    server.stack.up()
    after = running(server.stack)
    changed = {name for name in before if before[name] != after.get(name)}
    assert changed == {"postfix"}, "one limit of Postfix was changed"
    server.arrives(ALICE, server.deliver(ALICE))


def test_a_second_stack_stands_beside_the_first(server: Server, second: Stack) -> None:
    first = running(server.stack)
    second.up()
    assert len(second.containers()) == len(first)
    assert running(server.stack) == first, "the first stack's containers are other ones now"
    server.stack.stays()  # the second one's build is no new meaning of the first one's images
    assert second.outputs()["endpoints"] != server.outputs["endpoints"]
    server.arrives(ALICE, server.deliver(ALICE))
    second.destroy()
    assert not second.volumes(), "this stack said `onDestroy: delete`"
    assert running(server.stack) == first
    server.arrives(ALICE, server.deliver(ALICE))


def test_destroy_keeps_the_data_and_the_next_up_finds_all_of_it(server: Server) -> None:
    kept = server.deliver(BOB, subject="Kept over a destroy")
    server.arrives(BOB, kept)
    with server.imap(BOB) as client:
        client.select("INBOX")
        _, (number,) = client.search(None, "HEADER", "Message-ID", f'"{kept}"')
        client.store(number.decode(), "+FLAGS", "(\\Flagged reviewed)")
        _, (validity,) = client.status("INBOX", "(UIDVALIDITY)")
    generated = server.password(ERIN)
    server.world.container("plain").stop(timeout=0)
    waiting = server.submit(ALICE, "friend@plain.test")
    until(lambda: deferred(server, waiting), 60, f"{waiting} is deferred")

    server.world.leave()
    server.stack.destroy()
    assert not server.stack.containers()
    left = server.stack.volumes()
    kinds = {name.rpartition("-")[2] for name in left}
    # What a filter has learned stays, too, where there was one (test_filtering.py).
    assert kinds - {"valkey"} == {"mail", "mysql", "queue"}, "data, and nothing else"

    # As a version of before left it: the daemons ran as other users.
    machine = Machine(
        project=server.stack.workspace.program,
        env=server.stack.workspace.environment,
        report=Report(io.StringIO()),
        is_root=True,
    )
    name, full_name = server.stack.name, server.stack.full_name
    image = owners.image(machine, name)
    data = owners.candidates(machine, name)
    back = [
        owners.Data(
            source=one.source,
            service=one.service,
            owner=one.owner,
            users={new: old for old, new in one.users.items()},
            groups={new: old for old, new in one.groups.items()},
        )
        for one in data
    ]
    owners.hand_over(machine, image, name, back)
    everything = [f"{full_name}-{one.volume}" for one in OWNED]
    assert [one.source for one in owners.former(machine, name)] == everything
    with pytest.raises(EngineError, match=f"Run `make up STACK={name}`"):
        server.stack.up()
    assert not server.stack.containers(), "nothing is made before the data is given over"
    groups = [replace(one, users={}) for one in data]
    owners.hand_over(machine, image, name, groups)  # and interrupted there
    assert [one.source for one in owners.former(machine, name)] == everything
    owners.hand_over(machine, image, name, owners.former(machine, name))
    assert owners.former(machine, name) == []

    server.stack.up()
    server.arrive()
    server.arrives(BOB, kept)
    with server.imap(BOB) as client:
        client.select("INBOX", readonly=True)
        _, (again,) = client.status("INBOX", "(UIDVALIDITY)")
        _, (number,) = client.search(
            None, "FLAGGED", "KEYWORD", "reviewed", "HEADER", "Message-ID", f'"{kept}"'
        )
    assert again == validity, "every client would fetch the whole mailbox anew"
    assert number, "the flags are gone"
    reaches(server, "plain", waiting, seconds=90)
    server.outputs["mailboxes"].setdefault(ERIN, generated)
    server.arrives(ERIN, server.deliver(ERIN))
