"""What a person does with accounts, as the engine would ask the provider: up, refresh, destroy."""

from typing import Any

from mailinfra.provider import directory, migrations, schema
from mailinfra.provider.plugin import Answer
from tests.accounts.server import Server

Bag = dict[str, Any]

FAST = {"memoryKib": 8192.0, "iterations": 1.0, "parallelism": 1.0}
MAILBOX: Bag = {
    "enabled": True,
    "receives": True,
    "imap": True,
    "pop3": True,
    "submission": True,
    "password": "initial",
}


def mailbox(**changes: Any) -> Bag:
    """Return the property bag of a mailbox."""
    return MAILBOX | changes


class Desk:
    """Keeps a stack's state between the calls, as the engine does."""

    def __init__(self, server: Server, database: str) -> None:
        self.server = server
        self.database = database
        self.state: Bag = {}
        self.notes: list[str] = []
        """What the last call told the person at the terminal."""

    def upgrade(self, revision: str = "") -> list[str]:
        """Bring the tables to a revision, by default the newest; return what was said."""
        inputs = {"connection": self.connection, "revision": revision or migrations.head()}
        return list(schema.create(inputs, preview=False).notes)

    @property
    def connection(self) -> Bag:
        """Return the way to this desk's database."""
        return self.server.connection(self.database)

    def inputs(self, **declared: Any) -> Bag:
        """Return a Directory's inputs; the domain example.test is declared unless others are."""
        bag: Bag = {
            "connection": self.connection,
            "domains": {"example.test": {}},
            "mailboxes": {},
            "aliases": {},
            "passwords": {},
            "undeclared": "keep",
            "hashing": FAST,
        }
        return bag | declared

    def changes(self, **declared: Any) -> dict[str, str]:
        """Return what a preview would show: property path -> kind of change."""
        inputs, mistakes = directory.check(self.inputs(**declared))
        assert mistakes == []
        change = directory.diff(self.state, inputs)
        self.notes = list(change.notes)
        return dict(change.paths)

    def up(self, **declared: Any) -> Bag:
        """Do what `pulumi up` does; return the new state."""
        inputs, mistakes = directory.check(self.inputs(**declared))
        assert mistakes == []
        if self.state and not directory.diff(self.state, inputs).paths:
            return self.state
        if self.state:
            answer = directory.update(self.state, inputs, preview=False)
        else:
            answer = directory.create(inputs, preview=False)
        return self._keep(answer)

    def refresh(self) -> Bag:
        """Do what `pulumi refresh` does; return the new state."""
        answer = directory.read(self.database, self.state, self.state)
        assert answer is not None
        return self._keep(answer)

    def destroy(self) -> None:
        """Do what `pulumi destroy` does."""
        self.notes = list(directory.delete(self.state))
        self.state = {}

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement by hand, behind the stack's back."""
        return self.server.sql(statement, self.database)

    def column(self, column: str, address: str) -> Any:
        """Return one column of a mailbox's row; None where there is no row."""
        local, _, domain = address.rpartition("@")
        rows = self.sql(f"SELECT {column} FROM users WHERE userid = '{local}' AND domain = '{domain}'")
        return rows[0][0] if rows else None

    def _keep(self, answer: Answer) -> Bag:
        self.state = answer.properties
        self.notes = [*answer.notes, *answer.warnings]
        return self.state
