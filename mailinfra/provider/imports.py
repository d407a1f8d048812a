"""How `pulumi import` and `pulumi refresh` know the way to the database."""

import os
from collections.abc import Mapping
from typing import Any

from mailinfra.provider.errors import ProviderError

VARIABLES = {
    "host": "MAILINFRA_DATABASE_HOST",
    "port": "MAILINFRA_DATABASE_PORT",
    "user": "MAILINFRA_DATABASE_USER",
    "password": "MAILINFRA_DATABASE_PASSWORD",
}
CA_FILE = "MAILINFRA_DATABASE_CA_FILE"


def connection_for(database: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the connection kept in `state`; for an import, which has none, the one in the environment."""
    if state.get("connection"):
        return dict(state["connection"])
    missing = [variable for variable in VARIABLES.values() if variable not in os.environ]
    if missing:
        raise ProviderError(
            f"an import of database {database!r} has no declared connection yet; set {', '.join(missing)} "
            f"in the environment of `pulumi import` ({CA_FILE} too, where the server's CA is our own)"
        )
    found: dict[str, Any] = {name: os.environ[variable] for name, variable in VARIABLES.items()}
    ca = ""
    if CA_FILE in os.environ:
        with open(os.environ[CA_FILE], encoding="ascii") as file:
            ca = file.read()
    return {**found, "port": float(found["port"]), "ca": ca, "database": database, "verify": True}
