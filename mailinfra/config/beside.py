"""What stands beside the form: the accounts in a file of their own, and the declared passwords.

Owns the rules between passwords and mailboxes. Does not own how the file is read (accounts_file.py) or
pulumi's side (load.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailinfra.addresses import email_address
from mailinfra.config.accounts.spelling import near_address
from mailinfra.hashes import fault


@dataclass(frozen=True, kw_only=True)
class Beside:
    """The secret keys as far as their checks need them; gone once the form is checked."""

    passwords: Any
    """Content of `mailinfra:passwords`, or None."""

    database_password: bool
    """Whether `mailinfra:databasePassword` is there."""

    smarthost_password: bool
    """Whether `mailinfra:smarthostPassword` is there."""

    acme_credentials: Any = None
    """Content of `mailinfra:acmeCredentials`, or None."""

    mistakes: Sequence[str] = ()
    """Lines about the keys themselves."""

    local_daemon: bool = False
    """Whether the Docker daemon sees this machine's folders: then those that it is to mount are looked at."""


def with_accounts(given: Any) -> tuple[Any, str | None, list[str]]:
    """Return the form with the accounts of their own file in place, that file's path, and what is wrong
    with it."""
    path = given.get("accounts") if isinstance(given, dict) else None
    if not isinstance(path, str) or path == "external":
        return given, None, []
    from mailinfra.config.accounts_file import read_accounts

    try:
        return {**given, "accounts": read_accounts(path)}, path, []
    except ValueError as error:
        return {**given, "accounts": {}}, None, [f"server.accounts: {path!r} {error}"]


def stored_address(address: str) -> str:
    """Return an address as the database holds it; a malformed one as it is."""
    try:
        return email_address(address)
    except ValueError:
        return address


def by_stored_address(passwords: Mapping[str, str]) -> dict[str, str]:
    """Return the declared passwords under the addresses as the database holds them."""
    return {stored_address(address): password for address, password in sorted(passwords.items())}


def password_mistakes(passwords: Any, accounts: Any, told: Iterable[str] = ()) -> Iterator[str]:
    """Return a line for each declared password that cannot be used, quoting none of them.

    An address that `told`, the lines before, says to be no mailbox is not named once more.

    `accounts` is what a person wrote, before any check: so these mistakes are told together with all others;
    None where it could not be read, so that no mailbox is missed.
    """
    if passwords is None:
        passwords = {}
    if not isinstance(passwords, dict):
        yield "mailinfra:passwords: must be an object of addresses, each with its password"
        return
    mailboxes = _mailboxes(accounts)
    if isinstance(accounts, dict) and not _all_are_named(accounts.get("mailboxes", [])):
        accounts = None  # one of these may be meant: its own line says what is wrong with it
    first: dict[str, str] = {}
    for address, password in sorted(passwords.items()):
        if any(repr(address) in line and "is neither a mailbox" in line for line in told):
            continue
        if reason := _key_fault(address, first, accounts, mailboxes):
            yield f"mailinfra:passwords: {address!r} {reason}"
        first.setdefault(_meant(address), address)
        if reason := fault(password) if isinstance(password, str) else "is not text; write it in quotes":
            yield f"mailinfra:passwords: the password of {address!r} {reason}"
    for address, policy in mailboxes.items():
        if policy == "owned" and address not in first:
            yield (
                f"mailinfra:passwords: {address!r} is missing, and its mailbox says 'password: owned'; "
                f"`pulumi config set --secret --path 'mailinfra:passwords[\"{address}\"]'`"
            )


def credential_mistakes(credentials: Any) -> Iterator[str]:
    """Return a line for each credential that cannot be used, quoting none of them."""
    start = "mailinfra:acmeCredentials"
    if credentials is None:
        return
    if not isinstance(credentials, dict) or not credentials:
        yield f"{start}: must be an object: names of environment variables, each with its text"
        return
    for name, text in sorted(credentials.items()):
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name) or name.startswith(("LEGO_", "LD_")):
            yield f"{start}: {name!r} is no variable of a provider's; lego's page about it has their names"
        if not isinstance(text, str):
            yield f"{start}: {name!r} is not text; write it in quotes"
        elif not text or any(ord(character) < 32 for character in text):
            what = "is empty" if not text else "holds a line end or another control character"
            yield f"{start}: {name!r} {what}; set it again without"


def _key_fault(
    address: str, first: Mapping[str, str], accounts: Any, mailboxes: Mapping[str, Any]
) -> str | None:
    """Return what is wrong with the key of a password; `first` holds the keys before it."""
    if accounts == "external":
        return "is of no use with external accounts; remove it"
    meant = _meant(address)
    if meant in first:
        return f"is the same address as {first[meant]!r}, with a password of its own; remove one of the two"
    try:
        email_address(address)
    except ValueError as error:
        return str(error)
    is_known = accounts is None or meant in mailboxes
    if is_known:
        return None
    near = near_address(meant, mailboxes)
    remedy = f"did you mean {near!r}? Otherwise add it" if near else "add it"
    return f"is not a declared mailbox; {remedy}, or remove the password"


def _meant(address: str) -> str:
    """Return the address that somebody meant, whatever its case and the form of its domain."""
    return stored_address(address.lower())


def _all_are_named(items: Any) -> bool:
    """Return whether each mailbox has an address, right or wrong."""
    return isinstance(items, list) and all(
        isinstance(item, dict) and isinstance(item.get("address"), str) for item in items
    )


def _mailboxes(accounts: Any) -> dict[str, Any]:
    """Return address -> password policy of each entry, as far as a malformed one tells what it meant."""
    items = accounts.get("mailboxes") if isinstance(accounts, dict) else None
    found: dict[str, Any] = {}
    for item in items if isinstance(items, list) else []:
        entry = item if isinstance(item, dict) else {"address": item}
        if isinstance(entry.get("address"), str):
            found[_meant(entry["address"])] = entry.get("password")
    return found
