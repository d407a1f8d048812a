"""Addresses: what a domain and a mail address may look like, here and elsewhere, and how long texts may be.

Plain functions that the form and our provider share. Loads nothing but the standard library until it has to.
Does not own the types of the form (types.py).
"""

import re
from collections.abc import Callable

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# All of RFC 5321's dot-atom for others; for aliases not what Postfix takes for a detail or a route (+ % !),
# for mailboxes not what Dovecot's tools take for a pattern either. Postfix refuses a hyphen at the front.
_NAMES = r"a-z0-9_#$&'/=^`{|}~-"
_NOT_IN_NAMES = {
    "%": "Postfix refuses a '%' in it as a route to another server; leave it out",
    "!": "Postfix refuses a '!' in it as a route to another server; leave it out",
    "*": "Dovecot's tools take a '*' in it for any name; declare it as an alias of a plainer one",
    "?": "Dovecot's tools take a '?' in it for any letter; declare it as an alias of a plainer one",
}
LOCAL_PART = re.compile(rf"(?!-)[{_NAMES}]+(\.[{_NAMES}]+)*")
ALIAS_LOCAL_PART = re.compile(rf"(?!-)[*?{_NAMES}]+(\.[*?{_NAMES}]+)*")
FOREIGN_LOCAL_PART = re.compile(rf"[!%+*?{_NAMES}]+(\.[!%+*?{_NAMES}]+)*")

LENGTHS = {
    "display_name": 200,
    "description": 200,
    "claimant": 20,
    "reset": 100,
}
"""Characters that each text of a mailbox may have; the columns of the database hold as many."""

NAMED = re.compile(r"[^<>]*<\s*([^<>\s]+@[^<>\s]+)\s*>\s*")
"""An address as mail programs show it: `Alice <alice@example.org>`."""


def lower_case(value: str) -> str:
    """Return `value` unchanged; raise ValueError if a lookup in lower case would miss it."""
    if value != value.lower():
        raise ValueError(f"must be lower case; write {value.lower()!r}")
    return value


def _lower_case_only(value: str, check: Callable[[str], str]) -> str:
    """Return `value`; raise ValueError where it is in upper case, with a remedy that `check` takes."""
    if value != value.lower():
        check(value.lower())  # what is wrong apart from the case comes first
        lower_case(value)
    return value


def ascii_domain(value: str) -> str:
    """Return a domain in its ASCII form (A-labels), however it was written; raise ValueError if it is
    none."""
    _lower_case_only(value, ascii_domain)
    import idna  # tables of all scripts, which take a while to load

    try:
        name = value if value.isascii() else idna.encode(value).decode("ascii")
        for label in name.split("."):
            if label.startswith("xn--"):
                idna.decode(label)
    except idna.IDNAError as error:
        raise ValueError(f"is not an international domain name ({error}); correct it") from None
    labels = name.split(".")
    if len(labels) < 2:
        raise ValueError("is not a full domain name; write it with its parent, like 'mail.example.org'")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(
            "is not a domain name; write labels of letters, digits and inner hyphens, each at most 63 "
            "characters and 253 in all, with a dot between them and none at the end"
        )
    return name


def _address(value: str, local_part: re.Pattern[str], rule: str) -> str:
    local, at, domain = value.rpartition("@")
    if not at or not local:
        raise ValueError("is not a mail address; write it as 'name@domain'")
    if named := NAMED.fullmatch(value):
        inner = _address(named[1].lower(), local_part, rule)
        raise ValueError(f"has a name around the address; write {inner!r}")
    _lower_case_only(value, lambda lower: _address(lower, local_part, rule))
    if len(local) > 64:
        raise ValueError(f"has {len(local)} characters before the @; at most 64 are allowed, shorten it")
    if not local_part.fullmatch(local):
        raise ValueError(rule)
    try:
        address = f"{local}@{ascii_domain(domain)}"
    except ValueError as error:
        raise ValueError(f"its domain {domain!r} {error}") from None
    if len(address) > 254:
        raise ValueError(f"has {len(address)} characters; at most 254 are allowed, shorten it")
    return address


def email_address(value: str) -> str:
    """Return the address of a mailbox of ours, its domain in ASCII form; raise ValueError if nobody could log
    in with it."""
    return _our_address(value, LOCAL_PART, "has a name that a daemon could not log in with", "#$&'/=^_`{|}~")


def alias_address(value: str) -> str:
    """Return an address of ours that may be an alias, its domain in ASCII form; raise ValueError if no mail
    could reach it."""
    return _our_address(value, ALIAS_LOCAL_PART, "has a name that mail does not reach", "#$&'*/=?^_`{|}~")


def _our_address(value: str, local_part: re.Pattern[str], fault: str, also: str) -> str:
    local = value.rpartition("@")[0]
    if "+" in local:
        short = local.partition("+")[0]
        raise ValueError(
            f"holds a '+', which separates a detail from the name; declare {short!r}, which receives them all"
        )
    for character, reason in _NOT_IN_NAMES.items():
        if character in local and character not in also:
            raise ValueError(f"{fault}: {reason}")
    return _address(value, local_part, f"{fault}; use a-z, 0-9, {also}, '-' (not first) and single dots")


def foreign_address(value: str) -> str:
    """Return an address on somebody else's server; raise ValueError if mail could not be sent there."""
    return _address(
        value,
        FOREIGN_LOCAL_PART,
        "has a name that mail is not forwarded to; use a-z, 0-9, !#$%&'*+-/=?^_`{|}~ and single dots",
    )
