"""Daemons: which of them is replaced, changed while it runs or left alone, and which ports pause.

Owns how long a replaced daemon is away. Does not own the data that it leaves in its volume (data.py).
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.inventory import SERVICE_LABEL
from bootstrap.plan.engine import CONTAINER, NETWORK, Plan, Step

AWAY_SECONDS = {
    "mysql": 30,
    "resolver": 20,
    "acme": 20,
    "certificate": 20,
    "valkey": 20,
    "rspamd": 30,
    "dovecot": 20,
    "postfix": 20,
    "webmail": 20,
}
"""Daemon -> how long its ports are shut at most while it is replaced, in seconds: measured by
tests/e2e/test_plan.py. A session that does not end by itself may add the half minute that a daemon has to
stop."""

WITHOUT_NETWORK_SECONDS = 150
"""How long all ports are shut at most where the containers' network is another one: all daemons go first,
then the network, and they begin one after the other."""

MEANWHILE = {
    "mysql": "mail waits with a temporary answer, who logged in lately goes on",
    "resolver": "mail from and to other servers waits, at whoever sends it or in the queue",
    "acme": "the certificate that is there goes on being shown",
    "certificate": "the certificate that is there goes on being shown",
    "valkey": "nothing is learned and no limit holds, and mail takes some seconds longer",
    "rspamd": "mail waits with a temporary answer, on its way in and out",
    "dovecot": "mail programs connect again by themselves, arriving mail waits in the queue",
    "postfix": "other servers and mail programs try again by themselves",
    "webmail": "its pages do not load",
}
"""Daemon -> what its users notice."""

PORTS = {
    25: "smtp",
    465: "submissions",
    587: "submission",
    143: "imap",
    993: "imaps",
    110: "pop3",
    995: "pop3s",
    8443: "webmail",
    8000: "webmailRedirect",
    3306: "database",
}
"""Port inside of a container -> the setting that says where it is published."""

INNER_STEP = 10_000
"""Distance to the port inside that stands for the next address of the host
(mailinfra/containers/place.py)."""

REASONS = {
    "image": "another image",
    "ports": "other ports",
    "memory": "memory limit",
    "memorySwap": "",
    "envs": "environment",
    "networksAdvanced": "address on the containers' network",
    "dns": "resolvers",
    "tmpfs": "folders in memory",
    "healthcheck": "health check",
    "mounts": "",
}
"""Property of a container -> what a person calls it; nothing where something else tells it better."""

FILLING = "/mailinfra/"
SECRET = "[secret]"  # noqa: S105 - what the engine prints in place of one


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """One daemon and what happens to it."""

    name: str
    """As its container is called: `mysql`, `dovecot`."""

    fate: str
    """`made`, `replaced`, `changed while it runs`, `removed` or `untouched`."""

    reasons: Sequence[str] = ()
    """Why."""

    ports: Sequence[str] = ()
    """Its published ports that are shut meanwhile, as `imap 127.0.0.1:143`."""

    away_seconds: int = 0
    """How long these are shut at most."""


def daemons(plan: Plan) -> list[Daemon]:
    """Return every daemon, the changed ones with their reasons."""
    steps = {_service(step): step for step in plan.of(CONTAINER) if _is_daemon(step)}
    there = {
        _service_of(resource["inputs"]): resource["inputs"]
        for resource in plan.resources
        if _is_main(resource)
    }
    return [
        _daemon(name, steps[name], plan) if name in steps else _left_running(name, there[name], plan)
        for name in AWAY_SECONDS
        if name in steps or name in there
    ]


def _left_running(name: str, inputs: Mapping[str, Any], plan: Plan) -> Daemon:
    """Return a daemon whose container stays; what it reads may change under it."""
    reasons = list(_files(name, plan, inputs))
    return Daemon(name=name, fate="changed while it runs" if reasons else "untouched", reasons=reasons)


def _daemon(name: str, step: Step, plan: Plan) -> Daemon:
    fates = {"create": "made", "replace": "replaced", "update": "changed while it runs", "delete": "removed"}
    fate = fates.get(step.op, step.op)
    if fate == "made":
        return Daemon(name=name, fate=fate)
    network = any(one.op == "replace" for one in plan.of(NETWORK))
    reasons = [
        *_moved_ports(step),
        *(
            text
            for key in sorted({_property(path) for path in step.paths})
            if key != "ports" and (text := REASONS.get(key, key))
        ),
        *_files(name, plan, step.old),
    ]
    if network:
        reasons.insert(0, "the containers' network is another one")
    return Daemon(
        name=name,
        fate=fate,
        reasons=reasons if fate != "removed" else (),
        ports=list(_ports(step.old).values()) if fate in {"replaced", "removed"} else (),
        away_seconds=0 if fate != "replaced" else WITHOUT_NETWORK_SECONDS if network else AWAY_SECONDS[name],
    )


def _moved_ports(step: Step) -> Iterator[str]:
    old, new = _ports(step.old), _ports(step.new)
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield f"port {old.get(key, 'none')} -> {new.get(key, 'none')}"


def _ports(inputs: Mapping[str, Any]) -> dict[tuple[int, str], str]:
    """Return (port inside, address) -> the published port as a person reads it."""
    found = {}
    for port in inputs.get("ports") or []:
        inside, address = int(port["internal"]), str(port["ip"])
        shown = f"[{address}]" if ":" in address else address
        found[inside, address] = f"{PORTS.get(inside % INNER_STEP, inside)} {shown}:{int(port['external'])}"
    return found


def _files(name: str, plan: Plan, container: Mapping[str, Any]) -> Iterator[str]:
    """Return the rendered files that change, by their path in the container, with the number of lines."""
    folders = {str(mount["source"]): str(mount["target"]) for mount in container.get("mounts") or []}
    for step in plan.of(CONTAINER):
        if _service(step) != name or _is_daemon(step):
            continue
        (source,) = [str(mount["source"]) for mount in step.old.get("mounts") or []] or [""]
        folder = folders.get(source, "")
        old, new = _uploads(step.old), _uploads(step.new)
        if old is None or new is None:
            yield f"files with secrets in {folder or 'a folder of its own'}"
            continue
        for file in sorted({*old, *new}):
            if old.get(file) != new.get(file):
                yield f"{folder}/{file} ({_lines(old.get(file), new.get(file))})"


def _uploads(inputs: Mapping[str, Any]) -> dict[str, str] | None:
    """Return path -> text of the files in a folder; None where they are secret or not known yet."""
    uploads = inputs.get("uploads")
    if not isinstance(uploads, list) or any(
        not isinstance(one, Mapping) or one.get("content") == SECRET for one in uploads
    ):
        return None
    return {str(one["file"]).removeprefix(FILLING): str(one["content"]) for one in uploads}


def _lines(old: str | None, new: str | None) -> str:
    if old is None:
        return "new"
    if new is None:
        return "removed"
    matcher = difflib.SequenceMatcher(a=old.splitlines(), b=new.splitlines(), autojunk=False)
    count = sum(max(a1 - a0, b1 - b0) for tag, a0, a1, b0, b1 in matcher.get_opcodes() if tag != "equal")
    return f"{count} line{'s' if count != 1 else ''}"


def _property(path: str) -> str:
    return path.split("[")[0].split(".")[0]


def _is_daemon(step: Step) -> bool:
    return "healthcheck" in (step.new or step.old)


def _is_main(resource: Mapping[str, Any]) -> bool:
    return resource["type"] == CONTAINER and "healthcheck" in (resource.get("inputs") or {})


def _service(step: Step) -> str:
    return _service_of(step.new or step.old)


def _service_of(inputs: Mapping[str, Any]) -> str:
    labels = {label["label"]: str(label["value"]) for label in inputs.get("labels") or []}
    return labels.get(SERVICE_LABEL, "")
