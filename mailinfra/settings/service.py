"""What the mail service accepts, and through whom it is reached and sends.

Owns limits, webmail's reverse proxy and the smarthost. Does not own ports (network.py).
"""

from pydantic import Field

from mailinfra.settings.model import Model
from mailinfra.types import ByteSize, HostName, IpAddress, Port


class LimitsConfig(Model):
    """How much is accepted."""

    message_size: ByteSize = Field(default=50 * 1024**2, examples=["50M"])
    """Size of one message with its attachments in their encoded form, a third larger than the files
    themselves."""


class WebmailConfig(Model):
    """How webmail is reached."""

    reverse_proxy: IpAddress | None = None
    """IP address of a proxy that answers over HTTPS and passes requests to `ports.webmailRedirect` in plain
    HTTP. Its `X-Forwarded-…` headers are then believed."""


class SmarthostConfig(Model):
    """A server that all mail leaves through, always over TLS. Its password is
    `mailinfra:smarthostPassword`."""

    host: HostName
    """Name of the server."""

    port: Port = 587
    """TCP port: 465 speaks TLS from the first byte, any other one STARTTLS."""

    username: str | None = Field(default=None, min_length=1, max_length=254, examples=["relay@example.org"])
    """Login name; without it there is no login."""
