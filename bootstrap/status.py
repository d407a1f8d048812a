"""Status: what runs of a stack, how old and in which versions, until when its certificates hold, what to do.

Owns the page and the ages from which something is to be done. It touches nothing. Does not own what a
daemon's health is (health.py), nor what is put right (repair.py).
"""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bootstrap.base_image import BASE
from bootstrap.commands import ask
from bootstrap.health import Daemon
from bootstrap.machine import Machine

OLD_DAYS = 30
"""Age of an image from which it has missed several of Debian's updates."""

SOON_DAYS = 30
"""What is left of a certificate when somebody has to be told."""

ASK_SECONDS = 20

VERSIONS: Mapping[str, tuple[str, Sequence[str]]] = {
    "mysql": ("MySQL", ["sh", "-c", r"mysqld --version | sed 's/.* Ver \([^ ]*\).*/\1/'"]),
    "dovecot": ("Dovecot", ["sh", "-c", "dovecot --version | cut -d ' ' -f 1"]),
    "postfix": ("Postfix", ["postconf", "-h", "mail_version"]),
    "rspamd": ("rspamd", ["sh", "-c", "rspamd --version | grep -o '[0-9.]*[0-9]' | head -1"]),
    "valkey": ("Valkey", ["sh", "-c", r"valkey-server --version | sed 's/.* v=\([^ ]*\).*/\1/'"]),
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

ENDS: Mapping[str, Sequence[str]] = {
    "dovecot": ["openssl", "x509", "-noout", "-enddate", "-in", "/etc/dovecot/tls/certificate.pem"],
    "webmail": [
        "php",
        "-r",
        "echo gmdate('M j H:i:s Y', openssl_x509_parse(file_get_contents('/etc/mailinfra/certificate.pem'))"
        "['validTo_time_t']), ' GMT';",
    ],
}
"""Service -> what prints until when its certificate holds; Postfix shows Dovecot's."""


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
class Status:
    """What was seen."""

    stack: str
    daemons: Sequence[Daemon]

    images: Mapping[str, Image]
    """Service -> what it runs."""

    versions: Mapping[str, str]
    """Service -> program and version."""

    certificates: Mapping[str, datetime]
    """Service -> until when its certificate holds."""

    base: Image | None
    """What images are built on, where it was made here."""

    now: datetime

    @property
    def is_well(self) -> bool:
        """Whether everything runs and can be trusted."""
        return (
            bool(self.daemons)
            and all(daemon.runs_well for daemon in self.daemons)
            and all(end > self.now for end in self.certificates.values())
        )


def look(machine: Machine, stack: str, daemons: Sequence[Daemon], *, now: datetime | None = None) -> Status:
    """Ask Docker and the running daemons."""
    images, versions, certificates = {}, {}, {}
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
        if daemon.service in ENDS and (end := moment(inside(machine, daemon, ENDS[daemon.service]))):
            certificates[daemon.service] = end
    base = image(machine, BASE)
    return Status(
        stack=stack,
        daemons=daemons,
        images=images,
        versions=versions,
        certificates=certificates,
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


def moment(text: str) -> datetime | None:
    """Return a moment as OpenSSL writes it, `notAfter=Nov 26 12:00:00 2028 GMT`."""
    try:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(text.removeprefix("notAfter=")), UTC)
    except ValueError:
        return None


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
    days = sorted({end.date() for end in seen.certificates.values()})
    for day in days:
        services = [name for name, end in seen.certificates.items() if end.date() == day]
        end = min(seen.certificates[name] for name in services)
        left = _days((end - seen.now).days, "today") if end > seen.now else "ended"
        yield _row("certificate", f"until {day} ({left})", f"of {', '.join(services)}")
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
    for name, end in seen.certificates.items():
        if (end - seen.now).days < SOON_DAYS:
            yield (
                f"the certificate of {name} {'ends soon' if end > seen.now else 'has ended'}: replace the "
                f"files that the stack file names, if it names any; then {again['up']}"
            )


def _days(number: int, none: str) -> str:
    return none if number == 0 else f"{number} day{'' if number == 1 else 's'}"


def _row(name: str, how: str, what: str) -> str:
    return f"  {name:<12} {how:<32} {what}".rstrip()
