"""Hashes: which declared passwords and hashes are taken, and what is wrong with the others.

Owns the accepted schemes and the one stored form: one scheme prefix and its hash, as Dovecot reads it; with
a doubled prefix every login fails. Does not own a password: nothing here keeps or quotes one. Making hashes
is the provider's.
"""

import re
from collections.abc import Iterable, Mapping

MEMORY_LIMIT_KIB = 65536
"""More than this a Dovecot auth process may be unable to allocate, which it answers as a wrong password."""

ACCEPTED = {
    "ARGON2ID": re.compile(
        r"\$argon2id\$v=19\$m=(?P<memory>\d{1,9}),t=(?P<iterations>\d{1,9}),p=(?P<lanes>\d{1,9})"
        r"\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{22,}"
    ),
    "BLF-CRYPT": re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}"),
    "SHA512-CRYPT": re.compile(
        r"\$6\$(rounds=(?P<rounds>\d{1,18})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"
    ),
    "PBKDF2": re.compile(r"\$1\$[^$]{8,}\$(?P<rounds>\d{1,18})\$[0-9a-f]{40,}"),
}
COSTS = {
    "ARGON2ID": {"iterations": (1, 16), "lanes": (1, 8)},
    "BLF-CRYPT": {"cost": (4, 15)},
    "SHA512-CRYPT": {"rounds": (1000, 5_000_000)},
    "PBKDF2": {"rounds": (1, 5_000_000)},
}
"""Least and most of what makes a hash slow. With less than the least, the schemes have no such hash and every
login fails (crypt(5), RFC 9106); with more than the most, one login takes seconds, and a few at a time keep
Dovecot's auth workers from all others."""

_PREFIX = re.compile(r"\{([A-Za-z0-9.-]+)\}")
_WEAK = re.compile(r"\$(1|2|2x|5|md5|apr1|sha1|argon2i|argon2d)\$")
_BARE = {
    "$argon2id$": "ARGON2ID",
    "$2a$": "BLF-CRYPT",
    "$2b$": "BLF-CRYPT",
    "$2y$": "BLF-CRYPT",
    "$6$": "SHA512-CRYPT",
}


def is_hash(declared: str) -> bool:
    """Return whether `declared` is meant as a hash rather than as a password."""
    return _PREFIX.match(declared) is not None or any(declared.startswith(start) for start in _BARE)


def stored_form(declared_hash: str) -> str:
    """Return a declared hash with exactly one scheme prefix."""
    if _PREFIX.match(declared_hash):
        return declared_hash
    scheme = next(scheme for start, scheme in _BARE.items() if declared_hash.startswith(start))
    return f"{{{scheme}}}{declared_hash}"


def fault(declared: str) -> str | None:
    """Return what is wrong with a declared password or hash and what to do, without quoting it; or None."""
    if not declared:
        return "is empty; declare a password or take the entry away"
    if not is_hash(declared):
        if not declared.isprintable():
            return "holds a control character, such as a line end; declare it without"
        if _WEAK.match(declared):
            return f"is a hash that is too weak; accepted are {', '.join(sorted(ACCEPTED))}, or a password"
        return None
    text = stored_form(declared)
    match = _PREFIX.match(text)
    scheme = match.group(1).upper() if match else ""
    rest = text[match.end() :] if match else text
    if _PREFIX.search(rest):
        return "has more than one scheme prefix; Dovecot would refuse every login: keep exactly one"
    if scheme not in ACCEPTED:
        return (
            f"has the scheme {scheme}; accepted are {', '.join(sorted(ACCEPTED))}: unsalted or clear text "
            f"is refused"
        )
    form = ACCEPTED[scheme].fullmatch(rest)
    if form is None:
        return f"is not a well-formed {scheme} hash; copy it again, whole"
    return _cost_fault(scheme, {name: int(value) for name, value in form.groupdict().items() if value})


def _cost_fault(scheme: str, given: Mapping[str, int]) -> str | None:
    """Return what is wrong with the cost of a well-formed hash."""
    for name, (least, most) in COSTS[scheme].items():
        if name in given and not least <= given[name] <= most:
            return (
                f"has {name} {given[name]}, and {scheme} is taken with {least} to {most}: below it no login "
                "could work, above it each would take seconds and hold up all others; hash it again"
            )
    memory = given.get("memory", 0)
    if memory > MEMORY_LIMIT_KIB:
        return (
            f"needs more than {MEMORY_LIMIT_KIB} KiB of memory, which an auth process may not have; hash "
            f"it again"
        )
    if memory < 8 * given.get("lanes", 0):
        return (
            f"has {memory} KiB of memory for {given['lanes']} lanes, and each needs 8 KiB (RFC 9106): no "
            "login could work; hash it again"
        )
    return None


def repaired(stored: str) -> str | None:
    """Return `stored` with one prefix, where it has several and the last one begins a whole hash."""
    prefixes: Iterable[re.Match[str]] = _PREFIX.finditer(stored)
    starts = [match.start() for match in prefixes]
    if len(starts) < 2:
        return None
    candidate = stored[starts[-1] :]
    return candidate if fault(candidate) is None else None
