"""A service's password changes while the service runs: both hold until it has the new one, then one."""

import itertools
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from mailinfra.provider import single_passwords
from mailinfra.provider.mysql_users import keep_password
from tests.accounts.desk import Desk
from tests.accounts.server import UNVERIFIED

FIRST, SECOND, THIRD = "first1", "second2", "third3"

_numbers = itertools.count(1)


class Clerk:
    """One MySQL user, and the resource that ends its old passwords."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.name, self.host = desk, f"rotating{next(_numbers)}", "%"
        desk.sql(f"CREATE USER '{self.name}'@'%' IDENTIFIED BY '{FIRST}' REQUIRE SSL")
        self.state = self.inputs(FIRST)

    def inputs(self, password: str) -> dict[str, Any]:
        return {
            "connection": self.desk.connection,
            "hosts": {self.name: self.host},
            "passwords": {self.name: password},
            "second": {},
        }

    def changed(self, before: str, after: str) -> None:
        """Do what happens before the mysql provider's update, and that."""
        keep_password(self.desk.connection, self.name, self.host, before, after)
        self.desk.sql(f"ALTER USER '{self.name}'@'%' IDENTIFIED BY '{after}'")

    def up(self, password: str) -> list[str]:
        """Do what `pulumi up` does once the service has `password`; return what it says."""
        answer = single_passwords.update(self.state, self.inputs(password), preview=False)
        self.state = answer.properties
        return list(answer.notes)

    def refreshed(self) -> dict[str, str]:
        """Return what a preview shows after a refresh."""
        answer = single_passwords.read("mail", self.state, self.inputs(FIRST))
        assert answer is not None
        self.state = answer.properties
        program = self.inputs(self.state["passwords"][self.name])
        return dict(single_passwords.diff(self.state, program).paths)

    def opens(self, *passwords: str) -> list[str]:
        """Return which of the passwords let the user in now."""
        return [password for password in passwords if self._opens(password)]

    def _opens(self, password: str) -> bool:
        server = self.desk.server
        try:
            pymysql.connect(
                host=server.host, port=server.port, user=self.name, password=password, ssl=UNVERIFIED
            ).close()
        except pymysql.err.OperationalError as error:
            assert error.args[0] == 1045  # noqa: PT017 - what it is for, not whether
            return False
        return True


@pytest.fixture
def clerk(desk: Desk) -> Iterator[Clerk]:
    """A user with one password."""
    made = Clerk(desk)
    yield made
    desk.sql(f"DROP USER IF EXISTS '{made.name}'@'%'")


def test_both_passwords_hold_until_the_service_has_the_new_one_and_one_after(clerk: Clerk) -> None:
    clerk.changed(FIRST, SECOND)
    assert clerk.opens(FIRST, SECOND) == [FIRST, SECOND]
    assert clerk.up(SECOND) == [f"{clerk.name}: the old password opens nothing now"]
    assert clerk.opens(FIRST, SECOND) == [SECOND]
    assert clerk.up(SECOND) == []


def test_without_the_hook_the_old_one_would_be_refused_at_once(clerk: Clerk) -> None:
    clerk.desk.sql(f"ALTER USER '{clerk.name}'@'%' IDENTIFIED BY '{SECOND}'")
    assert clerk.opens(FIRST, SECOND) == [SECOND]


@pytest.mark.parametrize("by_the_provider", [False, True])
def test_an_update_that_is_cut_short_and_done_again_locks_nobody_out(
    clerk: Clerk, by_the_provider: bool
) -> None:
    keep_password(clerk.desk.connection, clerk.name, clerk.host, FIRST, SECOND)
    if by_the_provider:
        clerk.desk.sql(f"ALTER USER '{clerk.name}'@'%' IDENTIFIED BY '{SECOND}'")
    clerk.changed(FIRST, SECOND)
    assert clerk.opens(FIRST, SECOND) == [FIRST, SECOND]


def test_a_second_rotation_ends_the_first_password_as_well(clerk: Clerk) -> None:
    clerk.changed(FIRST, SECOND)
    clerk.up(SECOND)
    clerk.changed(SECOND, THIRD)
    clerk.up(THIRD)
    assert clerk.opens(FIRST, SECOND, THIRD) == [THIRD]


def test_a_refresh_names_who_is_let_in_with_an_old_password_and_an_update_ends_it(clerk: Clerk) -> None:
    assert clerk.refreshed() == {}
    clerk.changed(FIRST, SECOND)
    assert clerk.refreshed() == {f"second.{clerk.name}": "delete"}
    clerk.up(SECOND)
    assert clerk.refreshed() == {}


def test_a_user_that_is_gone_is_the_mysql_providers_to_tell(clerk: Clerk) -> None:
    clerk.desk.sql(f"DROP USER '{clerk.name}'@'%'")
    keep_password(clerk.desk.connection, clerk.name, clerk.host, FIRST, SECOND)
    assert clerk.up(SECOND) == []


def test_a_password_that_sql_would_have_to_escape_is_refused(clerk: Clerk) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        keep_password(clerk.desk.connection, clerk.name, clerk.host, FIRST, "it's")
