"""Where a client stands: the same ports of the stack, reached over another path and from another address.

Owns the opening of connections. Does not own what is said over them (clients.py).
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from tests.e2e import transcript


@dataclass(frozen=True, kw_only=True)
class Vantage:
    """A place in the world from which the stack is reached."""

    name: str
    """What the tests call it."""

    host: str
    """Address that the stack has from there."""

    ports: Mapping[str, int]
    """Protocol, as in the output `endpoints` -> port."""

    relay: int | None = None
    """Loopback port of the relay that stands there; None for the Docker host itself."""

    def open(self, protocol: str, timeout: float = 30) -> socket.socket:
        """Return a connection to the stack's port for `protocol`; raise OSError where nothing answers."""
        return self.dial(self.ports[protocol], timeout)

    def dial(self, port: int, timeout: float = 30, host: str | None = None) -> socket.socket:
        """Return a connection to any port of the stack, or of another host as seen from there."""
        host = host or self.host
        transcript.say("test", f"connects from {self.name} to {host} port {port}")
        if self.relay is None:
            return socket.create_connection((host, port), timeout)
        connection = socket.create_connection(("127.0.0.1", self.relay), timeout)
        answer = b""
        try:
            connection.sendall(f"{host} {port}\n".encode())
            while not answer.endswith(b"\n"):  # byte by byte: what follows the line belongs to the server
                byte = connection.recv(1)
                if not byte:
                    break
                answer += byte
        except OSError:
            connection.close()
            raise
        if answer != b"connected\n":
            connection.close()
            raise ConnectionRefusedError(f"{self.name} cannot reach {host} port {port}: {answer.decode()}")
        return connection
