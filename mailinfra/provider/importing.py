"""How `pulumi import` and `pulumi refresh` know the way to the database."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mailinfra.provider.errors import ProviderError

VARIABLES = {
    "host": "MAILINFRA_DATABASE_HOST",
    "port": "MAILINFRA_DATABASE_PORT",
    "user": "MAILINFRA_DATABASE_USER",
    "password": "MAILINFRA_DATABASE_PASSWORD",
}
CA_FILE = "MAILINFRA_DATABASE_CA_FILE"


def connection_for(database: str, kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the connection `kept` in a state; for an import, which has none, the one in the environment."""
    if kept:
        return dict(kept)
    missing = [variable for variable in VARIABLES.values() if variable not in os.environ]
    if missing:
        raise ProviderError(
            f"an import of database {database!r} has no declared connection yet; set {', '.join(missing)} "
            f"in the environment of `pulumi import` ({CA_FILE} too, where the server's CA is our own)"
        )
    found: dict[str, Any] = {name: os.environ[variable] for name, variable in VARIABLES.items()}
    return {
        **found,
        "port": _port(found["port"]),
        "ca": _authority(os.environ[CA_FILE]) if CA_FILE in os.environ else "",
        "database": database,
        "verify": True,
    }


def _port(given: str) -> float:
    if not given.isdecimal() or not 1 <= int(given) <= 65535:
        raise ProviderError(f"{VARIABLES['port']}: {given!r} is not a port; write a number from 1 to 65535")
    return float(given)


def _authority(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="ignore")
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise ProviderError(f"{CA_FILE}: {path!r} cannot be read ({reason}); correct the path") from None
