"""Comparison: whether what the DNS has does what a record is for, also where it is written differently.

Owns which differences matter, kind by kind. Does not own the asking (questions.py) or the records.
"""

import ipaddress
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailinfra.cli.dns.questions import Answer, Question
from mailinfra.cli.dns.records import Record


class State(StrEnum):
    """What has become of a record."""

    RIGHT = "right"
    MISSING = "missing"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One record, compared."""

    record: Record
    state: State
    found: Sequence[str] = ()
    """What the DNS has in its place."""

    reason: str = ""
    """What is wrong about it; empty where it is right or missing."""

    @property
    def breaks(self) -> bool:
        """Whether mail suffers: it is required and not known to be right."""
        return self.record.urgency == "required" and self.state is not State.RIGHT


@dataclass(frozen=True, kw_only=True)
class Dns:
    """What is wanted and what was answered."""

    wanted: Mapping[tuple[str, str], Sequence[str]]
    """Name and type -> values."""

    hosts: Collection[str]
    """Names that have addresses, as wanted."""

    addresses: Collection[str]
    """Those addresses."""

    answers: Mapping[Question, Answer]

    def answer(self, name: str, kind: str) -> Answer:
        """Return what the DNS has there."""
        return self.answers.get(Question(name, kind), Answer())

    def values(self, name: str, kind: str) -> Sequence[str]:
        """Return what is wanted there."""
        return self.wanted.get((name, kind), ())


Fault = str | None
"""What is wrong; None where it does what it is for; empty where there is nothing of its kind."""


def questions(records: Sequence[Record]) -> Iterator[Question]:
    """Return all that has to be asked to judge the records."""
    for record in records:
        if _is_key(record):
            yield Question(record.name, "TXT")  # whoever asks for it is led on by a CNAME
        elif record.type == "CAA":
            yield from (Question(name, "CAA") for name in _upwards(record.name))
        else:
            yield Question(record.name, record.type)
            if record.type == "CNAME":
                yield from (Question(record.name, kind) for kind in ("A", "AAAA"))


def verdicts(records: Sequence[Record], answers: Mapping[Question, Answer]) -> list[Verdict]:
    """Return what has become of each record."""
    wanted: dict[tuple[str, str], list[str]] = {}
    for record in records:
        wanted.setdefault((record.name, record.type), []).append(record.value)
    addressed = [record for record in records if record.type in {"A", "AAAA"}]
    dns = Dns(
        wanted=wanted,
        hosts={record.name for record in addressed},
        addresses={record.value for record in addressed},
        answers=answers,
    )
    return [_verdict(dns, record) for record in records]


def key_fault(
    host: str,
    values: Collection[str],
    ask: Callable[[Collection[Question]], Mapping[Question, Answer]],
) -> str:
    """Return why port 25 of `host` must not show keys of which TLSA says `values`; empty where it may.

    Without any record nobody compares. One record that matches is enough, and whoever names a CA (usage 2)
    names no key; with other usages than these two servers compare nothing (RFC 7672, 3.1).
    """
    question = Question(f"_25._tcp.{host}", "TLSA")
    answer = ask([question])[question]
    if answer.failure:
        return f"not known, {answer.failure}"
    usages = {one.partition(" ")[0] for one in answer.values}
    if "3" not in usages or "2" in usages or (values and set(values) <= set(answer.values)):
        return ""
    return f"the DNS names {', '.join(one for one in answer.values if one.startswith('3 '))}"


def _verdict(dns: Dns, record: Record) -> Verdict:
    asked = list(questions([record]))
    failures = [each for each in (dns.answer(one.name, one.type).failure for one in asked) if each]
    found = _found(dns, record)
    fault = _judge(dns, record, found)
    if fault is None:
        return Verdict(record=record, state=State.RIGHT, found=found)
    if failures:
        return Verdict(record=record, state=State.UNKNOWN, found=found, reason=failures[0])
    if not fault:
        return Verdict(record=record, state=State.MISSING)
    return Verdict(record=record, state=State.DIFFERENT, found=found, reason=fault)


def _found(dns: Dns, record: Record) -> list[str]:
    """Return what the DNS has of the record's kind."""
    if _is_key(record):
        return [one for one in dns.answer(record.name, "TXT").values if "p" in tags(one)]
    values = list(dns.answer(record.name, record.type).values)
    if record.type == "TXT":
        return [one for one in values if _kind(one) == _kind(record.value)]
    if record.type == "CAA":
        nearest = (list(dns.answer(name, "CAA").values) for name in _upwards(record.name))
        return next((found for found in nearest if found), [])
    if record.type == "CNAME" and not values:
        return [*dns.answer(record.name, "A").values, *dns.answer(record.name, "AAAA").values]
    return values


def _judge(dns: Dns, record: Record, found: Sequence[str]) -> Fault:
    if not found:
        return ""
    if _is_key(record):
        return _key(dns, record, found)
    if record.type == "TXT":
        if len(found) > 1:
            return f"stands {len(found)} times, which receivers take for none; leave one"
        return _TEXTS[_kind(record.value)](dns, record, found[0])
    return _KINDS[record.type](dns, record, found)


def _address(dns: Dns, record: Record, found: Sequence[str]) -> Fault:
    wanted = dns.values(record.name, record.type)
    if record.value not in found:
        return "is another address"
    others = sorted(set(found) - set(wanted))
    return f"leads to {', '.join(others)}, too, which `addresses` does not name" if others else None


def _reverse(_: Dns, record: Record, found: Sequence[str]) -> Fault:
    return None if record.value in found else "is another name"


def _exchange(_: Dns, record: Record, found: Sequence[str]) -> Fault:
    servers = {name: int(priority) for priority, name in (one.split() for one in found)}
    ours = servers.pop(record.value, None)
    if ours is None:
        return "leads to another server"
    first = sorted(name for name, priority in servers.items() if priority <= ours)
    return f"leads to {', '.join(first)} first or as often" if first else None


def _alias(dns: Dns, record: Record, found: Sequence[str]) -> Fault:
    if record.value in found:
        return None
    host = set(dns.addresses)
    return None if host and set(found) <= host else "leads to another server"


def _service(_: Dns, record: Record, found: Sequence[str]) -> Fault:
    wanted = record.value.split()[1:]
    targets = [one.split()[2:] for one in found]
    if wanted[1] == ".":
        return None if all(target[1] == "." for target in targets) else "offers what is off here"
    return None if all(target == wanted for target in targets) else "leads to another server or port"


def _authority(dns: Dns, record: Record, found: Sequence[str]) -> Fault:
    allowed = {_authority_of(one) for one in found if _tag_of(one) == "issue"}
    wanted = {_authority_of(one) for one in dns.values(record.name, "CAA")}
    if not allowed or _authority_of(record.value) in allowed:
        others = sorted(allowed - wanted - {""})
        return f"lets {', '.join(others)} sign, too" if others and wanted == {""} else None
    return "lets nobody sign" if allowed == {""} else "lets others sign, and not this one"


def _tag_of(caa: str) -> str:
    return caa.split()[1].lower()


def _authority_of(caa: str) -> str:
    """Return the authority that a CAA names; empty for none."""
    return caa.split(maxsplit=2)[2].strip('"').partition(";")[0].strip().lower()


def _fingerprint(_: Dns, record: Record, found: Sequence[str]) -> Fault:
    return None if record.value in found else "names another key, and servers that look at it send no mail"


_KINDS: Mapping[str, Callable[[Dns, Record, Sequence[str]], Fault]] = {
    "A": _address,
    "AAAA": _address,
    "CAA": _authority,
    "CNAME": _alias,
    "MX": _exchange,
    "PTR": _reverse,
    "SRV": _service,
    "TLSA": _fingerprint,
}


def _is_key(record: Record) -> bool:
    return "._domainkey." in record.name


def _key(dns: Dns, record: Record, found: Sequence[str]) -> Fault:
    wanted = record.value if record.type == "TXT" else next(iter(dns.values(record.value, "TXT")), "")
    if len(found) > 1:
        return f"stands {len(found)} times, and receivers may take either; leave one"
    ours, theirs = tags(wanted), tags(found[0])
    if not theirs["p"]:
        return "is revoked: its p is empty"
    if theirs["p"] != ours.get("p") or theirs.get("k", "rsa") != ours.get("k", "rsa"):
        return "is another key"
    if theirs.get("v", "DKIM1") != "DKIM1":
        return f"has version {theirs['v']}, which nobody reads; write v=DKIM1"
    if "sha256" not in theirs.get("h", "sha256").split(":"):
        return "forbids SHA-256 (h), with which this server signs"
    if not {"*", "email"} & set(theirs.get("s", "*").split(":")):
        return "is not for mail (s)"
    if "y" in theirs.get("t", "").split(":"):
        return "says that it is only tried (t=y): receivers treat mail as unsigned"
    return None


def _spf(dns: Dns, record: Record, found: str) -> Fault:
    theirs = [word.lower().removeprefix("+") for word in found.split()[1:]]
    ours = [word.lower() for word in record.value.split()[1:]]
    ends = [place for place, word in enumerate(theirs) if word.lstrip("-~?") == "all"]
    before = theirs[: ends[0]] if ends else theirs
    for word in ours[:-1]:
        if not any(_same_senders(dns, record, word, one) for one in before) and not _all_named(dns, before):
            return f"does not let this server send: has no {word!r} before its end"
    if not ends:
        return "has no end such as ~all, so anybody may send"
    if theirs[ends[0]] not in ("~all", "-all"):
        return f"ends in {theirs[ends[0]]!r}, so anybody may send"
    return None


def _same_senders(dns: Dns, record: Record, ours: str, theirs: str) -> bool:
    """Return whether a mechanism lets the same servers send: `mx`, `mx:example.org`, `a:mail.example.org`."""
    same = {ours, f"{ours}:{record.name}", *(f"a:{host}" for host in dns.hosts)}
    return theirs in same


def _all_named(dns: Dns, mechanisms: Sequence[str]) -> bool:
    """Return whether each address of the host is in one of the networks that the mechanisms name."""
    networks = []
    for word in mechanisms:
        if word.startswith(("ip4:", "ip6:")):
            try:
                networks.append(ipaddress.ip_network(word[4:], strict=False))
            except ValueError:
                continue
    given = [ipaddress.ip_address(one) for one in dns.addresses]
    return bool(given) and all(any(one in network for network in networks) for one in given)


_STRICTNESS = ("none", "quarantine", "reject")


def _dmarc(_: Dns, record: Record, found: str) -> Fault:
    ours, theirs = tags(record.value), tags(found)
    policy = theirs.get("p", "")
    if policy not in _STRICTNESS:
        return f"has no policy that receivers know (p={policy})"
    if _STRICTNESS.index(policy) < _STRICTNESS.index(ours["p"]):
        return f"asks for less than p={ours['p']}"
    return None if theirs.get("rua") else "asks for no reports (rua)"


def _policy_id(_: Dns, record: Record, found: str) -> Fault:
    same = tags(found).get("id") == tags(record.value)["id"]
    return None if same else "names another policy, so that servers go on with the one that they know"


def _tls_reports(_: Dns, __: Record, found: str) -> Fault:
    return None if tags(found).get("rua") else "names nobody who gets the reports (rua)"


_TEXTS: Mapping[str, Callable[[Dns, Record, str], Fault]] = {
    "v=dmarc1": _dmarc,
    "v=spf1": _spf,
    "v=stsv1": _policy_id,
    "v=tlsrptv1": _tls_reports,
}


def _kind(text: str) -> str:
    """Return the version that a text begins with: `v=spf1`, `v=dmarc1`."""
    return re.split(r"[ ;]", text.strip())[0].lower()


def tags(text: str) -> dict[str, str]:
    """Return the tags of `v=DKIM1; k=rsa; p=…`, in whatever order, without blanks."""
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip().lower(): re.sub(r"\s", "", value) for name, equals, value in pairs if equals}


def _upwards(name: str) -> Iterator[str]:
    """Return the name and those above it, as CAA is looked for, but for the last one."""
    labels = name.split(".")
    yield from (".".join(labels[start:]) for start in range(len(labels) - 1))
