"""What is changed, by a setting or by hand, and what an update makes of it; on a small stack of its own.

Each `up` here is followed by an empty preview with a refresh: Stack.up sees to it.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv6Network
from typing import Any

import pymysql
import pytest

from tests.e2e.clients import Smtp, close_all
from tests.e2e.stack import EngineError, Stack
from tests.e2e.vantage import Vantage
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SUBNET6 = IPv6Network("fd00:e2e:3::/64")

OTHER_ADDRESS = "127.0.0.2"
"""A second address of this machine, which nobody has to set up."""


@pytest.fixture(scope="module")
def small(second: Stack) -> Iterator[Stack]:
    """The second stack, up."""
    second.up()
    yield second
    if second.containers():
        second.destroy()


def running(stack: Stack) -> dict[str, str]:
    """Return service -> Docker's id of its container."""
    return {name: str(one.id) for name, one in stack.containers().items()}


def change(stack: Stack, **sections: Any) -> set[str]:
    """Bring the stack up with other settings; return the services that got another container."""
    before = running(stack)
    stack.configure({**stack.settings, **sections})
    stack.up()
    after = running(stack)
    assert after.keys() == before.keys(), "every service runs"
    return {name for name in after if after[name] != before[name]}


def greeted(stack: Stack, address: str) -> str:
    """Return what Postfix offers at an address of this machine."""
    vantage = Vantage(name=address, host=address, ports={"smtp": stack.settings["ports"]["smtp"]})
    with Smtp(vantage, "smtp") as client:
        _, text = client.ehlo()
    close_all()
    return text.decode()


def sql(stack: Stack, *statements: str) -> list[tuple[Any, ...]]:
    """Run SQL as the deployment may; return the last one's rows."""
    printed = stack.state("--show-secrets")
    (secret,) = (
        resource["outputs"]["result"]["plaintext"]
        for resource in json.loads(printed[printed.index("{") :])["deployment"]["resources"]
        if resource["urn"].endswith("::mail-database-deploy-password")
    )
    link = pymysql.connect(
        host="127.0.0.1",
        port=stack.settings["ports"]["database"],
        user="deploy",
        password=json.loads(secret),
        ssl={"check_hostname": False},
        autocommit=True,
    )
    with closing(link), link.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def account(stack: Stack, user: str) -> str:
    """Return a service's MySQL user as SQL writes it."""
    ((host,),) = sql(stack, f"SELECT host FROM mysql.user WHERE user = '{user}'")
    return f"'{user}'@'{host}'"


def rights(stack: Stack, user: str) -> set[str]:
    """Return what a service's MySQL user may do, in MySQL's words."""
    return {row for (row,) in sql(stack, f"SHOW GRANTS FOR {account(stack, user)}")}


def test_a_changed_file_reaches_the_daemon(small: Stack) -> None:
    assert "SIZE 6291456" not in greeted(small, "127.0.0.1")
    changed = change(small, limits={"messageSize": "6M"})
    assert changed == {"postfix", "webmail"}
    assert "SIZE 6291456" in greeted(small, "127.0.0.1"), "the running daemon has another file"
    mounted = {one["Name"] for one in small.containers()["postfix"].attrs["Mounts"] if "Name" in one}
    assert mounted <= small.volumes(), "and the file that it had is gone"


def test_a_second_address_to_listen_on_is_answered_and_stays_as_it_is(small: Stack) -> None:
    with pytest.raises(ConnectionRefusedError):
        greeted(small, OTHER_ADDRESS)
    assert change(small, listen=["127.0.0.1", OTHER_ADDRESS, "::1"]) == {"dovecot", "postfix", "webmail"}
    for address in ("127.0.0.1", OTHER_ADDRESS, "::1"):
        assert "SIZE" in greeted(small, address)
    before = running(small)
    small.up()
    assert running(small) == before, "the second update has nothing to do"


def test_another_host_name_leaves_mysql_and_its_clients_alone(small: Stack) -> None:
    changed = change(small, hostname="another.example.test")
    assert changed == {"dovecot", "postfix", "webmail"}
    assert greeted(small, "127.0.0.1").startswith("another.example.test")


def test_the_network_gets_another_subnet_and_loses_it_again(small: Stack) -> None:
    """Two networks cannot have one subnet, so the old one and all containers in it go first."""
    network = small.settings["network"]
    every = {"dovecot", "mysql", "postfix", "webmail"}
    assert change(small, network={**network, "subnet6": str(SUBNET6)}) == every
    inside = small.containers()["postfix"].attrs["NetworkSettings"]["Networks"].values()
    assert {one["GlobalIPv6Address"] for one in inside} - {""} == {str(SUBNET6[4])}
    assert change(small, network=network) == every
    assert "SIZE" in greeted(small, "127.0.0.1")


def test_rights_that_were_changed_by_hand_are_named_by_a_refresh_and_put_right(small: Stack) -> None:
    before = {user: rights(small, user) for user in ("dovecot", "passwords", "postfix", "roundcube")}
    postfix, roundcube = account(small, "postfix"), account(small, "roundcube")
    sql(
        small,
        f"REVOKE SELECT (alias_of) ON mail.domains FROM {postfix}",
        f"GRANT DELETE ON mail.users TO {postfix}",
        f"GRANT SELECT ON roundcube.* TO {account(small, 'dovecot')}",
        f"GRANT UPDATE (userid) ON mail.users TO {account(small, 'passwords')}",
        f"REVOKE DROP ON roundcube.* FROM {roundcube}",
    )
    assert all(rights(small, user) != known for user, known in before.items()), "the control"
    foretold = small.preview("--refresh")
    for right in (
        "SELECT (alias_of) on mail.domains",
        "DELETE on mail.users",
        "SELECT on roundcube.*",
        "UPDATE (userid) on mail.users",
        "DROP on roundcube.*",
    ):
        assert right in foretold, f"{right} is not named"
    assert small.preview_steps("--refresh") == {"mail-database-rights": "update"}
    daemons = running(small)
    small.up("--refresh")
    assert {user: rights(small, user) for user in before} == before
    assert running(small) == daemons, "no daemon has to start again for it"


def test_a_mysql_user_that_was_dropped_by_hand_comes_back(small: Stack) -> None:
    before = rights(small, "postfix")
    sql(small, f"DROP USER {account(small, 'postfix')}")
    small.up("--refresh")
    assert rights(small, "postfix") == before
    asked: Any = small.containers()["postfix"].exec_run(
        ["postmap", "-q", "example.test", "mysql:/run/postfix/secrets/mysql/domains.cf"]
    )
    assert asked.exit_code == 0, f"Postfix logs in as it again: {asked.output}"


def test_what_was_stopped_or_removed_by_hand_comes_back(small: Stack) -> None:
    found = small.containers()
    found["dovecot"].stop(timeout=10)
    found["postfix"].remove(force=True)
    before = running(small)
    small.up("--refresh")
    after = running(small)
    assert after.keys() == {"dovecot", "mysql", "postfix", "webmail"}
    assert {name: after[name] for name in before} == before, "what runs is left alone"


def test_a_setting_that_is_changed_while_mysql_is_away_is_said_so_and_made_later(small: Stack) -> None:
    small.containers()["mysql"].stop(timeout=20)
    accounts = small.settings["accounts"]
    more = {**accounts, "mailboxes": [*accounts["mailboxes"], {"address": "late@example.test"}]}
    small.configure({**small.settings, "accounts": more})
    with pytest.raises(EngineError) as caught:
        small.up()
    assert re.search(r"127\.0\.0\.1.*(refused|not answer|reach)", str(caught.value), re.IGNORECASE)
    # A refresh would ask the server for its users, and wait for minutes: start it first, as make does.
    small.all_containers()["mysql"].start()
    until(lambda: "mysql" in small.healthy(), 60, "MySQL answers")
    small.up()
    rows = sql(small, "SELECT userid FROM mail.users ORDER BY userid")
    assert ("late",) in rows


def test_destroy_with_mysql_away_takes_seconds_and_leaves_nothing(small: Stack) -> None:
    small.containers()["mysql"].stop(timeout=20)
    began = time.monotonic()
    small.destroy()
    assert time.monotonic() - began < 120, "each user of MySQL's waits for minutes"
    until(lambda: not small.all_containers(), 5, "every container is gone")
    assert not small.volumes(), "this stack said `onDestroy: delete`"
