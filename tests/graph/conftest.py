"""The recording engine: keeps what a program declares, so that tests can ask about it afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pulumi
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime import mocks
from pulumi.runtime.proto.resource_pb2 import RegisterResourceOutputsRequest, RegisterResourceRequest
from pulumi.runtime.rpc import _special_secret_sig, _special_sig_key

from mailinfra.docgen.declared import event_loop, sample_key

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/remoteImage:RemoteImage"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"


OUR_OWN: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "mailinfra:index:Directory": lambda _: {"initialPasswords": {}},
    "mailinfra:index:Kept": lambda inputs: {"kept": inputs["candidate"]},
    "mailinfra:index:Schema": lambda _: {"revision": "head"},
}
"""Resource of our own provider -> what it computes of its inputs."""


class Answers(mocks.Mocks):
    """Echoes inputs and adds what the real providers compute."""

    def call(self, args: mocks.MockCallArgs) -> Any:
        return {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        computed: dict[str, Any] = {"name": args.name}
        if args.typ == IMAGE:
            computed["imageId"] = f"sha256:{args.name}"
        elif args.typ == "random:index/randomPassword:RandomPassword":
            computed["result"] = f"generated-{args.name}"
        elif args.typ == "random:index/randomBytes:RandomBytes":
            computed["hex"] = computed["base64"] = f"generated-{args.name}"
        elif args.typ == "tls:index/privateKey:PrivateKey":
            computed |= sample_key(args.inputs["algorithm"], f"key of {args.name}")
        elif args.typ == "tls:index/certRequest:CertRequest":
            computed["certRequestPem"] = f"request of {args.name}"
        elif args.typ in {
            "tls:index/selfSignedCert:SelfSignedCert",
            "tls:index/locallySignedCert:LocallySignedCert",
        }:
            computed["certPem"] = f"certificate of {args.name}"
        elif args.typ == "mailinfra:index:Access":
            connection = args.inputs["connection"].get(
                "value", args.inputs["connection"]
            )  # secret as a whole
            computed["endpoint"] = f"{connection['host']}:{int(connection['port'])}"
        elif made_by_our_own := OUR_OWN.get(args.typ):
            computed |= made_by_our_own(args.inputs)
        return f"{args.name}-id", {**computed, **args.inputs}


class Engine(mocks.MockMonitor):
    """Keeps every request as it was sent, so that options and parents can be asked about too."""

    def __init__(self) -> None:
        super().__init__(Answers())
        self.requests: list[RegisterResourceRequest] = []
        self.outputs: dict[str, set[str]] = {}
        self.registered: dict[str, Any] = {}

    def RegisterResource(self, request: RegisterResourceRequest) -> Any:  # noqa: N802 - gRPC's name
        self.requests.append(request)
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: RegisterResourceOutputsRequest) -> Any:  # noqa: N802
        self.outputs[request.urn] = set(request.outputs)
        self.registered[request.urn] = plain(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]

    def created(self, token: str) -> list[RegisterResourceRequest]:
        """Return the requests for one type of resource, in order of registration."""
        return [request for request in self.requests if request.type == token]

    def one(self, token: str, name: str) -> RegisterResourceRequest:
        """Return the request for the resource of that type and name."""
        (request,) = [request for request in self.created(token) if request.name == name]
        return request


def plain(value: Any) -> Any:
    """Return a property as Python sees it, with the marks of secrets taken off."""
    if isinstance(value, struct_pb2.Struct):
        value = dict(value.fields)
    if isinstance(value, struct_pb2.Value):
        kind = value.WhichOneof("kind")
        if kind == "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        if kind == "list_value":
            return [plain(item) for item in value.list_value.values]
        if kind == "struct_value":
            return plain(value.struct_value)
        return None if kind in {None, "null_value"} else getattr(value, str(kind))
    if isinstance(value, dict):
        if _special_sig_key in value:
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items()}
    return value


def is_secret(value: Any) -> bool:
    """Whether a property, or something inside it, is marked as a secret."""
    if isinstance(value, struct_pb2.Value):
        if value.WhichOneof("kind") == "struct_value":
            return is_secret(value.struct_value)
        return any(is_secret(item) for item in value.list_value.values)
    mark = value.fields.get(_special_sig_key)
    if mark is not None and mark.string_value == _special_secret_sig:
        return True
    return any(is_secret(item) for item in value.fields.values())


@contextmanager
def listening() -> Iterator[Engine]:
    """Yield an engine that has seen nothing yet, on an event loop of its own."""
    monitor = Engine()
    with event_loop():
        mocks.set_mocks(monitor.mocks, project="mailinfra", stack="test", preview=False, monitor=monitor)
        yield monitor


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine for one test, which declares what it needs."""
    with listening() as monitor:
        yield monitor


def declare(build: Callable[[], object]) -> None:
    """Run `build` as a program; return when all is registered and every callback has run."""

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> None:
        build()

    program()


def heard(build: Callable[[], object]) -> Engine:
    """Return the engine after it has heard `build`; any number of tests may ask it."""
    with listening() as monitor:
        declare(build)
    return monitor
