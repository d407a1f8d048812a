"""The gRPC server: the engine's calls in, plain Python to the resources, marked properties out.

A mistake of a user's is one clear sentence, never a stack trace.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import grpc  # type: ignore[import-untyped]  # publishes no types
from google.protobuf.empty_pb2 import Empty
from pulumi.provider.experimental.provider import Provider
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.proto import provider_pb2_grpc

from mailinfra.provider.errors import ProviderError
from mailinfra.provider.messages import Messages
from mailinfra.provider.plugin import VERSION, Answer, capped, resource
from mailinfra.provider.values import marked_map, plain_map

Call = Callable[["Servicer", Any, Any], Coroutine[Any, Any, Any]]

KINDS = {
    "add": proto.PropertyDiff.ADD,
    "delete": proto.PropertyDiff.DELETE,
    "update": proto.PropertyDiff.UPDATE,
}


def explained(call: Call) -> Call:
    """Return `call` with an error that was written for people passed on as it is."""

    async def answer(self: "Servicer", request: Any, context: Any) -> Any:
        try:
            return await call(self, request, context)
        except ProviderError as error:
            return await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))

    return answer


class Servicer(ProviderServicer):
    """Schema and Directory for the engine; what is not about a resource is the SDK's."""

    def __init__(self, arguments: list[str], messages: Messages, engine_address: str) -> None:
        super().__init__(arguments, VERSION, _Bare(), engine_address)
        self._messages = messages

    async def Configure(self, request: Any, context: Any) -> proto.ConfigureResponse:  # noqa: ARG002, N802
        """Ask for secrets as secrets; dependencies of single values are of no use here."""
        return proto.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @explained
    async def Check(self, request: proto.CheckRequest, context: Any) -> proto.CheckResponse:  # noqa: ARG002, N802
        """Return completed inputs and every mistake in them."""
        handler = resource(request.urn)
        inputs, mistakes = await asyncio.to_thread(handler.check, plain_map(request.news))
        # Without a property of its own: the engine would print that property's value beside the path.
        failures = [proto.CheckFailure(reason=f"{path}: {reason}") for path, reason in mistakes]
        return proto.CheckResponse(inputs=marked_map(inputs), failures=failures)

    @explained
    async def Diff(self, request: proto.DiffRequest, context: Any) -> proto.DiffResponse:  # noqa: ARG002, N802
        """Name each changed property by its path."""
        change = resource(request.urn).diff(plain_map(request.olds), plain_map(request.news))
        for note in change.notes:
            self._messages.info(request.urn, note)
        some, none = proto.DiffResponse.DIFF_SOME, proto.DiffResponse.DIFF_NONE
        return proto.DiffResponse(
            changes=some if change.paths else none,
            diffs=sorted({path.split("[")[0].split(".")[0] for path in change.paths}),
            detailedDiff={path: proto.PropertyDiff(kind=KINDS[kind]) for path, kind in change.paths.items()},
            hasDetailedDiff=True,
        )

    @explained
    async def Create(self, request: proto.CreateRequest, context: Any) -> proto.CreateResponse:  # noqa: ARG002, N802
        """Bring a resource about."""
        inputs, handler = plain_map(request.properties), resource(request.urn)
        answer = await asyncio.to_thread(handler.create, inputs, preview=request.preview)
        self._say(request.urn, answer)
        identity = "" if request.preview else handler.identity(inputs)
        return proto.CreateResponse(id=identity, properties=marked_map(answer.properties))

    @explained
    async def Read(self, request: proto.ReadRequest, context: Any) -> proto.ReadResponse:  # noqa: ARG002, N802
        """Return what is really there."""
        state, inputs = plain_map(request.properties), plain_map(request.inputs)
        answer = await asyncio.to_thread(resource(request.urn).read, request.id, state, inputs)
        if answer is None:
            return proto.ReadResponse()
        self._say(request.urn, answer)
        known = answer.properties if answer.inputs is None else answer.inputs
        properties = marked_map(answer.properties)
        return proto.ReadResponse(id=request.id, properties=properties, inputs=marked_map(known))

    @explained
    async def Update(self, request: proto.UpdateRequest, context: Any) -> proto.UpdateResponse:  # noqa: ARG002, N802
        """Change what differs."""
        state, inputs, handler = plain_map(request.olds), plain_map(request.news), resource(request.urn)
        answer = await asyncio.to_thread(handler.update, state, inputs, preview=request.preview)
        self._say(request.urn, answer)
        return proto.UpdateResponse(properties=marked_map(answer.properties))

    @explained
    async def Delete(self, request: proto.DeleteRequest, context: Any) -> Empty:  # noqa: ARG002, N802
        """Let go of a resource."""
        state = plain_map(request.properties)
        for note in await asyncio.to_thread(resource(request.urn).delete, state):
            self._messages.info(request.urn, note)
        return Empty()

    def _say(self, urn: str, answer: Answer) -> None:
        for note in answer.notes:
            self._messages.info(urn, note)
        for warning in capped(answer.warnings):
            self._messages.warn(urn, warning)


class _Bare(Provider):
    """The SDK's provider, whose defaults answer whatever is not about a resource."""


def serve(arguments: list[str]) -> None:
    """Serve on a free port, print it, and go on until the engine ends this process."""
    engine_address = next((argument for argument in arguments if not argument.startswith("-")), "")
    if not engine_address:
        sys.exit("the provider is started by the Pulumi engine, with its address as the only argument")
    asyncio.run(_serve(arguments, engine_address))


async def _serve(arguments: list[str], engine_address: str) -> None:
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    servicer = Servicer(arguments, Messages(engine_address), engine_address)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()
