"""The tables and triggers of one database, as statements that make them again in another."""

from dataclasses import dataclass
from typing import Any

from tests.accounts.server import Server


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What a database holds before anybody has written to it."""

    tables: dict[str, str]
    """Name -> the statement that makes it."""

    triggers: dict[str, tuple[str, str]]
    """Name -> the SQL mode under which it runs, and the statement that makes it."""

    rows: dict[str, list[tuple[Any, ...]]]
    """Table -> its rows; tables without any are left out."""

    @classmethod
    def of(cls, server: Server, database: str) -> "Tables":
        """Return the tables of a database."""
        with server.link(database) as link, link.cursor() as cursor:

            def asked(statement: str) -> list[tuple[Any, ...]]:
                cursor.execute(statement)
                return list(cursor.fetchall())

            names = [str(row[0]) for row in asked("SHOW TABLES")]
            triggers = [str(row[0]) for row in asked("SHOW TRIGGERS")]
            rows = {name: asked(f"SELECT * FROM `{name}`") for name in names}
            return cls(
                tables={name: asked(f"SHOW CREATE TABLE `{name}`")[0][1] for name in names},
                triggers={name: asked(f"SHOW CREATE TRIGGER `{name}`")[0][1:3] for name in triggers},
                rows={name: found for name, found in rows.items() if found},
            )

    def make(self, server: Server, database: str) -> None:
        """Make them in an empty database."""
        with server.link(database) as link, link.cursor() as cursor:
            cursor.execute("SET foreign_key_checks = 0")  # tables may come before those that they point to
            for statement in self.tables.values():
                cursor.execute(statement)
            for mode, statement in self.triggers.values():
                cursor.execute("SET sql_mode = %s", [mode])
                cursor.execute(statement)
            for name, rows in self.rows.items():
                marks = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO `{name}` VALUES ({marks})", rows)
