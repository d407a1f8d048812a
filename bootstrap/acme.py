"""ACME: what the container that renews the certificate says of it.

Owns the question and the sentence. It asks no CA. Does not own when one is asked, nor what a failure means
(images/acme/renewal.py).
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bootstrap.commands import ask
from bootstrap.health import Daemon
from bootstrap.machine import Machine

SERVICE = "acme"
COMMAND = ("python3", "/usr/local/lib/mailinfra/renewal.py", "status")
ASK_SECONDS = 20

FIRST_SECONDS = 60.0
"""How long `make up` waits for what becomes of the first try: webmail, which answers the CA, has just
begun."""

POLL_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """The certificate that is shown, and what became of the last try for another."""

    issuer: str
    """Who signed it."""

    is_from_ca: bool
    """Whether the CA gave it; otherwise the stack's own is shown."""

    until: datetime

    kind: str = ""
    """What is wrong, in a word (docs/operations.md); empty where nothing is."""

    reason: str = ""
    next_try: datetime | None = None

    @property
    def is_settled(self) -> bool:
        """Whether the first try is over."""
        return self.is_from_ca or self.kind not in {"", "webmail"}

    def who(self) -> str:
        """Return who signed it."""
        return f"of {self.issuer}, by ACME" if self.is_from_ca else "of the stack's own CA, none by ACME yet"

    def trouble(self) -> str | None:
        """Return why there is no other one; None where nothing is wrong."""
        if not self.kind:
            return None
        again = f"; next try at {self.next_try:%Y-%m-%d %H:%M} UTC" if self.next_try else ""
        return f"no new certificate ({self.kind}): {self.reason}{again}"

    def sentence(self) -> str:
        """Return all of it in one line."""
        trouble = self.trouble()
        return f"{self.who()}, until {self.until:%Y-%m-%d %H:%M} UTC" + (f"; {trouble}" if trouble else "")


def renewal(machine: Machine, daemons: Sequence[Daemon]) -> Renewal | None:
    """Return what it says; None where there is none, or it does not answer."""
    daemon = next((one for one in daemons if one.service == SERVICE), None)
    if daemon is None or daemon.container is None or daemon.container.status != "running":
        return None
    words = ["docker", "exec", daemon.identity, *COMMAND]
    said = ask(words, env=machine.env, timeout_seconds=ASK_SECONDS)
    try:
        told = json.loads(said.text) if said.good else {}
        return Renewal(
            issuer=str(told["issuer"]),
            is_from_ca=bool(told["by_acme"]),
            until=datetime.fromtimestamp(told["until"], UTC),
            kind=str(told["kind"]),
            reason=str(told["reason"]),
            next_try=datetime.fromtimestamp(told["next_try"], UTC) if told["kind"] else None,
        )
    except (ValueError, KeyError, TypeError):
        return None


def first(machine: Machine, daemons: Sequence[Daemon]) -> Renewal | None:
    """Return the same as soon as the first try is over, or a minute has passed."""
    deadline = time.monotonic() + FIRST_SECONDS
    while True:
        found = renewal(machine, daemons)
        if found is None or found.is_settled or time.monotonic() >= deadline:
            return found
        time.sleep(POLL_SECONDS)
