"""Owners: data that belongs to the user ids of before is given to those that the daemons run as now.

Owns looking at the stack's volumes and its folder for mail, and giving them over while nobody works in them.
No file is read, written or removed. Does not own the ids (mailinfra/user_ids.py).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap import inventory, repair
from bootstrap.base_image import BASE
from bootstrap.commands import CommandFailed, ask, run
from bootstrap.machine import Machine
from bootstrap.plan.engine import Plan
from bootstrap.problem import Problem
from bootstrap.pulumi_cli import Pulumi, stack_file
from bootstrap.record import IMAGE
from bootstrap.survey import survey

NEED = "Owners"
LATER = "MAILINFRA_OWNERS_LATER"
"""Set while the images are made: the program does not refuse an update that touches no data
(mailinfra/config/former_owners.py)."""

LOOK_SECONDS = 120
MOVE_SECONDS = 24 * 3600
"""A disk of today takes some ten thousand files in a second, a share far away a hundred."""

CONTAINER = "run --rm --user 0:0 --network none --read-only --cap-drop ALL --security-opt no-new-privileges"
LOOKS = "--cap-add DAC_READ_SEARCH"
MOVES = "--cap-add CHOWN --cap-add DAC_READ_SEARCH"
"""What the containers may do: enter any folder, and change owners."""

ORDER = ("postfix", "dovecot", "mysql")
"""Who writes comes before whom it writes to."""

BATCH = 5000
"""Files in one command, and in one line of its output."""


@dataclass(frozen=True, kw_only=True)
class Data:
    """A volume, or a folder of the host, that may belong to users of before."""

    source: str
    """Docker's name of it, or its path."""

    service: str
    """The daemon that keeps it."""

    owner: int
    """Whose it is now."""

    users: Mapping[int, int]
    """User id of before -> the one of now."""

    groups: Mapping[int, int]
    """The same of groups."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of the host."""
        return self.source.startswith("/")

    @property
    def told(self) -> str:
        """What a person reads."""
        changes = ", ".join(f"{old} -> {new}" for old, new in sorted(self.users.items()))
        return f"{self.source} ({self.service}, user {changes})"


def former(machine: Machine, stack: str) -> list[Data]:
    """Return what of a stack belongs to users of before; nothing is touched."""
    kept = candidates(machine, stack)
    serving = {
        one.service: one.user for one in inventory.containers(machine, stack) if one.serves and one.runs_well
    }
    # Who serves as the user of now can read its volume. Postfix starts as root, and goes with the others. A
    # folder may be another one since.
    if all(
        serving.get(one.service) == f"{one.owner}:{one.owner}" for one in kept if one.service != "postfix"
    ):
        kept = [one for one in kept if one.is_folder]
    if not kept:
        return []
    chosen = image(machine, stack)
    found = []
    for part in ([one for one in kept if not one.is_folder], [one for one in kept if one.is_folder]):
        if not part:
            continue
        words = [*CONTAINER.split(), *LOOKS.split(), *mounts(part, "ro"), "--entrypoint", "sh"]
        said = ask(
            ["docker", *words, chosen, "-c", look(part)], env=machine.env, timeout_seconds=LOOK_SECONDS
        )
        if not said.good and not any(one.is_folder for one in part):
            raise Problem(
                f"nobody can say whom the data of stack {stack} belongs to: {said.error or said.text}",
                "Put that right and run make up again",
            )  # what is wrong with a folder of the host the program says, in its own words
        marks = {line.split("/")[2] for line in said.text.splitlines() if line.startswith("/data/")}
        found += [one for number, one in enumerate(part) if str(number) in marks]
    return found


def candidates(machine: Machine, stack: str) -> list[Data]:
    """Return all that a stack keeps where its Docker is."""
    from mailinfra.user_ids import OWNED, owned

    found = [
        (volume, kind)
        for volume in inventory.volumes(machine, stack)
        if (kind := owned(volume, inventory.full_name(stack)))
    ]
    said = ask(
        [machine.venv_python, "-m", "bootstrap.owners", stack_file(machine, stack)],
        env=machine.env,
        cwd=machine.project,
        timeout_seconds=20,
    )
    if said.good and said.text:
        found.append((said.text, OWNED[0]))
    return [
        Data(source=source, service=kind.service, owner=kind.owner, users=kind.users, groups=kind.groups)
        for source, kind in found
    ]


def image(machine: Machine, stack: str) -> str:
    """Return an image with a shell and `find`: one that was built for a stack, or the base of those."""
    for name in (f"mailinfra/*:{inventory.full_name(stack)}-*", "mailinfra/*", BASE):
        words = ["docker", "image", "ls", "--quiet", "--filter", f"reference={name}"]
        if found := ask(words, env=machine.env, timeout_seconds=20).text.split():
            return found[0]
    from mailinfra.containers.images import DEBIAN

    return DEBIAN


def mounts(kept: Sequence[Data], mode: str) -> list[str]:
    """Return the words that bring each of them below /data, under its number.

    A folder that is not there is an error so, and not made.
    """
    words = []
    for number, one in enumerate(kept):
        kind = "bind" if one.is_folder else "volume"
        end = ",readonly" if mode == "ro" else ""
        words += ["--mount", f'type={kind},"source={one.source}",target=/data/{number}{end}']
    return words


def look(kept: Sequence[Data]) -> str:
    """Return a script that prints a path in each that is not finished.

    Giving over goes from the inside out, so the top shows it. A folder that everybody may write to tells
    nothing by itself: the official image of MySQL leaves an empty volume like that.
    """
    lines = ["set -e"]
    for number, one in enumerate(kept):
        ids = [f"-uid {old}" for old in sorted(one.users)] + [f"-gid {old}" for old in sorted(one.groups)]
        top = f"/data/{number}"
        lines.append(
            f"find {top} -maxdepth 1 ! '(' -path {top} -perm -1002 ')' '(' {' -o '.join(ids)} ')' "
            "-print -quit"
        )
    return "\n".join(lines)


def move(kept: Sequence[Data]) -> str:
    """Return a script that gives them over, and prints after each part how many files those were.

    Children come before their folder and groups before users: what is left undone still shows at the top.
    """
    lines = ["set -euo pipefail"]
    for number, one in enumerate(kept):
        for test, ids, change in (("-gid", one.groups, "chgrp"), ("-uid", one.users, "chown")):
            lines += [
                f"find /data/{number} -depth {test} {old} -print0 | xargs -0 -r -n {BATCH} "
                f"bash -c '{change} --no-dereference {new} -- \"$@\" && echo $#' give"
                for old, new in sorted(ids.items())
            ]
    return "\n".join(lines)


def foretold(kept: Sequence[Data]) -> Iterator[str]:
    """Return what is told before anything is touched."""
    if kept:
        yield (
            "stop the daemons and give their data to user ids that no user of this machine has: "
            f"{', '.join(one.told for one in kept)}; no file is changed, and much mail takes its time"
        )


def give(pulumi: Pulumi, stack: str, kept: Sequence[Data], plan: Plan) -> None:
    """Take away the daemons that work in the data, and give it over; what was interrupted goes on.

    Images come first, which takes minutes, and the daemons of before serve meanwhile. Then the containers
    go for good: one that came back as the user of before could not read what is given over. The update that
    follows makes them anew.
    """
    if not kept:
        return
    machine = pulumi.machine
    # A daemon that is new has nobody serving, and Pulumi makes no part of it without the whole.
    build(pulumi, stack, [step.urn for step in plan.of(IMAGE) if step.op == "replace"])
    chosen = image(machine, stack)
    found = survey(pulumi, stack)
    services = {one.service for one in kept}
    for service in (one for one in ORDER if one in services):
        for daemon in found.daemons:
            if daemon.service == service and daemon.container is not None:
                repair.stop_and_remove(machine, daemon.container)
                machine.report.found(NEED, f"stopped {service}")
    hand_over(machine, chosen, stack, kept)
    gone = [daemon.urn for daemon in found.daemons if daemon.service in services]
    if gone:
        repair.refresh(pulumi, stack, gone)


def build(pulumi: Pulumi, stack: str, images: Sequence[str]) -> None:
    """Have Pulumi bring these images, given by URN, and nothing else; Problem where it cannot."""
    if not images:
        return
    machine = pulumi.machine
    machine.report.say("\nFirst the images; the daemons serve meanwhile.\n")
    later = replace(pulumi, machine=replace(machine, env={**machine.env, LATER: "1"}))
    targets = [word for urn in images for word in ("--target", urn)]
    if later.show("up", "--yes", "--skip-preview", "--stack", stack, *targets):
        raise Problem(
            "Pulumi stopped at the error above, and the daemons run as before",
            "Put right what it names and run make up again",
        )
    machine.report.say()


def hand_over(machine: Machine, chosen: str, stack: str, kept: Sequence[Data]) -> None:
    """Change the owners, and say how far it is; Problem where that cannot be."""
    count = 0

    def counted(line: str) -> None:
        nonlocal count
        count += int(line) if line.strip().isdigit() else 0
        step.tell(f"{count} files")

    words = [*CONTAINER.split(), *MOVES.split(), *mounts(kept, "rw"), "--entrypoint", "bash"]
    try:
        with machine.report.step(NEED, f"giving over {', '.join(one.source for one in kept)}") as step:
            run(
                ["docker", *words, chosen, "-c", move(kept)],
                env=machine.env,
                timeout_seconds=MOVE_SECONDS,
                log=machine.log("owners"),
                tell=counted,
            )
    except CommandFailed as failure:
        raise Problem(
            f"the data of stack {stack} could not be given over: {failure.last}",
            f"See {machine.log('owners')}; nothing is lost, and make up goes on from here",
        ) from None
    for one in kept:
        machine.report.found(NEED, f"gave over {one.told}")


def host_path(file: Path) -> str:
    """Return the folder of the host that a stack file names for mail; empty where there is none."""
    import yaml

    server = (yaml.safe_load(file.read_text()) or {}).get("config", {}).get("mailinfra:server") or {}
    return str(((server.get("storage") or {}).get("mail") or {}).get("hostPath") or "")


if __name__ == "__main__":
    print(host_path(Path(sys.argv[1])))
