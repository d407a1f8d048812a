"""Routes the engine's calls to the resource they are about, in plain Python.

Owns the translation of requests and answers. Does not own what a Schema or a Directory means.
"""

import asyncio
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pulumi.provider.experimental import provider as sdk

from mailinfra.provider.errors import ProviderError
from mailinfra.provider.messages import Messages
from mailinfra.provider.values import marked_map, plain_map

VERSION = "0.1.0"

Bag = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Change:
    """What `diff` found."""

    paths: Mapping[str, str] = field(default_factory=dict)
    """Property path -> `add`, `delete` or `update`."""

    notes: tuple[str, ...] = ()
    """Lines for the person at the terminal."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What `create`, `read` or `update` leaves behind."""

    properties: Bag
    inputs: Bag | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Resource(Protocol):
    """One kind of resource: a module with these functions, on plain Python."""

    def check(self, inputs: Bag) -> tuple[Bag, list[tuple[str, str]]]:
        """Return the inputs, completed, and (property, reason) of each mistake."""

    def diff(self, state: Bag, inputs: Bag) -> Change:
        """Return what an update from `state` to `inputs` would change; connects to nothing."""

    def create(self, inputs: Bag, *, preview: bool) -> Answer:
        """Bring the resource about, or with `preview` only foretell it."""

    def read(self, identity: str, state: Bag, inputs: Bag) -> Answer | None:
        """Return what is really there, or None when nothing is."""

    def update(self, state: Bag, inputs: Bag, *, preview: bool) -> Answer:
        """Change what differs, or with `preview` only foretell it."""

    def delete(self, state: Bag) -> tuple[str, ...]:
        """Let go of the resource; return notes."""

    def identity(self, inputs: Bag) -> str:
        """Return the id under which the engine keeps the resource."""


MODULES = {
    "mailinfra:index:Schema": "mailinfra.provider.schema",
    "mailinfra:index:Directory": "mailinfra.provider.directory",
}
KINDS = {
    "add": sdk.PropertyDiffKind.ADD,
    "delete": sdk.PropertyDiffKind.DELETE,
    "update": sdk.PropertyDiffKind.UPDATE,
}


def resource(qualified: str) -> Resource:
    """Return the module that handles a type; it is imported when it is first needed.

    The SDK answers the type with those of its parents before it, `$` between.
    """
    token = qualified.rpartition("$")[2]
    if token not in MODULES:
        raise ProviderError(f"this provider has no resource {token!r}; it has {', '.join(sorted(MODULES))}")
    module: Any = importlib.import_module(MODULES[token])
    return module  # type: ignore[no-any-return]


class MailinfraProvider(sdk.Provider):
    """Schema and Directory for the engine."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    async def configure(self, request: sdk.ConfigureRequest) -> sdk.ConfigureResponse:  # noqa: ARG002
        """Ask for secrets as secrets, and for plain values otherwise."""
        # Output values with dependencies are refused: the SDK cannot read one that is not known yet.
        return sdk.ConfigureResponse(accept_secrets=True, supports_preview=True)

    async def check(self, request: sdk.CheckRequest) -> sdk.CheckResponse:
        """Return completed inputs and every mistake in them."""
        inputs, mistakes = resource(request.type).check(plain_map(request.new_inputs))
        # Without a property of its own: the engine would print that property's value beside the path.
        failures = [sdk.CheckFailure("", f"{path}: {reason}") for path, reason in mistakes]
        return sdk.CheckResponse(marked_map(inputs), failures)

    async def diff(self, request: sdk.DiffRequest) -> sdk.DiffResponse:
        """Name each changed property by its path."""
        state, inputs = plain_map(request.old_state), plain_map(request.new_inputs)
        change = resource(request.type).diff(state, inputs)
        for note in change.notes:
            self._messages.info(request.urn, note)
        return sdk.DiffResponse(
            changes=bool(change.paths),
            diffs=sorted({path.split("[")[0].split(".")[0] for path in change.paths}),
            detailed_diff={path: sdk.PropertyDiff(KINDS[kind], False) for path, kind in change.paths.items()},
        )

    async def create(self, request: sdk.CreateRequest) -> sdk.CreateResponse:
        """Bring a resource about."""
        inputs, handler = plain_map(request.properties), resource(request.type)
        answer = await asyncio.to_thread(handler.create, inputs, preview=request.preview)
        self._say(request.urn, answer)
        identity = "" if request.preview else handler.identity(inputs)
        return sdk.CreateResponse(identity, marked_map(answer.properties))

    async def read(self, request: sdk.ReadRequest) -> sdk.ReadResponse:
        """Return what is really there."""
        state, inputs = plain_map(request.properties), plain_map(request.inputs)
        answer = await asyncio.to_thread(resource(request.type).read, request.resource_id, state, inputs)
        if answer is None:
            return sdk.ReadResponse("")
        self._say(request.urn, answer)
        known = marked_map(answer.properties if answer.inputs is None else answer.inputs)
        return sdk.ReadResponse(request.resource_id, marked_map(answer.properties), known)

    async def update(self, request: sdk.UpdateRequest) -> sdk.UpdateResponse:
        """Change what differs."""
        state, inputs = plain_map(request.olds), plain_map(request.news)
        handler = resource(request.type)
        answer = await asyncio.to_thread(handler.update, state, inputs, preview=request.preview)
        self._say(request.urn, answer)
        return sdk.UpdateResponse(marked_map(answer.properties))

    async def delete(self, request: sdk.DeleteRequest) -> None:
        """Let go of a resource."""
        state = plain_map(request.properties)
        for note in await asyncio.to_thread(resource(request.type).delete, state):
            self._messages.info(request.urn, note)

    def _say(self, urn: str, answer: Answer) -> None:
        for note in answer.notes:
            self._messages.info(urn, note)
        for warning in answer.warnings:
            self._messages.warn(urn, warning)
