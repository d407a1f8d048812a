"""A message as a peer received it."""

import base64
import json
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Received:
    """One message that a peer took."""

    client: str
    """Address that it came from."""

    helo: str
    """Name that the client gave."""

    sender: str
    """Envelope sender, empty for a bounce."""

    recipients: tuple[str, ...]
    """Envelope recipients that were taken."""

    encrypted: bool
    """Whether it came over TLS."""

    login: tuple[str, ...]
    """User and password that the client gave; empty where it did not log in."""

    raw: bytes
    """The data as sent, with leading dots still doubled."""

    @classmethod
    def parse(cls, line: str) -> "Received":
        """Return the message of one line that a peer printed."""
        fields = json.loads(line)
        fields["recipients"] = tuple(fields["recipients"])
        fields["login"] = tuple(fields["login"])
        fields["raw"] = base64.b64decode(fields["raw"])
        return cls(**fields)
