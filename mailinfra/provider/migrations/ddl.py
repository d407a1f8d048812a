"""What the migrations ask the server before they take a step."""

from typing import Any

from alembic import op
from sqlalchemy import text


def rows(statement: str, **values: Any) -> list[Any]:
    """Return the rows that `statement` selects."""
    return list(op.get_bind().execute(text(statement), values))


def run(statement: str, **values: Any) -> None:
    """Run one statement."""
    op.get_bind().execute(text(statement), values)


def note(line: str) -> None:
    """Keep a line for the person who runs `pulumi up`."""
    op.get_bind().info["notes"].append(line)


def has_table(table: str) -> bool:
    """Return whether the table exists."""
    return bool(
        rows(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = :name",
            name=table,
        )
    )


def columns(table: str) -> set[str]:
    """Return the names of the table's columns, in lower case."""
    found = rows(
        "SELECT LOWER(column_name) FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name = :name",
        name=table,
    )
    return {row[0] for row in found}


def indexes(table: str) -> dict[str, tuple[list[str], bool]]:
    """Return index name -> (its columns in order, whether it is unique)."""
    found = rows(
        "SELECT index_name, LOWER(column_name), non_unique FROM information_schema.statistics "
        "WHERE table_schema = DATABASE() AND table_name = :name ORDER BY index_name, seq_in_index",
        name=table,
    )
    result: dict[str, tuple[list[str], bool]] = {}
    for index, column, non_unique in found:
        result.setdefault(index, ([], not non_unique))[0].append(column)
    return result


def has_constraint(table: str, constraint: str) -> bool:
    """Return whether the table has a foreign key or check of this name."""
    return bool(
        rows(
            "SELECT 1 FROM information_schema.table_constraints WHERE constraint_schema = DATABASE() "
            "AND table_name = :name AND constraint_name = :constraint",
            name=table,
            constraint=constraint,
        )
    )


def add_column(table: str, column: str, definition: str) -> None:
    """Add a column unless an interrupted run already has."""
    if column not in columns(table):
        run(f"ALTER TABLE {table} ADD COLUMN {column} {definition}")


def add_constraint(table: str, constraint: str, definition: str) -> None:
    """Add a foreign key or check unless an interrupted run already has."""
    if not has_constraint(table, constraint):
        run(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")


def add_index(table: str, index: str, definition: str) -> None:
    """Add an index unless an interrupted run already has; `definition` is its columns in parentheses."""
    if index not in indexes(table):
        kind = "UNIQUE INDEX" if index.startswith("unique_") else "INDEX"
        run(f"ALTER TABLE {table} ADD {kind} {index} {definition}")
