"""`make` prints no secret, whatever it is asked for and however it ends, and takes another passphrase."""

import pytest

from tests import canaries
from tests.interruptions import evidence
from tests.interruptions.yard import DAEMONS, Yard
from tests.waiting import until

pytestmark = [pytest.mark.interruptions, pytest.mark.timeout(1200), pytest.mark.long]

ASKED = ("status", "env", "dns")


def test_no_make_prints_a_secret(server: Yard) -> None:
    settings, begun = server.settings, len(server.heard)
    known = server.secrets()
    for command in ASKED:
        server.make(command)
    said = {"pulumi": server.pulumi("stack", "output") + server.pulumi("stack", "--show-ids")}
    accounts = settings["accounts"]
    reset = [accounts["mailboxes"][0], {**accounts["mailboxes"][1], "reset": "of the tests"}]
    changed = {**settings, "accounts": {**accounts, "mailboxes": reset}}
    server.configure(changed)
    evidence.lock_out(server)
    try:
        server.make("up", "DIFF=1", status=1)
        known |= {f"{what}, reset": secret for what, secret in server.secrets().items()}
    finally:
        server.containers()["mysql"].restart()  # whose start gives the deployment its password back
    until(lambda: server.healthy() == DAEMONS, 180, "all are healthy")
    server.configure({**changed, "rotate": {"all": "2"}})
    server.make("preview", "DIFF=1")
    server.make("up", "DIFF=1", "YES=1")
    known |= {f"{what}, rotated": secret for what, secret in server.secrets().items()}
    server.make("destroy")
    server.configure(settings)
    server.up()
    said |= {f"make {number}": text for number, text in enumerate(server.heard[begun:])}
    assert "Access denied for user 'deploy'" in "".join(said.values()), "an update has failed"
    assert canaries.in_texts(known, said, server.folder / "asked") == set()


def test_another_passphrase_goes_where_the_old_one_was_and_nothing_is_replaced(server: Yard) -> None:
    running = {name: one.id for name, one in server.containers().items()}
    generated, new = server.outputs()["mailboxes"], "another one, of the tests"
    server.pulumi("stack", "change-secrets-provider", "passphrase", typed=f"{new}\n{new}\n")
    assert "incorrect passphrase" in server.make("preview", status=1)
    (server.data_home / "passphrase").write_text(f"{new}\n")
    assert "Nothing changes" in server.make("preview")
    server.up()
    assert {name: one.id for name, one in server.containers().items()} == running
    assert server.outputs()["mailboxes"] == generated
