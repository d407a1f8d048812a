"""Roundcube's files: the values that the templates under configs/roundcube/ ask for.

Owns what follows from the largest message. Does not own the way into the container (roundcube.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

MIB = 1024**2

SITE_TEMPLATES = ("healthy.php", "php/mailinfra.ini", "tls.conf")
"""Files below configs/roundcube/, which are the same below /etc/mailinfra."""


@dataclass(frozen=True, kw_only=True)
class SiteFiles:
    """What tls.conf, healthy.php and php/mailinfra.ini under configs/roundcube/ ask for."""

    hostname: str
    port: int
    https_ports: Sequence[int]
    http_ports: Sequence[int]
    reverse_proxy: str | None
    upload_size: int
    post_size: int
    php_memory: int


@dataclass(frozen=True, kw_only=True)
class ProgramFile:
    """What configs/roundcube/mailinfra.php asks for."""

    hostname: str
    reverse_proxy: str | None
    message_size: int
    mail_ca_file: str
    database_host: str
    database_port: int
    database_ca_file: str


def site_files(
    *,
    hostname: str,
    port: int,
    https_ports: Sequence[int],
    http_ports: Sequence[int],
    reverse_proxy: str | None,
    message_size: int,
) -> SiteFiles:
    """Return what Apache and PHP need to know; `port` is the host's, the lists are inside, sizes are
    bytes."""
    # Base64 makes four characters of three, and breaks the line after 76: 37 % more.
    upload = message_size * 100 // 137
    return SiteFiles(
        hostname=hostname,
        port=port,
        https_ports=https_ports,
        http_ports=http_ports,
        reverse_proxy=reverse_proxy,
        upload_size=upload,
        post_size=upload + MIB,
        php_memory=64 * MIB + 3 * message_size,
    )
