"""The shape that every resource of a local provider has.

Owns what the four providers share: how a resource is checked, compared and previewed. What a resource does in
the world, its class says.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, ClassVar

from bootstrap.providers.declaration import Property, default_names, mistakes, with_defaults
from bootstrap.providers.details import details
from bootstrap.providers.order import ordered
from bootstrap.providers.plan import Plan, alike, filled, plan
from bootstrap.providers.values import DEFAULTS, UNKNOWN, Properties, empty

__all__ = ["Difference", "Existing", "Incomplete", "Refused", "Remembered", "Resource", "top_level"]


class Refused(Exception):  # noqa: N818 (it names an outcome)
    """An operation that could not be done, with the sentence for the user."""


class Incomplete(Exception):  # noqa: N818 (it names an outcome)
    """A resource that was made but is not what was asked for; it stays in the state, to be replaced."""

    def __init__(self, reason: str, identity: str, state: Properties) -> None:
        super().__init__(reason)
        self.identity = identity
        self.state = state


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A resource as the engine remembers it."""

    identity: str
    """What `create` called it."""

    state: Properties
    """What is known of it; empty at an import."""


@dataclass(kw_only=True)
class Difference:
    """What separates a resource from what is wanted."""

    kinds: dict[str, str] = field(default_factory=dict)
    """Path of each changed property -> ADD, DELETE or UPDATE, with _REPLACE where it replaces."""

    replaces: list[str] = field(default_factory=list)
    """Names of the properties whose change replaces the resource."""

    names: list[str] = field(default_factory=list)
    """Names of all changed properties."""

    detailed: bool = True
    """Whether the paths are told to the engine, or only the names."""


TIMEOUTS = '{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":%(t)d,"delete":%(t)d,"update":%(t)d}' % {  # noqa: UP031
    "t": 20 * 60 * 10**9
}
"""The beginning of such a note where the real provider gives each call twenty minutes."""


class Resource(ABC):
    """One type of resource."""

    token: ClassVar[str]
    """Its type, as in `docker:index/volume:Volume`."""

    properties: ClassVar[Mapping[str, Property]]
    """What can be declared."""

    outputs: ClassVar[tuple[str, ...]] = ()
    """What else becomes known once it exists."""

    meta: ClassVar[str] = ""
    """What the real provider notes in the state under `__meta`; nothing reads it here."""

    automatic_name: ClassVar[str] = ""
    """Property that is made up from the resource's name where it is not given."""

    secret_outputs: ClassVar[frozenset[str]] = frozenset()
    """Outputs that nobody may see."""

    marks_defaults: ClassVar[bool] = True
    """Whether `check` puts defaults into the inputs and names them."""

    tells_stable: ClassVar[bool] = True
    """Whether `diff` names the properties that stay as they are as long as nothing is replaced."""

    deletes_first: ClassVar[bool] = False
    """Whether a replacement deletes first even when the name is automatic."""

    def check(self, given: Properties, old: Properties, name: str, suffix: str) -> Properties:
        """Return the inputs with defaults put in; an automatic name stays what it was."""
        if not self.marks_defaults:
            return given
        inputs = with_defaults(given, self.properties, old)
        if self.automatic_name and self.automatic_name not in inputs:
            kept = old.get(self.automatic_name) if self.automatic_name in default_names(old) else None
            inputs[self.automatic_name] = kept or f"{name}-{suffix}"
            inputs[DEFAULTS] = sorted([*inputs[DEFAULTS], self.automatic_name])
        return inputs

    def mistakes(self, inputs: Properties, name: str) -> Iterator[str]:
        """Yield a sentence for each mistake in the inputs."""
        yield from mistakes(inputs, self.properties, name)

    def diff(self, state: Properties, inputs: Properties) -> Difference:
        """Return what has to change."""
        wanted = self.comparable(state, inputs)
        planned = plan(state, wanted, self.properties)
        if not planned.changes:
            return Difference()
        kinds = self.details(state, planned, wanted)
        return Difference(
            kinds=kinds,
            names=sorted({top_level(path) for path in kinds}),
            replaces=sorted({top_level(path) for path, kind in kinds.items() if kind.endswith("_REPLACE")}),
        )

    def details(self, state: Properties, planned: Plan, inputs: Properties) -> dict[str, str]:
        """Return path -> kind of each difference."""
        return details(state, planned, inputs, self.properties)

    def deletes_before(self, inputs: Properties) -> bool:
        """Tell whether a replacement deletes first: two cannot have the one given name."""
        return self.deletes_first or bool(
            self.automatic_name and self.automatic_name not in default_names(inputs)
        )

    def comparable(self, state: Properties, inputs: Properties) -> Properties:  # noqa: ARG002 (for others)
        """Return the inputs in the form in which the state holds them."""
        return inputs

    def preview(self, inputs: Properties) -> Properties:
        """Return the state as far as it is known before the resource exists."""
        given = self.given(inputs)
        known = {name: _previewed(given.get(name), declared) for name, declared in self.properties.items()}
        return {**dict.fromkeys([*self.outputs, "id"], UNKNOWN), **known}

    def given(self, inputs: Properties) -> Properties:
        """Return the inputs without marks, and nothing for what was not given and is not computed."""
        bare = {
            name: declared.resting if declared.foreign else inputs.get(name, declared.falls_to)
            for name, declared in self.properties.items()
            if not declared.computed
        }
        return {**bare, **{name: value for name, value in inputs.items() if name != DEFAULTS}}

    def inputs_of(self, state: Properties, inputs: Properties) -> Properties:
        """Return the inputs that would lead to `state`: the old ones where they still hold."""
        if not inputs:
            return {name: state[name] for name in self.properties if not empty(state.get(name))}
        changed = {
            name
            for name, value in inputs.items()
            if name != DEFAULTS and not alike(state.get(name), value, self.properties.get(name, Property()))
        }
        found = {
            name: _shaped(state.get(name), value) if name in changed else value
            for name, value in inputs.items()
        }
        if DEFAULTS in inputs:
            found[DEFAULTS] = [name for name in default_names(inputs) if name not in changed]
        return found

    def no_import(self, old: Existing) -> None:
        """Refuse to read what is only known by its identity: too much of it is in the state alone."""
        if not old.state:
            raise Refused(
                f"{self.token} cannot be imported; given {old.identity!r}; remove it and let it be made"
            )

    @abstractmethod
    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Make it; return its identity and state."""

    @abstractmethod
    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return identity and state as they are now, or None where it is gone."""

    def update(self, old: Existing, inputs: Properties) -> Properties:
        """Change it in place; return its state, which is what was planned."""
        return self.planned(old.state, inputs)

    def planned(self, state: Properties, inputs: Properties) -> Properties:
        """Return the state that an update is to lead to."""
        return plan(state, self.comparable(state, inputs), self.properties).state

    @abstractmethod
    def delete(self, old: Existing) -> None:
        """Remove it."""


def _previewed(value: Any, declared: Property) -> Any:
    if declared.foreign:
        return UNKNOWN if declared.computed else declared.falls_to
    if value == UNKNOWN:
        return UNKNOWN
    if empty(value) and declared.computed and value is not False:
        return UNKNOWN
    if declared.kind == "list" and (value or declared.fields):
        items = [filled(item, declared) for item in value or []]
        return ordered(items, declared) if declared.unordered else items
    return filled(value, declared) if declared.kind == "object" else value


def _said(value: Any) -> Any:
    return {n: v for n, v in value.items() if v is not None} if isinstance(value, dict) else value


def top_level(path: str) -> str:
    """Return the name of the property that a path leads into."""
    return path.split(".")[0].split("[")[0]


def _shaped(found: Any, given: Any) -> Any:
    """Return what was found, with the fields that were given and no others."""
    if isinstance(found, list) and isinstance(given, list):
        pairs = zip_longest(found, given[: len(found)])
        return [_shaped(one, other) for one, other in pairs]
    if isinstance(found, dict) and isinstance(given, dict):
        return {n: v if n == DEFAULTS else _shaped(found.get(n), v) for n, v in given.items()}
    return found


class Remembered(Resource):
    """A resource that is in the state and nowhere else."""

    marks_defaults = False
    tells_stable = False

    defaults: ClassVar[Properties] = {}
    """What a property is where it is not given."""

    def comparable(self, state: Properties, inputs: Properties) -> Properties:  # noqa: ARG002 (for others)
        """Return the inputs with the defaults that the state holds."""
        return {**self.defaults, **inputs}

    def diff(self, state: Properties, inputs: Properties) -> Difference:
        """Return the names of what differs: here nothing, empty and zero are three things."""
        wanted = self.comparable(state, inputs)
        names = [
            name
            for name, declared in sorted(self.properties.items())
            if _said(state.get(name)) != _said(wanted.get(name))
            and not (wanted.get(name) is None and declared.computed)
        ]
        replaces = [name for name in names if self.properties[name].replaces]
        return Difference(names=names, replaces=replaces, detailed=False)

    def given(self, inputs: Properties) -> Properties:
        """Return the inputs with all that they leave to default."""
        return {**self.defaults, **inputs}

    def planned(self, state: Properties, inputs: Properties) -> Properties:
        """Return the state with what is wanted in it."""
        return {**state, **self.given(inputs)}

    def preview(self, inputs: Properties) -> Properties:
        """Return the state as far as it is known before the resource exists."""
        unknown = [name for name, declared in self.properties.items() if declared.computed]
        return {**dict.fromkeys([*self.outputs, *unknown, "id"], UNKNOWN), **self.given(inputs)}

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return what the state has."""
        self.no_import(old)
        return old.identity, old.state

    def delete(self, old: Existing) -> None:
        """Do nothing: the state forgets it."""
