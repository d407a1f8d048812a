"""What stands beside the form: the accounts in a file of their own, and the declared passwords.

Owns reading that file and the rules between passwords and mailboxes. Does not own pulumi's side (load.py).
"""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from mailinfra.hashes import fault
from mailinfra.types import email_address

NO_CORE_KIND = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
"""Kinds of plain values that are no part of YAML 1.2's core schema."""

NAMES = re.compile(r"(alias|anchor|tag|handle) ['\"].*")
"""What the reader quotes of the file in its messages: a password may begin with `*`, `&` or `!`."""


SECOND_PLACE = re.compile(r"second occurrence\s.*?line (\d+), column (\d+)", re.DOTALL)


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
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor, yaml.Resolver = _Constructor, _Resolver
    try:
        text = Path(path).read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("error", ReusedAnchorWarning)
            content = yaml.load(text)
    except ReusedAnchorWarning as warning:
        place = SECOND_PLACE.search(str(warning))
        where = f" (line {place[1]}, column {place[2]})" if place else ""
        raise ValueError(f"is no YAML: an anchor stands twice{where}; correct it there") from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise ValueError(
            f"cannot be read ({reason}); correct the path, which starts at the project's folder"
        ) from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text; save it as such") from None
    except YAMLError as error:
        raise ValueError(f"is no YAML: {_problem(error)}") from None
    return {} if content is None else content


def _problem(error: YAMLError) -> str:
    """Return what is wrong and where; never the line itself, for somebody may have put a password there."""
    problem = NAMES.sub(r"\1", getattr(error, "problem", None) or "it holds characters that no text has")
    mark = getattr(error, "problem_mark", None)
    where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{problem}{where}; correct it there"


class _Resolver(VersionedResolver):
    """Tells the kind of a plain value by the core schema of YAML 1.2, whatever a `%YAML` line says.

    So `no`, `12:30`, `1_000` and `=` are texts. A date is one, too: no setting is a date, and `reset` is
    often written like one.
    """

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        """Return the tag of a node that has none of its own."""
        tag = super().resolve(kind, value, implicit)
        if kind is ScalarNode and (tag.suffix in NO_CORE_KIND or "_" in value):
            return self.DEFAULT_SCALAR_TAG
        return tag

    @property
    def processing_version(self) -> tuple[int, int]:
        """Return the version of YAML that is read."""
        return (1, 2)


class _Constructor(SafeConstructor):
    """Makes plain values, and refuses a key that stands twice: one of the two would silently be lost."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Return the value of `node`; raise ConstructorError where a tag such as `!!int` asks for another."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError):
            raise ConstructorError(
                problem="a value is not of the kind that its tag says", problem_mark=node.start_mark
            ) from None

    def check_mapping_key(self, node: Any, key_node: Any, mapping: Any, key: Any, value: Any) -> bool:  # noqa: ARG002
        """Return whether `key` is new in its mapping; raise ConstructorError otherwise."""
        if not isinstance(key_node, ScalarNode):
            raise ConstructorError(problem="found unhashable key", problem_mark=key_node.start_mark)
        if key in mapping:
            raise ConstructorError(problem=f"the key {key!r} stands twice", problem_mark=key_node.start_mark)
        return True


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

    `accounts` is what a person wrote, before any check: so these mistakes are told together with all others;
    None where it could not be read, so that no mailbox is missed.
    """
    if passwords is None:
        passwords = {}
    if not isinstance(passwords, dict):
        yield "mailinfra:passwords: must be an object of addresses, each with its password"
        return
    mailboxes = _mailboxes(accounts)
    if isinstance(accounts, dict) and not isinstance(accounts.get("mailboxes", []), list):
        accounts = None
    first: dict[str, str] = {}
    for address, password in sorted(passwords.items()):
        if reason := _key_fault(address, first, accounts, mailboxes):
            yield f"mailinfra:passwords: {address!r} {reason}"
        first.setdefault(_meant(address), address)
        if reason := fault(password) if isinstance(password, str) else "is no text; write it in quotes":
            yield f"mailinfra:passwords: the password of {address!r} {reason}"
    for address, policy in mailboxes.items():
        if policy == "owned" and address not in first:
            yield (
                f"mailinfra:passwords: {address!r} is missing, and its mailbox says 'password: owned'; "
                f"`pulumi config set --secret --path 'mailinfra:passwords[\"{address}\"]'`"
            )


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
    return None if is_known else "is no declared mailbox; add it, or remove the password"


def _meant(address: str) -> str:
    """Return the address that somebody meant, whatever its case and the form of its domain."""
    return stored_address(address.lower())


def _mailboxes(accounts: Any) -> dict[str, Any]:
    """Return address -> password policy of each entry, as far as a malformed one tells what it meant."""
    items = accounts.get("mailboxes") if isinstance(accounts, dict) else None
    found: dict[str, Any] = {}
    for item in items if isinstance(items, list) else []:
        entry = item if isinstance(item, dict) else {"address": item}
        found[_meant(str(entry.get("address")))] = entry.get("password")
    return found
