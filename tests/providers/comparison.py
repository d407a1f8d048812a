"""When an answer counts as the recorded one.

Owns the rules: what is not given equals what is empty; what no two machines answer alike (an identity, an
address, a key) must have the recorded one's form, and from then on stands for it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

HEX = r"(?<![0-9a-zA-Z])[0-9a-f]{12,}"
FORMS: list[tuple[str, Callable[[re.Match[str]], str]]] = [
    (r"\(PEM: (.*)\)", lambda found: rf"-----BEGIN {found[1]}-----[\s\S]+-----END {found[1]}-----\n"),
    (
        r"-----BEGIN (.*?)-----[\s\S]*",
        lambda found: rf"-----BEGIN {found[1]}-----[\s\S]+-----END {found[1]}-----\n",
    ),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", lambda found: r"\d{4}-\d\d-\d\dT[\d:.]+Z"),
    (r"\$2a\$10\$.{53}", lambda found: r"\$2[ab]\$10\$.{53}"),
    (r"(\S+) AAAA\S+\n", lambda found: rf"{found[1]} AAAA\S+\n"),
    (r"SHA256:.{43}", lambda found: "SHA256:.{43}"),
    (
        r"([0-9a-f]{2}:){5,}[0-9a-f]{2}",
        lambda found: f"([0-9a-f]{{2}}:){{{found[0].count(':')}}}[0-9a-f]{{2}}",
    ),
    (r"\d{20,}", lambda found: r"\d{20,40}"),
    (r"\d+\.\d+\.\d+\.\d+(/\d+)?", lambda found: r"\d+\.\d+\.\d+\.\d+(/\d+)?"),
    (r"[A-Za-z0-9]{24}", lambda found: r"[A-Za-z0-9]{24}"),
]

VARYING = re.compile(
    r"(^|\.)(id|name|hostname|imageId|mountpoint|result|bcryptHash|ipAddress|ipPrefixLength|gateway|macAddress|subnet"
    r"|(private|public)Key\w+|certPem|certRequestPem|validity(Start|End)Time)$"
)
"""Outputs that no two machines answer alike."""


def differing(recorded: Any, ours: Any, learned: dict[str, str], path: str = "") -> Iterator[str]:
    """Yield a sentence for each difference; note in `learned` what stands for a recorded text from now on."""
    recorded = known(recorded, learned)
    if _empty(recorded) and _empty(ours):
        return
    if isinstance(recorded, dict) and isinstance(ours, dict):
        for name in sorted(recorded.keys() | ours.keys() - {"__defaults"}):
            yield from differing(recorded.get(name), ours.get(name), learned, f"{path}.{name}".lstrip("."))
    elif isinstance(recorded, list) and isinstance(ours, list) and len(recorded) == len(ours):
        for index, (one, other) in enumerate(zip(_sorted(recorded, path), _sorted(ours, path), strict=True)):
            yield from differing(one, other, learned, f"{path}[{index}]")
    elif recorded != ours and not _same_form(recorded, ours, path.removesuffix(".secret"), learned):
        yield f"{path}: recorded {recorded!r}, here {ours!r}"


def known(value: Any, learned: Mapping[str, str]) -> Any:
    """Return recorded data with what was learned in place of what it stands for."""
    if isinstance(value, dict):
        return {name: known(item, learned) for name, item in value.items()}
    if isinstance(value, list):
        return [known(item, learned) for item in value]
    return learned.get(value, value) if isinstance(value, str) else value


def error_class(text: str) -> str:
    """Return what kind of error it is: MySQL's number, or the words that are not about one machine."""
    if number := re.search(r"Error (\d{4})", text):
        return number[0]
    for words in (
        "Invalid or unknown key",
        "invalid or unknown key",
        "Missing required",
        "conflicts with",
        "doesn't match the pattern",
        "must be one of",
        "must be at least",
        "unable to pull image",
        "container failed to be in healthy state",
        "is already in use by container",
        "port is already allocated",
        "container rootfs is marked read-only",
        "Failed to parse private key PEM",
        "internal: expected diff",
    ):
        if words in text:
            return words.lower()
    return text


def _same_form(recorded: Any, ours: Any, path: str, learned: dict[str, str]) -> bool:
    if not VARYING.search(path):
        return False
    if isinstance(recorded, int) and isinstance(ours, int):
        return bool(recorded) == bool(ours)
    if not isinstance(recorded, str) or not isinstance(ours, str) or not re.fullmatch(_form(recorded), ours):
        return False
    learned[recorded] = ours
    return True


def _form(recorded: str) -> str:
    for pattern, form in FORMS:
        if found := re.fullmatch(pattern, recorded):
            return form(found)
    pieces = re.split(f"({HEX})", recorded)
    return "".join(
        f"[0-9a-f]{{{len(piece)}}}"
        if index % 2
        else re.sub(r"n-[0-9a-f]{7}", "n-[0-9a-f]{7}", re.escape(piece).replace(r"\-", "-"))
        for index, piece in enumerate(pieces)
    )


def _empty(value: Any) -> bool:
    return value is None or value in ("", 0, False) or value == [] or value == {} or value == "0s"


def _sorted(items: list[Any], path: str) -> list[Any]:
    """Return the items of a set in one order; lists keep theirs."""
    return items if path.endswith(("command", "entrypoints", "tests", "dns")) else sorted(items, key=repr_of)


def repr_of(value: Any) -> str:
    if isinstance(value, dict):
        return str(sorted((name, repr_of(item)) for name, item in value.items() if not _empty(item)))
    return str(value)
