"""Base of every configuration model: what all of them refuse, and how they answer all mistakes at once.

Owns strictness, spelling suggestions and the merging of mistakes. Does not own any setting or the words
that are printed around a mistake (explanation.py).
"""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError, core_schema

T = TypeVar("T")
Items = Annotated[tuple[T, ...], Field(strict=False)]
"""A list in YAML; a tuple here, because a model never changes."""


def camel_case(name: str) -> str:
    """Return the key that people write for a field: `message_size` is `messageSize`, `pop3s` stays."""
    first, *rest = name.split("_")
    return first + "".join(word[0].upper() + word[1:] for word in rest)


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One setting that contradicts another one."""

    place: tuple[str | int, ...]
    """Path from the model to the setting, with the keys and list positions that a person sees in the file."""

    reason: str
    """Rule, consequence and remedy; follows the place in a sentence."""

    given: object = None
    """The value at that place; None where the reason already holds it."""

    about: tuple[str, ...] = ()
    """Other settings of the same model that the rule looked at; one of them being wrong makes this moot."""


def refuse(title: str, mistakes: Iterable[Mistake | ErrorDetails]) -> None:
    """Raise one ValidationError with all `mistakes`, if there are any."""
    details = [_details(mistake) for mistake in mistakes]
    if details:
        raise ValidationError.from_exception_data(title, details)


def _details(mistake: Mistake | ErrorDetails) -> InitErrorDetails:
    if isinstance(mistake, Mistake):
        kind = PydanticCustomError("rule", mistake.reason)
        return InitErrorDetails(type=kind, loc=mistake.place, input=mistake.given)
    message = mistake["msg"].removeprefix("Value error, ")
    kind = PydanticCustomError(mistake["type"], message)
    return InitErrorDetails(type=kind, loc=mistake["loc"], input=mistake["input"])


class Model(BaseModel):
    """Base of every configuration model."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=camel_case)

    def contradictions(self) -> Iterator[Mistake]:
        """Return the settings that contradict each other; a model with rules overrides this."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def answer_everything(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Return the model, or raise all its mistakes: malformed settings and contradictions alike."""
        try:
            model = handler(given)
        except ValidationError as error:
            cls._refuse_with_contradictions(given, handler, error)
        refuse(cls.__name__, model.contradictions())
        return model

    @classmethod
    def _refuse_with_contradictions(
        cls, given: Any, handler: ModelWrapValidatorHandler[Self], error: ValidationError
    ) -> NoReturn:
        mistakes = [cls._reworded(mistake) for mistake in error.errors(include_url=False)]
        wrong = {mistake["loc"][0] for mistake in mistakes if mistake["loc"]}
        moot: list[Mistake] = []
        if isinstance(given, dict):
            try:
                rest = handler({**cls._stand_ins(), **{key: given[key] for key in given if key not in wrong}})
            except ValidationError:
                pass  # without its required settings there is nothing to compare yet
            else:
                moot = [m for m in rest.contradictions() if wrong.isdisjoint({m.place[0], *m.about})]
        refuse(cls.__name__, [*mistakes, *moot])
        raise error

    @classmethod
    def _stand_ins(cls) -> dict[str, Any]:
        """Return an example of each required setting, so that the other ones can be compared without it."""
        fields = (field for field in cls.model_fields.values() if field.is_required())
        return {str(field.alias): field.examples[0] for field in fields if field.examples}

    @classmethod
    def _reworded(cls, mistake: ErrorDetails) -> ErrorDetails:
        if mistake["type"] == "extra_forbidden" and len(mistake["loc"]) == 1:
            names = [field.alias or name for name, field in cls.model_fields.items()]
            near = difflib.get_close_matches(str(mistake["loc"][0]), names, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(names)}"
            return {**mistake, "type": "unknown", "msg": f"is not a setting; {remedy}"}
        return mistake


class ListOrWord:
    """In an `Annotated[Items[X] | None, ListOrWord("host", none="root")]`: a person may write the first word
    for the empty list, and the second one for None."""

    def __init__(self, word: str, none: str) -> None:
        self.word, self.none = word, none

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        def parse(value: Any) -> Any:
            if value in (self.word, self.none):
                return [] if value == self.word else None
            if value is None or isinstance(value, str):
                raise ValueError(f"must be {self.word!r}, {self.none!r} or a list")
            return value

        return core_schema.no_info_before_validator_function(parse, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        lists = [one for one in handler(schema)["anyOf"] if one != {"type": "null"}]
        return {"anyOf": [{"const": self.word}, {"const": self.none}, *lists]}


class Word:
    """In an `Annotated[X | None, Word("own")]`: a person writes the word and the program sees None."""

    def __init__(self, word: str, also: dict[str, Any] | None = None) -> None:
        self.word = word
        self.also = also
        """JSON Schema of what is turned into the group of settings before the models see it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        def parse(value: Any) -> Any:
            if value == self.word:
                return None
            if not isinstance(value, dict):
                raise ValueError(f"must be {self.word!r} or a group of settings")
            return value

        return core_schema.no_info_before_validator_function(parse, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        json = handler(schema)
        groups = [one for one in json["anyOf"] if one != {"type": "null"}]
        json["anyOf"] = [{"const": self.word}, *([self.also] if self.also else []), *groups]
        return json


class Switch:
    """In an `Annotated[X | None, Switch()]`: a person writes `true` for the defaults, `false` for None,
    or the group."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        def parse(value: Any) -> Any:
            if value is True:
                return {}
            if value is False:
                return None
            if not isinstance(value, dict):
                raise ValueError("must be true, false or a group of settings")
            return value

        return core_schema.no_info_before_validator_function(parse, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        json = handler(schema)
        groups = [one for one in json["anyOf"] if one != {"type": "null"}]
        json["anyOf"] = [{"type": "boolean"}, *groups]
        return json
