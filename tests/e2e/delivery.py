"""Postfix and the resolver by themselves: two containers of the stack's images, with the files that the
program renders, between a DNS of the tests' own whose root is theirs, too, and a peer.

Owns the containers. Does not own what is asserted of them (test_resolver.py), nor the DNS (signed_names.py).
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from docker.models.containers import Container
from docker.models.networks import Network
from docker.types import Mount

from mailinfra.components import postfix, resolver
from mailinfra.containers.rendering import render
from mailinfra.types import Dnssec
from mailinfra.user_ids import HELPER, POSTFIX, RESOLVER
from tests.built import image
from tests.e2e.ground.mail import Received
from tests.e2e.ground.world import LABEL, World
from tests.name_server import serving
from tests.samples import postfix_args, resolver_args
from tests.signed_names import SignedNames
from tests.waiting import until

NAME = "mailinfra-e2e-delivery"

ALONE = {
    "virtual_mailbox_domains": "",
    "virtual_mailbox_maps": "",
    "virtual_alias_maps": "",
    "virtual_alias_domains": "",
    "transport_maps": "inline:{ { control.test = control } }",
}
"""Settings without a database and a filter; mail to `control` goes as it would without DANE."""

CONTROL = """
control     unix  -       -      n      -      -       smtp
  -o smtp_tls_security_level=may
"""


@dataclass(kw_only=True)
class Delivery:
    """The two, and what is around them."""

    names: SignedNames
    network: Network
    resolver: Container
    postfix: Container
    peer: Container
    folder: Path
    """Where the files lie that the two read."""

    def address(self, container: Container) -> str:
        """Return a container's address in their network."""
        container.reload()
        found: str = container.attrs["NetworkSettings"]["Networks"][self.network.name]["IPAddress"]
        return found

    def configure(self, dnssec: Dnssec) -> None:
        """Let the resolver begin anew, with nothing remembered."""
        write_resolver(self.folder / "resolver", self.network, self.names, dnssec)
        self.resolver.restart(timeout=0)
        self.settled()

    def settled(self) -> None:
        """Wait until the resolver is well, by its own check."""
        until(lambda: self.resolver.exec_run("healthy").exit_code == 0, 60, "the resolver answers")

    def send(self, domain: str) -> str:
        """Hand in a message to somebody at that domain; return its Message-ID."""
        sent = f"{uuid4()}@mail.example.test"
        text = f"From: us@example.test\\nTo: friend@{domain}\\nMessage-ID: <{sent}>\\n\\nHello\\n"
        command = f"printf '{text}' | sendmail -f us@example.test friend@{domain}"
        done = self.postfix.exec_run(["sh", "-c", command])
        assert done.exit_code == 0, done.output
        return sent

    def flush(self) -> None:
        """Let Postfix try everything that waits once more, now."""
        assert self.postfix.exec_run(["postqueue", "-f"]).exit_code == 0

    def received(self, sent: str) -> list[Received]:
        """Return every copy of a message that the peer has."""
        lines = [line for line in self.peer.logs().decode().splitlines() if line.startswith("{")]
        return [one for one in map(Received.parse, lines) if sent.encode() in one.raw]

    def arrives(self, sent: str, seconds: float = 90) -> Received:
        """Return the one copy of a message that the peer has by then."""
        (one,) = until(lambda: self.received(sent), seconds, f"{sent} is at the peer: {self.log()[-2000:]}")
        return one

    def waits(self, sent: str, seconds: float = 120) -> str:
        """Return why Postfix keeps a message for later, once it says so; fail where it gives up."""

        def reason() -> str:
            ids = [line.split(": ")[1] for line in self.log().splitlines() if f"message-id=<{sent}>" in line]
            found = [line for line in self.log().splitlines() for one in ids if f" {one}: " in line]
            assert not [line for line in found if "status=bounced" in line or "status=sent" in line], found
            return next((line for line in found if "status=deferred" in line), "")

        return until(reason, seconds, f"{sent} is deferred: {self.log()[-2000:]}")

    def log(self) -> str:
        """Return all that Postfix has said."""
        return self.postfix.logs().decode()

    def said_of(self, sent: str) -> str:
        """Return what Postfix said of the TLS session in which a message went."""
        lines = self.log().splitlines()
        queue_id = next(line.split(": ")[1] for line in lines if f"message-id=<{sent}>" in line)
        end = next(n for n, line in enumerate(lines) if f" {queue_id}: " in line and "status=sent" in line)
        process = lines[end].split(": ")[0].rpartition(" ")[2]
        return next(line for line in reversed(lines[:end]) if process in line and "TLS connection" in line)


def write_resolver(folder: Path, network: Network, names: SignedNames, dnssec: Dnssec) -> None:
    """Write the resolver's files, and the key of the tests' root in place of the real one's."""
    (pool,) = network.attrs["IPAM"]["Config"]
    args = resolver_args(
        inner="0.0.0.0", clients=pool["Subnet"], resolvers=[f"{names.host}@{names.port}"], dnssec=dnssec
    )
    folder.mkdir(exist_ok=True)
    text = render("resolver/unbound.conf", resolver.values(args))
    # It listens on loopback by itself where it listens everywhere.
    (folder / "unbound.conf").write_text(text.replace("  interface: 127.0.0.1\n", ""))
    (folder / "root.key").write_text(names.anchor)


def write_postfix(folder: Path, dnssec: Dnssec) -> None:
    """Write Postfix's files."""
    args = postfix_args(
        # It has none of the addresses of a whole stack to listen at.
        fronts=(),
        reports=None,
        filter=None,
        keeps_junk=None,
        older=None,
        postmaster=None,
        local_mail=None,
        dnssec=dnssec,
    )
    for path, text in postfix.configuration(args).items():
        assert isinstance(text, str)
        if path == "main.cf":
            text = _alone(text)
        elif path == "master.cf":
            text += CONTROL
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def _alone(text: str) -> str:
    """Return main.cf with ALONE's settings in place of its own.

    Each process warns of a setting that is there twice, and where all begin at once Postfix's postlogd waits
    for itself to read that.
    """
    kept, drops = [], False
    for line in text.splitlines():
        if line[:1].isalpha():
            drops = line.partition("=")[0].strip() in ALONE
        if not drops or line.startswith("#"):
            kept.append(line)
    return "\n".join([*kept, *(f"{name} = {value}" for name, value in ALONE.items()), ""])


def fingerprint(peer: Container) -> str:
    """Return what TLSA 3 1 1 says of the peer's key."""
    pem: Any = peer.exec_run(["cat", "/etc/peer.crt"]).output
    certificate = x509.load_pem_x509_certificate(pem)
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def zone(peer: str, right: str) -> tuple[str, dict[str, str]]:
    """Return the signed zone, and those that are delegated without a key."""
    wrong = "00" * 32
    lines = []
    for domain, host in (
        ("dane.test", "good"),
        ("mismatch.test", "other"),
        ("control.test", "other"),
        ("bogus.test", "good"),
        *((f"domain{number}.test", "good") for number in range(9)),
    ):
        lines.append(f"{domain}. 30 IN MX 10 {host}.hosts.test.")
    for host, seen in (("good", right), ("other", wrong)):
        lines += [
            f"{host}.hosts.test. 30 IN A {peer}",
            f"_25._tcp.{host}.hosts.test. 30 IN TLSA 3 1 1 {seen}",
        ]
    lines.append("large.test. 30 IN TXT " + " ".join(['"' + "x" * 250 + '"'] * 16))
    insecure = (
        "insecure.test. 30 IN MX 10 mx.insecure.test.\n"
        f"mx.insecure.test. 30 IN A {peer}\n"
        f"_25._tcp.mx.insecure.test. 30 IN TLSA 3 1 1 {wrong}\n"
    )
    return "\n".join([*lines, ""]), {"insecure.test": insecure}


@contextmanager
def delivering(world: World, images: dict[str, Any], folder: Path, dnssec: Dnssec) -> Iterator[Delivery]:
    """Let Postfix deliver to a peer, by what the resolver says."""
    folder.chmod(0o755)
    client = world.docker
    network = client.networks.create(NAME, labels={LABEL: "yes"})
    made: list[Container] = []

    def run(name: str, image: str, command: Sequence[str] | None = None, **more: Any) -> Container:
        words = list(command) if command else None
        made.append(
            client.containers.run(
                image,
                words,
                name=f"{NAME}-{name}",
                hostname=name,
                labels={LABEL: "yes"},
                network=network.name,
                detach=True,
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                **more,
            )
        )
        return made[-1]

    try:
        network.reload()
        (pool,) = network.attrs["IPAM"]["Config"]
        environment = {"NAME": "good.hosts.test", "TLS": "yes"}
        peer = run("peer", world.image, ["/ground/peer.py"], environment=environment)
        peer.reload()
        address = peer.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
        signed, zones = zone(address, fingerprint(peer))
        names = SignedNames(zones=zones, names=signed, insecure=tuple(zones), host=pool["Gateway"])
        with serving(names):
            write_resolver(folder / "resolver", network, names, dnssec)
            asked = run(
                "resolver",
                image("resolver", images),
                user=f"{RESOLVER}:{RESOLVER}",
                volumes={
                    str(folder / "resolver"): {"bind": "/etc/unbound", "mode": "ro"},
                    str(folder / "resolver/root.key"): {"bind": "/usr/share/dns/root.key", "mode": "ro"},
                },
            )
            asked.reload()
            at = asked.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
            write_postfix(folder / "postfix", dnssec)
            sender = run(
                "postfix",
                image("postfix", images),
                dns=[at],
                cap_add=["DAC_OVERRIDE", "SETGID", "SETUID"],
                volumes={str(folder / "postfix"): {"bind": "/etc/postfix", "mode": "ro"}},
                tmpfs={
                    "/run": "mode=0755,size=1m",
                    "/run/postfix": f"gid={POSTFIX},mode=0750,size=4k",
                    "/run/helper": f"uid={HELPER},gid={HELPER},mode=0755,size=64k",
                    "/tmp": "size=16m",
                    "/var/lib/postfix": f"uid={POSTFIX},gid={POSTFIX},mode=0755,size=16m",
                },
                mounts=[Mount(target="/var/spool/postfix", source=None, type="volume")],
            )
            it = Delivery(
                names=names, network=network, resolver=asked, postfix=sender, peer=peer, folder=folder
            )
            it.settled()
            until(lambda: "starting the Postfix" in it.log(), 60, "Postfix runs")
            yield it
    finally:
        for container in made:
            container.remove(force=True, v=True)
        network.remove()
