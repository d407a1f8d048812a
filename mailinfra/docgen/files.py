"""Files: which files are generated, and from what.

Owns the list. Does not own what is in them (schema.py, reference.py, architecture.py).
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from mailinfra.config.accounts.lists import AccountsConfig
from mailinfra.config.server import ServerConfig
from mailinfra.docgen import architecture, schema
from mailinfra.docgen.reference import reference

ROOT = Path(__file__).parents[2]
ARCHITECTURE = "docs/architecture.md"

FILES: Mapping[str, Callable[[], str]] = {
    "Pulumi.schema.json": lambda: schema.as_json(schema.stack_schema()),
    "accounts.schema.json": lambda: schema.as_json(
        {"$schema": schema.DIALECT, **schema.schema(AccountsConfig)}
    ),
    "docs/configuration.md": lambda: reference(schema.schema(ServerConfig)),
    ARCHITECTURE: lambda: architecture.page((ROOT / ARCHITECTURE).read_text(encoding="utf-8")),
}
"""Path in the project -> what makes its text."""
