"""`mailinfra:index:Access`: the way in to somebody's database server, tried before anything else goes there.

`pulumi-mysql` asks a server that does not answer for five minutes, for each resource and in silence. So this
one is asked first, at each preview and update, and answers in a sentence within ten seconds.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pymysql

from mailinfra.provider.database import explain, open_link
from mailinfra.provider.difference import differences
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.plugin import Answer, Change
from mailinfra.provider.values import is_known

Bag = dict[str, Any]

PART_SECONDS = 3
"""How long one part may take: to connect, to say hello, to answer."""

WHOLE_SECONDS = 9
"""How long all of it may take, looking up the name included, for which no library has a bound."""

OLDEST = (8, 4)


@dataclass(frozen=True, kw_only=True)
class Met:
    """A server that let us in."""

    version: str
    """What it says of itself."""

    databases: frozenset[str]
    """Those that it has and the administrator may see."""


def identity(inputs: Bag) -> str:
    """Return where the server is."""
    return _where(inputs["connection"])


def check(inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
    """Return the inputs as they are, and why the server cannot be used."""
    if not is_known(inputs):
        return inputs, []
    try:
        met = meet(inputs["connection"])
    except ProviderError as error:
        return inputs, [("database.external", str(error))]
    if fault := version_fault(met.version):
        return inputs, [("database.external", f"{_where(inputs['connection'])} {fault}")]
    return inputs, []


def diff(state: Bag, inputs: Bag) -> Change:
    """Return whether the way to the server changes."""
    return Change(paths=differences({key: state.get(key) for key in inputs}, inputs))


def create(inputs: Bag, *, preview: bool) -> Answer:  # noqa: ARG001 - a preview may know it, too
    """Return where the server is; raise ProviderError where its databases are not as `databases` says."""
    if is_known(inputs):
        there = meet(inputs["connection"]).databases & {*inputs["names"]}
        missing = {*inputs["names"]} - there
        if inputs["databases"] == "create" and there:
            raise ProviderError(
                f"{_where(inputs['connection'])}: the {_named(there)} exists; write 'databases: adopt' under "
                "database.external to take it over, rows and all, or name another server"
            )
        if inputs["databases"] == "adopt" and missing:
            raise ProviderError(
                f"{_where(inputs['connection'])}: no {_named(missing)} is there to adopt; create it, "
                "or write 'databases: create' under database.external where there is none of the two"
            )
    return _answer(inputs)


def update(state: Bag, inputs: Bag, *, preview: bool) -> Answer:  # noqa: ARG001 - nothing is kept there
    """Return where the server is now."""
    return _answer(inputs)


def read(identity: str, state: Bag, inputs: Bag) -> Answer | None:  # noqa: ARG001
    """Return what is known; a refresh asks nobody."""
    return Answer(properties=state, inputs=inputs)


def delete(state: Bag) -> tuple[str, ...]:  # noqa: ARG001
    """Leave the server alone."""
    return ()


def _answer(inputs: Bag) -> Answer:
    return Answer(properties={**inputs, "endpoint": _where(inputs["connection"])})


def meet(connection: Mapping[str, Any]) -> Met:
    """Log in and return what the server says; raise ProviderError with a sentence within ten seconds."""
    found: list[Met] = []
    wrong: list[ProviderError] = []

    def ask() -> None:
        try:
            found.append(_ask(connection))
        except ProviderError as error:
            wrong.append(error)

    thread = threading.Thread(target=ask, daemon=True)  # one that hangs is left behind
    thread.start()
    thread.join(WHOLE_SECONDS)
    if wrong:
        raise wrong[0]
    if not found:
        raise ProviderError(f"{_where(connection)} does not answer within {WHOLE_SECONDS} s; {_REMEDY}")
    return found[0]


_REMEDY = "start the server, or correct host, port or the firewall between"


def _ask(connection: Mapping[str, Any]) -> Met:
    where = f"database server {_where(connection)}"
    try:
        link = open_link(connection, read_seconds=PART_SECONDS, connect_seconds=PART_SECONDS)
    except pymysql.MySQLError as error:
        raise ProviderError(_said(error, where)) from None
    except OSError as error:
        raise ProviderError(f"{where}: {error}; {_REMEDY}") from None
    except (AssertionError, IndexError, ValueError, AttributeError):
        raise ProviderError(f"{where}: what answers there is no MySQL server; correct host or port") from None
    try:
        with link, link.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            (version,) = cursor.fetchone() or ("",)
            cursor.execute("SHOW DATABASES")
            return Met(version=str(version), databases=frozenset(str(row[0]) for row in cursor.fetchall()))
    except pymysql.MySQLError as error:
        raise ProviderError(explain(error, where)) from None


def _said(error: pymysql.MySQLError, where: str) -> str:
    """Return what is wrong in a sentence, where the library alone would not say it."""
    text = str(error)
    if "timed out" in text or "Lost connection" in text:
        return f"{where} takes the connection and says nothing, or is out of reach; {_REMEDY}"
    if "Packet sequence number wrong" in text or "Protocol" in text:
        return f"{where}: what answers there is no MySQL server; correct host or port"
    return explain(error, where)


def version_fault(version: str) -> str | None:
    """Return what is wrong with a server by its version, and what to do."""
    if "mariadb" in version.lower():
        return f"is MariaDB ({version}), whose accounts and rights are others; MySQL 8.4 or newer is needed"
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers and (int(numbers[1]), int(numbers[2])) < OLDEST:
        return f"is MySQL {version}; 8.4 or newer is needed: upgrade it, or name another server"
    return None


def _named(names: frozenset[str] | set[str]) -> str:
    shown = " and ".join(repr(name) for name in sorted(names))
    return f"database {shown}" if len(names) == 1 else f"databases {shown}"


def _where(connection: Mapping[str, Any]) -> str:
    return f"{connection['host']}:{int(connection['port'])}"
