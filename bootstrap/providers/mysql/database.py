"""Database: a schema on the server."""

from typing import ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.mysql.connection import Connection, quoted_name
from bootstrap.providers.mysql.form import Lean
from bootstrap.providers.resource import Existing, Refused
from bootstrap.providers.values import Properties

__all__ = ["Database"]


class Database(Lean):
    """A database with its character set and collation."""

    token = "mysql:index/database:Database"  # noqa: S105 (the type's name)
    properties: ClassVar = {
        "name": Property(replaces=True),
        "defaultCharacterSet": Property(default="utf8"),
        "defaultCollation": Property(default="utf8_general_ci"),
    }
    automatic_name = "name"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create the database; one that exists is an error."""
        self._connection.execute(_statement("CREATE", inputs))
        return inputs["name"], self._found(inputs["name"])

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return the database as the server describes it."""
        try:
            return old.identity, self._found(old.identity)
        except LookupError:
            return None

    def update(self, old: Existing, inputs: Properties) -> Properties:
        """Change the defaults for tables to come."""
        self._connection.execute(_statement("ALTER", {**inputs, "name": old.identity}))
        return self._found(old.identity)

    def delete(self, old: Existing) -> None:
        """Drop the database; one that is gone is an error."""
        try:
            self._connection.execute(f"DROP DATABASE {quoted_name(old.identity)}")
        except Refused as refusal:
            raise Refused(f"deleting {self.token} {old.identity}: {refusal}") from None

    def _found(self, name: str) -> Properties:
        rows = self._connection.execute(
            "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
            " WHERE SCHEMA_NAME = %s",
            [name],
        )
        if not rows:
            raise LookupError(name)
        ((characters, collation),) = rows
        return {"id": name, "name": name, "defaultCharacterSet": characters, "defaultCollation": collation}


def _statement(verb: str, inputs: Properties) -> str:
    clauses = f"{verb} DATABASE {quoted_name(inputs['name'])}"
    if inputs.get("defaultCharacterSet"):
        clauses += f" DEFAULT CHARACTER SET {quoted_name(inputs['defaultCharacterSet'])}"
    if inputs.get("defaultCollation"):
        clauses += f" DEFAULT COLLATE {quoted_name(inputs['defaultCollation'])}"
    return clauses
