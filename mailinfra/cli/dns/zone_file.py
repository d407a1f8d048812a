"""Zone files (RFC 1035, section 5): the records of one zone as name servers and providers import them.

Owns quoting, absolute names and the cutting of long texts. Does not own what the records are, nor where a
file goes (__main__.py).
"""

from collections.abc import Iterator, Sequence

from mailinfra.cli.dns.records import Record

STRING = 255
"""Bytes of one string of a TXT; a longer text is several strings, which readers join without a blank."""

HEAD = """\
; Zone {zone}: what the mail server {host} needs.
; SOA and NS are for a zone that is served from this file alone; leave both lines out where the zone is there.
$TTL 3600
{zone}. IN SOA {host}. hostmaster.{zone}. {serial} 7200 3600 1209600 3600
{zone}. IN NS {host}.
"""


def zone_file(zone: str, records: Sequence[Record], host: str, serial: int) -> str:
    """Return a whole zone; every name in it is absolute, so that its lines may be pasted anywhere."""
    return HEAD.format(zone=zone, host=host, serial=serial) + "\n".join(["", *_lines(records), ""])


def _lines(records: Sequence[Record]) -> Iterator[str]:
    before = ""
    for record in records:
        said = f"; {record.urgency}: {record.purpose}"
        if said != before:
            yield said
        before = said
        yield f"{record.name}. {record.ttl} IN {record.type} {rdata(record)}"


def rdata(record: Record) -> str:
    """Return a record's data as it stands in a zone file."""
    front = "" if record.priority is None else f"{record.priority} "
    match record.type:
        case "TXT":
            return " ".join(_quoted(part) for part in strings(record.value))
        case "CNAME" | "MX" | "PTR" | "SRV":
            return f"{front}{record.value.rstrip('.')}."
        case _:
            return f"{front}{record.value}"


def strings(text: str) -> list[bytes]:
    """Return a text cut into strings that a TXT can hold."""
    content = text.encode()
    return [content[start : start + STRING] for start in range(0, len(content), STRING)] or [b""]


def _quoted(part: bytes) -> str:
    plain = (
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\{byte:03d}"
        for byte in part
    )
    return f'"{"".join(plain)}"'
