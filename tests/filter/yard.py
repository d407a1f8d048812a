"""The filter by itself: rspamd and Valkey from their images, with the files that the program renders.

Owns the containers, their network and the keys. Does not own what is sent through them (the tests), nor the
names of the world (world.py). Postfix is not there: the tests speak its part (milter.py).
"""

import http.client
import io
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import docker
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from docker.errors import APIError
from docker.models.containers import Container

from mailinfra.components import resolver, rspamd, valkey
from mailinfra.components.dkim import public_record, seed
from mailinfra.components.handles import Peer
from mailinfra.components.rspamd import RspamdArgs
from mailinfra.config.filtering import FilteringConfig
from mailinfra.containers.rendering import render
from mailinfra.docgen.declared import sample_key
from mailinfra.types import Dnssec
from tests.built import image
from tests.e2e.stackfile import suitable
from tests.filter.milter import Letter, Milter, Verdict
from tests.samples import resolver_args, rspamd_args

LABEL = "mailinfra.filter-test"
PASSWORD = "not-a-secret"
OPERATOR = "operator"
"""Who looks into a Valkey of the tests, and spoils it."""

START_SECONDS = 120
DOMAINS = ("example.test", "second.test", "third.test")
SELECTORS = ("rsa-1", "ed25519-1")

Files = Mapping[str, str]
"""Path below /etc/mailinfra -> text; what tells of hosted domains lies elsewhere and is not edited."""


@cache
def daemon() -> docker.DockerClient:
    """Return the Docker daemon that the tests use."""
    return docker.from_env(timeout=300)


def _put(container: Container, files: Mapping[str, str]) -> None:
    """Copy absolute path -> text into a container that need not run."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(text.encode()), 0o444
            archive.addfile(entry, io.BytesIO(text.encode()))
    assert container.put_archive("/", content.getvalue())


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The server's DKIM keys, as the program hands them to the filter and to the DNS."""

    private: Mapping[str, str]
    """File name -> what rspamd reads."""

    public: Mapping[str, str]
    """Selector -> text of its record."""


@cache
def keys() -> Keys:
    """Return keys that are made once."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    public = made.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    short = sample_key("ED25519", "")["privateKeyPem"]
    half = load_pem_private_key(short.encode(), None).public_key()
    half_pem = half.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Keys(
        private={"rsa-1.key": private, "ed25519-1.key": seed(short)},
        public={
            "rsa-1": public_record("rsa-1", public),
            "ed25519-1": public_record("ed25519-1", half_pem),
        },
    )


@dataclass(kw_only=True)
class Filter:
    """A running filter."""

    container: Container
    ports: Mapping[str, int]
    """Protocol -> port of this machine's loopback."""

    timeout: float = 60
    """Seconds for which Postfix waits for an answer (milter_content_timeout)."""

    def ask(self, letter: Letter) -> Verdict:
        """Return what becomes of a message."""
        with Milter(("127.0.0.1", self.ports["milter"]), self.timeout) as milter:
            return milter.ask(letter)

    def call(
        self, method: str, path: str, body: bytes = b"", password: str | None = PASSWORD
    ) -> tuple[int, bytes]:
        """Return the controller's answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.ports["controller"], timeout=60)
        try:
            link.request(method, path, body, {} if password is None else {"Password": password})
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()

    def read_ports(self) -> None:
        """Look the ports up: Docker gives others at each start."""
        self.container.reload()
        published: Any = self.container.ports
        self.ports = {
            name: int(published[f"{port}/tcp"][0]["HostPort"]) for name, port in rspamd.PORTS.items()
        }


class Yard:
    """A network with whatever a test starts in it; all of it goes when the block ends."""

    def __init__(self, ends: ExitStack) -> None:
        self._ends = ends
        self.name = f"mailinfra-filter-test-{uuid.uuid4().hex[:8]}"
        self.network = daemon().networks.create(self.name, labels={LABEL: "yes"})
        ends.callback(self.network.remove)
        self.network.reload()
        self.gateway = str(self.network.attrs["IPAM"]["Config"][0]["Gateway"])

    def _start(self, name: str, files: Mapping[str, str], **options: Any) -> Container:
        container: Container = daemon().containers.create(
            image(name, suitable().get("images", {})),
            network=self.name,
            labels={LABEL: "yes"},
            cap_drop=["ALL"],
            **options,
        )
        self._ends.callback(lambda: container.remove(force=True, v=True))
        _put(container, files)
        container.start()
        _until(lambda: is_healthy(container), container)
        container.reload()
        return container

    def valkey(self, **changes: Any) -> Container:
        """Start a Valkey, with other values in place of some of the program's, and a user who may all."""
        given = {**valkey.values(), "password": PASSWORD, **changes.pop("values", {})}
        text = render("valkey/valkey.conf", given) + f"user {OPERATOR} on >{PASSWORD} ~* &* +@all\n"
        return self._start("valkey", {"/run/secrets/valkey.conf": text}, **changes)

    def resolver(self, names: int, edit: Callable[[str], str] = str, **changes: Any) -> Container:
        """Start a resolver that asks the DNS at that port of the gateway.

        `edit` makes another file of its own, and `changes` are other args than the program has.
        """
        given = resolver_args(
            inner="0.0.0.0",
            clients=str(self.network.attrs["IPAM"]["Config"][0]["Subnet"]),
            resolvers=[f"{self.gateway}@{names}"],
            **{"dnssec": Dnssec.OFF, **changes},
        )
        text = render("resolver/unbound.conf", resolver.values(given))
        # It listens on loopback by itself where it listens everywhere.
        text = edit(text.replace("  interface: 127.0.0.1\n", ""))
        memory = f"{resolver.MEMORY_MIB}m"
        return self._start(
            "resolver", {"/etc/unbound/unbound.conf": text}, mem_limit=memory, memswap_limit=memory
        )

    def address(self, container: Container) -> str:
        """Return a container's address in this network."""
        return str(container.attrs["NetworkSettings"]["Networks"][self.name]["IPAddress"])

    def rspamd(
        self, memory: str, names: int | None, edit: Callable[[dict[str, str]], Files] = dict, **changes: Any
    ) -> Filter:
        """Start a filter that has its memory at that address, and asks the DNS at that port of the gateway.

        `changes` are other args than `args` has; `edit` makes other files of those that the program renders.
        """
        given = args(
            valkey=Peer(host=memory, ports=valkey.PORTS, ca=""),
            resolver=names and Peer(host=self.gateway, ports={**resolver.PORTS, "dns": names}, ca=""),
            **changes,
        )
        files = _plain(rspamd.configuration(given))
        logins = {"controller_password": PASSWORD, "valkey_password": PASSWORD}
        container = self._start(
            "rspamd",
            {
                **{f"{rspamd.FILES}/{path}": text for path, text in edit(files).items()},
                **{f"{rspamd.HOSTED}/{path}": text for path, text in _plain(rspamd.hosted(given)).items()},
                **{f"/run/secrets/{path}": render(f"rspamd/{path}", logins) for path in rspamd.SECRETS},
                **{f"/run/secrets/{file}": text for file, text in keys().private.items()},
            },
            ports={f"{port}/tcp": ("127.0.0.1", None) for port in rspamd.PORTS.values()},
        )
        found = Filter(container=container, ports={})
        found.read_ports()
        return found


def args(**changes: Any) -> RspamdArgs:
    """Return what the program would tell rspamd of a server with three domains, or as given."""
    filtering = {"trustedForwarders": ["list.test"], **changes.pop("filtering", {})}
    sample = rspamd_args(
        domains=list(DOMAINS),
        signing=[(selector, f"{selector}.key") for selector in SELECTORS],
        keys=keys().private,
        filtering=FilteringConfig.model_validate(filtering),
        reports=None,
    )
    return replace(sample, **changes)


def _plain(files: Mapping[str, Any]) -> dict[str, str]:
    """Return files whose texts are known, as all are here."""
    assert all(isinstance(text, str) for text in files.values())
    return dict(files)


def is_healthy(container: Container) -> bool:
    """Whether a container runs and proves its health now."""
    try:
        return bool(container.exec_run("healthy").exit_code == 0)
    except APIError:  # it has ended
        return False


def _until(is_so: Callable[[], bool], container: Container) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        container.reload()
        starts = container.status == "running" and time.monotonic() < deadline
        assert starts, f"it does not start: {container.logs(tail=20).decode()}"
        time.sleep(0.2)


@contextmanager
def yard() -> Iterator[Yard]:
    """Yield an empty yard."""
    with ExitStack() as ends:
        yield Yard(ends)
