"""Upgrade: the images that are built on this machine are built anew, with what Debian has of them today.

Owns the next `images.revision` in the stack file and the renewal of the base below it. Does not own the
build: another revision is another image (mailinfra/containers/images.py), and an update makes it.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from bootstrap.base_image import NEED, renew_base
from bootstrap.files import write_whole
from bootstrap.pulumi_cli import Pulumi, stack_file
from bootstrap.ready import alone
from bootstrap.record import IMAGE

SETTING = "mailinfra:server.images.revision"


def begin(pulumi: Pulumi, stack: str) -> Callable[[], None] | None:
    """Renew the base and set the next revision; return what takes that back, None where nothing is built."""
    machine = pulumi.machine
    images = list(pulumi.record(stack).of(IMAGE))
    if images and not any((one.get("inputs") or {}).get("build") for one in images):
        return None
    file = stack_file(machine, stack)
    with alone(machine):
        renew_base(machine, file)
    before = file.read_text()
    revision = following(pulumi.setting(stack, SETTING), f"{datetime.now(UTC):%Y-%m-%d}")
    pulumi.tell("config", "set", "--path", SETTING, revision, "--stack", stack)
    machine.report.found(NEED, f"images.revision is {revision} in {file.name}")

    def undo() -> None:
        write_whole(file.resolve(), before, file.stat().st_mode & 0o777)

    return undo


def following(revision: str, day: str) -> str:
    """Return a revision of this day that differs from the one of before: the day, then `day.2` and so on."""
    if not revision.startswith(day):
        return day
    number = 1
    with suppress(ValueError):
        number = int(revision.removeprefix(f"{day}."))
    return f"{day}.{number + 1}"
