"""A provider plugin as a process, spoken to as the engine speaks to it.

Owns the process and the form that the recordings are written in: {"secret": x} marks a secret, "<unknown>" an
unknown.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from google.protobuf import any_pb2, struct_pb2
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.rpc import UNKNOWN

SEED = b"the same each time"
SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back from one call: an answer, or an error with the state that it leaves."""

    fields: Mapping[str, Any]
    """The answer's fields as plain data."""

    error: str = ""
    """The error's text, empty where there was none."""

    left: tuple[str, Mapping[str, Any]] | None = None
    """Identity and state of a resource that exists although its making failed."""


class Plugin:
    """The engine's side of one plugin."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        self._stub = stub

    def ask(self, method: str, request: Any) -> Answer:
        """Call `method`; return the answer, or the error that the engine would see."""
        try:
            response = getattr(self._stub, method)(request, timeout=SECONDS)
        except grpc.RpcError as error:
            return Answer(fields={}, error=error.details(), left=_left(error))
        return Answer(fields=_fields(response))


@contextmanager
def plugin(executable: Path, environment: Mapping[str, str]) -> Iterator[Plugin]:
    """Start a plugin; end it at the end."""
    with subprocess.Popen(
        [executable, "127.0.0.1:1"], stdout=subprocess.PIPE, env=dict(environment), text=True
    ) as process:
        assert process.stdout
        try:
            port = process.stdout.readline().strip()
            assert port.isdigit(), "a plugin prints its port first"
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield Plugin(provider_pb2_grpc.ResourceProviderStub(channel))
        finally:
            process.terminate()


def encoded(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """Return properties in the recordings' form as the engine sends them."""
    return PropertyValue.marshal_map({name: _encoded(value) for name, value in values.items()})


def decoded(values: struct_pb2.Struct) -> dict[str, Any]:
    """Return properties as they came in the recordings' form."""
    return {name: _decoded(value) for name, value in PropertyValue.unmarshal_map(values).items()}


def _encoded(value: Any) -> PropertyValue:
    if value == "<unknown>":
        return PropertyValue(UNKNOWN)
    if isinstance(value, dict):
        if value.keys() == {"secret"}:
            return _encoded(value["secret"]).with_secret(True)
        return PropertyValue({name: _encoded(item) for name, item in value.items()})
    if isinstance(value, list):
        return PropertyValue([_encoded(item) for item in value])
    return PropertyValue(float(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def _decoded(value: PropertyValue) -> Any:
    if value.is_secret:
        return {"secret": _decoded(value.with_secret(False))}
    inner = value.value
    if inner == UNKNOWN:
        return "<unknown>"
    if isinstance(inner, Mapping):
        return {name: _decoded(item) for name, item in inner.items()}
    if isinstance(inner, tuple):
        return [_decoded(item) for item in inner]
    return int(inner) if isinstance(inner, float) and inner.is_integer() else inner


def _fields(response: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for field in response.DESCRIPTOR.fields:
        value = getattr(response, field.name)
        fields[field.name] = decoded(value) if isinstance(value, struct_pb2.Struct) else value
    return fields


def _left(error: Any) -> tuple[str, Mapping[str, Any]] | None:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            detail: any_pb2.Any
            for detail in status_pb2.Status.FromString(value).details:
                failed = provider_pb2.ErrorResourceInitFailed()
                if detail.Unpack(failed):
                    return failed.id, decoded(failed.properties)
    return None
