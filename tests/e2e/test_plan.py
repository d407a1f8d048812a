"""The plan in words, each edit against what then really happened to containers, ports, rows and mail.

Owns the edits. Does not own the words (bootstrap/plan) nor the promises of the mail server.
"""

import json
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
import pytest

from bootstrap.plan.accounts import accounts
from bootstrap.plan.daemons import AWAY_SECONDS, daemons
from bootstrap.plan.data import HOLDS, data
from bootstrap.plan.engine import Plan, read
from bootstrap.plan.summary import page
from mailinfra.components.network import RESOLVER, RSPAMD, VALKEY
from mailinfra.user_ids import DOVECOT
from tests.e2e import stackfile
from tests.e2e.conftest import tell
from tests.e2e.ground import addresses
from tests.e2e.server import letter
from tests.e2e.stack import EngineError, Stack
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1200), pytest.mark.long]

ALICE, DAVE, ERIN, FRANK, FRANZ = (
    f"{name}@example.test" for name in ("alice", "dave", "erin", "frank", "franz")
)
GATEWAY = str(addresses.SECOND[1])
"""The machine itself, as the containers see it: no DNS server, but one that says so at once."""

SECURE = {"submissions", "imaps", "pop3s", "webmail"}
EVERY_SECONDS = 0.4

Settings = dict[str, Any]


@dataclass
class Watch:
    """When each port did not answer."""

    failed: dict[str, list[float]] = field(default_factory=dict)
    """Name of the port -> moments of failed attempts."""

    longest: dict[str, float] = field(default_factory=dict)
    """Name of the port -> longest time between two good answers, of those that failed in between."""


def answers(name: str, port: int, password: str) -> bool:
    """Return whether the daemon behind a port says something: Docker's proxy alone takes connections, too."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if name == "database":  # a connection that breaks off would be counted against whoever deploys
        with suppress(pymysql.MySQLError, OSError):
            pymysql.connect(
                host="127.0.0.1", port=port, user="deploy", password=password, ssl=context, connect_timeout=3
            ).close()
            return True
        return False
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 3) as link:
        if name in SECURE:
            with context.wrap_socket(link) as wrapped:
                return wrapped.version() is not None
        if name == "webmailRedirect":
            link.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
        return bool(link.recv(1))
    return False


@contextmanager
def watched(ports: Mapping[str, int], password: str) -> Iterator[Watch]:
    """Ask each port again and again while the block runs."""
    watch, over = Watch(), threading.Event()

    def look(name: str, port: int) -> None:
        good = time.monotonic()
        failed = False
        while not over.is_set():
            if answers(name, port, password):
                now = time.monotonic()
                if failed:
                    watch.longest[name] = max(watch.longest.get(name, 0), now - good)
                good, failed = now, False
            else:
                watch.failed.setdefault(name, []).append(time.monotonic())
                failed = True
            over.wait(EVERY_SECONDS)

    threads = [threading.Thread(target=look, args=item, daemon=True) for item in ports.items()]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        over.set()
        for thread in threads:
            thread.join(10)


class Observed:
    """What is really there: containers, rows and mail of one stack."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        containers = stack.containers()
        self.ids = {name: str(one.id) for name, one in containers.items()}
        self.started = {name: str(one.attrs["State"]["StartedAt"]) for name, one in containers.items()}
        self.rows = {table: self._rows(table) for table in ("domains", "users", "aliases")}
        self.volumes = stack.volumes()

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        return sorted(sql(self.stack, f"SELECT * FROM {table}"), key=repr)

    def mailboxes(self) -> set[str]:
        """Return the addresses of all rows."""
        return {f"{name}@{domain}" for name, domain in sql(self.stack, "SELECT userid, domain FROM users")}


def deploy_password(stack: Stack) -> str:
    """Return the password of the account that deploys."""
    printed = stack.state("--show-secrets")
    resources = json.loads(printed[printed.index("{") :])["deployment"]["resources"]
    (secret,) = [one for one in resources if one["urn"].endswith("::mail-database-deploy-password")]
    return str(json.loads(secret["outputs"]["result"]["plaintext"]))


def sql(stack: Stack, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement as the deployment may."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        closing(
            pymysql.connect(
                host="127.0.0.1",
                port=stack.settings["ports"]["database"],
                user="deploy",
                password=deploy_password(stack),
                database="mail",
                ssl=context,
                autocommit=True,
            )
        ) as link,
        link.cursor() as cursor,
    ):
        cursor.execute(statement)
        return list(cursor.fetchall())


def messages(stack: Stack) -> int:
    """Return how many messages lie in the mail folder that Dovecot has."""
    dovecot = stack.containers()["dovecot"]
    # Docker may lose all that a short program says; the last line tells that nothing is missing.
    command = ["sh", "-c", "find /mail -type f -path '*/new/*' && echo counted"]
    for _ in range(5):
        found: Any = dovecot.exec_run(command)
        *files, last = found.output.decode().split() or [""]
        if last == "counted":
            return len(files)
    raise AssertionError(f"{command} says {found.output!r}")


def deliver(stack: Stack, to: str) -> None:
    """Hand in a letter as another mail server does."""
    message = letter("friend@peer.test", to)
    with smtplib.SMTP("127.0.0.1", stack.settings["ports"]["smtp"], timeout=30) as client:
        client.sendmail("friend@peer.test", [to], message.as_bytes())


def planned(stack: Stack) -> Plan:
    """Return what the engine plans."""
    printed = stack.workspace.pulumi("preview", "--json", "--stack", stack.name, seconds=300)
    state = stack.state()
    resources = json.loads(state[state.index("{") :])["deployment"].get("resources") or []
    return read(stack.name, printed[printed.index("{") :], resources)


def set_in(settings: Settings, path: str, value: Any) -> None:
    """Set one setting by its path."""
    *groups, key = path.split(".")
    for group in groups:
        settings = settings.setdefault(group, {})
    settings[key] = value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, stack: Stack) -> Path:
    """A folder of the host that belongs to Dovecot's user."""
    made = tmp_path_factory.mktemp("mail")
    image = stack.containers()["dovecot"].image
    assert image is not None
    stack.docker.containers.run(
        image,
        ["-c", f"chown {DOVECOT}:{DOVECOT} /folder"],
        entrypoint="/bin/sh",
        user="0:0",
        volumes={str(made): {"bind": "/folder", "mode": "rw"}},
        remove=True,
    )
    return made


@pytest.fixture(scope="module")
def stack(second: Stack) -> Iterator[Stack]:
    """A stack with accounts to change and some mail, data that outlives it, and its first page."""
    settings = second.settings
    settings["storage"] = {"onDestroy": "retain"}
    settings["receiving"] = {"checkDomains": False}
    settings["limits"] = {"clients": dict.fromkeys(("connections", "connectionRate"), 0)}
    names = ("alice", "bob", "dave", "erin", "frank", "gina", "henry")
    settings["accounts"] = {
        "domains": [{"name": "example.test", "postmaster": ALICE}],
        "mailboxes": [
            *({"address": f"{name}@example.test"} for name in names),
            {"address": "ivan@example.test", "password": "owned"},
        ],
        "aliases": [
            {"address": "team@example.test", "targets": [ALICE]},
            {"address": "old@example.test", "targets": [ALICE]},
        ],
    }
    second.configure(settings)
    second.set_secret("passwords", {"ivan@example.test": "the first one of ivan"})
    first = planned(second)
    text = "\n".join(page(first))
    assert "a new mail server" in text, text
    assert [one.fate for one in daemons(first)] == ["made"] * 4
    assert not any(word in text.lower() for word in ("import", "warn")), text
    second.up()
    for to in (ALICE, DAVE, ERIN, FRANK):
        deliver(second, to)
    until(lambda: messages(second) == 4, 60, "four letters arrive")
    yield second
    with suppress(EngineError):  # what a failed test left protected goes with the purge
        second.destroy()


def made_so(
    stack: Stack, config: pytest.Config, edit: Callable[[Settings], None], says: list[str], secret: Any = None
) -> Plan:
    """Make an edit, read the plan, bring it about, and hold every statement of the plan against the facts."""
    settings = deepcopy(stack.settings)
    edit(settings)
    ports = {name: port for name, port in stack.settings["ports"].items() if port}
    before, mail = Observed(stack), messages(stack)
    stack.configure(settings)
    if secret is not None:
        stack.set_secret("passwords", secret)
    plan = planned(stack)
    text = page(plan, sorted(before.volumes))
    for line in says:
        assert any(line in one for one in text), f"{line!r} is missing in\n" + "\n".join(text)
    with watched(ports, deploy_password(stack)) as watch:
        stack.up()
        time.sleep(2 * EVERY_SECONDS)
    after = Observed(stack)

    fates = {one.name: one for one in daemons(plan)}
    for name, one in fates.items():
        same = before.ids.get(name) == after.ids.get(name) and before.started.get(name) == after.started.get(
            name
        )
        assert same == (one.fate in {"untouched", "changed while it runs"}), f"{name} is {one.fate}?"
    shut = {line.split()[0]: one for one in fates.values() for line in one.ports}
    lost = {name for name, port in ports.items() if settings["ports"].get(name) != port}
    assert set(watch.failed) <= set(shut) | lost, (
        f"{watch.failed.keys()} paused, and {shut.keys()} were named"
    )
    assert set(shut) & set(ports) <= set(watch.failed), "the control: a port that is shut is seen"
    for name, gap in watch.longest.items():
        assert gap <= shut[name].away_seconds, f"{name} was shut for {gap:.1f} s"
    tell(
        config, ", ".join(f"{name} shut for {gap:.1f} s" for name, gap in watch.longest.items()) or "no pause"
    )

    rows, kept = accounts(plan), data(plan, sorted(before.volumes))
    if not rows.touched:
        assert after.rows == before.rows, "rows changed, and the plan said that none would"
    else:
        assert after.rows != before.rows, "the plan said that rows would change"
    came = {line.split()[2] for line in rows.lines if line.startswith("+ mailbox ")}
    assert after.mailboxes() - set(old_addresses(before)) == came | {
        move.split(" -> ")[1] for move in rows.moved
    }
    data_volumes = {name for name in before.volumes if name.rpartition("-")[2] in {"mail", "mysql", "queue"}}
    assert data_volumes <= after.volumes, "data was kept"
    if not rows.erased and not kept.left:
        assert messages(stack) == mail, "mail changed, and the plan said that none would"
    return plan


def old_addresses(observed: Observed) -> list[str]:
    """Return the addresses that there were."""
    columns = [row[0] for row in sql(observed.stack, "SHOW COLUMNS FROM users")]
    name, domain = columns.index("userid"), columns.index("domain")
    return [f"{row[name]}@{row[domain]}" for row in observed.rows["users"]]


def test_eleven_edits_of_accounts(stack: Stack, pytestconfig: pytest.Config) -> None:
    def edit(settings: Settings) -> None:
        known = settings["accounts"]
        boxes = {box["address"].partition("@")[0]: box for box in known["mailboxes"]}
        boxes["carol"] = {"address": "carol@example.test"}
        del boxes["dave"], boxes["erin"], boxes["frank"]
        boxes["franz"] = {"address": FRANZ, "renamedFrom": FRANK}
        boxes["gina"]["enabled"] = False
        boxes["henry"]["reset"] = "forgotten"
        known["mailboxes"] = list(boxes.values())
        known["deleteMail"] = [ERIN]
        known["domains"].append({"name": "second.test", "postmaster": ALICE})
        known["aliases"] = [
            {"address": "team@example.test", "targets": [ALICE, "bob@example.test"]},
            {"address": "sales@example.test", "targets": [ALICE]},
        ]

    says = [
        "+ mailbox carol@example.test",
        f"mailbox {DAVE} is removed: logins end; its mail stays in /mail/example.test/dave",
        f"mailbox {ERIN} is removed: logins end; its mail in /mail/example.test/erin is deleted",
        f"mailbox {FRANK} becomes {FRANZ}, with its mail and password",
        "~ mailbox gina@example.test: enabled true -> false",
        "~ mailbox henry@example.test: reset none -> forgotten",
        "+ alias sales@example.test -> alice@example.test",
        "- alias old@example.test",
        '~ alias team@example.test: targets ["alice@example.test"] -> ["alice@example.test", "bob@',
        "+ domain second.test",
        "~ mailbox ivan@example.test: its password is set to the declared one",
        f"the mail of {ERIN} is deleted for good",
        f"the password of {DAVE} goes with its row",
        "the present password of henry@example.test is overwritten",
        f"mail goes along with its mailbox: {FRANK} -> {FRANZ}",
    ]
    plan = made_so(stack, pytestconfig, edit, says, {"ivan@example.test": "the second one of ivan"})
    assert all(one.fate == "untouched" for one in daemons(plan))
    until(lambda: messages(stack) == 3, 90, "the mail of one mailbox is deleted, that of three is there")


def test_three_edits_that_touch_no_daemon(stack: Stack, pytestconfig: pytest.Config) -> None:
    def edit(settings: Settings) -> None:
        set_in(settings, "addresses", ["127.0.0.1", "192.0.2.7"])
        set_in(settings, "storage.onDestroy", "protect")
        set_in(settings, "accounts.hashing", {"iterations": 3})

    says = [
        'addresses: ["127.0.0.1"] -> ["127.0.0.1", "192.0.2.7"]',
        "storage.onDestroy: retain -> protect",
        "~ hashes that are made from now on have another cost",
        "no mail, account or queue is touched",
        "nothing",
    ]
    plan = made_so(stack, pytestconfig, edit, says)
    assert all(one.fate == "untouched" for one in daemons(plan))


EDITS: list[tuple[dict[str, Any], list[str], set[str]]] = [
    (
        {"limits.recipients": 150, "ports.imap": 45143},
        [
            "limits.recipients: 100 -> 150",
            "-> 45143",
            "/etc/postfix/main.cf (1 line)",
            "-> imap 127.0.0.1:45143",
            "no mail, account or queue is touched",
        ],
        {"dovecot", "postfix", "webmail"},
    ),
    (
        {"database.memory": "640M"},
        ["database.memory: 512M -> 640M", "/etc/mysql/conf.d/mailinfra.cnf (1 line)", "memory limit"],
        {"mysql"},
    ),
    (
        {"ports.webmailRedirect": False, "ports.pop3": False, "ports.pop3s": False},
        ["ports.webmailRedirect: ", "-> false", "port webmailRedirect", "port pop3s"],
        {"dovecot", "webmail"},
    ),
    (
        {"limits.messageSize": "20M", "receiving.checkDomains": True, "resolvers": [GATEWAY]},
        [
            "limits.messageSize: 50M -> 20M",
            "receiving.checkDomains: false -> true",
            f'resolvers: host -> ["{GATEWAY}"]',
            "/etc/mailinfra/php/mailinfra.ini",
        ],
        {"postfix", "webmail"},
    ),
    (
        {"hostname": "other.example.test", "receiving.checkDomains": False},
        [
            "hostname: mail.example.test -> other.example.test",
            "a new certificate: for the public ports",
            "nothing",
        ],
        {"dovecot", "postfix", "webmail"},
    ),
    (
        {"smarthost": {"host": "relay.example.net"}, "limits.clients.connectionRate": 50},
        ["smarthost.host: none -> relay.example.net", "limits.clients.connectionRate: 0 -> 50"],
        {"postfix"},
    ),
    (
        {"network.subnet": str(addresses.SECOND).replace("/26", "/27")},
        ["network.subnet: ", "the containers' network is another one"],
        {"mysql", "dovecot", "postfix", "webmail"},
    ),
]


@pytest.mark.parametrize(
    ("changes", "says", "replaced"), EDITS, ids=lambda one: "-".join(one) if isinstance(one, dict) else ""
)
def test_edits_of_settings(
    stack: Stack, pytestconfig: pytest.Config, changes: dict[str, Any], says: list[str], replaced: set[str]
) -> None:
    def edit(settings: Settings) -> None:
        for path, value in changes.items():
            set_in(settings, path, value)

    plan = made_so(stack, pytestconfig, edit, says)
    assert {one.name for one in daemons(plan) if one.fate == "replaced"} == replaced


def test_mail_in_another_place_and_accounts_of_somebody_else(
    stack: Stack, folder: Path, pytestconfig: pytest.Config
) -> None:
    made_so(
        stack,
        pytestconfig,
        lambda settings: set_in(settings, "storage.onDestroy", "retain"),
        ["storage.onDestroy: protect -> retain"],
    )

    def edit(settings: Settings) -> None:
        set_in(settings, "storage", {"onDestroy": "retain", "mail": {"hostPath": str(folder)}})
        set_in(settings, "accounts", "external")

    stack.remove_secret("passwords")
    volume = f"{stack.full_name}-mail"
    says = [
        f"storage.mail.hostPath: none -> {folder}",
        f"mail: volume {volume} stays as it is, and the server looks elsewhere",
        "the mail in the volume is not moved",
        "the rows of all accounts stay in the database",
    ]
    plan = made_so(stack, pytestconfig, edit, says)
    assert data(plan).left == [volume]
    assert messages(stack) == 0


def test_nothing_changes_twice(stack: Stack) -> None:
    assert page(planned(stack)) == [f"Nothing changes in stack {stack.name}."]


def test_the_plan_knows_every_port_daemon_and_volume_of_the_program(stack: Stack) -> None:
    assert set(AWAY_SECONDS) - {RESOLVER, RSPAMD, VALKEY} == set(stack.containers())
    assert set(stackfile.PROTOCOLS) <= set(stack.settings["ports"])
    names = {one["urn"].rpartition("::")[2] for one in json.loads(stack.state())["deployment"]["resources"]}
    assert {end for end in HOLDS if any(name.endswith(end) for name in names)} == HOLDS.keys() - {
        "-dovecot-mail"
    }
