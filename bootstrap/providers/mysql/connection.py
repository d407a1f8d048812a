"""The way to the server: where it is, who logs in, how long a connection is tried."""

import os
import ssl
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bootstrap.providers.resource import Refused
from bootstrap.providers.values import Properties

if TYPE_CHECKING:
    import pymysql

__all__ = ["SETTINGS", "Connection", "quoted_name"]

RETRY_SECONDS = 300
"""How long a connection that fails is tried again, as the real provider does."""


SETTINGS = {"endpoint": (), "username": (), "password": (), "tls": ("true", "false", "skip-verify")}
"""The provider's settings that the program gives, each with what it may be (nothing: anything)."""


class Connection:
    """One server and one login; every statement connects anew."""

    def __init__(self) -> None:
        self._settings: Properties = {}
        self.retry_seconds = float(os.environ.get("MAILINFRA_MYSQL_RETRY_SECONDS", RETRY_SECONDS))

    def configure(self, settings: Properties) -> None:
        """Take endpoint (`host:port` or a socket's path), username, password and tls."""
        self._settings = settings

    def execute(self, statement: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one statement; return its rows. Raise `Refused` with the server's error."""
        import pymysql

        connection = self._connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, tuple(arguments) or None)
                return list(cursor.fetchall())
        except pymysql.MySQLError as error:
            raise Refused(_sentence(error)) from None
        finally:
            connection.close()

    def _connect(self) -> "pymysql.Connection[Any]":
        import pymysql

        deadline = time.monotonic() + self.retry_seconds
        while True:
            try:
                return self._open()
            except pymysql.MySQLError as error:
                if time.monotonic() >= deadline:
                    raise Refused(f"could not connect to server: {_sentence(error)}") from None
                time.sleep(min(1.0, self.retry_seconds))

    def _open(self) -> "pymysql.Connection[Any]":
        import pymysql
        from pymysql.constants import CLIENT

        settings = self._settings
        endpoint = settings.get("endpoint") or os.environ.get("MYSQL_ENDPOINT", "")
        host, _, port = endpoint.rpartition(":")
        mode = settings.get("tls") or "false"
        place: Properties = (
            {"host": host.strip("[]"), "port": int(port)} if host else {"unix_socket": endpoint}
        )
        connection = pymysql.connect(
            **place,
            user=settings.get("username") or os.environ.get("MYSQL_USERNAME"),
            password=settings.get("password") or os.environ.get("MYSQL_PASSWORD", ""),
            ssl=_encryption(mode),
            ssl_disabled=mode == "false",
            autocommit=True,
            connect_timeout=10,
            charset="utf8mb4",
        )
        # PyMySQL goes on in clear where the server offers no TLS.
        offered: int = connection.server_capabilities  # type: ignore[attr-defined]
        if mode in ("true", "skip-verify") and not offered & CLIENT.SSL:
            connection.close()
            raise pymysql.OperationalError("TLS requested but server does not support TLS")
        return connection


def quoted_name(name: str) -> str:
    """Return a database's, table's or role's name between backticks."""
    return "`" + name.replace("`", "``") + "`"


def _encryption(mode: str) -> ssl.SSLContext | None:
    if mode == "false":
        return None
    context = ssl.create_default_context()
    if mode == "skip-verify":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _sentence(error: Exception) -> str:
    if len(error.args) == 2:
        return f"Error {error.args[0]}: {error.args[1]}"
    return str(error)
