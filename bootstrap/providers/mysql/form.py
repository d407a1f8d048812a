"""The form of the mysql provider's states: what nobody gave is not in them, where the others hold nothing."""

from bootstrap.providers.resource import Resource
from bootstrap.providers.values import DEFAULTS, Properties

__all__ = ["Lean"]


class Lean(Resource):
    """A resource whose state holds only what was given or found."""

    def inputs_of(self, state: Properties, inputs: Properties) -> Properties:
        """Return the inputs with lists in the state's order, and no mark of defaults where there are none."""
        found = super().inputs_of(state, inputs)
        lists = {name: state[name] for name in found if isinstance(state.get(name), list)}
        return {n: v for n, v in (found | lists).items() if v != [] or n != DEFAULTS or not inputs}

    def given(self, inputs: Properties) -> Properties:
        """Return the inputs without marks."""
        return {name: value for name, value in super().given(inputs).items() if value is not None}

    def preview(self, inputs: Properties) -> Properties:
        """Return what is known before: an identity is not even unknown."""
        known = {name: value for name, value in super().preview(inputs).items() if value is not None}
        return {**known, "id": ""}
