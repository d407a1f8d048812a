"""What a person reads about a mistake: where it is, what was given, which rule it breaks, how to fix it.

Owns the words and what is never quoted. Does not own the rules.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

WORDS = {
    "missing": "is missing; add it",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list, with each entry on a line of its own after '- '",
    "dict_type": "must be a group of settings, each with a text",
    "model_type": "must be a group of settings, each on a line of its own",
    "model_attributes_type": "must be a group of settings, each on a line of its own",
}
UNQUOTED = {"missing", "unknown", "rule", "tuple_type", "dict_type", "model_type", "model_attributes_type"}
"""Kinds of mistakes whose value says nothing, or stands where somebody might have put a secret."""

SECRET_KEYS = {"database.external": "databasePassword", "smarthost": "smarthostPassword"}
"""Sections whose password somebody may write into the form -> the key where it belongs."""


def explain(error: ValidationError, accounts_file: str | None = None, given: Any = None) -> list[str]:
    """Return one line for each mistake; places below `accounts` name `accounts_file`, where there is one.

    An entry of a list is named by its address, which `given`, the whole form, has beside its number.
    """
    return list(_lines(error, accounts_file, given))


def _lines(error: ValidationError, accounts_file: str | None, given: Any) -> Iterator[str]:
    for mistake in error.errors(include_url=False):
        path = list(mistake["loc"])
        if accounts_file is not None and path[:1] == ["accounts"]:
            where = f"{accounts_file}: " + (".".join(map(str, path[1:])) or "the file")
        else:
            where = ".".join(map(str, ["server", *path]))
        said = f"{_words(mistake)}{_given(mistake)}"
        name = entry_name(given, path)
        yield f"{where}{f' ({name})' if name and repr(name) not in said else ''}: {said}"


def entry_name(given: Any, path: list[str | int]) -> str | None:
    """Return the name or address of the account whose entry holds a place; None where it has none."""
    if path[:1] != ["accounts"] or len(path) < 4 or path[-1] in {"address", "name"}:
        return None
    try:
        entry = given["accounts"][path[1]][path[2]]
        found = entry.get("address") or entry.get("name")
    except (KeyError, IndexError, TypeError, AttributeError):
        return None
    return found if isinstance(found, str) and len(found) <= 254 else None


def _words(mistake: ErrorDetails) -> str:
    if mistake["loc"][-1:] == ("password",):
        return _misplaced_password([str(part) for part in mistake["loc"][:-1]])
    message = mistake["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return WORDS.get(mistake["type"], message.replace("String should have", "must have"))


def _misplaced_password(section: list[str]) -> str:
    """Return what a person reads who wrote a password into the form, by the section that it stands in."""
    if section[:2] == ["accounts", "mailboxes"]:
        return "must be 'initial' or 'owned'; the password itself belongs to the secret mailinfra:passwords"
    keys = SECRET_KEYS.get(".".join(section), "passwords, databasePassword or smarthostPassword")
    return (
        "is a secret, and nothing in this form is; remove the line, change the password, and declare it with "
        f"`pulumi config set --secret`, under mailinfra:{keys}"
    )


def _given(mistake: ErrorDetails) -> str:
    value: Any = mistake["input"]
    hidden = mistake["type"] in UNQUOTED and not (mistake["type"] == "rule" and value is not None)
    if hidden or any("password" in str(part).lower() for part in mistake["loc"][-1:]):
        return ""
    text = repr(value)
    return f"; given {text if len(text) <= 80 else text[:77] + '...'}"
