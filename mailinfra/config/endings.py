"""Endings: which certificates hold for a few weeks more, or no more at all, and what to do.

Owns how long before its end a certificate is told of, and the words. Does not own what is refused (pem.py,
chain.py), nor what the stack's own CA signs anew by itself (mailinfra/components/certificates.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

    from mailinfra.config.server import ServerConfig

SOON = timedelta(days=30)

THIRD = 3
"""What is renewed more often than every three months is told of in the last third of its life, which is when
renewal is due: it would be told of for half of its life otherwise."""


def of_files(server: "ServerConfig", now: datetime) -> Iterator[str]:
    """Return a line for each named file with a certificate that ends soon."""
    from mailinfra.config import chain, pem

    for place, given in (
        ("certificate", server.certificate_files()),
        ("webmail.certificate", server.webmail.certificate),
    ):
        if given is None:
            continue
        shown = pem.certificates(given.certificate_file)
        trusted = pem.certificates(given.ca_file) if given.ca_file else []
        for one in soon(chain.needed(shown, trusted), now):
            setting, path = (
                ("certificateFile", given.certificate_file) if one in shown else ("caFile", given.ca_file)
            )
            yield (
                f"server.{place}.{setting}: {_whose(one, shown)} {when(one, now)}, and mail programs and "
                f"other servers refuse it then; renew it, and run `up` again; given {path!r}"
            )
    external, smarthost, acme = server.database.external, server.smarthost, server.acme()
    for place, ca_file, whom in (
        ("certificate.acme", acme and acme.ca_file, "the authority"),
        ("database.external", external and external.ca_file, "the database's server"),
        ("smarthost", smarthost and smarthost.ca_file, "the smarthost"),
    ):
        if ca_file:
            for one in soon([last(pem.certificates(ca_file))], now):
                yield (
                    f"server.{place}.caFile: {_name(one)} {when(one, now)}, and {whom} is not trusted then; "
                    f"name the CA that comes after it; given {ca_file!r}"
                )


def of_own(what: str, text: str, remedy: str, now: datetime) -> Iterator[str]:
    """Return a line where a certificate of the stack's own, in PEM, ends soon; none for what is no PEM."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return
    for one in soon(found, now):
        yield f"{what} {when(one, now)}; {remedy}"


def soon(found: Iterable["x509.Certificate"], now: datetime) -> Iterator["x509.Certificate"]:
    """Return those that end soon, or have ended."""
    return (one for one in found if is_soon(one, now))


def is_soon(one: "x509.Certificate", now: datetime) -> bool:
    """Return whether a certificate ends within a month, or has ended; within a third of a life of less than
    three months."""
    first, end = one.not_valid_before_utc, one.not_valid_after_utc
    return end - now < min(SOON, (end - first) / THIRD)


def last(found: Sequence["x509.Certificate"]) -> "x509.Certificate":
    """Return the one of several CAs that holds longest: an old one beside its successor does no harm."""
    return max(found, key=lambda one: one.not_valid_after_utc)


def when(one: "x509.Certificate", now: datetime) -> str:
    """Return when a certificate ends, or that it has ended, as a person says it."""
    end = one.not_valid_after_utc
    if end <= now:
        return f"has ended on {end:%Y-%m-%d}"
    days = (end - now).days
    left = {0: "within a day", 1: "in 1 day"}.get(days, f"in {days} days")
    return f"ends on {end:%Y-%m-%d}, {left}"


def _whose(one: "x509.Certificate", shown: Sequence["x509.Certificate"]) -> str:
    return "the server's certificate" if one == shown[0] else f"{_name(one)}, which vouches for the server's,"


def _name(one: "x509.Certificate") -> str:
    from mailinfra.config.chain import common_name

    return common_name(one.subject)
