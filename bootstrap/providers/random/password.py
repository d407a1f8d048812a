"""RandomPassword: a text that nobody can guess, kept in the state."""

import secrets
import string
from collections.abc import Iterator
from typing import ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.resource import Remembered
from bootstrap.providers.values import UNKNOWN, Properties

__all__ = ["RandomPassword"]

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
CLASSES = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "numeric": string.digits,
    "special": SPECIAL,
}
DEFAULTS = {
    **dict.fromkeys(CLASSES, True),
    **dict.fromkeys(("minLower", "minUpper", "minNumeric", "minSpecial"), 0),
}


class RandomPassword(Remembered):
    """A password that changes only when what it is made from changes."""

    token = "random:index/randomPassword:RandomPassword"  # noqa: S105 (the type's name)
    meta = '{"schema_version":"3"}'
    properties: ClassVar = {
        name: Property(replaces=True, required=name == "length")
        for name in ("length", "keepers", "overrideSpecial", *DEFAULTS)
    }
    outputs = ("result", "bcryptHash")
    secret_outputs = frozenset(outputs)
    defaults: ClassVar = DEFAULTS

    def mistakes(self, inputs: Properties, name: str) -> Iterator[str]:
        """Yield also that a length is too short for what it has to hold."""
        yield from super().mistakes(inputs, name)
        length = inputs.get("length")
        if length is None or length == UNKNOWN:
            return
        needed = sum(value for key, value in {**DEFAULTS, **inputs}.items() if key.startswith("min"))
        if length < 1:
            rule = "at least 1"
        elif length < needed:
            rule = "at least sum of min_upper + min_lower + min_numeric + min_special"
        else:
            return
        yield (
            f"Invalid Attribute Value. Attribute length value must be {rule}, got: {length}. "
            f"Examine values at '{name}.length'."
        )

    def given(self, inputs: Properties) -> Properties:
        """Return the inputs with all that they leave to default."""
        filled = super().given(inputs)
        return {**filled, "number": filled["numeric"]}

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Draw the password."""
        import bcrypt

        state = self.given(inputs)
        alphabets = {**CLASSES, "special": inputs.get("overrideSpecial") or SPECIAL}
        everything = "".join(alphabet for kind, alphabet in alphabets.items() if state[kind])
        drawn = [
            secrets.choice(alphabet)
            for kind, alphabet in alphabets.items()
            for _ in range(state[f"min{kind.capitalize()}"])
        ]
        drawn += [secrets.choice(everything) for _ in range(state["length"] - len(drawn))]
        secrets.SystemRandom().shuffle(drawn)
        result = "".join(drawn)
        # bcrypt reads 72 bytes and no more.
        hashed = bcrypt.hashpw(result.encode()[:72], bcrypt.gensalt(rounds=10)).decode()
        return "none", {**state, "result": result, "bcryptHash": hashed, "id": "none"}
