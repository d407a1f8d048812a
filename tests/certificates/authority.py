"""A certificate authority for tests: Pebble, and a name server whose records tests write while it runs.

Owns the two containers, and what they say. Does not own the network, nor who asks for a certificate.
"""

import io
import json
import ssl
import tarfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import docker
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from docker.models.containers import Container
from docker.types import EndpointConfig

from tests.waiting import until

IMAGE = "mailinfra-certificates-test"
LABEL = "mailinfra.certificates-test"
HOST = "authority"
"""Its name in the network."""

DIRECTORY = f"https://{HOST}:14000/dir"
MANAGEMENT, NAMES_MANAGEMENT = 15000, 8055
START_SECONDS = 60

NOTHING = ("-defaultIPv4", "", "-defaultIPv6", "")
"""What the name server says of names that nobody told it of."""


def put(container: Container, files: Mapping[str, bytes]) -> None:
    """Copy absolute path -> content into a container that need not run."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(text), 0o444
            archive.addfile(entry, io.BytesIO(text))
    assert container.put_archive("/", content.getvalue())


def own_certificate(names: Sequence[str]) -> tuple[bytes, bytes]:
    """Return key and certificate of a server that signs for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, made.public_bytes(Encoding.PEM)


@dataclass(kw_only=True)
class Authority:
    """A running CA."""

    pebble: Container
    names: Container
    network: str
    certificate: bytes
    """What its own address shows."""

    def address(self, container: Container) -> str:
        """Return a container's address in the network."""
        container.reload()
        return str(container.attrs["NetworkSettings"]["Networks"][self.network]["IPAddress"])

    def trusted(self) -> bytes:
        """Return the PEM of whom to trust: its address, and what it signs. It has another root each time it
        starts."""
        return self.certificate + self._get("/roots/0")

    def revoked(self, serial: int) -> bool:
        """Return whether it has revoked a certificate."""
        told = json.loads(self._get(f"/cert-status-by-serial/{serial:x}"))
        return bool(told["Status"] == "Revoked")

    def _get(self, path: str) -> bytes:
        context = ssl.create_default_context(cadata=self.certificate.decode())
        context.check_hostname = False
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        url = f"https://{self.address(self.pebble)}:{MANAGEMENT}{path}"
        with urllib.request.urlopen(url, timeout=20, context=context) as answer:
            return bytes(answer.read())

    def write(self, what: str, **record: Any) -> None:
        """Have the name server change what it says: `add-a`, `add-caa`, `set-servfail` and the like."""
        url = f"http://{self.address(self.names)}:{NAMES_MANAGEMENT}/{what}"
        request = urllib.request.Request(url, json.dumps(record).encode(), method="POST")
        urllib.request.urlopen(request, timeout=20).close()

    def lead(self, name: str, *addresses: str) -> None:
        """Have a name lead to these addresses, and to no other."""
        self.write("clear-a", host=f"{name}.")
        if addresses:
            self.write("add-a", host=f"{name}.", addresses=list(addresses))

    def restart(self) -> None:
        """Start it again; it knows no account and no order of before, and has another root."""
        self.pebble.restart(timeout=1)
        self._until_it_answers()

    def stop(self) -> None:
        """Be away."""
        self.pebble.stop(timeout=1)

    def start(self) -> None:
        """Be there again."""
        self.pebble.start()
        self._until_it_answers()

    def _until_it_answers(self) -> None:
        def answers() -> bool:
            try:
                return bool(self._get("/roots/0"))
            except OSError:
                return False

        until(answers, START_SECONDS, "the CA answers")


def built(base: str) -> str:
    """Return the image with Pebble."""
    folder = Path(__file__).parent / "image"
    made, _ = docker.from_env(timeout=300).images.build(
        path=str(folder), tag=IMAGE, buildargs={"BASE": base}, rm=True
    )
    return str(made.id)


@contextmanager
def authority(
    image: str,
    network: str,
    http_port: int,
    *,
    lifetime: int = 86400 * 90,
    published: str | None = None,
    **addresses: tuple[str, str | None],
) -> Iterator[Authority]:
    """Yield a CA in a network, whose certificates hold for `lifetime` seconds. It asks at `http_port`.

    `published` is an address of the host where its names are answered, too, at port 53. `addresses` are those
    of `names` and of `pebble`, IPv4 and IPv6, where they have to be known before.
    """
    client = docker.from_env(timeout=300)
    key, certificate = own_certificate([HOST])

    def make(command: Sequence[str], name: str, **options: Any) -> Container:
        aliases = {"names": "names", "pebble": HOST}
        address, address6 = addresses.get(name, (None, None))
        endpoint = EndpointConfig(
            "1.44", aliases=[aliases[name]], ipv4_address=address, ipv6_address=address6
        )
        container: Container = client.containers.create(
            image,
            list(command),
            labels={LABEL: "yes"},
            network=network,
            networking_config={network: endpoint},
            **options,
        )
        return container

    served = ["-dns01", ":53", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""]
    names = make(
        ["pebble-challtestsrv", *served, "-management", f":{NAMES_MANAGEMENT}", *NOTHING],
        "names",
        ports={f"53/{kind}": (published, 53) for kind in ("tcp", "udp")} if published else {},
    )
    pebble = None
    try:
        names.start()
        names.reload()
        server = names.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
        pebble = make(
            ["pebble", "-config", "/config.json", "-dnsserver", f"{server}:53"],
            "pebble",
            environment={"PEBBLE_VA_NOSLEEP": "1"},
        )
        settings = {
            "listenAddress": "0.0.0.0:14000",
            "managementListenAddress": f"0.0.0.0:{MANAGEMENT}",
            "certificate": "/certificate.pem",
            "privateKey": "/key.pem",
            "httpPort": http_port,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "certificateValidityPeriod": lifetime,
            "retryAfter": {"authz": 1, "order": 1},
        }
        files = {"/key.pem": key, "/certificate.pem": certificate}
        put(pebble, {**files, "/config.json": json.dumps({"pebble": settings}).encode()})
        pebble.start()
        made = Authority(pebble=pebble, names=names, network=network, certificate=certificate)
        made._until_it_answers()
        yield made
    finally:
        for container in (pebble, names):
            if container is not None:
                container.remove(force=True, v=True)
