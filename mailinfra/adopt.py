"""`python -m mailinfra.adopt`: writes the accounts of an existing database as the stack wants them declared.

Reads the original `users` table, or a database of ours; changes nothing. What cannot be declared, or should
not be, is said on standard error.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from pydantic import ValidationError

from mailinfra.hashes import fault, is_hash, repaired
from mailinfra.provider.errors import ProviderError
from mailinfra.settings.entries import AliasConfig, DomainConfig, MailboxConfig
from mailinfra.settings.model import Model

PASSWORD = "MAILINFRA_DATABASE_PASSWORD"  # noqa: S105 - the variable's name
HEAD = "# Domains, mailboxes and aliases, for `accounts:` of the stack file (docs/configuration.md).\n"
CONFIDED = re.compile(r"passw|pwd|secret", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What was read, as it is to be declared."""

    accounts: Mapping[str, list[dict[str, Any]]]
    """The three lists of the accounts file."""

    remarks: list[str] = field(default_factory=list)
    """What a person has to know or do."""


def declaration(rows: Iterable[Mapping[str, Any]], others: Mapping[str, Any] | None = None) -> Adoption:
    """Return the declaration of rows of `users`; `others` are domains and aliases of a database of ours."""
    remarks: list[str] = []
    mailboxes: list[dict[str, Any]] = []
    domains = dict((others or {}).get("domains", {}))
    for row in rows:
        address = f"{row['userid']}@{row['domain']}".lower()
        entry = {"address": address, **_texts(address, row, remarks)}
        remarks += _password_remarks(address, row["password"])
        if _is_sound(MailboxConfig, entry, f"mailbox {address}", remarks):
            mailboxes.append(entry)
            domains.setdefault(row["domain"].lower(), {})
    named = [{"name": name, **entry} for name, entry in sorted(domains.items())]
    aliases = [{"address": address, **entry} for address, entry in (others or {}).get("aliases", {}).items()]
    return Adoption(
        accounts={
            "domains": [
                one for one in named if _is_sound(DomainConfig, one, f"domain {one['name']}", remarks)
            ],
            "mailboxes": sorted(mailboxes, key=lambda one: one["address"].split("@")[::-1]),
            "aliases": [
                one for one in aliases if _is_sound(AliasConfig, one, f"alias {one['address']}", remarks)
            ],
        },
        remarks=remarks,
    )


def _texts(address: str, row: Mapping[str, Any], remarks: list[str]) -> dict[str, str]:
    texts = {name: row[name] for name in ("claimant", "description") if row.get(name)}
    if CONFIDED.search(texts.get("description", "")):
        # A stack file is kept in version control: what was noted in a column is no reason to put it there.
        texts.pop("description")
        remarks.append(
            f"{address}: its description speaks of a password, so it is left out; "
            "the first `up` empties it in the row"
        )
    return texts


def _password_remarks(address: str, stored: str) -> Iterator[str]:
    wrong = fault(stored) if is_hash(stored) else "is no hash"
    if repaired(stored):
        yield f"{address}: its password has a doubled scheme prefix; the first `up` repairs the row"
    elif wrong:
        reason = wrong.split(";")[0]
        yield f"{address}: its password {reason}; where nobody can log in with it, give the mailbox a `reset`"


def _is_sound(kind: type[Model], entry: dict[str, Any], what: str, remarks: list[str]) -> bool:
    try:
        kind.model_validate(entry)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        remarks.append(f"{what}: cannot be declared ({reason}); its row stays as it is, undeclared")
        return False
    return True


def read(connection: Mapping[str, Any]) -> Adoption:
    """Return the declaration of what a database holds."""
    from sqlalchemy import inspect, text

    from mailinfra.provider.database import connected

    with connected(connection) as link:
        tables = set(inspect(link).get_table_names())
        if "users" not in tables:
            name = connection["database"]
            raise ProviderError(f"database {name!r} has no table `users`; name the database that has it")
        rows = [dict(row) for row in link.execute(text("SELECT * FROM users")).mappings()]
        others = _others(link) if {"domains", "aliases"} <= tables else None
    return declaration(rows, others)


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
    return HEAD + yaml.safe_dump(lists, sort_keys=False, allow_unicode=True, width=1000)


def main(
    host: Annotated[str, typer.Option(help="Name or address of the MySQL server.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its TCP port.")] = 3306,
    user: Annotated[
        str, typer.Option(help=f"Who may read; the password is asked for, or in {PASSWORD}.")
    ] = "root",
    database: Annotated[str, typer.Option(help="Database with the table `users`.")] = "mail",
    ca_file: Annotated[Path | None, typer.Option(help="PEM of the CA of the server's certificate.")] = None,
    unverified: Annotated[bool, typer.Option(help="Take whatever certificate the server shows.")] = False,
    output: Annotated[Path | None, typer.Option(help="File to write; standard output otherwise.")] = None,
) -> None:
    """Write the accounts of an existing mail database as a file for this stack. The database is only read."""
    connection = {
        "host": host,
        "port": port,
        "user": user,
        "password": os.environ.get(PASSWORD) or typer.prompt("Password", hide_input=True, err=True),
        "ca": ca_file.read_text(encoding="ascii", errors="ignore") if ca_file else "",
        "database": database,
        "verify": not unverified,
    }
    if output and output.exists():
        sys.exit(f"{output}: is there already and is not overwritten; name another file")
    try:
        adoption = read(connection)
    except ProviderError as error:
        sys.exit(str(error))
    if output:
        output.write_text(as_yaml(adoption), encoding="utf-8")
    else:
        sys.stdout.write(as_yaml(adoption))
    for remark in adoption.remarks:
        typer.echo(remark, err=True)


if __name__ == "__main__":
    typer.run(main)
