"""What a webmail that was taken over can do to passwords: nothing without the old one, and not for long."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from mailinfra.provider import password_changes, rights
from mailinfra.provider.mysql_users import drop_ours
from tests.accounts.desk import Desk, mailbox

pytestmark = pytest.mark.accounts

ANNA, BOB, OWNED, CLOSED = (f"{name}@example.test" for name in ("anna", "bob", "owned", "closed"))
NEW = "{ARGON2ID}$argon2id$v=19$m=65536,t=4,p=1$" + "s" * 22 + "$" + "d" * 43
HUGE = NEW.replace("m=65536", "m=4194304")
HASHES = {
    "{SHA512-CRYPT}$6$rounds=5000$saltsalt$" + "h" * 86: "{SHA512-CRYPT}$6$rounds=5000$saltsalt",
    "{SHA256-CRYPT}$5$saltsalt$" + "h" * 43: "{SHA256-CRYPT}$5$saltsalt",
    "{BLF-CRYPT}$2y$10$" + "s" * 22 + "h" * 31: "{BLF-CRYPT}$2y$10$" + "s" * 22,
    "{ARGON2I}$argon2i$v=19$m=8192,t=3,p=1$c2FsdA$aGFzaA": "{ARGON2I}$argon2i$v=19$m=8192,t=3,p=1$c2FsdA",
    "{SSHA256}" + "QUFB" * 10 + "QUFzYWx0": "{SSHA256}c2FsdA==",
    "{SSHA512}" + "QUFB" * 21 + "QXNhbHQ=": "{SSHA512}c2FsdA==",
}
"""A stored hash -> what is told of it."""


class Webmail:
    """A session of webmail's user of the database, with the rights that are declared for it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.account = "'passwords'@'%'"
        desk.sql(f"CREATE USER {self.account} IDENTIFIED BY 'not-a-secret'")
        names = (password_changes.CHALLENGE, password_changes.CHANGE)
        wanted = {f"EXECUTE on PROCEDURE {desk.database}.{name}": True for name in names}
        self.inputs: dict[str, Any] = {
            "connection": desk.connection,
            "hosts": {"passwords": "%"},
            "rights": {"passwords": wanted},
        }
        rights.update({}, self.inputs, preview=False)

    def drift(self) -> dict[str, str]:
        """Return what a refresh finds."""
        answer = rights.read("mail", self.inputs, self.inputs)
        assert answer is not None
        return dict(rights.diff(answer.properties, self.inputs).paths)

    def run(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in one session; return the rows of the last."""
        link = pymysql.connect(
            host=self.desk.server.host,
            port=self.desk.server.port,
            user="passwords",
            password="not-a-secret",
            database=self.desk.database,
            ssl={"ca": None, "check_hostname": False},
        )
        with link, link.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def challenge(self, address: str) -> str | None:
        """Return what the database tells about the hash of a mailbox."""
        local, _, domain = address.rpartition("@")
        rows = self.run(f"CALL password_challenge('{local}', '{domain}')")
        return str(rows[0][0]) if rows and rows[0][0] is not None else None

    def change(self, address: str, stored: str, new: str = NEW, *around: str) -> bool:
        """Ask for another password with the proof of who knows `stored`; return whether it is done."""
        local, _, domain = address.rpartition("@")
        proof = hashlib.sha256(stored.encode()).hexdigest()
        asked = f"CALL change_password('{local}', '{domain}', '{proof}', '{new}')"
        return self.run(*around, asked) == [("changed",)]


@pytest.fixture
def webmail(desk: Desk) -> Iterator[Webmail]:
    """Four mailboxes, two of whose owners may change their passwords."""
    desk.up(
        mailboxes={
            ANNA: mailbox(),
            BOB: mailbox(),
            OWNED: mailbox(password="owned"),
            CLOSED: mailbox(enabled=False),
        },
        passwords={OWNED: "the stack decides this"},
    )
    made = Webmail(desk)
    yield made
    desk.sql(f"DROP USER {made.account}")


def stored(webmail: Webmail, address: str) -> str:
    return str(webmail.desk.column("password", address))


def test_who_knows_the_old_password_changes_this_one_row(webmail: Webmail) -> None:
    old = {address: stored(webmail, address) for address in (ANNA, BOB)}
    revision = webmail.desk.sql("SELECT revision FROM account_revision")[0][0]
    assert webmail.change(ANNA, old[ANNA])
    assert stored(webmail, ANNA) == NEW
    assert stored(webmail, BOB) == old[BOB]
    assert webmail.desk.sql("SELECT revision FROM account_revision")[0][0] == revision + 1, (
        "Dovecot hears of it"
    )
    assert webmail.desk.sql("SELECT userid, outcome FROM password_changes") == [("anna", "changed")]


def test_without_the_proof_no_password_is_set(webmail: Webmail) -> None:
    before = stored(webmail, ANNA)
    for wrong in ("", before[:-1], before.swapcase(), stored(webmail, BOB)):
        assert not webmail.change(ANNA, wrong)
    assert not webmail.run(f"CALL change_password('anna', 'example.test', NULL, '{NEW}')")
    assert stored(webmail, ANNA) == before
    assert webmail.change(ANNA, before), "the control"


@pytest.mark.parametrize("address", [OWNED, CLOSED, "nobody@example.test"])
def test_what_the_stack_decides_or_has_closed_stays_as_it_is(webmail: Webmail, address: str) -> None:
    before = stored(webmail, address)
    assert webmail.challenge(address) is None
    assert not webmail.change(address, before)
    assert stored(webmail, address) == before


@pytest.mark.parametrize(
    "new", ["", "x", "{PLAIN}x", HUGE, NEW + "x", NEW.replace("{ARGON2ID}", "{argon2id}")]
)
def test_only_a_hash_that_webmail_makes_is_stored(webmail: Webmail, new: str) -> None:
    before = stored(webmail, ANNA)
    assert not webmail.change(ANNA, before, new)
    assert stored(webmail, ANNA) == before


def test_guesses_are_counted_for_each_mailbox_and_nobody_takes_them_back(webmail: Webmail) -> None:
    before, others = stored(webmail, ANNA), stored(webmail, BOB)
    for _ in range(password_changes.WRONG_PROOFS):
        link_that_ends_without_a_commit = ("SET autocommit = 0", "START TRANSACTION")
        assert not webmail.change(ANNA, "a guess", NEW, *link_that_ends_without_a_commit)
    assert not webmail.change(ANNA, before), "the right one comes too late"
    assert webmail.change(BOB, others), "the control: another mailbox is not concerned"
    webmail.desk.sql("UPDATE password_changes SET at = at - INTERVAL 61 MINUTE")
    assert webmail.change(ANNA, before), "an hour later"


OWN_SESSION = {
    "a day ahead": ("DO 0", "SET timestamp = UNIX_TIMESTAMP(SYSDATE()) + 86400"),
    "ahead of all that is kept": ("DO 0", "SET timestamp = UNIX_TIMESTAMP(SYSDATE()) + 86400 * 500"),
    "another zone": ("DO 0", "SET time_zone = '+14:00'"),
    "a number that is taken": ("SET insert_id = 1", "SET insert_id = 1"),
    "reads alone": ("SET SESSION TRANSACTION READ ONLY", "SET SESSION TRANSACTION READ ONLY"),
    "changes by keys alone": ("SET sql_safe_updates = 1", "SET sql_safe_updates = 1"),
}
"""What a caller may say of his own session, for the guesses and afterwards: the clock is wrong, or statements
of the procedure fail."""


@pytest.mark.parametrize("own", OWN_SESSION.values(), ids=OWN_SESSION)
@pytest.mark.parametrize("new", [NEW, "malformed"])
def test_no_session_tells_a_right_proof_from_a_wrong_one_more_often_than_guesses_are_counted(
    webmail: Webmail, own: tuple[str, str], new: str
) -> None:
    before = stored(webmail, ANNA)
    webmail.change(ANNA, "a guess")  # a first row
    during, after = own
    for _ in range(password_changes.WRONG_PROOFS):
        answered(webmail, "a guess", new, during)
    assert answered(webmail, before, new, after) == answered(webmail, "a guess", new, after)
    assert stored(webmail, ANNA) == before


def answered(webmail: Webmail, proved: str, new: str, own: str) -> str:
    """Return how a change of Anna's password ends, in the words of the database."""
    try:
        return str(webmail.change(ANNA, proved, new, own))
    except pymysql.MySQLError as error:
        return str(error)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET password = 'x'",
        "SELECT password FROM users",
        "SELECT userid FROM users",
        "DELETE FROM password_changes",
        "SELECT * FROM password_changes",
        "DROP PROCEDURE change_password",
        "CREATE PROCEDURE mine() SELECT password FROM users",
    ],
)
def test_webmail_reaches_no_table_and_no_definition(webmail: Webmail, statement: str) -> None:
    with pytest.raises(pymysql.MySQLError) as refused:
        webmail.run(statement)
    assert refused.value.args[0] in {1044, 1142, 1143, 1370}, refused.value


@pytest.mark.parametrize("whole", HASHES)
def test_what_is_told_of_a_hash_is_its_salt_and_never_the_rest(webmail: Webmail, whole: str) -> None:
    webmail.desk.sql(f"UPDATE users SET password = '{whole}' WHERE userid = 'anna'")
    assert webmail.challenge(ANNA) == HASHES[whole]


@pytest.mark.parametrize(
    "odd", ["in clear", "{ARGON2ID}in clear", "{PLAIN}$argon2id$", "{CRYPT}$y$j9T$s$h", "$6$s$h"]
)
def test_of_what_looks_otherwise_nothing_is_told(webmail: Webmail, odd: str) -> None:
    webmail.desk.sql(f"UPDATE users SET password = '{odd}' WHERE userid = 'anna'")
    assert webmail.challenge(ANNA) is None


def test_a_hash_that_is_made_here_tells_what_makes_it_again(webmail: Webmail) -> None:
    assert webmail.challenge(ANNA) == stored(webmail, ANNA).rpartition("$")[0]


def test_rights_to_the_procedures_are_no_drift_and_a_revoked_one_is(webmail: Webmail) -> None:
    assert webmail.drift() == {}
    procedure = f"PROCEDURE {webmail.desk.database}.change_password"
    webmail.desk.sql(f"REVOKE EXECUTE ON {procedure} FROM {webmail.account}")
    assert webmail.drift() == {f'rights.passwords["EXECUTE on {procedure}"]': "add"}
    rights.update(webmail.inputs, webmail.inputs, preview=False)
    assert webmail.drift() == {}


def test_a_procedure_that_somebody_replaced_or_lost_is_made_again_and_webmail_may_call_it(
    webmail: Webmail,
) -> None:
    before = stored(webmail, ANNA)
    webmail.desk.sql("ALTER PROCEDURE change_password COMMENT 'of another version'")
    webmail.desk.sql("DROP PROCEDURE password_challenge")
    webmail.desk.up(mailboxes={ANNA: mailbox(displayName="Anna")})
    comments = webmail.desk.sql(
        "SELECT routine_name, routine_comment FROM information_schema.routines "
        "WHERE routine_schema = DATABASE() ORDER BY routine_name"
    )
    assert comments == [(name, password_changes.mark(name)) for name in sorted(password_changes.PROCEDURES)]
    assert webmail.change(ANNA, before)


def test_a_user_of_an_earlier_stack_that_may_call_procedures_is_ours_and_dropped(webmail: Webmail) -> None:
    desk = webmail.desk
    assert drop_ours(desk.connection, "passwords", "%", [desk.database])
    desk.sql(f"CREATE USER {webmail.account}")
