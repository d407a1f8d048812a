"""Data: what happens to the volumes that hold mail, accounts and queue, and to keys that others trust.

Owns what is said of them. Does not own their removal (bootstrap/volumes.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bootstrap.plan.engine import VOLUME, Plan, Step
from bootstrap.plan.settings import changes

HOLDS = {"-dovecot-mail": "mail", "-database-data": "accounts", "-postfix-queue": "queue"}
"""End of a data volume's name in the program -> what lies in it."""

CA = "tls:index/selfSignedCert:SelfSignedCert"
SIGNED = "tls:index/locallySignedCert:LocallySignedCert"
HOLDERS = {
    "public": "for the public ports",
    "older": "with an RSA key, for port 25",
    "webmail": "for webmail",
    "inner": "for the database's link",
    "inner-mail": "for webmail's link to the mail daemons",
}
"""Certificate's name among those of the stack -> who shows it."""

PASSWORD = "random:index/randomPassword:RandomPassword"  # noqa: S105


@dataclass(frozen=True, kw_only=True)
class Data:
    """What happens to data."""

    lines: Sequence[str]
    """One for each place that changes."""

    lost: Sequence[str]
    """What cannot be brought back."""

    left: Sequence[str]
    """Docker's names of the volumes that stay on the machine and that the server no longer looks at."""


def data(plan: Plan, there: Sequence[str] = ()) -> Data:
    """Return what happens to data; `there` are the data volumes of this stack that the machine has."""
    lines: list[str] = []
    lost: list[str] = []
    left: list[str] = []
    for step in plan.of(VOLUME):
        holds = next((what for end, what in HOLDS.items() if step.name.endswith(end)), None)
        if holds is None:
            continue
        volume = str((step.old or step.new).get("name"))
        if step.op == "create":
            found = "is there from before and is used again" if volume in there else "is made, empty"
            lines.append(f"{holds}: volume {volume} {found}")
        elif step.op == "delete" and step.is_kept:
            left.append(volume)
            lines.append(f"{holds}: volume {volume} stays as it is, and the server looks elsewhere")
        elif step.op in {"delete", "replace"}:
            lines.append(f"{holds}: volume {volume} is removed with all that is in it")
            lost.append(f"what is in volume {volume}")
    lines += _moved_mail(plan)
    lost += _trust(plan)
    return Data(lines=lines, lost=lost, left=left)


def _moved_mail(plan: Plan) -> Iterator[str]:
    for one in changes(plan):
        if one.path == "storage.mail.hostPath":
            old = one.old or "the volume"
            new = one.new or "a volume"
            yield (
                f"mail: the server looks in {new} from now on; the mail in {old} is not moved: copy it "
                "before, owners included (docs/operations.md, Data), or every mailbox seems empty"
            )


def _trust(plan: Plan) -> Iterator[str]:
    if any(step.op == "replace" for step in plan.of(CA)):
        yield "the CA of the stack is another one: every mail program and browser has to trust it anew"
    for step in plan.of(PASSWORD):
        # Another generation is another resource (mailinfra/components/passwords.py).
        if step.op in {"replace", "delete"} and "-roundcube-session-key" in step.name:
            yield "sessions of webmail: everybody logs in again"


def renewed(plan: Plan) -> list[str]:
    """Return a line for each certificate that is issued anew."""
    return [
        f"a new certificate: {_holder(step)}{_until(plan, step)}"
        for step in plan.of(SIGNED)
        if step.op == "replace"
    ]


def _until(plan: Plan, step: Step) -> str:
    """Return until when the one of before holds, as far as the state knows."""
    for resource in plan.resources:
        if resource.get("urn") == step.urn and (
            end := (resource.get("outputs") or {}).get("validityEndTime")
        ):
            return f"; the old one ends on {str(end)[:10]}"
    return ""


def _holder(step: Step) -> str:
    name = step.name.rpartition("certificates-")[2].removesuffix("-certificate")
    return HOLDERS.get(name, step.name)
