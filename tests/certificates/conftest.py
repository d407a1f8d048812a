"""A CA, and the container that renews a certificate, as the program declares it."""

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from cryptography import x509
from docker.errors import NotFound
from docker.models.containers import Container
from docker.types import EndpointConfig

from mailinfra.components import acme
from mailinfra.config.certificate import AcmeConfig
from mailinfra.containers.images import PULLED
from mailinfra.containers.rendering import render
from mailinfra.user_ids import ACME
from tests.built import image
from tests.certificates.authority import (
    DIRECTORY,
    IMAGE,
    LABEL,
    Authority,
    authority,
    built,
    own_certificate,
    put,
)
from tests.e2e.stackfile import suitable
from tests.samples import acme_args
from tests.waiting import until

HOSTNAME = "mail.example.test"
HTTP_PORT = 8000
SECONDS = 90

WEBMAIL = """\
import http.server, json, os, threading, urllib.request
class Webmail(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *given):
        super().__init__(*given, directory="/tls/challenge")
    def do_POST(self):
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        record = json.dumps({"host": told["fqdn"], "value": told["value"]}).encode()
        what = {"/present": "set-txt", "/cleanup": "clear-txt"}[self.path]
        urllib.request.urlopen("http://names:8055/" + what, record)
        self.send_response(200)
        self.end_headers()
class Outside(Webmail):
    def do_GET(self):
        if os.path.exists("/tmp/elsewhere"):
            self.send_response(302)
            self.send_header("Location", "http://elsewhere.test/")
            self.end_headers()
        else:
            super().do_GET()
serve = lambda port, what: http.server.ThreadingHTTPServer(("", port), what).serve_forever()
threading.Thread(target=serve, args=(8000, Webmail)).start()
serve(80, Outside)
"""
"""In webmail's place: answers challenges at both ports, or leads elsewhere at port 80 as a stranger would.
And in the place of who serves the zone: lego's `httpreq` has it write a record."""


LIMITED = """\
import http.server, json, ssl, urllib.request
trusting = ssl.create_default_context(cafile="/ca.pem")
trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
class Limited(http.server.BaseHTTPRequestHandler):
    def answer(self, status, told):
        self.send_response(status)
        self.send_header("Content-Type", "application/problem+json" if status != 200 else "application/json")
        self.send_header("Replay-Nonce", "nonce")
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())
    def do_GET(self):
        with urllib.request.urlopen("https://authority:14000/dir", context=trusting) as answer:
            told = json.load(answer)
        told["meta"]["caaIdentities"] = ["limited.test"]
        if self.path == "/dir":
            told["newOrder"] = "https://limited:14000/new-order"
        self.answer(200, told)
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        detail = "too many certificates (5) already issued for this exact set of identifiers in the last "
        detail += "168h0m0s, retry after 2099-01-02 03:04:05 UTC: see https://letsencrypt.org/docs/rate-limits/"
        self.answer(429, {"type": "urn:ietf:params:acme:error:rateLimited", "detail": detail, "status": 429})
server = http.server.ThreadingHTTPServer(("", 14000), Limited)
own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
own.load_cert_chain("/certificate.pem", "/key.pem")
server.socket = own.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
"""A CA whose limit is reached, in the words of Let's Encrypt; all else is Pebble. It says by which name CAA
records name it, as Pebble does not; at `/caa` its limit is not reached."""


@dataclass(kw_only=True)
class Renewing:
    """The container that renews, with what it writes."""

    container: Container
    volumes: Mapping[str, str]
    """Path -> name of the volume."""

    def said(self) -> str:
        """Return its log."""
        return str(self.container.logs().decode())

    def hears(self, words: str, seconds: float = SECONDS, *, since: int = 0) -> str:
        """Return the log once it holds the words, beyond its first `since` letters."""
        try:
            return until(lambda: self.said() if words in self.said()[since:] else None, seconds, repr(words))
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.said()[since:]}") from None

    def shown(self) -> x509.Certificate:
        """Return the certificate that is shown."""
        chain = self.run("cat", "/tls/current/chain.pem")
        try:
            return x509.load_pem_x509_certificates(chain)[0]
        except ValueError:
            raise AssertionError(chain) from None

    def run(self, *command: str) -> bytes:
        """Return what a command in it prints."""
        done = self.container.exec_run(list(command))
        assert done.exit_code == 0, done.output
        assert isinstance(done.output, bytes)
        return done.output

    def status(self) -> dict[str, Any]:
        """Return what it tells `make`."""
        told = self.run("python3", "/usr/local/lib/mailinfra/renewal.py", "status")
        found: dict[str, Any] = json.loads(told)
        return found


def remove(container: Container) -> None:
    """Remove a container, unless a test has done so."""
    with suppress(NotFound):
        container.remove(force=True, v=True)


class Yard:
    """A network with a CA and somebody in webmail's place."""

    def __init__(self, ends: ExitStack, network: str, folder: Path, lifetime: int) -> None:
        self._ends, self.network = ends, network
        self.images = suitable().get("images", {})
        base = self.images.get("base", "pull")
        pebble = built(PULLED["base"] if base == "pull" else base)
        self.ca: Authority = ends.enter_context(authority(pebble, network, 80, lifetime=lifetime))
        self.client = docker.from_env(timeout=300)
        self.image = image("acme", self.images)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(self.ca.trusted())
        self._webmail: Container | None = None
        self._limited: tuple[str, bytes] | None = None
        self.key, self.own = own_certificate([HOSTNAME])

    def volumes(self) -> dict[str, str]:
        """Return path -> new volume for all that outlives the container."""
        return {path: self._volume() for path in ("/tls", "/acme")}

    def _volume(self) -> str:
        made = self.client.volumes.create(labels={LABEL: "yes"})
        self._ends.callback(lambda: made.remove(force=True))
        return str(made.name)

    def start(self, container: Container, files: Mapping[str, bytes]) -> Container:
        """Start a container with files."""
        self._ends.callback(remove, container)
        if files:
            put(container, files)
        container.start()
        return container

    def webmail(self, tls: str) -> Container:
        """Start somebody in webmail's place, in place of who was there, to whom the server's name leads."""
        if self._webmail is not None:
            self._webmail.remove(force=True)
        made = self.client.containers.create(
            self.image,
            ["-u", "-c", WEBMAIL],
            entrypoint=["python3"],
            network=self.network,
            networking_config={self.network: EndpointConfig("1.44", aliases=["webmail"])},
            labels={LABEL: "yes"},
            volumes={tls: {"bind": "/tls", "mode": "ro"}},
        )
        self._webmail = self.start(made, {})
        self.ca.lead(HOSTNAME, self.ca.address(made))
        return made

    def limited(self) -> tuple[str, bytes]:
        """Start a CA whose limit is reached, once; return its address, and whom to trust."""
        if self._limited is not None:
            return self._limited
        key, certificate = own_certificate(["limited"])
        made = self.client.containers.create(
            self.image,
            ["-u", "-c", LIMITED],
            entrypoint=["python3"],
            network=self.network,
            networking_config={self.network: EndpointConfig("1.44", aliases=["limited"])},
            labels={LABEL: "yes"},
        )
        trusted = self.ca_file.read_bytes()
        self.start(made, {"/key.pem": key, "/certificate.pem": certificate, "/ca.pem": trusted})
        self._limited = "https://limited:14000", certificate
        return self._limited

    def clocked(self) -> str:
        """Return the image that renews, with a clock of its own."""
        folder, tag = Path(__file__).parent / "clock", f"{IMAGE}-clock"
        made, _ = self.client.images.build(path=str(folder), tag=tag, buildargs={"BASE": self.image}, rm=True)
        return str(made.id)

    def handing_on(self) -> Renewing:
        """Start who hands files on; there are none yet."""
        volumes = {path: self._volume() for path in ("/tls", "/files")}
        made = self.client.containers.create(
            self.image,
            ["files", HOSTNAME],
            network_mode="none",
            labels={LABEL: "yes"},
            cap_drop=["ALL"],
            user=f"{ACME}:{ACME}",
            volumes={name: {"bind": path, "mode": "rw"} for path, name in volumes.items()},
        )
        return Renewing(container=self.start(made, {"/files/mail/nothing": b""}), volumes=volumes)

    def renewing(
        self,
        volumes: Mapping[str, str],
        *,
        key: bytes | None = None,
        own: bytes | None = None,
        credentials: Mapping[str, str] | None = None,
        trusted: bytes = b"",
        clock: str | None = None,
        **settings: Any,
    ) -> Renewing:
        """Start who renews, with settings in place of some, and with a clock that says so (libfaketime)."""
        given = {
            "email": "postmaster@example.test",
            "directory": DIRECTORY,
            "caFile": str(self.ca_file),
            **settings,
        }
        args = acme_args(acme=AcmeConfig.model_validate(given), addresses=[], webmail=f"webmail:{HTTP_PORT}")
        text = render("acme/acme.json", acme.values(args))
        made = self.client.containers.create(
            self.image if clock is None else self.clocked(),
            network=self.network,
            labels={LABEL: "yes"},
            cap_drop=["ALL"],
            user=f"{ACME}:{ACME}",
            dns=[self.ca.address(self.ca.names)],
            volumes={name: {"bind": path, "mode": "rw"} for path, name in volumes.items()},
        )
        files = {
            "/etc/mailinfra/acme.json": text.encode(),
            "/etc/mailinfra/ca.pem": self.ca_file.read_bytes() + trusted,
            "/run/secrets/key.pem": key or self.key,
            "/run/secrets/certificate.pem": own or self.own,
            "/run/secrets/credentials.json": json.dumps(credentials or {}).encode(),
        }
        if clock is not None:
            files["/clock"] = clock.encode()
        return Renewing(container=self.start(made, files), volumes=volumes)


@contextmanager
def place(folder: Path, lifetime: int) -> Iterator[Yard]:
    """Yield a place of its own with a CA whose certificates hold for so many seconds."""
    with ExitStack() as ends:
        name = f"mailinfra-certificates-test-{uuid.uuid4().hex[:8]}"
        network = docker.from_env(timeout=300).networks.create(name, labels={LABEL: "yes"})
        ends.callback(network.remove)
        yield Yard(ends, name, folder, lifetime)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Yield a place with a CA whose certificates hold for 90 days."""
    with place(tmp_path_factory.mktemp("ca"), 90 * 86400) as made:
        yield made
