"""The docker provider as a process."""

from bootstrap.providers.docker.container import Container
from bootstrap.providers.docker.daemon import SETTINGS, Daemon
from bootstrap.providers.docker.image import RemoteImage
from bootstrap.providers.docker.network import Network
from bootstrap.providers.docker.volume import Volume
from bootstrap.providers.plugin import Plugin, serve

daemon = Daemon()
serve(
    Plugin(
        [Network(daemon), Volume(daemon), RemoteImage(daemon), Container(daemon)],
        daemon.configure,
        SETTINGS,
        cancel=daemon.cancelled.set,
    ),
    "5.2.0",
)
