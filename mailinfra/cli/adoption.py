"""Rows that are there already, as they are to be declared: what differs from the defaults, and nothing else.

Owns which column becomes which line, and what a person has to be told. Does not own the reading of rows
or the writing of a file (adopt.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from mailinfra.config.accounts.entries import AliasConfig, DomainConfig, MailboxConfig
from mailinfra.config.accounts.lists import AccountsConfig
from mailinfra.config.model import Model
from mailinfra.hashes import repaired, stored_fault
from mailinfra.types import PasswordPolicy, Protocol

TEXTS = {
    *("userid", "domain", "password", "claimant", "description"),
    *("display_name", "password_policy", "password_reset"),
}
"""Columns of `users` that hold text in tables of ours."""

CONFIDED = re.compile(r"passw|pwd|secret", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What was read, as it is to be declared."""

    accounts: Mapping[str, list[dict[str, Any]]]
    """The three lists of the accounts file."""

    remarks: list[str] = field(default_factory=list)
    """What a person has to know or do."""


def declaration(rows: Iterable[Mapping[str, Any]], others: Mapping[str, Any] | None = None) -> Adoption:
    """Return the declaration of rows of `users`.

    `others` are the domains and aliases of a database of ours, whose rows hold more than the original ones.
    """
    remarks: list[str] = []
    mailboxes: list[dict[str, Any]] = []
    domains = dict((others or {}).get("domains", {}))
    for row in map(_normalised, rows):
        address = f"{row['userid']}@{row['domain']}".lower()
        choices = {} if others is None else _choices(row)
        entry = {"address": address, **_texts(address, row, remarks), **choices}
        remarks += _password_remarks(address, row["password"], choices, repairs=others is None)
        if _is_sound(MailboxConfig, entry, f"mailbox {address}", remarks):
            mailboxes.append(entry)
            domains.setdefault(row["domain"].lower(), {})
    named = [{"name": name, **entry} for name, entry in sorted(domains.items())]
    aliases = [{"address": address, **entry} for address, entry in (others or {}).get("aliases", {}).items()]
    accounts = {
        "domains": [one for one in named if _is_sound(DomainConfig, one, f"domain {one['name']}", remarks)],
        "mailboxes": sorted(mailboxes, key=lambda one: one["address"].split("@")[::-1]),
        "aliases": [
            one for one in aliases if _is_sound(AliasConfig, one, f"alias {one['address']}", remarks)
        ],
    }
    return Adoption(accounts=accounts, remarks=[*remarks, *_contradictions(accounts)])


def _normalised(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with names in lower case and texts in its text columns.

    Somebody else's table may have them as NULL, as bytes (VARBINARY) or as numbers.
    """
    columns = {name.lower(): value for name, value in row.items()}
    return {name: _text(value) if name in TEXTS else value for name, value in columns.items()}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _texts(address: str, row: Mapping[str, Any], remarks: list[str]) -> dict[str, str]:
    texts = {name: row[name] for name in ("claimant", "description") if row.get(name)}
    if CONFIDED.search(texts.get("description", "")):
        # A stack file is kept in version control: a password that was noted in a column must not get there.
        texts.pop("description")
        remarks.append(
            f"{address}: its description speaks of a password, so it is left out; "
            "the first `up` empties it in the row"
        )
    return texts


def _choices(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row of ours says beside the original columns, as far as it is not the default."""
    receives = bool(row["receives"])
    protocols = [one.value for one in Protocol if row[one.value]]
    usual = [one.value for one in Protocol] if receives else [Protocol.SUBMISSION.value]
    choices: dict[str, Any] = {}
    if row["display_name"]:
        choices["displayName"] = row["display_name"]
    if not row["enabled"]:
        choices["enabled"] = False
    if not receives:
        choices["receives"] = False
    if protocols != usual:
        choices["protocols"] = protocols
    if row["password_policy"] != PasswordPolicy.INITIAL:
        choices["password"] = row["password_policy"]
    elif row["password_reset"]:
        # Without it the row would forget what it was reset for, and the same text would reset it once more.
        choices["reset"] = row["password_reset"]
    return choices


def _password_remarks(
    address: str, stored: str, choices: Mapping[str, Any], *, repairs: bool
) -> Iterator[str]:
    wrong = stored_fault(stored)
    if choices.get("password") == PasswordPolicy.OWNED:
        yield (
            f"{address}: the stack decides its password (`password: owned`), which no row tells; declare "
            "it, or the hash in its row, with `pulumi config set --secret --path "
            f"'mailinfra:passwords[\"{address}\"]'`; until then `up` stops before it changes anything"
        )
    elif repairs and repaired(stored):
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


def _contradictions(accounts: Mapping[str, Any]) -> Iterator[str]:
    """Return what `up` will refuse of entries that are sound one by one, such as an alias to nobody."""
    try:
        AccountsConfig.model_validate(accounts)
    except ValidationError as error:
        for mistake in error.errors(include_url=False):
            place = ".".join(map(str, mistake["loc"]))
            yield f"{place}: {mistake['msg'].removeprefix('Value error, ')}; `up` refuses the file until then"
