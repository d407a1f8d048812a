"""A stack that keeps its parts elsewhere: accounts in a file, rows in somebody's MySQL, mail in a folder.

It also has the small limits that the shared stack cannot have, and it begins again with somebody else's rows.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mailinfra.user_ids import DOVECOT
from tests.accounts.server import PASSWORD, running
from tests.accounts.server import Server as MySql
from tests.e2e.clients import Smtp
from tests.e2e.ground import addresses
from tests.e2e.ground.world import World
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.server import INNER, Server
from tests.e2e.stack import EngineError, Stack
from tests.e2e.stackfile import ALICE, BOB, PASSWORDS
from tests.e2e.vantage import Vantage
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

MESSAGE_RATE = 20


@pytest.fixture(scope="module")
def mysql(world: World) -> Iterator[MySql]:
    """Somebody's MySQL server, as this machine and the containers reach it."""
    with running(addresses.HOST_OUTSIDE) as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, world: World) -> Path:
    """An empty folder of the host for mail."""
    made = tmp_path_factory.mktemp("mail")
    world.own(made, DOVECOT)
    return made


@pytest.fixture(scope="module")
def elsewhere(second: Stack, world: World, mysql: MySql, folder: Path) -> Iterator[Server]:
    """The second stack with all of that."""
    accounts: Any = {"domains": [{"name": "example.test"}], "mailboxes": [{"address": ALICE}]}
    program = second.workspace.program
    (program / "accounts.yaml").write_text(yaml.safe_dump(accounts))
    (program / "database-ca.pem").write_text(mysql.ca)
    settings = {**second.settings, "hostname": HOSTNAME, "accounts": "accounts.yaml"}
    settings["ports"].pop("database")
    settings |= {
        "listen": ["127.0.0.1", addresses.HOST_OUTSIDE],
        "database": {
            "external": {
                "host": mysql.host,
                "port": mysql.port,
                "administrator": "root",
                "caFile": "database-ca.pem",
            }
        },
        "storage": {"onDestroy": "retain", "mail": {"hostPath": str(folder)}},
        "limits": {"clients": {"messageRate": MESSAGE_RATE}},
        "receiving": {"checkDomains": False},
    }
    second.configure(settings)
    second.set_secret("passwords", {ALICE: PASSWORDS[ALICE]})
    second.set_secret("databasePassword", PASSWORD)
    second.up()
    made = Server(second, world)
    made.read()
    yield made
    world.part()
    second.destroy()


def files(folder: Path, message_id: str) -> list[Path]:
    """Return the files of a maildir below a folder that hold a message."""
    found = (path for part in ("new", "cur") for path in folder.rglob(f"{part}/*"))
    return [path for path in found if message_id.encode() in path.read_bytes()]


def test_accounts_from_a_file_of_their_own_log_in(elsewhere: Server) -> None:
    assert elsewhere.opens(ALICE, PASSWORDS[ALICE])
    assert elsewhere.stack.settings["accounts"] == "accounts.yaml"


def test_accounts_are_rows_of_the_existing_server(elsewhere: Server, mysql: MySql) -> None:
    assert mysql.sql("SELECT userid, domain FROM users", "mail") == [tuple(ALICE.split("@"))]
    assert set(elsewhere.stack.containers()) == {"dovecot", "postfix", "webmail"}


def test_mail_is_delivered_and_read_with_an_existing_server(elsewhere: Server) -> None:
    elsewhere.arrives(ALICE, elsewhere.deliver(ALICE))
    elsewhere.arrives(ALICE, elsewhere.submit(ALICE, ALICE))


def test_mail_lies_as_files_in_the_folder_of_the_host(elsewhere: Server, folder: Path) -> None:
    sent = elsewhere.deliver(ALICE)
    elsewhere.arrives(ALICE, sent)
    (file,) = files(folder, sent)
    assert file.is_relative_to(folder / "example.test" / "alice" / "Maildir")
    assert not any(name.endswith("-mail") for name in elsewhere.stack.volumes())


def test_a_client_that_sends_too_much_is_put_off_while_others_go_on(elsewhere: Server) -> None:
    network = elsewhere.stack.network("front")
    relay = elsewhere.world.visit(network, str(addresses.SECOND[14]))
    busy = Vantage(name="busy", host=str(addresses.SECOND[4]), ports=INNER, relay=relay)
    with Smtp(busy, "smtp") as client:
        client.ehlo()
        for _ in range(MESSAGE_RATE):
            assert client.mail("friend@peer.test")[0] == 250
            client.rset()
        code, text = client.mail("friend@peer.test")
    assert (code, text[:6]) == (450, b"4.7.1 "), text
    elsewhere.arrives(ALICE, elsewhere.deliver(ALICE, "host"))


def test_destroy_leaves_rows_and_mail_and_external_accounts_are_left_to_somebody_else(
    elsewhere: Server, mysql: MySql, folder: Path
) -> None:
    sent = elsewhere.deliver(ALICE)
    elsewhere.arrives(ALICE, sent)
    elsewhere.world.part()
    elsewhere.stack.destroy()
    assert files(folder, sent), "the folder is somebody's, not the stack's"
    rows = mysql.sql("SELECT * FROM users", "mail")
    assert len(rows) == 1

    settings = elsewhere.stack.settings
    elsewhere.stack.remove_secret("passwords")
    elsewhere.stack.configure({**settings, "accounts": "external"})
    with pytest.raises(
        EngineError, match=r"the databases 'mail' and 'roundcube' exists; write 'databases: adopt'"
    ):
        elsewhere.stack.up()
    mysql.sql(
        "ALTER DATABASE mail CHARACTER SET latin1 COLLATE latin1_swedish_ci"
    )  # as older servers made it
    settings["database"]["external"]["databases"] = "adopt"
    elsewhere.stack.configure({**settings, "accounts": "external"})
    elsewhere.stack.up()
    elsewhere.read()
    assert mysql.sql("SELECT * FROM users", "mail") == rows, "no row is touched"
    elsewhere.arrives(ALICE, sent)

    mysql.sql(
        "INSERT INTO users (userid, domain, password) "
        "SELECT 'bob', domain, password FROM users WHERE userid = 'alice'",
        "mail",
    )
    until(lambda: elsewhere.opens(BOB, PASSWORDS[ALICE]), 10, "a row by hand is an account")
    elsewhere.stack.preview("--expect-no-changes")
