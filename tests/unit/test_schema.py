"""The schema for editors and the reference for readers are what the models say."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mailinfra.config.images import ImagesConfig
from mailinfra.config.load import ServerConfig
from mailinfra.config.model import Model
from mailinfra.docgen import schema
from mailinfra.docgen.files import FILES

ROOT = Path(__file__).parents[2]
SERVER = schema.schema(ServerConfig)


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_generated_file_is_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path](), "run `make docs`"


def models(base: type[Model] = Model) -> list[type[Model]]:
    return [found for one in base.__subclasses__() for found in (one, *models(one))]


@pytest.mark.parametrize("model", models(), ids=lambda one: one.__name__)
def test_every_field_says_what_happens_in_a_whole_sentence(model: type[Model]) -> None:
    texts = schema.descriptions(model)
    for name in model.model_fields:
        assert texts.get(name), f"{model.__name__}.{name} has no docstring"
        assert texts[name].endswith((".", "…")), f"{model.__name__}.{name} ends in the middle"


def test_every_field_of_the_reference_has_an_example_that_is_not_the_default() -> None:
    rows = [
        line.split(" | ") for line in FILES["docs/configuration.md"]().splitlines() if line.startswith("| `")
    ]
    assert len(rows) > 60
    for name, kind, default, example, *_ in rows:
        if kind.startswith(("[settings]", "`own` or [settings]")):
            continue
        assert example.strip(" `") not in ("", "[]", "{}"), f"{name} has no example"
        assert example != default, f"the example of {name} shows nothing new"


def malformed(model: type[Model], given: dict[str, Any]) -> list[Any]:
    """Return what is wrong with settings one by one; how they fit together is another matter."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        return [one for one in error.errors() if one["type"] != "rule"]
    return []


@pytest.mark.parametrize("model", models(), ids=lambda one: one.__name__)
def test_every_example_is_what_its_field_takes(model: type[Model]) -> None:
    fields = {str(field.alias): field for field in model.model_fields.values()}
    required = {key: (field.examples or [None])[0] for key, field in fields.items() if field.is_required()}
    for key, field in fields.items():
        for example in field.examples or []:
            assert malformed(model, {**required, key: example}) == []


@pytest.mark.parametrize("daemon", ["mysql", "dovecot", "postfix"])
def test_the_example_of_an_image_is_one_of_that_daemon(daemon: str) -> None:
    (example,) = ImagesConfig.model_fields[daemon].examples or []
    assert f"/{daemon}:" in example


def test_every_model_is_in_the_reference() -> None:
    reachable = {"ServerConfig", *SERVER["$defs"]}
    assert {one.__name__ for one in models()} <= reachable, "a model that nothing uses"


def test_the_schema_forbids_what_the_models_forbid() -> None:
    groups = [SERVER, *(one for one in SERVER["$defs"].values() if "properties" in one)]
    assert all(group["additionalProperties"] is False for group in groups)


def test_a_default_is_shown_as_a_person_writes_it() -> None:
    assert SERVER["$defs"]["LimitsConfig"]["properties"]["messageSize"]["default"] == "50M"


def test_accounts_may_be_settings_or_a_path_or_a_word() -> None:
    choices = SERVER["properties"]["accounts"]["anyOf"]
    assert {"const": "external"} in choices
    assert {"$ref": "#/$defs/AccountsConfig"} in choices
    assert len([choice for choice in choices if choice.get("format") == "path"]) == 1


def test_a_score_is_a_number_in_the_reference() -> None:
    page = (ROOT / "docs/configuration.md").read_text()
    scores = [line for line in page.splitlines() if line.startswith(("| `junkScore`", "| `refuseScore`"))]
    assert len(scores) == 4
    assert all("| number, 1 to 100 |" in line for line in scores)
