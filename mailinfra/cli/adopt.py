"""`python -m mailinfra.cli.adopt`: writes the accounts of an existing database as a stack declares them.

Owns the command and the reading: the original `users` table, or a database of ours; it changes nothing. What
cannot be declared, or should not be, is said on standard error. Does not own what is declared (adoption.py).
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from mailinfra.cli.adoption import Adoption, declaration
from mailinfra.provider.errors import ProviderError

PASSWORD = "MAILINFRA_DATABASE_PASSWORD"  # noqa: S105 - the variable's name
HEAD = "# Domains, mailboxes and aliases, for `accounts:` of the stack file (docs/configuration.md).\n"
READ_SECONDS = 20
"""How long one answer may take: rows are only read, and somebody waits at the terminal."""

NEEDED = {"userid", "domain", "password"}
"""Columns without which a table `users` is another one."""


def read(connection: Mapping[str, Any]) -> Adoption:
    """Return the declaration of what a database holds."""
    from sqlalchemy import inspect, text

    from mailinfra.provider.database import connected
    from mailinfra.provider.migrations.adoption import obstacles

    with connected(connection, READ_SECONDS) as link:
        tables = set(inspect(link).get_table_names())
        if "users" not in tables:
            name = connection["database"]
            raise ProviderError(f"database {name!r} has no table `users`; name the database that has it")
        missing = sorted(NEEDED - {column["name"].lower() for column in inspect(link).get_columns("users")})
        if missing:
            raise ProviderError(
                f"database {connection['database']!r}: its table `users` has no column {', '.join(missing)}, "
                "so it is not a table of mailboxes; name the database that has one"
            )
        rows = [dict(row) for row in link.execute(text("SELECT * FROM users")).mappings()]
        others = _others(link) if {"alembic_version", "domains", "aliases"} <= tables else None
        in_the_way = [] if "alembic_version" in tables else obstacles(link)
    adoption = declaration(rows, others)
    refusals = [f"`up` refuses to adopt this table until then: {reason}" for reason in in_the_way]
    return replace(adoption, remarks=[*adoption.remarks, *refusals])


def _others(link: Any) -> dict[str, Any]:
    from mailinfra.provider.model import to_bag
    from mailinfra.provider.rows import find

    found = find(link).accounts
    aliases: dict[str, dict[str, Any]] = {}
    for address, alias in sorted(found.aliases.items()):
        inside = [target for target in alias.targets if target.rpartition("@")[2] in found.domains]
        lists = {"targets": inside, "forwards": [target for target in alias.targets if target not in inside]}
        aliases[address] = {name: value for name, value in lists.items() if value}
        if not alias.may_send:
            aliases[address]["maySend"] = False
    return {"domains": {name: to_bag(domain) for name, domain in found.domains.items()}, "aliases": aliases}


def as_yaml(adoption: Adoption) -> str:
    """Return the accounts file."""
    lists = {name: entries for name, entries in adoption.accounts.items() if entries}
    yaml, text = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style, yaml.width = False, 1000
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # its default is None
    yaml.dump(lists, text)
    return HEAD + text.getvalue()


def main(
    host: Annotated[str, typer.Option(help="Name or address of the MySQL server.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its TCP port.", min=1, max=65535)] = 3306,
    user: Annotated[
        str, typer.Option(help=f"Who may read; the password is asked for, or in {PASSWORD}.")
    ] = "root",
    database: Annotated[str, typer.Option(help="Database with the table `users`.")] = "mail",
    ca_file: Annotated[Path | None, typer.Option(help="PEM of the CA of the server's certificate.")] = None,
    unverified: Annotated[bool, typer.Option(help="Take whatever certificate the server shows.")] = False,
    output: Annotated[Path | None, typer.Option(help="File to write; standard output otherwise.")] = None,
) -> None:
    """Write the accounts of an existing mail database as a file for this stack. The database is only read."""
    try:
        # Whatever a person mistyped is said before the password is asked for.
        if output:
            refuse_output(output)
        connection = {
            "host": host,
            "port": port,
            "user": user,
            "ca": authority(ca_file) if ca_file else "",
            "password": os.environ.get(PASSWORD) or typer.prompt("Password", hide_input=True, err=True),
            "database": database,
            "verify": not unverified,
        }
        adoption = read(connection)
        if output:
            write(output, as_yaml(adoption))
    except ProviderError as error:
        sys.exit(str(error))
    if not output:
        sys.stdout.write(as_yaml(adoption))
    for remark in adoption.remarks:
        typer.echo(remark, err=True)


def authority(file: Path) -> str:
    """Return the text of a CA file; raise ProviderError where it holds no certificate."""
    from mailinfra.config import pem

    try:
        pem.certificate(str(file))
    except ValueError as error:
        raise ProviderError(f"--ca-file: '{file}' {error}") from None
    return file.read_text(encoding="utf-8", errors="ignore")


def refuse_output(file: Path) -> None:
    """Raise ProviderError where the file is there, or could not be written once everything is read."""
    if os.path.lexists(file):
        raise ProviderError(f"--output: '{file}' is there already and is not overwritten; name another file")
    folder = file.absolute().parent
    if not folder.is_dir():
        raise ProviderError(f"--output: '{folder}' is not a folder; make it, or name a file in another one")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ProviderError(f"--output: '{folder}' may not be written to; name a file in another folder")


def write(file: Path, text: str) -> None:
    """Write a new file; raise ProviderError where that fails."""
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ProviderError(f"--output: '{file}' cannot be written ({reason}); name another file") from None


if __name__ == "__main__":
    typer.run(main)
