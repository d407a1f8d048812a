"""User ids: the numbers that the containers' processes run as, and that own what they keep.

Owns the one table of them. A process of the host with the same number could read and end a container's, so
they lie where no host has anybody: beyond what `useradd` gives (60000), in the part from 60706 to 61183 that
systemd leaves unused (https://systemd.io/UIDS-GIDS) and in which Debian has given nothing away
(/usr/share/doc/base-passwd/README); and below 65536, for a daemon with user namespaces maps no more.
The Dockerfiles below images/ repeat those that they need, and a test compares them.
"""

import re
from dataclasses import dataclass

FIRST, LAST = 61000, 61031
"""All that this project takes; docs/containers.md says which is whose, and which are set aside."""

MYSQL = 61000
DOVECOT = 61001
"""Owns the mail."""
POSTFIX = 61002
POSTDROP = 61003
"""A group: who may hand in mail in Postfix's container."""
HELPER = 61004
"""Runs configs/postfix/helper."""
WEBMAIL = 61005
POSTSRSD = 61006
"""Rewrites the senders of what is forwarded, in Postfix's container."""
RSPAMD = 61010
VALKEY = 61011
RESOLVER = 61012
ACME = 61013
"""Also the group of those that show the certificate which it renews."""


@dataclass(frozen=True, kw_only=True)
class Owned:
    """Data that outlives its container."""

    volume: str
    """End of the volume's fixed name: `mailinfra-<stack>-mail`."""

    service: str
    """The daemon that keeps it."""

    owner: int
    """Whose its folder is, user and group."""

    users: dict[int, int]
    """User id of before -> the one of now."""

    groups: dict[int, int]
    """Group id of before -> the one of now."""


OWNED = (
    Owned(volume="mail", service="dovecot", owner=DOVECOT, users={1000: DOVECOT}, groups={1000: DOVECOT}),
    Owned(volume="mysql", service="mysql", owner=MYSQL, users={999: MYSQL}, groups={999: MYSQL}),
    Owned(
        volume="queue",
        service="postfix",
        owner=POSTFIX,
        users={2000: POSTFIX},
        groups={2000: POSTFIX, 2001: POSTDROP},
    ),
)
"""What a stack of before holds under numbers that people and programs of the host have, too."""


def owned(volume: str, full_name: str) -> Owned | None:
    """Return what a volume of the stack `<project>-<stack>` holds; None for rendered files and others'.

    With a driver or options of its own the mail's volume ends in digits (components/dovecot.py).
    """
    for one in OWNED:
        marked = "(-[0-9a-f]{8})?" if one.volume == "mail" else ""
        if re.fullmatch(rf"{re.escape(full_name)}-{one.volume}{marked}", volume):
            return one
    return None
