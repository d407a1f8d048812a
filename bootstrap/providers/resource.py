"""The shape that every resource of a local provider has.

Owns what the four providers share: how a resource is checked, compared and previewed. What a resource does in
the world, its class says.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from bootstrap.providers.declaration import (
    Property,
    default_names,
    differences,
    mistakes,
    same,
    with_defaults,
)
from bootstrap.providers.values import DEFAULTS, UNKNOWN, Properties, empty

__all__ = ["Difference", "Existing", "Incomplete", "Refused", "Remembered", "Resource"]


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
    """Path of each changed property -> ADD, DELETE or UPDATE."""

    replaces: list[str] = field(default_factory=list)
    """Names of the properties whose change replaces the resource."""

    names: list[str] = field(default_factory=list)
    """Names of all changed properties."""

    detailed: bool = True
    """Whether the paths are told to the engine, or only the names."""


class Resource(ABC):
    """One type of resource."""

    token: ClassVar[str]
    """Its type, as in `docker:index/volume:Volume`."""

    properties: ClassVar[Mapping[str, Property]]
    """What can be declared."""

    outputs: ClassVar[tuple[str, ...]] = ()
    """What else becomes known once it exists."""

    automatic_name: ClassVar[str] = ""
    """Property that is made up from the resource's name where it is not given."""

    secret_outputs: ClassVar[frozenset[str]] = frozenset()
    """Outputs that nobody may see."""

    marks_defaults: ClassVar[bool] = True
    """Whether `check` puts defaults into the inputs and names them."""

    deletes_first: ClassVar[bool] = False
    """Whether a replacement deletes first even when the name is automatic."""

    def check(self, given: Properties, old: Properties, name: str, suffix: str) -> Properties:
        """Return the inputs with defaults put in; an automatic name stays what it was."""
        if not self.marks_defaults:
            return given
        inputs = with_defaults(given, self.properties)
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
        kinds = dict(differences(state, self.comparable(inputs), self.properties))
        names = sorted({path.split(".")[0].split("[")[0] for path in kinds})
        return Difference(
            kinds=kinds,
            names=names,
            replaces=[name for name in names if self.properties[name].replaces],
            detailed=self.marks_defaults,
        )

    def deletes_before(self, inputs: Properties) -> bool:
        """Tell whether a replacement deletes first: two cannot have the one given name."""
        return self.deletes_first or bool(
            self.automatic_name and self.automatic_name not in default_names(inputs)
        )

    def comparable(self, inputs: Properties) -> Properties:
        """Return the inputs in the form in which the state holds them."""
        return inputs

    def preview(self, inputs: Properties) -> Properties:
        """Return the state as far as it is known before the resource exists."""
        unknown = [name for name, declared in self.properties.items() if declared.computed]
        return {**dict.fromkeys([*self.outputs, *unknown], UNKNOWN), **self.given(inputs)}

    def given(self, inputs: Properties) -> Properties:
        """Return the inputs without marks, and nothing for what was not given and is not computed."""
        bare = {name: inputs.get(name) for name, declared in self.properties.items() if not declared.computed}
        return {**bare, **{name: value for name, value in inputs.items() if name != DEFAULTS}}

    def inputs_of(self, state: Properties, inputs: Properties) -> Properties:
        """Return the inputs that would lead to `state`: the old ones where they still hold."""
        if not inputs:
            return {name: state[name] for name in self.properties if not empty(state.get(name))}
        changed = {
            name
            for name, value in inputs.items()
            if name != DEFAULTS and not same(state.get(name), value, self.properties.get(name, Property()))
        }
        found = {name: state.get(name) if name in changed else value for name, value in inputs.items()}
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
        """Change it in place; return its state. A type that does not say how is only ever replaced."""
        raise Refused(
            f"{self.token} {old.identity} cannot change in place; given {sorted(inputs)}; replace it"
        )

    @abstractmethod
    def delete(self, old: Existing) -> None:
        """Remove it."""


class Remembered(Resource):
    """A resource that is in the state and nowhere else."""

    marks_defaults = False

    defaults: ClassVar[Properties] = {}
    """What a property is where it is not given."""

    def comparable(self, inputs: Properties) -> Properties:
        """Return the inputs with the defaults that the state holds."""
        return {**self.defaults, **inputs}

    def given(self, inputs: Properties) -> Properties:
        """Return the inputs with all that they leave to default."""
        return {**self.defaults, **inputs}

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return what the state has."""
        self.no_import(old)
        return old.identity, old.state

    def delete(self, old: Existing) -> None:
        """Do nothing: the state forgets it."""
