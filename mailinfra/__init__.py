"""mailinfra: a complete mail server on Docker as one Pulumi program. This is its public surface.

The names are loaded when they are asked for: our provider and the tools beside the program are parts of this
package, too, and need none of the SDKs that the program takes a second to load.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailinfra.components.mailserver import MailServer, MailServerArgs
    from mailinfra.config.load import Secrets, load, load_secrets, refuse_former_owners, warn_of_endings
    from mailinfra.config.server import ServerConfig

__all__ = [
    "MailServer",
    "MailServerArgs",
    "Secrets",
    "ServerConfig",
    "load",
    "load_secrets",
    "refuse_former_owners",
    "warn_of_endings",
]

_HOMES = {
    "MailServer": "mailinfra.components.mailserver",
    "MailServerArgs": "mailinfra.components.mailserver",
    "Secrets": "mailinfra.config.load",
    "ServerConfig": "mailinfra.config.server",
    "load": "mailinfra.config.load",
    "load_secrets": "mailinfra.config.load",
    "refuse_former_owners": "mailinfra.config.load",
    "warn_of_endings": "mailinfra.config.load",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
