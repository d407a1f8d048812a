"""Hashes: which declared passwords and hashes are taken, and what is wrong with the others.

Owns the accepted schemes, the one stored form (one scheme prefix and its hash, as Dovecot reads it; with a
doubled prefix every login fails), and the forms in which other systems keep passwords: whatever has one of
them is never taken for a password, or the hash itself would log in. Does not own a password: nothing here
keeps or quotes one. Making hashes is the provider's.
"""

import base64
import re
from collections.abc import Iterable, Mapping

MEMORY_LIMIT_KIB = 65536
"""More than this a Dovecot auth process may be unable to allocate, which it answers as a wrong password."""

_B64 = r"[A-Za-z0-9+/]"
_CRYPT64 = r"[./0-9A-Za-z]"
_ARGON = (
    r"\$v=19\$m=(?P<memory>\d{1,9}),t=(?P<iterations>\d{1,9}),p=(?P<lanes>\d{1,9})"
    rf"\${_B64}{{11,}}\${_B64}{{22,}}"
)

ACCEPTED = {
    "ARGON2ID": re.compile(rf"\$argon2id{_ARGON}"),
    "ARGON2I": re.compile(rf"\$argon2i{_ARGON}"),
    "BLF-CRYPT": re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$[./A-Za-z0-9]{53}"),
    "CRYPT": re.compile(
        rf"\$g?y\$j(?P<log2n>{_CRYPT64})(?P<r>{_CRYPT64})\${_CRYPT64}{{1,86}}\${_CRYPT64}{{43}}"
        rf"|\$7\$(?P<log2n7>{_CRYPT64})(?P<r7>{_CRYPT64}{{5}})(?P<p7>{_CRYPT64}{{5}})[^$:]{{1,86}}\${_CRYPT64}{{43}}"
    ),
    "SHA512-CRYPT": re.compile(
        r"\$6\$(rounds=(?P<rounds>\d{1,18})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"
    ),
    "SHA256-CRYPT": re.compile(
        r"\$5\$(rounds=(?P<rounds>\d{1,18})\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}"
    ),
    "PBKDF2": re.compile(r"\$1\$[^$]{8,}\$(?P<rounds>\d{1,18})\$[0-9a-f]{40,}"),
    "SCRAM-SHA-256": re.compile(rf"(?P<rounds>\d{{1,18}}),{_B64}+=*,{_B64}{{43}}=,{_B64}{{43}}="),
    # A digest of 64 or 32 bytes, and a salt of four at least.
    "SSHA512": re.compile(rf"(?=.{{92,}}$)({_B64}{{4}})*({_B64}{{2}}==|{_B64}{{3}}=)?"),
    "SSHA512.HEX": re.compile(r"(?=.{136,}$)([0-9a-fA-F]{2})+"),
    "SSHA256": re.compile(rf"(?=.{{48,}}$)({_B64}{{4}})*({_B64}{{2}}==|{_B64}{{3}}=)?"),
    "SSHA256.HEX": re.compile(r"(?=.{72,}$)([0-9a-fA-F]{2})+"),
}
"""Scheme -> form of its hash. Dovecot 2.4 verifies each of them, CRYPT by the libxcrypt of its image."""

COSTS = {
    "ARGON2ID": {"iterations": (1, 16), "lanes": (1, 8)},
    "ARGON2I": {"iterations": (1, 16), "lanes": (1, 8)},
    "BLF-CRYPT": {"cost": (4, 15)},
    "SHA512-CRYPT": {"rounds": (1000, 5_000_000)},
    "SHA256-CRYPT": {"rounds": (1000, 5_000_000)},
    "PBKDF2": {"rounds": (1, 5_000_000)},
    "SCRAM-SHA-256": {"rounds": (4096, 5_000_000)},
}
"""Least and most of what makes a hash slow. With less than the least, the schemes have no such hash and every
login fails (crypt(5), RFC 9106, RFC 7677); with more than the most, one login takes seconds, and a few at a
time keep Dovecot's auth workers from all others."""

_PREFIX = re.compile(r"\{([A-Za-z0-9._-]+)\}")
CLEAR = "{PLAIN}"
"""In front of a password that looks like a hash; it is taken off before the password is hashed."""

_CLEAR = re.compile(r"\{(PLAIN|CLEAR|CLEARTEXT)\}", re.IGNORECASE)
_BARE = {
    "$argon2id$": "ARGON2ID",
    "$argon2i$": "ARGON2I",
    "$2a$": "BLF-CRYPT",
    "$2b$": "BLF-CRYPT",
    "$2y$": "BLF-CRYPT",
    "$6$": "SHA512-CRYPT",
    "$5$": "SHA256-CRYPT",
    "$y$": "CRYPT",
    "$gy$": "CRYPT",
    "$7$": "CRYPT",
}
_SAME = {"SSHA512.B64": "SSHA512", "SSHA256.B64": "SSHA256"}
_GENERAL = {"CRYPT", "ARGON2", "BCRYPT"}
"""Prefixes under which LDAP servers and libraries keep several kinds: the hash itself tells which."""

_WEAK = "which is too weak"
_FOREIGN = "which Dovecot cannot verify"
_SHADOW = r"(\$(y|gy|7|6|5|1|2[abxy]|md5|sha1|argon2\w*)[$,].*|[./0-9A-Za-z]{13})"
_KINDS: tuple[tuple[str, str], ...] = (
    (r"\$1\$.*", f"an MD5 crypt hash, {_WEAK}"),
    (r"\$apr1\$.*", f"a hash of htpasswd (apr1), {_WEAK}"),
    (r"\$md5[$,].*", f"a hash of Solaris (SunMD5), {_WEAK}"),
    (r"\$sha1\$.*", f"a hash of NetBSD (sha1crypt), {_WEAK}"),
    (r"\$3\$.*", f"an NT hash, {_WEAK}"),
    (r"\$2x?\$.*", f"a bcrypt hash of the faulty variant 2x, {_WEAK}"),
    (r"\$argon2d?\$.*", f"an Argon2d hash, {_FOREIGN}"),
    (r"\$bcrypt-sha256\$.*", f"a hash of passlib or Mailu (bcrypt-sha256), {_FOREIGN}"),
    (r"\$pbkdf2(-sha\d+)?\$.*", f"a hash of passlib (PBKDF2), {_FOREIGN}"),
    (r"\$scrypt\$.*", f"a hash of passlib (scrypt), {_FOREIGN}"),
    (r"\$s[012]\$.*", f"an scrypt hash of a library, {_FOREIGN}"),
    (r"\$[PHS]\$.{20,}", f"a hash of phpBB, WordPress or Drupal (phpass), {_FOREIGN}"),
    (r"\$wp\$.*", f"a hash of WordPress, {_FOREIGN}"),
    (r"\$(8|9|14)\$.*", f"a hash of a router (Cisco), {_FOREIGN}"),
    (r"\$A\$\d{3}\$.*", f"a hash of MySQL (caching_sha2_password), {_FOREIGN}"),
    (r"\*[0-9A-Fa-f]{40}", f"a hash of MySQL (PASSWORD), {_FOREIGN}"),
    (r"md5[0-9a-f]{32}", f"a hash of PostgreSQL (MD5), {_WEAK}"),
    (r"SCRAM-SHA-\d+\$\d+:.*", f"a verifier of PostgreSQL (SCRAM), {_FOREIGN}"),
    (
        r"(pbkdf2_sha\d+|bcrypt(_sha256)?|argon2|scrypt|sha1|md5|unsalted_\w+)\$.*\$.*",
        f"a hash of Django, {_FOREIGN}",
    ),
    (
        r"(scrypt:\d+:\d+:\d+|pbkdf2:sha\d+(:\d+)?|sha\d+|md5)\$[^$]+\$[0-9a-f]{32,}",
        f"a hash of Werkzeug, {_FOREIGN}",
    ),
    (r"grub\.pbkdf2\..*", f"a hash of GRUB, {_FOREIGN}"),
    (rf"AQAAAA{_B64}{{60,}}=*", f"a hash of ASP.NET Identity, {_FOREIGN}"),
    (r"_[./0-9A-Za-z]{19}", f"a hash of BSD (extended DES), {_WEAK}"),
    (r"[0-9a-fA-F]{32}:[0-9a-fA-F]{32}", f"an LM and an NT hash, {_WEAK}"),
    (r"[0-9a-fA-F]{32}", f"an unsalted hash of 32 hexadecimal digits (MD5 or NT), {_WEAK}"),
    (r"[0-9a-fA-F]{40}", f"an unsalted hash of 40 hexadecimal digits (SHA-1), {_WEAK}"),
    (r"[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}", f"an unsalted hash in hexadecimal digits, {_WEAK}"),
    (rf"[!*]+{_SHADOW}", "a locked entry of /etc/shadow, and the password before it was locked"),
    (
        r"!{1,2}|\*|!\*|\*!|\*?(LK|NP)\*?|\*LK\*.*",
        "a locked entry of /etc/passwd or /etc/shadow, or the mark of one",
    ),
    (r"![A-Za-z0-9]{40}", "Django's mark of an account without a password"),
    (
        r"\$[a-z0-9][a-z0-9-]{0,31}[$,](?=\S{27,}$).*\$.+",
        f"a hash of a kind that is not known here, {_FOREIGN}",
    ),
)
"""Form -> what has it. None of them is a password, unless somebody says so."""

_FORMS = tuple((re.compile(form, re.DOTALL), name) for form, name in _KINDS)
_SEPARATORS = re.compile(r"[\s:;,|='\"]+")


def is_hash(declared: str) -> bool:
    """Return whether `declared` is meant as a hash rather than as a password."""
    match = _PREFIX.match(declared)
    if match is None or _CLEAR.match(declared):
        return any(declared.startswith(start) for start in _BARE)
    scheme, rest = match[1].upper(), declared[match.end() :]
    return scheme in {*ACCEPTED, *_SAME, *_GENERAL, *_REFUSED} or not re.search(r"\s", rest)


def clear_text(declared: str) -> str:
    """Return a declared password without the mark that it is one."""
    match = _CLEAR.match(declared)
    return declared[match.end() :] if match else declared


def stored_form(declared_hash: str) -> str:
    """Return a declared hash with exactly one scheme prefix."""
    match = _PREFIX.match(declared_hash)
    given = match[1].upper() if match else ""
    rest = declared_hash[match.end() :] if match else declared_hash
    bare = next((scheme for start, scheme in _BARE.items() if rest.startswith(start)), None)
    if bare and (not given or given in _GENERAL):
        return f"{{{bare}}}{rest}"
    return f"{{{_SAME.get(given, given)}}}{rest}"


def fault(declared: str) -> str | None:
    """Return what is wrong with a declared password or hash and what to do, without quoting it; or None."""
    if not clear_text(declared):
        return "is empty; declare a password or take the entry away"
    if not declared.isprintable():
        return "holds a control character, such as a line end; declare it without"
    if is_hash(declared):
        return _hash_fault(declared)
    if _CLEAR.match(declared):
        return None
    name = _foreign(declared)
    if name:
        return f"is {name}; {_remedy()}"
    if _holds_a_hash(declared):
        return (
            "is a line of another system's file, or a hash with something around it; declare the hash alone, "
            f"or, where all of it is the password, write {CLEAR} in front of it"
        )
    return None


def stored_fault(stored: str) -> str | None:
    """Return what is wrong with the password in a row, without quoting it; or None."""
    if not is_hash(stored):
        return "is not a hash"
    return _hash_fault(stored)


def _remedy() -> str:
    return f"declare a hash of {', '.join(sorted(ACCEPTED))}, or a password; {_or_clear()}"


def _foreign(text: str) -> str | None:
    """Return what another system's password entry is called; None for what may be a password."""
    for form, name in _FORMS:
        if form.fullmatch(text):
            return name
    try:
        inner = base64.b64decode(text, validate=True).decode("ascii") if len(text) >= 16 else ""
    except ValueError:  # not base64, or not of a text; a password may hold any character
        return None
    match = _PREFIX.match(inner)
    if match and match[1].upper() in {*ACCEPTED, *_GENERAL, *_REFUSED}:
        return f"an LDAP password in base64, which holds one of the scheme {match[1].upper()}"
    return None


def _holds_a_hash(text: str) -> bool:
    """Return whether a hash stands among other things in `text`, as in a line of a password file."""
    parts = [part for part in _SEPARATORS.split(text) if part]
    long = [part for part in parts if len(part) > 12]
    if any(part != text and (is_hash(part) or _foreign(part)) for part in long):
        return True
    starts = (text.find(start, 1) for start in _BARE)
    return any(at > 0 and _hash_fault(text[at:]) is None for at in starts)


_REFUSED = {
    "SSHA": f"salted SHA-1, {_WEAK}",
    "SMD5": f"salted MD5, {_WEAK}",
    "MD5-CRYPT": f"MD5 crypt, {_WEAK}",
    "DES-CRYPT": f"DES crypt, {_WEAK}",
    "MD5": f"MD5, {_WEAK}",
    "LDAP-MD5": f"unsalted MD5, {_WEAK}",
    "PLAIN-MD5": f"unsalted MD5, {_WEAK}",
    "PLAIN-MD4": f"unsalted MD4, {_WEAK}",
    "NTLM": f"an unsalted NT hash, {_WEAK}",
    "LANMAN": f"an unsalted LM hash, {_WEAK}",
    "SHA": f"unsalted SHA-1, {_WEAK}",
    "SHA1": f"unsalted SHA-1, {_WEAK}",
    "SHA256": f"unsalted SHA-256, {_WEAK}",
    "SHA512": f"unsalted SHA-512, {_WEAK}",
    "CRAM-MD5": f"as good as clear text, {_WEAK}",
    "HMAC-MD5": f"as good as clear text, {_WEAK}",
    "DIGEST-MD5": f"as good as clear text, {_WEAK}",
    "SCRAM-SHA-1": f"SCRAM with SHA-1, {_WEAK}",
}
"""Schemes that are known and not taken -> why."""


def _hash_fault(declared: str) -> str | None:
    """Return what is wrong with what is meant as a hash."""
    match = _PREFIX.match(declared)
    inner = declared[match.end() :] if match else declared
    if _PREFIX.search(inner):
        return "has more than one scheme prefix; Dovecot would refuse every login: keep exactly one"
    text = stored_form(declared)
    match = _PREFIX.match(text)
    scheme, rest = (match[1], text[match.end() :]) if match else ("", text)
    if scheme not in ACCEPTED or (scheme == "CRYPT" and not rest.startswith(("$y$", "$gy$", "$7$"))):
        name = _REFUSED.get(scheme) or _foreign(rest) or f"of no kind that is known here, {_FOREIGN}"
        return f"has the scheme {scheme}, and is {name}; {_remedy()}"
    form = ACCEPTED[scheme].fullmatch(rest)
    if form is None:
        return f"is not a well-formed {scheme} hash; copy it again, whole; {_or_clear()}"
    given = form.groupdict()
    if scheme == "CRYPT":
        return _memory_fault(_scrypt_kib(given))
    return _cost_fault(scheme, {name: int(value) for name, value in given.items() if value})


def _or_clear() -> str:
    return f"where it is the password itself, write {CLEAR} in front of it"


_ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _scrypt_kib(given: Mapping[str, str | None]) -> int:
    """Return the memory that a yescrypt or scrypt hash needs: 128 * r * N bytes, for each of p."""

    def number(digits: str) -> int:
        return sum(_ITOA64.index(digit) << (6 * place) for place, digit in enumerate(digits))

    if given["log2n7"]:
        lanes = number(given["p7"] or ".")
        return 128 * number(given["r7"] or ".") * max(1, lanes) * (1 << number(given["log2n7"])) // 1024
    return 128 * (number(given["r"] or ".") + 1) * (2 << number(given["log2n"] or ".")) // 1024


def _cost_fault(scheme: str, given: Mapping[str, int]) -> str | None:
    """Return what is wrong with the cost of a well-formed hash."""
    for name, (least, most) in COSTS.get(scheme, {}).items():
        if name in given and not least <= given[name] <= most:
            return (
                f"has {name} {given[name]}, and {scheme} is taken with {least} to {most}: below it no login "
                "could work, above it each would take seconds and hold up all others; hash it again"
            )
    memory = given.get("memory", 0)
    if memory < 8 * given.get("lanes", 0):
        return (
            f"has {memory} KiB of memory for {given['lanes']} lanes, and each needs 8 KiB (RFC 9106): no "
            "login could work; hash it again"
        )
    return _memory_fault(memory)


def _memory_fault(kib: int) -> str | None:
    if kib <= MEMORY_LIMIT_KIB:
        return None
    return (
        f"needs more than {MEMORY_LIMIT_KIB} KiB of memory, which an auth process may not have; hash it again"
    )


def repaired(stored: str) -> str | None:
    """Return `stored` with one prefix, where it has several and the last one begins a whole hash."""
    prefixes: Iterable[re.Match[str]] = _PREFIX.finditer(stored)
    starts = [match.start() for match in prefixes]
    if len(starts) < 2:
        return None
    candidate = stored[starts[-1] :]
    return candidate if stored_fault(candidate) is None else None
