"""What stands beside the form: the accounts in a file of their own, and the declared passwords.

Owns reading that file and the rules between passwords and mailboxes. Does not own pulumi's side (config.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mailinfra.hashes import fault
from mailinfra.types import email_address


@dataclass(frozen=True, kw_only=True)
class Beside:
    """The secret keys as far as their checks need them; gone once the form is checked."""

    passwords: Any
    """Content of `mailinfra:passwords`, or None."""

    database_password: bool
    """Whether `mailinfra:databasePassword` is there."""

    smarthost_password: bool
    """Whether `mailinfra:smarthostPassword` is there."""

    mistakes: Sequence[str] = ()
    """Lines about the keys themselves."""


def read_accounts(path: str) -> Any:
    """Return the content of an accounts file; raise ValueError with what is wrong with it, on one line."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=StrictLoader)  # noqa: S506 # a safe one
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ValueError(
            f"cannot be read ({reason}); correct the path, which starts at the project's folder"
        ) from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; save it as such") from None
    except yaml.YAMLError as error:
        raise ValueError(f"is no YAML: {' '.join(str(error).split())}") from None
    return {} if content is None else content


class StrictLoader(yaml.SafeLoader):
    """Reads YAML as it is, and refuses a key that stands twice: the first one would silently be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping of `node`; raise ConstructorError for a repeated key."""
        seen = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {name!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def with_accounts(given: Any) -> tuple[Any, str | None, list[str]]:
    """Return the form with the accounts of their own file in place, that file's path, and what is wrong
    with it."""
    path = given.get("accounts") if isinstance(given, dict) else None
    if not isinstance(path, str) or path == "external":
        return given, None, []
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


def password_mistakes(passwords: Any, accounts: Any) -> Iterator[str]:
    """Return a line for each declared password that cannot be used, quoting none of them.

    `accounts` is what a person wrote, before any check: so these mistakes are told together with all others.
    """
    if passwords is None:
        passwords = {}
    if not isinstance(passwords, dict):
        yield "mailinfra:passwords: must be an object of addresses, each with its password"
        return
    mailboxes = _mailboxes(accounts)
    for address, password in sorted(passwords.items()):
        if accounts == "external":
            yield f"mailinfra:passwords: {address!r} is of no use with external accounts; remove it"
        elif stored_address(address) not in mailboxes:
            yield f"mailinfra:passwords: {address!r} is no declared mailbox; add it, or remove the password"
        if reason := fault(password) if isinstance(password, str) else "is no text; write it in quotes":
            yield f"mailinfra:passwords: the password of {address!r} {reason}"
    declared = {stored_address(address) for address in passwords}
    for address, policy in mailboxes.items():
        if policy == "owned" and address not in declared:
            yield (
                f"mailinfra:passwords: {address!r} is missing, and its mailbox says 'password: owned'; "
                f"`pulumi config set --secret --path 'mailinfra:passwords[\"{address}\"]'`"
            )


def _mailboxes(accounts: Any) -> dict[str, Any]:
    items = accounts.get("mailboxes") if isinstance(accounts, dict) else None
    entries = [item for item in (items if isinstance(items, list) else []) if isinstance(item, dict)]
    return {stored_address(str(item.get("address"))): item.get("password") for item in entries}
