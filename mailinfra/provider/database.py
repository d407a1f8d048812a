"""One connection to the `mail` database: TLS, one writer at a time, errors in a sentence."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pymysql
import pymysql.constants.CLIENT
import sqlalchemy
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from mailinfra.provider.errors import ProviderError

CONNECT_SECONDS = 10
READ_SECONDS = 300
"""How long one answer may take: a migration of a large table."""

LOCK_SECONDS = 60
"""How long a second `pulumi up` waits for the first one before it gives up."""

OLDER = "the tables are of another version of this program; run `pulumi up` of their own stack with this one"
REMEDIES: dict[int, str] = {
    1044: "grant the account all rights on this database",
    1045: "check the account's password",
    1049: "create the database, or correct its name",
    1054: OLDER,
    1142: "grant the account all rights on this database",
    1146: OLDER,
    1419: (
        "Dovecot hears of changed accounts through triggers; give the account SUPER, or set "
        "log_bin_trust_function_creators = ON, and run `pulumi up` again"
    ),
    2003: "start the server, or correct host and port",
    2026: "let the server speak TLS: without it nothing is sent to it",
    2013: "the server went away; once it is back, run `pulumi up` again: nothing was half done",
    2006: "the server went away; once it is back, run `pulumi up` again: nothing was half done",
}


@contextmanager
def connected(connection: Mapping[str, Any], read_seconds: int = READ_SECONDS) -> Iterator[Connection]:
    """Yield a connection to the database that `connection` (a property bag) names.

    A server that is silent for `read_seconds` is given up.
    """
    engine = sqlalchemy.create_engine(
        "mysql+pymysql://",
        creator=lambda: open_link(connection, read_seconds),
        poolclass=NullPool,
        hide_parameters=True,  # an error would print hashes
    )
    where = f"database {connection['database']!r} at {connection['host']}:{int(connection['port'])}"
    try:
        with engine.connect() as link:
            yield link
    except pymysql.MySQLError as error:
        raise ProviderError(explain(error, where)) from error
    except DBAPIError as error:
        raise ProviderError(explain(error.orig, where)) from error


@contextmanager
def locked(connection: Mapping[str, Any]) -> Iterator[Connection]:
    """Yield a connection that no second `pulumi up` has at the same time; wait for it, but not for ever."""
    with connected(connection) as link:
        name = f"mailinfra.{connection['database']}"[:64]
        taken = link.execute(
            text("SELECT GET_LOCK(:name, :wait)"), {"name": name, "wait": LOCK_SECONDS}
        ).scalar()
        link.commit()
        if taken != 1:
            raise ProviderError(
                f"database {connection['database']!r}: another update has been writing accounts for "
                f"{LOCK_SECONDS} s; wait until it is done, then run `pulumi up` again"
            )
        try:
            yield link
        finally:
            if not link.invalidated and not link.closed:
                _release(link, name)


def _release(link: Connection, name: str) -> None:
    try:
        link.rollback()
        link.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
        link.commit()
    except (pymysql.MySQLError, DBAPIError):
        link.invalidate()  # the server frees the lock of a connection that is gone


def open_link(
    connection: Mapping[str, Any], read_seconds: int, connect_seconds: int = CONNECT_SECONDS
) -> "pymysql.Connection[Any]":
    """Return a plain connection, to no database where `connection` names none."""
    context = _trusting(connection)
    if not connection.get("verify", True):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        return pymysql.connect(
            host=connection["host"],
            port=int(connection["port"]),
            user=connection["user"],
            password=connection["password"],
            database=connection["database"] or None,
            charset="utf8mb4",
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            ssl=context,
            client_flag=pymysql.constants.CLIENT.FOUND_ROWS,
        )
    except UnicodeError as error:
        raise ProviderError(
            f"database host {connection['host']!r}: is not a name or IP address ({error}); correct it"
        ) from None


def _trusting(connection: Mapping[str, Any]) -> ssl.SSLContext:
    # People write names above a certificate, and OpenSSL takes ASCII alone.
    ca = str(connection.get("ca") or "").encode("ascii", "ignore").decode()
    try:
        return ssl.create_default_context(cadata=ca or None)
    except ssl.SSLError:
        raise ProviderError(
            f"database {connection['database']!r}: the CA to trust is not a PEM certificate, which starts "
            "with '-----BEGIN CERTIFICATE-----'; name the file of the CA that signed the server's certificate"
        ) from None


def explain(error: BaseException | None, where: str) -> str:
    """Return what the server or the network said about `where`, and what to do."""
    number, message = (*getattr(error, "args", ()), None, None)[:2]
    if not isinstance(number, int):
        number, message = 0, error
    remedy = REMEDIES.get(number, "correct that and run `pulumi up` again; nothing was half done")
    if isinstance(message, str) and "certificate verify failed" in message:
        remedy = "give the CA that signed the server's certificate, and the host by a name that it carries"
    return f"{where}: {message} (error {number}); {remedy}"
