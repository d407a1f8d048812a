"""`python -m mailinfra.cli.dns`: shows, writes and checks the records of a stack's output `dns_records`.

Owns the commands. Needs neither Docker nor the stack's secrets: `pulumi stack output dns_records --json` is
all that it reads.
"""

import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mailinfra.cli.dns import comparison, pages
from mailinfra.cli.dns.questions import Resolver, ask
from mailinfra.cli.dns.records import Record, UnreadableError, read, zones
from mailinfra.cli.dns.zone_file import zone_file
from mailinfra.types import ip_address, port

app = typer.Typer(help="The DNS records of a stack.", no_args_is_help=True, add_completion=False)

Source = Annotated[
    Path | None,
    typer.Option("--records", help="What `pulumi stack output dns_records --json` printed; else it is read."),
]


def records(source: Path | None) -> list[Record]:
    """Return the records in a file, or in standard input; end with a sentence where there are none."""
    try:
        return read(source.read_text() if source else sys.stdin.read())
    except (UnreadableError, OSError) as error:
        sys.exit(str(error))


@app.command()
def table(source: Source = None) -> None:
    """Show every record, what it is for and how urgent it is."""
    pages.console().print(pages.table(records(source)))


@app.command()
def zone(
    source: Source = None,
    folder: Annotated[Path | None, typer.Option(help="Write one file for each zone into it.")] = None,
    only: Annotated[str, typer.Option("--zone", help="This zone alone.")] = "",
) -> None:
    """Write zone files, which name servers and DNS providers import; to the terminal without a folder."""
    given = records(source)
    wanted = {name: rows for name, rows in zones(given).items() if only in ("", name)}
    if not wanted:
        sys.exit(f"there is no zone {only!r}; there are: {', '.join(zones(given)) or 'none'}")
    host = _host(given)
    for name, rows in wanted.items():
        text = zone_file(name, rows, host, int(time.time()))
        if folder is None:
            sys.stdout.write(text)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.zone").write_text(text)
            print(folder / f"{name}.zone")


Resolvers = Annotated[
    list[str] | None,
    typer.Option(help="Ask this resolver: an address, or ADDRESS@PORT; else this machine's."),
]
Seconds = Annotated[float, typer.Option(help="How long to wait for an answer.", min=0.1)]


@app.command()
def key(
    host: Annotated[str, typer.Argument(help="The server's name.")],
    values: Annotated[
        list[str] | None, typer.Argument(help="What TLSA says of each key that port 25 will show, '3 1 1 …'.")
    ] = None,
    resolver: Resolvers = None,
    seconds: Seconds = 5.0,
) -> None:
    """Ask the DNS whether port 25 may show these keys; end with 1 where it names others, or does not
    answer. Without keys any record is one too many: they are not known yet."""
    fault = comparison.key_fault(
        host, values or [], partial(ask, resolver=_resolver(resolver or [], seconds))
    )
    print(f"_25._tcp.{host}: {fault or 'nothing in the DNS speaks against it'}")
    if fault:
        raise typer.Exit(1)


@app.command()
def check(
    source: Source = None,
    resolver: Resolvers = None,
    seconds: Seconds = 5.0,
    key: Annotated[list[str] | None, typer.Option(help="Only the DKIM key of this selector.")] = None,
) -> None:
    """Ask the DNS for every record; end with 1 where a required one is not right. With --key all are."""
    given = records(source)
    if key:
        given = [replace(each, urgency="required") if _selector(each) in key else each for each in given]
    chosen = [each for each in given if not key or _selector(each) in key]
    if not chosen:
        sys.exit(f"no record is named after {', '.join(key or ())}" if key else "the stack has no records")
    answers = ask(list(comparison.questions(chosen)), _resolver(resolver or [], seconds))
    wanted = {(each.name, each.type) for each in chosen}
    found = [
        each for each in comparison.verdicts(given, answers) if (each.record.name, each.record.type) in wanted
    ]
    pages.console().print(pages.verdicts(found))
    if any(each.breaks for each in found):
        raise typer.Exit(1)


def _selector(record: Record) -> str:
    return record.name.partition("._domainkey.")[0]


def _host(given: list[Record]) -> str:
    """Return the name of the server."""
    exchangers = [each.value for each in given if each.type == "MX"]
    addressed = [each.name for each in given if each.type in {"A", "AAAA"}]
    return next(iter([*addressed, *exchangers]), "localhost")


def _resolver(given: list[str], seconds: float) -> Resolver:
    addresses, ports = [], set()
    for one in given:
        address, _, number = one.partition("@")
        try:
            addresses.append(ip_address(address))
            ports.add(port(int(number or 53)))
        except ValueError:
            sys.exit(f"--resolver: {one!r} is not an address, or ADDRESS@PORT; write one like 192.0.2.53")
    if len(ports) > 1:
        sys.exit("--resolver: all resolvers answer on one port; name those that do")
    return Resolver(addresses=addresses, port=ports.pop() if ports else 53, seconds=seconds)


if __name__ == "__main__":
    app()
