"""Rights of the services' MySQL users: what was changed by hand is named by a refresh and put right."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from mailinfra.provider import rights
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.mysql_users import drop_ours
from tests.accounts.desk import Desk

HOST = "192.0.2.4"

_numbers = itertools.count(1)


class Clerk:
    """One MySQL user and the `Rights` resource that looks after it."""

    def __init__(self, desk: Desk, host: str) -> None:
        self.desk, self.host = desk, host
        self.name = f"clerk{next(_numbers)}"
        self.account = f"'{self.name}'@'{host}'"
        users, domains = f"{desk.database}.users", f"{desk.database}.domains"
        wanted = (
            f"SELECT (userid) on {users}",
            f"SELECT (domain) on {users}",
            f"UPDATE (password) on {users}",
            f"SELECT on {domains}",
        )
        desk.sql(f"CREATE USER {self.account} IDENTIFIED BY 'not-a-secret'")
        desk.sql(f"GRANT SELECT (userid, domain), UPDATE (password) ON {users} TO {self.account}")
        desk.sql(f"GRANT SELECT ON {domains} TO {self.account}")
        self.inputs: dict[str, Any] = {
            "connection": desk.connection,
            "hosts": {self.name: host},
            "rights": {self.name: dict.fromkeys(wanted, True)},
        }
        self.state = self.inputs

    def refreshed(self) -> dict[str, str]:
        """Return what a preview shows after a refresh: property path -> kind of change."""
        answer = rights.read("mail", self.state, self.inputs)
        assert answer is not None
        self.state = answer.properties
        return dict(rights.diff(self.state, self.inputs).paths)

    def up(self) -> list[str]:
        """Do what `pulumi up` does; return what it says."""
        answer = rights.update(self.state, self.inputs, preview=False)
        self.state = answer.properties
        return list(answer.notes)


@pytest.fixture(params=[HOST, "%"])
def clerk(desk: Desk, request: pytest.FixtureRequest) -> Iterator[Clerk]:
    """A user with its rights, on a server of ours and on somebody else's, where it comes from anywhere."""
    made = Clerk(desk, request.param)
    yield made
    desk.sql(f"DROP USER IF EXISTS {made.account}")


def test_untouched_rights_are_no_change(clerk: Clerk) -> None:
    assert clerk.refreshed() == {}
    assert clerk.up() == []


def test_a_revoked_column_is_named_by_a_refresh_and_given_again(clerk: Clerk) -> None:
    database = clerk.desk.database
    clerk.desk.sql(f"REVOKE SELECT (domain) ON {database}.users FROM {clerk.account}")
    assert clerk.refreshed() == {f'rights.{clerk.name}["SELECT (domain) on {database}.users"]': "add"}
    assert clerk.up() == [f"{clerk.name}: SELECT (domain) on {database}.users granted"]
    assert clerk.refreshed() == {}


@pytest.mark.parametrize(
    ("granted", "named"),
    [
        ("GRANT DELETE ON {db}.users TO {user}", ["DELETE on {db}.users"]),
        ("GRANT UPDATE ON {db}.* TO {user}", ["UPDATE on {db}.*"]),
        ("GRANT SELECT (password) ON {db}.users TO {user}", ["SELECT (password) on {db}.users"]),
        ("GRANT ALL ON {db}.domains TO {user}", ["ALL PRIVILEGES on {db}.domains"]),
        ("GRANT SELECT ON {db}.domains TO {user} WITH GRANT OPTION", ["GRANT OPTION on {db}.domains"]),
        ("GRANT PROCESS ON *.* TO {user}", ["PROCESS on *.*"]),
        ("GRANT BACKUP_ADMIN ON *.* TO {user}", ["BACKUP_ADMIN on *.*"]),
        ("GRANT EXECUTE ON PROCEDURE {db}.harmless TO {user}", ["EXECUTE on PROCEDURE {db}.harmless"]),
    ],
)
def test_a_right_granted_by_hand_is_named_by_a_refresh_and_revoked(
    clerk: Clerk, granted: str, named: list[str]
) -> None:
    names = {"db": clerk.desk.database, "user": clerk.account}
    if "PROCEDURE" in granted:
        clerk.desk.sql("CREATE PROCEDURE IF NOT EXISTS harmless() SELECT 1")
    clerk.desk.sql(granted.format(**names))
    extra = {f'rights.{clerk.name}["{one.format(**names)}"]' for one in named}
    found = clerk.refreshed()
    assert extra <= found.keys(), "drift that nobody sees is a right that nobody gave"
    assert all(found[path] == "delete" for path in extra)
    clerk.up()
    assert clerk.refreshed() == {}


def test_a_role_granted_by_hand_is_taken_back(clerk: Clerk) -> None:
    role = f"'{clerk.name}_role'"
    clerk.desk.sql(f"CREATE ROLE {role}")
    try:
        clerk.desk.sql(f"GRANT {role} TO {clerk.account}")
        assert clerk.refreshed() == {f'rights.{clerk.name}["role `{clerk.name}_role`@`%`"]': "delete"}
        clerk.up()
        assert clerk.refreshed() == {}
    finally:
        clerk.desk.sql(f"DROP ROLE {role}")


def test_a_user_that_is_gone_has_no_rights_and_gets_none_without_being_made_again(clerk: Clerk) -> None:
    clerk.desk.sql(f"DROP USER {clerk.account}")
    assert len(clerk.refreshed()) == 4, "each right is named"
    with pytest.raises(ProviderError, match=rf"{clerk.name}@{clerk.host} is not there.*up --refresh"):
        clerk.up()


def test_a_user_of_an_earlier_stack_is_dropped_before_a_new_one_is_made(clerk: Clerk) -> None:
    dropped = drop_ours(clerk.desk.connection, clerk.name, clerk.host, [clerk.desk.database])
    assert dropped
    assert not drop_ours(clerk.desk.connection, clerk.name, clerk.host, [clerk.desk.database]), "it is gone"


def test_a_user_with_rights_elsewhere_is_somebody_elses_and_stays(clerk: Clerk) -> None:
    clerk.desk.sql(f"GRANT PROCESS ON *.* TO {clerk.account}")
    with pytest.raises(ProviderError, match=r"rights outside of .*PROCESS on \*\.\*.*rename or drop"):
        drop_ours(clerk.desk.connection, clerk.name, clerk.host, [clerk.desk.database])
    assert clerk.refreshed(), "it is still there"


def test_a_name_with_a_quote_is_never_put_into_sql(clerk: Clerk) -> None:
    with pytest.raises(ValueError, match="quote or a backslash"):
        drop_ours(clerk.desk.connection, "o'neil", HOST, [clerk.desk.database])
