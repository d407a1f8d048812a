"""Callers: whether Docker shows the containers who calls.

Where it does not, strangers wear the address of the network's gateway: they are not checked against SPF and
DMARC, which could only refuse honest mail, and limits for each client hold for all of them together. Owns the
sentence that says so. Does not own docs/operations.md, which explains, nor what the filter makes of a gateway
(configs/rspamd/override.d/options.inc).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.commands import ask
from bootstrap.docker_engine import version
from bootstrap.machine import Machine

ROUTED_SINCE = 27
"""Docker's first version that passes IPv6 on to containers by itself; before, its proxy does, unless
`ip6tables` is on (https://docs.docker.com/engine/release-notes/27/)."""

LOOPBACK = ("127.", "::1")


def warning(machine: Machine, settings: Mapping[str, Any]) -> Iterator[str]:
    """Return what to say where strangers reach a server that cannot tell who they are; nothing elsewhere."""
    open_to_all = [one for one in settings.get("listen") or [] if not one.startswith(LOOPBACK)]
    if not open_to_all:
        return
    consequence = (
        "mail is not checked against SPF and DMARC there, and limits for each client hold for all of them "
        "together (docs/operations.md, The filter)"
    )
    if who := _hiding(machine):
        yield f"{who} hides who calls: strangers seem to come from the network's gateway, so {consequence}."
        return
    said = version(machine)
    major = said.text.partition(".")[0]
    if any(":" in one for one in open_to_all) and said.good and major.isdigit() and int(major) < ROUTED_SINCE:
        yield (
            f"With Docker {said.text} strangers over IPv6 seem to come from the network's gateway, so "
            f'{consequence}. `"experimental": true, "ip6tables": true` in /etc/docker/daemon.json ends that, '
            f"and so does Docker {ROUTED_SINCE}; whoever has set it may pass over this."
        )


def _hiding(machine: Machine) -> str:
    """Return what kind of Docker it is that hides every client; empty for one that does not."""
    words = ["docker", "info", "--format", "{{json .SecurityOptions}} {{.OperatingSystem}}"]
    said = ask(words, env=machine.env, timeout_seconds=10)
    if not said.good:
        return ""
    options, _, system = said.text.partition("] ")
    try:
        names = json.loads(f"{options}]")
    except ValueError:
        names = []
    if any(str(one).startswith("name=rootless") for one in names):
        return "A rootless Docker"
    return "Docker Desktop" if system.strip() == "Docker Desktop" else ""
