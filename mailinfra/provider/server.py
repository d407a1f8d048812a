"""The gRPC server around the provider: a user's mistake is one clear sentence, never a stack trace."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc  # type: ignore[import-untyped]  # publishes no types
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from mailinfra.provider.errors import ProviderError
from mailinfra.provider.messages import Messages
from mailinfra.provider.plugin import VERSION, MailinfraProvider

CALLS = ("Check", "Diff", "Create", "Read", "Update", "Delete")


class Servicer(ProviderServicer):
    """The SDK's servicer, with errors that were written for people passed on as they are."""


def _answering(call: Callable[[Any, Any, Any], Awaitable[Any]]) -> Callable[[Any, Any, Any], Awaitable[Any]]:
    async def answer(self: Servicer, request: Any, context: Any) -> Any:
        try:
            return await call(self, request, context)
        except ProviderError as error:
            return await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))

    return answer


for _name in CALLS:
    setattr(Servicer, _name, _answering(getattr(ProviderServicer, _name)))


def serve(arguments: list[str]) -> None:
    """Serve on a free port, print it, and go on until the engine ends this process."""
    engine_address = next((argument for argument in arguments if not argument.startswith("-")), "")
    if not engine_address:
        sys.exit("the provider is started by the Pulumi engine, with its address as the only argument")
    asyncio.run(_serve(arguments, engine_address))


async def _serve(arguments: list[str], engine_address: str) -> None:
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    provider = MailinfraProvider(Messages(engine_address))
    servicer = Servicer(arguments, VERSION, provider, engine_address=engine_address)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()
