"""Status: what runs of a stack, how old and in which versions, until when its certificates hold, what to do.

Owns the page and the ages from which something is to be done. It touches nothing. Does not own what a
daemon's health is (health.py), nor what is put right (repair.py).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from bootstrap import acme
from bootstrap.base_image import BASE
from bootstrap.commands import ask
from bootstrap.health import Daemon
from bootstrap.machine import Machine

OLD_DAYS = 30
"""Age of an image from which it has missed several of Debian's updates."""

ASK_SECONDS = 20

VERSIONS: Mapping[str, tuple[str, Sequence[str]]] = {
    "mysql": ("MySQL", ["sh", "-c", r"mysqld --version | sed 's/.* Ver \([^ ]*\).*/\1/'"]),
    "dovecot": ("Dovecot", ["sh", "-c", "dovecot --version | cut -d ' ' -f 1"]),
    "postfix": ("Postfix", ["postconf", "-h", "mail_version"]),
    "rspamd": ("rspamd", ["sh", "-c", "rspamd --version | grep -o '[0-9.]*[0-9]' | head -1"]),
    "valkey": ("Valkey", ["sh", "-c", r"valkey-server --version | sed 's/.* v=\([^ ]*\).*/\1/'"]),
    "acme": ("lego", ["dpkg-query", "-W", "-f", "${Version}", "lego"]),
    "resolver": ("Unbound", ["sh", "-c", "unbound -V | sed -n 's/^Version //p'"]),
    "webmail": (
        "Roundcube",
        [
            "sed",
            "-n",
            r"s/.*'RCMAIL_VERSION', '\([^']*\)'.*/\1/p",
            "/usr/src/roundcubemail/program/include/iniset.php",
        ],
    ),
}
"""Service -> the program's name, and what prints its version."""

TLS: Mapping[str, str] = {
    "certificate": "/tls/current/chain.pem /webmail/current/chain.pem",
    "dovecot": "/etc/dovecot/tls/*.pem",
    "mysql": "/etc/mailinfra/*.pem",
    "postfix": "/etc/postfix/tls/*.pem",
    "webmail": "/etc/mailinfra/*.pem",
}
"""Service -> the files with the certificates that it shows or hands on, and those of the CAs that it
trusts."""

READ = (
    'for file in $1; do [ ! -e "$file" ] || { echo "file $file"; '
    'sed -n "/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p" "$file"; }; done'
)
"""What prints the certificates in files, and never a key."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that a daemon runs, or that images are built on."""

    name: str
    """What it is called."""

    made: datetime | None
    """When; None where Docker does not say."""

    @property
    def is_built(self) -> bool:
        """Whether it was built on this machine."""
        return self.name.startswith("mailinfra/")

    def age(self, now: datetime) -> str:
        """Return day and age as a person reads them."""
        if self.made is None:
            return "of unknown age"
        return f"of {self.made:%Y-%m-%d} ({_days((now - self.made).days, 'today')})"

    def is_old(self, now: datetime) -> bool:
        """Whether updates are likely to be missing."""
        return self.made is not None and (now - self.made).days > OLD_DAYS


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A file with a certificate in a daemon's container."""

    service: str
    file: str

    end: datetime
    """Until when it holds, with what it rests on."""

    is_soon: bool
    """Whether that is near, or past."""

    @property
    def name(self) -> str:
        """What it is called in a list."""
        path = PurePosixPath(self.file)
        # Where it lies tells who shows it: /tls/current, /webmail/current.
        return f"{self.service} {path.parts[1] if path.parent.name == 'current' else path.stem}"

    @property
    def is_shown(self) -> bool:
        """Whether the daemon shows it; a CA is one that it trusts."""
        return not self.file.endswith("ca.pem")


@dataclass(frozen=True, kw_only=True)
class Status:
    """What was seen."""

    stack: str
    daemons: Sequence[Daemon]

    images: Mapping[str, Image]
    """Service -> what it runs."""

    versions: Mapping[str, str]
    """Service -> program and version."""

    certificates: Sequence[Certificate]
    """Those that the daemons show and trust."""

    renewal: acme.Renewal | None = None
    """The certificate by ACME."""

    base: Image | None
    """What images are built on, where it was made here."""

    now: datetime

    @property
    def is_well(self) -> bool:
        """Whether everything runs and can be trusted, and will be for weeks."""
        return (
            bool(self.daemons)
            and all(daemon.runs_well for daemon in self.daemons)
            and not any(one.is_soon for one in self.certificates)
            and (self.renewal is None or self.renewal.until > self.now)
        )


def look(machine: Machine, stack: str, daemons: Sequence[Daemon], *, now: datetime | None = None) -> Status:
    """Ask Docker and the running daemons."""
    images, versions, files = {}, {}, []
    for daemon in daemons:
        if daemon.container is None:
            continue
        images[daemon.service] = image(machine, daemon.container.image)
        if daemon.container.status != "running":
            continue
        if daemon.service in VERSIONS:
            program, command = VERSIONS[daemon.service]
            if said := inside(machine, daemon, command):
                versions[daemon.service] = f"{program} {said}"
        if daemon.service in TLS:
            words = ["sh", "-c", READ, "sh", TLS[daemon.service]]
            files += held(daemon.service, inside(machine, daemon, words))
    base = image(machine, BASE)
    return Status(
        stack=stack,
        daemons=daemons,
        images=images,
        versions=versions,
        certificates=judged(machine, files),
        renewal=acme.renewal(machine, daemons),
        base=base if base.made else None,
        now=now or datetime.now(UTC),
    )


def inside(machine: Machine, daemon: Daemon, command: Sequence[str]) -> str:
    """Return what a command in a daemon's container prints; empty where it fails."""
    said = ask(["docker", "exec", daemon.identity, *command], env=machine.env, timeout_seconds=ASK_SECONDS)
    return said.text if said.good else ""


def image(machine: Machine, reference: str) -> Image:
    """Return an image by its id or name."""
    words = ["docker", "image", "inspect", "--format", "{{.Created}} {{range .RepoTags}}{{.}} {{end}}"]
    said = ask([*words, reference], env=machine.env, timeout_seconds=ASK_SECONDS)
    made, _, names = said.text.partition(" ") if said.good else ("", "", "")
    try:
        when = datetime.fromisoformat(f"{made[:19]}+00:00")
    except ValueError:
        when = None
    return Image(name=(names.split() or [reference])[0], made=when)


def held(service: str, said: str) -> list[dict[str, str]]:
    """Return each file that a container has told of."""
    parts = (part.partition("\n") for part in f"\n{said}".split("\nfile ")[1:])
    return [{"service": service, "file": file, "pem": text} for file, _, text in parts]


def judged(machine: Machine, files: Sequence[Mapping[str, str]]) -> list[Certificate]:
    """Return until when what is in `files` holds."""
    said = ask(
        [machine.venv_python, "-m", "mailinfra.cli.endings"],
        env=machine.env,
        cwd=machine.project,
        timeout_seconds=ASK_SECONDS,
        given=json.dumps(files),
    )
    try:
        found = json.loads(said.text) if said.good else []
    except ValueError:
        found = []
    return [
        Certificate(
            service=one["service"],
            file=one["file"],
            end=datetime.fromisoformat(one["end"]),
            is_soon=one["soon"],
        )
        for one in found
    ]


def page(seen: Status, again: Mapping[str, str], first: Sequence[str]) -> Iterator[str]:
    """Return what a person reads; `again` has the commands `up` and `upgrade` for this stack, `first` is what
    `make up` would put right."""
    yield f"Stack {seen.stack}, {seen.now:%Y-%m-%d %H:%M} UTC"
    yield ""
    if not seen.daemons:
        yield "  nothing runs, and the state knows of no daemon"
    for daemon in seen.daemons:
        container = daemon.container
        since = f" since {container.since}" if container is not None and daemon.runs_well else ""
        what = [seen.versions.get(daemon.service, "")]
        if found := seen.images.get(daemon.service):
            what.append(f"image {found.age(seen.now)}")
        yield _row(daemon.service, f"{daemon.condition}{since}", ", ".join(filter(None, what)))
    for day in sorted({one.end.date() for one in seen.certificates}):
        those = [one for one in seen.certificates if one.end.date() == day]
        yield _certificate(min(one.end for one in those), seen.now, ", ".join(one.name for one in those))
    if seen.renewal is not None:
        yield _certificate(seen.renewal.until, seen.now, seen.renewal.who())
    if seen.base is not None:
        yield _row("base", seen.base.age(seen.now).removeprefix("of "), seen.base.name)
    yield ""
    todo = list(to_do(seen, again, first))
    yield "To do" if todo else "Nothing is to be done."
    yield from (f"  - {line}" for line in todo)


def to_do(seen: Status, again: Mapping[str, str], first: Sequence[str]) -> Iterator[str]:
    """Return what somebody should do, each with its command."""
    ill = [f"{daemon.service} is {daemon.condition}" for daemon in seen.daemons if not daemon.runs_well]
    if ill:
        yield f"{', '.join(ill)}: {again['up']}"
    elif first:
        yield f"{again['up']} puts right what was interrupted: {'; '.join(first)}"
    built = [name for name, one in seen.images.items() if one.is_built and one.is_old(seen.now)]
    pulled = [name for name, one in seen.images.items() if not one.is_built and one.is_old(seen.now)]
    if built:
        yield f"the images of {', '.join(built)} have missed Debian's updates of a month: {again['upgrade']}"
    if pulled:
        yield (
            f"the images of {', '.join(pulled)} are older than a month: a newer release of this program, or "
            "another reference under images, brings newer ones"
        )
    if seen.renewal and (trouble := seen.renewal.trouble()):
        yield trouble
    for one in seen.certificates:
        if one.is_soon:
            ends = "ends soon" if one.end > seen.now else "has ended"
            yield f"{one.name} {ends}: {_remedy(one, again['up'])}"


def _remedy(one: Certificate, up: str) -> str:
    if one.is_shown:
        return f"replace the files that the stack file names, if it names any; then {up}"
    return (
        "replace the `caFile` that the stack file names; where it names none, write another text under "
        f"`rotate.ca`, and have mail programs trust the new CA; then {up}"
    )


def _certificate(end: datetime, now: datetime, whose: str) -> str:
    left = _days((end - now).days, "today") if end > now else "ended"
    return _row("certificate", f"until {end:%Y-%m-%d} ({left})", whose)


def _days(number: int, none: str) -> str:
    return none if number == 0 else f"{number} day{'' if number == 1 else 's'}"


def _row(name: str, how: str, what: str) -> str:
    return f"  {name:<12} {how:<32} {what}".rstrip()
