"""Declared: what the program says about one mail server, heard through Pulumi's mocks; nothing is made.

Owns the reading of containers, ports, volumes and rendered files out of what is declared. Does not own how
they are shown (architecture.py).
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import mocks, rpc

from mailinfra.components.mailserver import MailServer, MailServerArgs
from mailinfra.config.load import Secrets
from mailinfra.config.network import NETWORKS
from mailinfra.config.server import ServerConfig

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

PROJECT, STACK = "mailinfra", "prod"

CONTAINER = "docker:index/container:Container"
NETWORK = "docker:index/network:Network"
PRIVATE_KEY = "tls:index/privateKey:PrivateKey"

COMPUTED = (
    "base64",
    "certPem",
    "certRequestPem",
    "hex",
    "imageId",
    "name",
    "privateKeyPem",
    "result",
    "revision",
)
"""What providers compute; here each is the resource's own name."""

ADDRESSED = (
    r"(?<![\w.-]){peer}[:/](\d+)",  # a URL, `inet:postfix:465`, /dev/tcp/postfix/465
    r"(?<![\w.-]){peer} \{{\s*port = (\d+)",  # a block of Dovecot's
)
"""How configuration files name a peer and its port."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """A port of the host that leads into a container."""

    port: int
    """TCP port of the host."""

    address: str
    """Address of the host."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """One daemon, as it is declared."""

    alias: str
    """What it is called."""

    names: Mapping[str, str]
    """Name or address under which the others reach it -> the network where it leads to it."""

    networks: Sequence[str]
    """The networks that it is in."""

    published: Sequence[Published]
    """Ports of the host, in order."""

    data: Mapping[str, str]
    """Volume that it writes to -> path in the container."""

    files: Mapping[str, str]
    """Absolute path in the container -> rendered text."""

    environment: Mapping[str, str]
    """Variable -> value."""

    asks: Sequence[str]
    """Addresses of the DNS servers that Docker asks on its behalf, where it is told."""

    memory_mib: int
    """Memory limit."""


DNS = 53


@dataclass(frozen=True, kw_only=True)
class Link:
    """A container that connects to another one."""

    client: str
    """Alias of who begins."""

    server: str
    """Alias of who answers."""

    port: int
    """TCP port of the answering container."""

    network: str
    """The network that both are in."""


def form(settings: Mapping[str, Any]) -> ServerConfig:
    """Return settings, written as in a stack file, as the checked form."""
    return ServerConfig.model_validate_json(json.dumps(settings))


def containers(settings: Mapping[str, Any]) -> list[Container]:
    """Return the daemons of the mail server that `settings` declare, in the order of their names."""
    heard = _hear(json.dumps(settings))
    made = [inputs for kind, _, inputs in heard if kind == CONTAINER]
    networks = {
        inputs.get("name", name): next(one["value"] for one in inputs["labels"] if one["value"] in NETWORKS)
        for kind, name, inputs in heard
        if kind == NETWORK
    }
    # A volume is filled by a container that never starts, and read by the one that does.
    filled = {
        each["mounts"][0]["source"]: {
            upload["file"].removeprefix(each["mounts"][0]["target"]): upload["content"]
            for upload in each["uploads"]
        }
        for each in made
        if each.get("uploads")
    }
    found = []
    for each in made:
        if each.get("uploads"):
            continue
        files = {
            mount["target"] + path: text
            for mount in each["mounts"]
            for path, text in filled.get(mount["source"], {}).items()
        }
        found.append(
            Container(
                alias=each["hostname"],
                names={
                    name: networks[one["name"]]
                    for one in each["networksAdvanced"]
                    for name in (one["ipv4Address"], *(one.get("aliases") or []))
                },
                networks=[networks[one["name"]] for one in each["networksAdvanced"]],
                published=sorted(
                    (
                        Published(port=int(one["external"]), address=one["ip"])
                        for one in each.get("ports") or []
                    ),
                    key=lambda one: one.port,
                ),
                data={one["source"]: one["target"] for one in each["mounts"] if not one.get("readOnly")},
                files=files,
                environment=dict(variable.split("=", 1) for variable in each["envs"]),
                asks=each.get("dns") or [],
                memory_mib=int(each["memory"]),
            )
        )
    return sorted(found, key=lambda one: one.alias)


def links(found: Sequence[Container]) -> list[Link]:
    """Return who connects to whom, as their files and environments say."""
    pairs = {
        Link(client=client.alias, server=server.alias, port=port, network=network)
        for client in found
        for server in found
        if server is not client
        for name, network in server.names.items()
        for port in _ports(client, name)
    }
    return sorted(pairs, key=lambda one: (one.client, one.server, one.port))


def _ports(client: Container, peer: str) -> Iterator[int]:
    if peer in client.asks:
        yield DNS
    for text in client.files.values():
        for pattern in ADDRESSED:
            yield from map(int, re.findall(pattern.format(peer=re.escape(peer)), text))
    # `X_SERVER` or `X_HOST` beside `X_PORT`.
    for key, value in client.environment.items():
        front, _, kind = key.rpartition("_")
        if kind in {"HOST", "SERVER"} and value.rpartition("/")[2] == peer:
            yield int(client.environment[f"{front}_PORT"])


def sample_key(algorithm: str, name: str) -> dict[str, str]:
    """Return what the program reads of a generated key: `name` in place of a PEM that it only hands on."""
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = _sample(algorithm)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "publicKeyPem": public.decode(),
        "privateKeyPem": private.decode() if algorithm == "ED25519" else name,
    }


@cache
def _sample(algorithm: str) -> "PrivateKeyTypes":
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if algorithm == "RSA":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm == "ED25519"
        else ec.generate_private_key(ec.SECP256R1())
    )


@contextmanager
def event_loop() -> Iterator[None]:
    """Make a new event loop the current one, for a program under Pulumi's mocks, and close it afterwards.

    The mocks answer on worker threads and want a loop on each. Loops that they make themselves stay open.
    """
    loops = [asyncio.new_event_loop()]

    def work() -> None:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])

    with ThreadPoolExecutor(initializer=work) as workers:
        loops[0].set_default_executor(workers)
        asyncio.set_event_loop(loops[0])
        try:
            yield
        finally:
            asyncio.set_event_loop(None)
    for loop in loops:
        loop.close()


class _Listener(mocks.Mocks):
    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, Any]]] = []

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise NotImplementedError(f"{args.token}: nothing is looked up in this program")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.heard.append((args.typ, args.name, _plain(args.inputs)))
        computed = {**dict.fromkeys(COMPUTED, args.name), "initialPasswords": {}}
        if args.typ == PRIVATE_KEY:
            computed |= sample_key(args.inputs["algorithm"], args.name)
        if args.typ == "mailinfra:index:Kept":
            computed["kept"] = args.inputs["candidate"]
        return args.name, {**computed, **args.inputs}


@cache
def _hear(settings: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return token, name and inputs of each resource of the mail server that settings in JSON declare."""
    server = ServerConfig.model_validate_json(settings)
    listener = _Listener()

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> None:
        secrets = Secrets(passwords=pulumi.Output.secret({}), database_password=None, smarthost_password=None)
        MailServer("mail", MailServerArgs(stack=f"{PROJECT}-{STACK}", server=server, secrets=secrets))

    with event_loop():
        mocks.set_mocks(listener, project=PROJECT, stack=STACK, preview=False)
        program()
    return listener.heard


def _plain(value: Any) -> Any:
    """Return inputs with the marks of secrets taken off."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    return (
        _plain(value["value"]) if rpc._special_sig_key in value else {k: _plain(v) for k, v in value.items()}
    )
