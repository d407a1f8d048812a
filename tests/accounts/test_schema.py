"""The tables: made, adopted and brought forwards on a live server."""

import re

import pytest
from sqlalchemy import String

from mailinfra.components import own_provider as resources
from mailinfra.provider import migrations, schema, tables
from mailinfra.provider.errors import ProviderError
from tests.accounts.desk import Desk, mailbox
from tests.accounts.tables import Tables

pytestmark = pytest.mark.accounts

HASH = "$argon2id$v=19$m=65536,t=3,p=1$RmLSeYCr45SE84sqJqv/wA$jGB2u2M9TjZckWR+McZwJredi3Tzqlx3+cipgEcE4BI"
DOUBLED = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p={ARGON2ID}" + HASH
ORIGINAL = """
CREATE TABLE users (
  id INT UNSIGNED AUTO_INCREMENT,
  userid VARCHAR(128) NOT NULL UNIQUE,
  domain VARCHAR(128) NOT NULL,
  password VARCHAR(500) NOT NULL,
  claimant VARCHAR(20) NOT NULL,
  description VARCHAR(200) NOT NULL,
  PRIMARY KEY (id)
)"""


def original(desk: Desk, *rows: str) -> None:
    """Make the original table, as people have it, with some rows."""
    desk.sql(ORIGINAL)
    for row in rows:
        desk.sql(f"INSERT INTO users VALUES {row}")


def test_an_empty_database_gets_every_table(empty_desk: Desk) -> None:
    empty_desk.upgrade()
    tables = {row[0] for row in empty_desk.sql("SHOW TABLES")}
    assert tables == {
        "account_changes",
        "account_revision",
        "alembic_version",
        "aliases",
        "domains",
        "password_changes",
        "retired_homes",
        "users",
    }


def test_the_tables_that_most_of_these_tests_begin_with_are_those_that_the_migrations_make(
    desk: Desk, newest: Tables
) -> None:
    # A copied table names the character set of a column also where it is the table's own.
    plain = {name: text.replace(" CHARACTER SET utf8mb4", "") for name, text in newest.tables.items()}
    copied = Tables.of(desk.server, desk.database)
    assert {name: text.replace(" CHARACTER SET utf8mb4", "") for name, text in copied.tables.items()} == plain
    assert (copied.triggers, copied.rows) == (newest.triggers, newest.rows)
    assert set(plain) >= {"users", "domains", "aliases"}


def test_the_columns_that_are_read_and_written_are_those_that_the_migrations_make(desk: Desk) -> None:
    found = desk.sql(
        "SELECT table_name, LOWER(column_name), character_maximum_length, is_nullable = 'YES' "
        "FROM information_schema.columns WHERE table_schema = DATABASE()"
    )
    made = {(table, column): (length, bool(null)) for table, column, length, null in found}
    for table in tables.metadata.tables.values():
        for column in table.columns:
            length = column.type.length if isinstance(column.type, String) else None
            assert made.pop((table.name, column.name)) == (length, bool(column.nullable)), str(column)
    ours = {(table, column) for table, column in made if table in tables.metadata.tables}
    assert {column for _, column in ours} == {"created_at", "updated_at"}, "written by the database itself"


def test_the_program_asks_for_the_newest_revision() -> None:
    assert migrations.head() == resources.REVISION


def test_an_original_table_keeps_every_row_with_its_id_and_password(empty_desk: Desk) -> None:
    original(
        empty_desk,
        f"(19, 'usermail', 'example.com', '{{ARGON2ID}}{HASH}', 'admin', 'for test')",
        f"(7, 'Zoë', 'Example.org', '{{ARGON2ID}}{HASH}', '', '')",
    )
    notes = empty_desk.upgrade()
    rows = empty_desk.sql(
        "SELECT id, userid, domain, password, claimant, home, enabled FROM users ORDER BY id"
    )
    assert rows == [
        (7, "zoë", "example.org", "{ARGON2ID}" + HASH, "", "example.org/zoë", 1),
        (19, "usermail", "example.com", "{ARGON2ID}" + HASH, "admin", "example.com/usermail", 1),
    ]
    assert "adopted the existing table `users` with 2 mailbox(es)" in notes
    assert {row[0] for row in empty_desk.sql("SELECT name FROM domains")} == {"example.com", "example.org"}


def test_a_name_may_exist_in_two_domains_once_the_original_table_is_adopted(empty_desk: Desk) -> None:
    original(empty_desk, f"(19, 'usermail', 'example.com', '{{ARGON2ID}}{HASH}', 'admin', '')")
    empty_desk.upgrade()
    empty_desk.sql("INSERT INTO domains (name) VALUES ('example.org')")
    empty_desk.sql("INSERT INTO users (userid, domain, password) VALUES ('usermail', 'example.org', '')")
    assert empty_desk.column("home", "usermail@example.org") == "example.org/usermail"


def test_a_doubled_scheme_prefix_is_repaired_and_reported(empty_desk: Desk) -> None:
    original(empty_desk, f"(19, 'usermail', 'example.com', '{DOUBLED}', 'admin', '')")
    notes = empty_desk.upgrade()
    assert empty_desk.column("password", "usermail@example.com") == "{ARGON2ID}" + HASH
    assert any("usermail@example.com (id 19)" in note and "repaired" in note for note in notes)
    assert HASH not in " ".join(notes), "a hash is never shown"


def test_a_doubled_prefix_without_a_whole_hash_is_reported_and_left(empty_desk: Desk) -> None:
    original(empty_desk, "(3, 'broken', 'example.com', '{ARGON2ID}{ARGON2ID}$argon2id$v=19', '', '')")
    notes = empty_desk.upgrade()
    assert empty_desk.column("password", "broken@example.com") == "{ARGON2ID}{ARGON2ID}$argon2id$v=19"
    assert any("broken@example.com (id 3)" in note and "reset it" in note for note in notes)


def test_rows_that_differ_only_in_case_stop_the_adoption_before_anything_changes(empty_desk: Desk) -> None:
    empty_desk.sql(ORIGINAL.replace("userid VARCHAR(128) NOT NULL UNIQUE", "userid VARCHAR(128) NOT NULL"))
    for number, name in ((1, "bob"), (2, "Bob")):
        empty_desk.sql(f"INSERT INTO users VALUES ({number}, '{name}', 'example.com', '', '', '')")
    with pytest.raises(ProviderError, match=re.escape("bob@example.com (ids 1,2)")):
        empty_desk.upgrade()
    assert empty_desk.sql("SELECT userid FROM users ORDER BY id") == [("bob",), ("Bob",)]


def test_a_foreign_table_of_that_name_is_refused(empty_desk: Desk) -> None:
    empty_desk.sql("CREATE TABLE users (id INT PRIMARY KEY, login VARCHAR(20))")
    with pytest.raises(ProviderError, match=r"without the column.*claimant.*another database"):
        empty_desk.upgrade()


def test_a_database_of_a_newer_program_is_left_alone(desk: Desk) -> None:
    desk.sql("UPDATE alembic_version SET version_num = '0999'")
    with pytest.raises(ProviderError, match="0999, which this version does not know"):
        desk.upgrade()


def test_the_schema_never_goes_back(desk: Desk) -> None:
    with pytest.raises(ProviderError, match="going back to 0001 is not possible"):
        desk.upgrade("0001")


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_each_migration_brings_the_previous_versions_rows_along(empty_desk: Desk, revision: str) -> None:
    empty_desk.upgrade(revision)
    if revision != "0001":
        empty_desk.sql("INSERT INTO domains (name) VALUES ('example.test')")
    empty_desk.sql(
        f"INSERT INTO users (userid, domain, password) VALUES ('a', 'example.test', '{{ARGON2ID}}{HASH}')"
    )
    empty_desk.upgrade()
    empty_desk.up(mailboxes={"a@example.test": mailbox()})
    assert empty_desk.column("password", "a@example.test") == "{ARGON2ID}" + HASH
    assert empty_desk.column("home", "a@example.test") == "example.test/a"


def test_the_mark_of_mail_to_delete_comes_to_retired_homes_unset(empty_desk: Desk) -> None:
    empty_desk.upgrade("0003")
    empty_desk.sql("INSERT INTO retired_homes (home, userid, domain) VALUES ('a.test/bob', 'bob', 'a.test')")
    empty_desk.upgrade()
    assert empty_desk.sql("SELECT home, userid, domain, delete_mail FROM retired_homes") == [
        ("a.test/bob", "bob", "a.test", 0)
    ]
    state = empty_desk.up()
    assert state["retiredHomes"] == {"a.test/bob": "bob@a.test"}


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004"])
def test_an_interrupted_migration_is_finished_by_the_next_run(empty_desk: Desk, revision: str) -> None:
    empty_desk.upgrade(revision)
    # As if the server had died after the tables were changed and before that was noted.
    previous = migrations.scripts().get_revision(revision).down_revision
    empty_desk.sql("DELETE FROM alembic_version")
    if previous:
        empty_desk.sql(f"INSERT INTO alembic_version VALUES ('{previous}')")
    empty_desk.upgrade()
    assert empty_desk.sql("SELECT version_num FROM alembic_version") == [(migrations.head(),)]


def test_a_refresh_finds_a_schema_that_was_changed_or_is_gone(desk: Desk) -> None:
    state = {"connection": desk.connection, "revision": migrations.head()}
    desk.sql("UPDATE alembic_version SET version_num = '0002'")
    found = schema.read(desk.database, state, state)
    assert found is not None
    assert found.properties["revision"] == "0002"
    desk.sql("DROP TABLE alembic_version")
    assert schema.read(desk.database, state, state) is None


def test_the_database_compares_addresses_by_accent_and_width_and_refuses_upper_case(desk: Desk) -> None:
    desk.up(mailboxes={"alice@example.test": mailbox()})
    for twin in ("älice", "\uff41lice"):
        assert desk.sql(f"SELECT 1 FROM users WHERE userid = '{twin}'") == []
    with pytest.raises(Exception, match="users_lower_case"):
        desk.sql("INSERT INTO users (userid, domain, password) VALUES ('Alice', 'example.test', '')")
