"""Somebody else's table `users`: converted whole, or refused before anything is changed."""

import re

import pytest

from mailinfra.provider import migrations
from mailinfra.provider.errors import ProviderError
from tests.accounts.desk import Desk, mailbox
from tests.accounts.test_schema import HASH, ORIGINAL, original

pytestmark = pytest.mark.accounts

ROW = "(19, 'usermail', 'example.com', 'x', '\"a\"', '')"


def refusal(desk: Desk) -> str:
    """Return why the table is not adopted, after a look that nothing was changed."""

    def look() -> object:
        return desk.sql("SHOW CREATE TABLE users"), desk.sql("SELECT * FROM users")

    before = look()
    with pytest.raises(ProviderError, match="nothing was changed") as caught:
        desk.upgrade()
    assert look() == before, "whole or not at all"
    return str(caught.value)


VALUES = {
    "a NULL user": ("userid VARCHAR(128)", "userid = NULL", "id 19: userid is NULL"),
    "a NULL domain": ("domain VARCHAR(128)", "domain = NULL", "domain is NULL; give it a value"),
    "a NULL password": ("password VARCHAR(500)", "password = NULL", "password is NULL"),
    "a long claimant": ("claimant TEXT", "claimant = REPEAT('c', 21)", "claimant is longer than 20"),
    "a long note": ("description TEXT", "description = REPEAT('ü', 201)", "longer than 200"),
    "a long password": ("password TEXT", "password = REPEAT('p', 501)", "password is longer than 500"),
    "a long user": ("userid VARCHAR(200)", "userid = REPEAT('u', 129)", "userid is longer than 128"),
    "a long domain": ("domain VARCHAR(300)", "domain = REPEAT('d', 254)", "domain is longer than 253"),
    "a user of blanks": ("userid VARCHAR(128)", "userid = ' '", "userid is empty"),
    "bytes that are not text": ("userid VARBINARY(128)", "userid = x'FF'", "bytes that are not UTF-8 text"),
    "padded bytes": ("userid BINARY(20)", "id = id", "userid holds a NUL character"),
}


@pytest.mark.parametrize(("column", "value", "reason"), VALUES.values(), ids=VALUES)
def test_a_value_that_does_not_fit_is_found_before_anything_is_changed(
    empty_desk: Desk, column: str, value: str, reason: str
) -> None:
    original(empty_desk, ROW)
    empty_desk.sql(f"ALTER TABLE users MODIFY {column}")
    empty_desk.sql(f"UPDATE users SET {value}")
    assert reason in refusal(empty_desk)


SHAPES = {
    "ADD enabled CHAR(1) DEFAULT 'Y'": "column(s) enabled that would mean something else",
    "ADD quota INT NOT NULL": "`users.quota` is NOT NULL and has no default",
    "ADD UNIQUE INDEX once (domain)": "the unique index `once` of `users` on domain",
    "ADD UNIQUE INDEX half (userid(5), domain(5))": "the unique index `half`",
    "MODIFY id INT, DROP PRIMARY KEY, ADD PRIMARY KEY (userid)": "the primary key of `users`",
    "MODIFY id VARCHAR(9)": "`users.id` is of type varchar",
    "MODIFY claimant JSON": "`users.claimant` is of type json, which is not text",
    "ADD CONSTRAINT few CHECK (claimant <> 'z')": "the check `few` of `users`",
    "DROP description, ADD description VARCHAR(9) AS (claimant)": "is computed from other columns",
    "DROP INDEX userid PARTITION BY HASH (id)": "`users` is partitioned",
}


@pytest.mark.parametrize(("change", "reason"), SHAPES.items())
def test_a_shape_that_cannot_be_adopted_is_refused(empty_desk: Desk, change: str, reason: str) -> None:
    original(empty_desk, ROW)
    empty_desk.sql(f"ALTER TABLE users {change}")
    assert reason in refusal(empty_desk)


TIED = {
    "CREATE TABLE aliases (id INT)": "has table(s) aliases that were not made here",
    "CREATE TABLE domains (id INT)": "has table(s) domains",
    "CREATE TABLE logs (user INT UNSIGNED, FOREIGN KEY (user) REFERENCES users (id))": "the foreign key",
    "CREATE TRIGGER loud BEFORE INSERT ON users FOR EACH ROW SET NEW.claimant = 'x'": "trigger `loud`",
}


@pytest.mark.parametrize(("statement", "reason"), TIED.items())
def test_what_is_tied_to_the_table_stands_in_the_way(empty_desk: Desk, statement: str, reason: str) -> None:
    original(empty_desk, ROW)
    empty_desk.sql(statement)
    assert reason in refusal(empty_desk)


def test_a_view_of_that_name_is_refused(empty_desk: Desk) -> None:
    original(empty_desk, ROW)
    empty_desk.sql("RENAME TABLE users TO people")
    empty_desk.sql("CREATE VIEW users AS SELECT * FROM people")
    with pytest.raises(ProviderError, match="`users` is a view"):
        empty_desk.upgrade()


def test_names_that_differ_in_trailing_blanks_alone_are_twins(empty_desk: Desk) -> None:
    original(empty_desk, ROW)
    empty_desk.sql("ALTER TABLE users MODIFY userid VARBINARY(128)")
    empty_desk.sql("INSERT INTO users VALUES (20, 'usermail ', 'example.com', 'x', '', '')")
    assert "usermail@example.com (ids 19,20)" in refusal(empty_desk)


def test_everything_in_the_way_is_said_at_once_and_nothing_of_a_password(empty_desk: Desk) -> None:
    empty_desk.sql(ORIGINAL.replace("password VARCHAR(500) NOT NULL", "password TEXT"))
    empty_desk.sql("INSERT INTO users VALUES (1, 'a', 'x.test', NULL, '', '')")
    empty_desk.sql("INSERT INTO users VALUES (2, 'b', '', REPEAT('hunter2', 99), '', '')")
    said = refusal(empty_desk)
    for reason in ("id 1: password is NULL", "id 2: domain is empty", "id 2: password is longer than 500"):
        assert reason in said
    assert "hunter2" not in said


ADOPTED = [
    "MODIFY claimant VARCHAR(20), MODIFY description VARCHAR(200)",
    "MODIFY password VARCHAR(110) NOT NULL, MODIFY userid VARCHAR(64) NOT NULL",
    "MODIFY userid VARBINARY(128) NOT NULL, MODIFY domain VARBINARY(128), MODIFY password VARBINARY(500)",
    "MODIFY password TEXT, MODIFY description LONGTEXT, MODIFY claimant TINYTEXT",
    "MODIFY id INT NOT NULL, ENGINE=MyISAM",
    "MODIFY id BIGINT NOT NULL AUTO_INCREMENT, CONVERT TO CHARACTER SET latin1",
    "ADD quota INT NOT NULL DEFAULT 0, ADD note TEXT NOT NULL DEFAULT ('x'), ADD INDEX (domain)",
    "DROP INDEX userid, ADD UNIQUE INDEX person (domain, userid), ROW_FORMAT=COMPACT",
    "MODIFY claimant ENUM('admin', 'x')",
]


@pytest.mark.parametrize("change", ADOPTED)
def test_a_table_of_another_shape_is_adopted_whole_and_takes_new_mailboxes(
    empty_desk: Desk, change: str
) -> None:
    stored = "{ARGON2ID}" + HASH
    original(empty_desk, f"(19, 'Usermail', 'example.com', '{stored}', 'admin', 'for test')")
    empty_desk.sql(f"ALTER TABLE users {change}")
    if change == ADOPTED[0]:
        empty_desk.sql("UPDATE users SET claimant = NULL, description = NULL")
    empty_desk.upgrade()
    old, new = "usermail@example.com", "usermail@example.test"
    domains: dict[str, dict[str, str]] = {"example.com": {}, "example.test": {}}
    empty_desk.up(domains=domains, mailboxes={old: mailbox(), new: mailbox(claimant="someone else")})
    assert (empty_desk.column("id", old), empty_desk.column("password", old)) == (19, stored)
    assert empty_desk.column("id", new) > 19
    kinds = empty_desk.sql(
        "SELECT LOWER(column_name), column_type, is_nullable, collation_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name = 'users' "
        "AND column_name IN ('userid', 'domain', 'password', 'claimant', 'description') ORDER BY column_name"
    )
    assert kinds == [
        ("claimant", "varchar(20)", "NO", "utf8mb4_bin"),
        ("description", "varchar(200)", "NO", "utf8mb4_bin"),
        ("domain", "varchar(253)", "NO", "utf8mb4_bin"),
        ("password", "varchar(500)", "NO", "utf8mb4_bin"),
        ("userid", "varchar(128)", "NO", "utf8mb4_bin"),
    ]


def test_a_migration_that_stops_half_way_says_so_and_is_finished_by_the_next_run(empty_desk: Desk) -> None:
    empty_desk.upgrade("0002")
    empty_desk.sql("INSERT INTO domains (name) VALUES ('x.test')")
    empty_desk.sql("INSERT INTO users (userid, domain, password) VALUES ('a', 'x.test', '')")
    empty_desk.sql(
        "CREATE TRIGGER stop BEFORE UPDATE ON users FOR EACH ROW "
        "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not today'"
    )
    told = "the tables are at revision 0002, and some steps towards the next one may be done"
    with pytest.raises(ProviderError, match=re.escape(told)) as caught:
        empty_desk.upgrade()
    assert "not today" in str(caught.value)
    assert "nothing was" not in str(caught.value)
    empty_desk.sql("DROP TRIGGER stop")
    empty_desk.upgrade()
    assert empty_desk.column("home", "a@x.test") == "x.test/a"


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_an_adoption_that_stops_after_any_step_is_finished_by_the_next_run(
    empty_desk: Desk, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    original(empty_desk, f"(19, 'Usermail', 'example.com', '{{ARGON2ID}}{HASH}', 'admin', 'for test')")
    empty_desk.sql("ALTER TABLE users MODIFY claimant VARCHAR(20)")
    empty_desk.sql("INSERT INTO users VALUES (20, 'bob', 'example.com', '', NULL, '')")
    scripts = migrations.scripts()
    module = scripts.get_revision("0001").module
    done = module.run
    left = [steps]

    def stopping(statement: str, **values: object) -> None:
        if left[0] == 0:
            raise ProviderError("the server went away")
        left[0] -= 1
        done(statement, **values)

    monkeypatch.setattr(migrations, "scripts", lambda: scripts)
    monkeypatch.setattr(module, "run", stopping)
    if steps < 3:
        with pytest.raises(ProviderError, match="the server went away"):
            empty_desk.upgrade("0001")
        left[0] = 99
    empty_desk.upgrade("0001")
    assert empty_desk.sql("SELECT id, userid, claimant FROM users ORDER BY id") == [
        (19, "usermail", "admin"),
        (20, "bob", ""),
    ]
