"""Registry: whether the Docker engine can get an image from where its reference points.

The daemon is asked, not the network: it may have a mirror or a proxy of its own, and it does the pulling.
"""

import http.client
import socket
import urllib.parse
from pathlib import Path

from bootstrap.commands import ask
from bootstrap.machine import Machine

PROBE_SECONDS = 5.0


class _Socket(http.client.HTTPConnection):
    """HTTP over the daemon's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=PROBE_SECONDS)
        self.path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PROBE_SECONDS)
        self.sock.connect(str(self.path))


def registry_answers(machine: Machine, reference: str) -> bool:
    """Return whether the daemon finds `reference` in its registry; no answer within seconds is a no."""
    path = daemon_socket(machine)
    if path is None:
        # A daemon elsewhere: its client asks the registry itself.
        said = ask(
            ["docker", "manifest", "inspect", reference], env=machine.env, timeout_seconds=PROBE_SECONDS
        )
        return said.good
    connection = _Socket(path)
    try:
        # https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Distribution
        connection.request("GET", f"/distribution/{urllib.parse.quote(reference)}/json")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def daemon_socket(machine: Machine) -> Path | None:
    """Return the socket of a daemon on this machine, or None where it is elsewhere."""
    host = machine.env.get("DOCKER_HOST")
    if not host:
        words = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
        host = ask(words, env=machine.env, timeout_seconds=10).text
    return Path(host.removeprefix("unix://")) if host.startswith("unix://") else None
