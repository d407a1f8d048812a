"""Questions to the DNS: side by side, each answered or given up within a few seconds.

Owns how it is asked. Does not own what an answer means for a record (comparison.py).
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.resolver

SIDE_BY_SIDE = 100
"""Questions at a time; a resolver of a provider takes more for an attack."""

_SILENT = "no answer within {:g} s"

PAYLOAD = 1232
"""Bytes of an answer over UDP that no network cuts (dnsflagday.net); longer ones come over TCP."""


@dataclass(frozen=True, order=True)
class Question:
    """A name and a type of record."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the DNS has."""

    values: Sequence[str] = ()
    """As in `dns_records`: names without the dot at their end, texts whole; none where there is no record."""

    failure: str = ""
    """Why nobody knows; empty where the DNS answered."""


@dataclass(frozen=True, kw_only=True)
class Resolver:
    """Who is asked, and how long is waited."""

    addresses: Sequence[str] = ()
    """Addresses of resolvers; without any those of this machine."""

    port: int = 53
    seconds: float = 5.0
    """How long one question may take; and after as long without any answer the rest is given up."""


def ask(questions: Collection[Question], resolver: Resolver) -> dict[Question, Answer]:
    """Return what the DNS answers to each question."""
    return asyncio.run(_ask(sorted(set(questions)), resolver))


async def _ask(questions: Sequence[Question], resolver: Resolver) -> dict[Question, Answer]:
    try:
        asked = _resolver(resolver)
    except dns.resolver.NoResolverConfiguration:
        return dict.fromkeys(questions, Answer(failure="this machine has no resolver; name one"))
    room = asyncio.Semaphore(SIDE_BY_SIDE)
    tasks = {question: asyncio.create_task(_one(asked, question, room)) for question in questions}
    late: set[asyncio.Task[Answer]] = set(tasks.values())
    while late:
        done, late = await asyncio.wait(late, timeout=resolver.seconds)
        if all(task.result().failure for task in done):  # nobody has said anything for so long
            break
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    silent = Answer(failure=_SILENT.format(resolver.seconds))
    return {question: silent if task.cancelled() else task.result() for question, task in tasks.items()}


def _resolver(resolver: Resolver) -> dns.asyncresolver.Resolver:
    made = dns.asyncresolver.Resolver(configure=not resolver.addresses)
    if resolver.addresses:
        made.nameservers = list(resolver.addresses)
        made.port = resolver.port
    made.use_edns(0, 0, PAYLOAD)
    made.lifetime = resolver.seconds
    made.timeout = min(made.timeout, resolver.seconds)
    return made


async def _one(resolver: dns.asyncresolver.Resolver, question: Question, room: asyncio.Semaphore) -> Answer:
    try:
        async with room:
            found = await resolver.resolve(
                dns.name.from_text(f"{question.name}."),
                question.type,
                raise_on_no_answer=False,
                search=False,
            )
    except dns.resolver.NXDOMAIN:
        return Answer()
    except dns.resolver.NoNameservers as error:
        return Answer(failure=_reason(error))
    except dns.exception.Timeout:
        return Answer(failure=_SILENT.format(resolver.lifetime))
    except (dns.exception.DNSException, OSError) as error:
        return Answer(failure=str(error) or type(error).__name__)
    return Answer(values=sorted(_text(each) for each in found.rrset or ()))


def _reason(error: dns.resolver.NoNameservers) -> str:
    """Return what the resolvers said, such as SERVFAIL."""
    said = [str(one[3]) for one in error.kwargs.get("errors", ())]
    return f"the resolver answers {', '.join(dict.fromkeys(said)) or 'nothing'}"


def _text(found: dns.rdata.Rdata) -> str:
    """Return a record's data as `dns_records` writes it."""
    if found.rdtype == dns.rdatatype.TXT:
        texts: tuple[bytes, ...] = found.strings  # type: ignore[attr-defined]
        return b"".join(texts).decode(errors="replace")
    plain = found.to_text()
    names: Mapping[int, str] = {dns.rdatatype.TLSA: plain.lower(), dns.rdatatype.CAA: plain}
    return names[found.rdtype] if found.rdtype in names else _without_dot(plain).lower()


def _without_dot(text: str) -> str:
    return text if text.endswith(" .") or text == "." else text.removesuffix(".")
