"""A local provider as a Pulumi plugin: the protocol around a set of resources.

Owns the answers to the engine and the server. Stands on the SDK's provider classes, and adds what they leave
out: a refusal that is one sentence, and a resource that exists but is not as it should be.
"""

import asyncio
import hashlib
import secrets
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import grpc  # type: ignore[import-untyped]
from pulumi.provider.experimental import provider as sdk
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from bootstrap.providers.resource import Existing, Incomplete, Refused, Resource
from bootstrap.providers.values import UNKNOWN, Properties, plain, secret_names, wrap

__all__ = ["Plugin", "serve"]

Bag = dict[str, PropertyValue]

SIDE_BY_SIDE = 64
"""How many calls are under way at once."""

_EVERY_PROVIDERS_SETTINGS = {"version", "pluginDownloadURL", "__internal"}
"""What the engine itself may put beside a provider's settings."""


class Plugin(sdk.Provider):
    """Answers for a set of resources."""

    def __init__(
        self,
        resources: Sequence[Resource],
        configure: Callable[[Properties], object] = dict,
        settings: Mapping[str, Sequence[str]] = MappingProxyType({}),
        cancel: Callable[[], object] = bool,
    ) -> None:
        """Serve `resources`; `configure` gets its settings, `cancel` is called when the engine gives up.

        `settings` names those that there are, each with what it may be (nothing: anything).
        """
        self._cancel = cancel
        self._resources = {resource.token: resource for resource in resources}
        self._configure = configure
        self._settings = {**settings, **dict.fromkeys(_EVERY_PROVIDERS_SETTINGS, ())}

    async def cancel(self) -> None:
        """End what can be ended; the engine waits for the rest."""
        self._cancel()

    async def check_config(self, request: sdk.CheckRequest) -> sdk.CheckResponse:
        """Refuse a setting that the local provider does not have."""
        failures = [
            sdk.CheckFailure(name, f"the local provider does not have {name!r}; remove it from {request.urn}")
            for name in sorted(request.new_inputs.keys() - self._settings.keys())
        ]
        for name, value in plain(request.new_inputs).items():
            known = self._settings.get(name, ())
            if known and value not in (*known, UNKNOWN):
                rule = f"expected {name} to be one of [{' '.join(known)}], got {value}"
                failures.append(sdk.CheckFailure(name, f"could not validate provider configuration: {rule}"))
        return sdk.CheckResponse(inputs=request.new_inputs, failures=failures)

    async def configure(self, request: sdk.ConfigureRequest) -> sdk.ConfigureResponse:
        """Take the provider's settings; like the real ones, leave the marks of secrets to the engine."""
        self._configure({name: value for name, value in plain(request.args).items() if value != UNKNOWN})
        remembers = all(not resource.tells_stable for resource in self._resources.values())
        return sdk.ConfigureResponse(accept_secrets=False, supports_preview=True, accept_resources=remembers)

    async def diff_config(self, request: sdk.DiffRequest) -> sdk.DiffResponse:
        """Say that other settings never replace the resources, and nothing of what is not known yet."""
        old, new = plain(request.old_state), plain(request.new_inputs)
        names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        if any(new.get(name) == UNKNOWN for name in names):
            names = []
        return sdk.DiffResponse(changes=bool(names), diffs=names)

    async def check(self, request: sdk.CheckRequest) -> sdk.CheckResponse:
        """Return the inputs with defaults, and the mistakes in them."""
        resource = self._resource(request.type)
        suffix = hashlib.sha256(request.random_seed or secrets.token_bytes(16)).hexdigest()[:7]
        inputs = resource.check(plain(request.new_inputs), plain(request.old_inputs), request.name, suffix)
        failures = [sdk.CheckFailure("", reason) for reason in resource.mistakes(inputs, request.name)]
        return sdk.CheckResponse(
            inputs=_bag(inputs, resource, request.new_inputs, keep=request.new_inputs), failures=failures
        )

    async def diff(self, request: sdk.DiffRequest) -> sdk.DiffResponse:
        """Compare the state with what is wanted."""
        resource = self._resource(request.type)
        state, inputs = plain(request.old_state), plain(request.new_inputs)
        ignored = {path.split(".")[0].split("[")[0] for path in request.ignore_changes}
        inputs.update({name: state.get(name) for name in ignored})
        found = resource.diff(state, inputs)
        detailed = {
            path: sdk.PropertyDiff(sdk.PropertyDiffKind[kind], input_diff=False)
            for path, kind in found.kinds.items()
        }
        return sdk.DiffResponse(
            changes=bool(found.names),
            diffs=found.names,
            replaces=found.replaces,
            delete_before_replace=bool(found.replaces) and resource.deletes_before(inputs),
            detailed_diff=detailed if found.detailed else {},
            stables=[
                name
                for name, declared in resource.properties.items()
                if resource.tells_stable and declared.replaces and name not in found.replaces
            ],
        )

    async def create(self, request: sdk.CreateRequest) -> sdk.CreateResponse:
        """Make a resource, or say what is known of it before."""
        resource, inputs = self._resource(request.type), plain(request.properties)
        if request.preview:
            return sdk.CreateResponse("", _bag(resource.preview(inputs), resource, request.properties))
        try:
            identity, state = await asyncio.to_thread(resource.create, inputs)
        except Incomplete as incomplete:
            left = _bag(incomplete.state, resource, request.properties)
            raise Incomplete(str(incomplete), incomplete.identity, left) from None
        return sdk.CreateResponse(identity, _bag({**_meta(resource), **state}, resource, request.properties))

    async def read(self, request: sdk.ReadRequest) -> sdk.ReadResponse:
        """Return a resource as it is now; no identity says that it is gone."""
        resource, old = self._resource(request.type), plain(request.inputs)
        found = await asyncio.to_thread(resource.read, _existing(request.resource_id, request.properties))
        if found is None:
            return sdk.ReadResponse("")
        identity, state = found
        inputs = resource.inputs_of(state, old)
        return sdk.ReadResponse(
            identity,
            _bag({**_meta(resource), **state}, resource, request.properties),
            _bag(inputs, resource, request.inputs, keep=request.inputs),
        )

    async def update(self, request: sdk.UpdateRequest) -> sdk.UpdateResponse:
        """Change a resource in place."""
        resource, inputs = self._resource(request.type), plain(request.news)
        old = _existing(request.resource_id, request.olds)
        if resource.diff(old.state, inputs).replaces:
            raise Refused(
                "internal: expected diff to not require deletion or replacement "
                f"during Update of {request.urn}"
            )
        if request.preview:
            return sdk.UpdateResponse(_bag(resource.planned(old.state, inputs), resource, request.news))
        changed = await asyncio.to_thread(resource.update, old, inputs)
        return sdk.UpdateResponse(_bag(changed, resource, request.news))

    async def delete(self, request: sdk.DeleteRequest) -> None:
        """Remove a resource."""
        resource = self._resource(request.type)
        await asyncio.to_thread(resource.delete, _existing(request.resource_id, request.properties))

    def _resource(self, token: str) -> Resource:
        # The SDK takes it from the URN, where the types of the parents stand before it.
        token = token.rpartition("$")[2]
        if token not in self._resources:
            known = ", ".join(sorted(self._resources))
            raise Refused(f"{token} is not a resource that this local provider has; it has {known}")
        return self._resources[token]


def _kind(before: bool, after: bool) -> provider_pb2.PropertyDiff.Kind.ValueType:
    if not before:
        return provider_pb2.PropertyDiff.ADD
    return provider_pb2.PropertyDiff.UPDATE if after else provider_pb2.PropertyDiff.DELETE


def _meta(resource: Resource) -> Properties:
    return {"__meta": resource.meta} if resource.meta else {}


def _existing(identity: str, state: Bag) -> Existing:
    """Return what the engine remembers of a resource."""
    return Existing(identity=identity, state=plain(state))


def _bag(values: Properties, resource: Resource, given: Bag, keep: Bag | None = None) -> Bag:
    """Return `values` for the engine, secret where the property always is or what was given was.

    What is still as in `keep` is passed on untouched, with its secrets where they were.
    """
    secret = {name for name, declared in resource.properties.items() if declared.secret}
    told = {name for name in secret | resource.secret_outputs if values.get(name) not in (None, UNKNOWN)}
    bag = wrap(values, told | secret_names(given))
    before = plain(keep or {})
    untouched = {name: value for name, value in (keep or {}).items() if values.get(name) == before[name]}
    return {**bag, **{n: v.with_secret(v.is_secret or n in secret) for n, v in untouched.items() if n in bag}}


class _Servicer(ProviderServicer):
    """The SDK's server, with refusals that the engine shows as one sentence."""

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answer(super().Check(request, context), context)

    async def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answer(super().CheckConfig(request, context), context)

    async def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        response = await _answer(super().Configure(request, context), context)
        response.supports_autonaming_configuration = True
        return response

    async def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        response = await _answer(super().DiffConfig(request, context), context)  # type: ignore[no-untyped-call]
        # The SDK sends the bare truth value. Where nothing differs, the real providers do not say so.
        response.changes = response.DIFF_SOME if response.changes else response.DIFF_UNKNOWN
        # Nor does it carry the kinds of a provider's own difference.
        for name in response.diffs:
            kind = _kind(name in request.olds, name in request.news)
            response.detailedDiff[name].CopyFrom(provider_pb2.PropertyDiff(kind=kind, inputDiff=True))
        response.hasDetailedDiff = bool(response.detailedDiff)
        return response

    async def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        response = await _answer(super().Diff(request, context), context)
        response.hasDetailedDiff = bool(response.detailedDiff)
        return response

    async def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answer(super().Create(request, context), context, request.properties)  # type: ignore[no-untyped-call]

    async def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answer(super().Read(request, context), context)  # type: ignore[no-untyped-call]

    async def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answer(super().Update(request, context), context)  # type: ignore[no-untyped-call]

    async def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await _answer(super().Delete(request, context), context)  # type: ignore[no-untyped-call]


async def _answer(call: Awaitable[Any], context: Any, inputs: Any = None) -> Any:
    try:
        return await call
    except Refused as refusal:
        await context.abort(grpc.StatusCode.UNKNOWN, str(refusal))
    except Incomplete as incomplete:
        await _abort_incomplete(incomplete, context, inputs)
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}, line {place.lineno}"
        reason = f"the local provider failed at {where}: {type(error).__name__}: {error}; please report it"
        await context.abort(grpc.StatusCode.INTERNAL, reason)


async def _abort_incomplete(incomplete: Incomplete, context: Any, inputs: Any) -> NoReturn:
    """Tell the engine to keep the resource, and that its making failed."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=incomplete.identity,
        properties=PropertyValue.marshal_map(incomplete.state),
        reasons=[str(incomplete)],
        inputs=inputs,
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(incomplete))
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(grpc.StatusCode.UNKNOWN, str(incomplete))
    raise AssertionError("unreachable: abort raises")


def serve(plugin: Plugin, version: str) -> None:
    """Print a port and answer the engine on it until it ends the process.

    The engine's own address is the first argument of the command line.
    """

    async def run() -> None:
        # Most of them wait, for a daemon or for a container's health.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(SIDE_BY_SIDE))
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", 400 * 1024 * 1024)])
        engine = sys.argv[1] if len(sys.argv) > 1 else ""
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(
            _Servicer(sys.argv[1:], version, plugin, engine), server
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        print(port, flush=True)
        await server.wait_for_termination()

    asyncio.run(run())
