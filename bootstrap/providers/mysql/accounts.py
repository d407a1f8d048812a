"""User and Grant: who may log in, and what they may do."""

import hashlib
from typing import ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.mysql.connection import Connection, quoted_name
from bootstrap.providers.mysql.form import Lean
from bootstrap.providers.plan import Plan
from bootstrap.providers.resource import Existing, Refused, top_level
from bootstrap.providers.values import UNKNOWN, Properties

__all__ = ["Grant", "User"]

_REPLACES = Property(replaces=True)
_NO_SUCH_GRANT = "Error 1141"


class User(Lean):
    """An account; the state keeps its password's hash."""

    token = "mysql:index/user:User"  # noqa: S105 (the type's name)
    properties: ClassVar = {
        "user": Property(required=True, replaces=True),
        "host": Property(replaces=True, default="localhost"),
        "authPlugin": Property(replaces=True, foreign=True),
        "password": Property(secret=True, foreign=True),
        "plaintextPassword": Property(secret=True),
        "tlsOption": Property(replaces=True, default="NONE"),
    }

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def comparable(self, state: Properties, inputs: Properties) -> Properties:  # noqa: ARG002 (as declared)
        """Return the inputs with the password's hash, or as they are where that is what they hold."""
        return _hashed(inputs)

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create the account; one that exists is an error."""
        statement, arguments = "CREATE USER %s@%s", [inputs["user"], inputs["host"]]
        if inputs.get("plaintextPassword"):
            statement += " IDENTIFIED BY %s"
            arguments.append(inputs["plaintextPassword"])
        self._connection.execute(f"{statement} REQUIRE {inputs['tlsOption']}", arguments)
        identity = f"{inputs['user']}@{inputs['host']}"
        return identity, {**self.given(_hashed(inputs)), "id": identity}

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return the account as the state has it, if the server has it too."""
        self.no_import(old)
        rows = self._connection.execute(
            "SELECT 1 FROM mysql.user WHERE User = %s AND Host = %s", [old.state["user"], old.state["host"]]
        )
        return (old.identity, old.state) if rows else None

    def update(self, old: Existing, inputs: Properties) -> Properties:
        """Change the password."""
        account = [old.state["user"], old.state["host"]]
        password = inputs.get("plaintextPassword") or ""
        self._connection.execute("ALTER USER %s@%s IDENTIFIED BY %s", [*account, password])
        return {**old.state, **self.given(_hashed(inputs))}

    def delete(self, old: Existing) -> None:
        """Drop the account, its grants with it; one that is gone is an error."""
        try:
            self._connection.execute("DROP USER %s@%s", [old.state["user"], old.state["host"]])
        except Refused as refusal:
            raise Refused(f"deleting {self.token} {old.identity}: {refusal}") from None


class Grant(Lean):
    """Privileges of one account on one database or table."""

    token = "mysql:index/grant:Grant"  # noqa: S105 (the type's name)
    properties: ClassVar = {
        "user": _REPLACES,
        "host": Property(replaces=True, default="localhost"),
        "database": Property(required=True, replaces=True),
        "table": Property(replaces=True, default="*"),
        "privileges": Property(kind="list", replaces=True, unordered=True),
        "role": Property(replaces=True, foreign=True),
        "roles": Property(kind="list", replaces=True, unordered=True, conflicts="privileges"),
        "grant": Property(kind="truth", replaces=True),
        "tlsOption": Property(replaces=True, default="NONE"),
    }

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def details(self, state: Properties, planned: Plan, inputs: Properties) -> dict[str, str]:
        """Tell a list as the older SDK does: by the places of what goes and comes, and its length."""
        kinds = super().details(state, planned, inputs)
        for name in ("privileges", "roles"):
            old, new = state.get(name) or [], inputs.get(name) or []
            if name not in planned.state or UNKNOWN in (old, new):
                continue
            gone = {index for index, one in enumerate(old) if one not in new}
            come = {index for index, one in enumerate(new) if one not in old}
            if not gone | come:
                continue
            kinds = {path: kind for path, kind in kinds.items() if top_level(path) != name}
            for index in sorted(gone | come):
                kind = "UPDATE" if index in gone & come else "DELETE" if index in gone else "ADD"
                kinds[f"{name}[{index}]"] = f"{kind}_REPLACE"
            if len(old) != len(new):
                kinds[name] = "UPDATE"
        return kinds

    def given(self, inputs: Properties) -> Properties:
        """Return the inputs; without being asked, nobody may grant what was granted."""
        return {"grant": False, **super().given(inputs)}

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Grant the privileges to an account that exists."""
        statement = f"GRANT {', '.join(inputs['privileges'])} ON {_place(inputs)} TO %s@%s"
        account = [inputs["user"], inputs["host"]]
        try:
            self._connection.execute(statement, account)
        except Refused as refusal:
            shown = statement.replace("%s", "'{}'").format(*account)
            raise Refused(f"Error running SQL ({shown}): {refusal}") from None
        identity = f"{inputs['user']}@{inputs['host']}:{quoted_name(inputs['database'])}"
        return identity, {**self.given(inputs), "id": identity}

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return the grant as the state has it, if the account has any."""
        self.no_import(old)
        try:
            self._connection.execute("SHOW GRANTS FOR %s@%s", [old.state["user"], old.state["host"]])
        except Refused as refusal:
            if _NO_SUCH_GRANT in str(refusal):
                return None
            raise
        return old.identity, {**old.state, "roles": old.state.get("roles") or []}

    def delete(self, old: Existing) -> None:
        """Revoke the grant option first, as the real one does: refused where nobody gave it."""
        account = [old.state["user"], old.state["host"]]
        statement = f"REVOKE GRANT OPTION ON {_place(old.state)} FROM %s@%s"
        try:
            self._connection.execute(statement, account)
        except Refused as refusal:
            shown = statement.replace("%s", "'{}'").format(*account)
            raise Refused(
                f"deleting {self.token} {old.identity}: error revoking GRANT ({shown}): {refusal}"
            ) from None
        self._connection.execute(
            f"REVOKE {', '.join(old.state['privileges'])} ON {_place(old.state)} FROM %s@%s", account
        )


def _hashed(inputs: Properties) -> Properties:
    password = inputs.get("plaintextPassword")
    if not password or password == UNKNOWN:
        return inputs
    return {**inputs, "plaintextPassword": hashlib.sha256(password.encode()).hexdigest()}


def _place(inputs: Properties) -> str:
    table = inputs.get("table") or "*"
    database = inputs["database"]
    return ".".join(name if name == "*" else quoted_name(name) for name in (database, table))
