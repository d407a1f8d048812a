"""Check and Diff, which touch nothing: every one of a stack's life and of edits is asked again."""

import re
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2 as proto

from tests.providers.stack import PACKAGES, StackRecording
from tests.providers.wire import Plugin, encoded

pytestmark = pytest.mark.providers

RECORDINGS = {package: StackRecording(package) for package in PACKAGES}
KINDS = {number: name for name, number in proto.PropertyDiff.Kind.items()}


def questions(method: str) -> list[Any]:
    return [
        pytest.param(package, call, id=f"{package}-{call['number']}-{call['step']}")
        for package, recording in RECORDINGS.items()
        for call in recording.calls
        if call["call"].startswith(f"{method} ")
    ]


def previews() -> list[Any]:
    return [param for param in questions("Create") if param.values[1]["call"].endswith(" (preview)")]


def urn(call: dict[str, Any]) -> str:
    return f"urn:pulumi:rec::mailinfra::{call['call'].split()[1]}::{call['resource']}"


def without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return (
            value["secret"] if value.keys() == {"secret"} else {n: without_marks(v) for n, v in value.items()}
        )
    return [without_marks(item) for item in value] if isinstance(value, list) else value


def check(plugin: Plugin, call: dict[str, Any], olds: dict[str, Any], news: dict[str, Any]) -> Any:
    request = proto.CheckRequest(
        urn=urn(call),
        olds=encoded(without_marks(olds)),
        news=encoded(without_marks(news)),
        randomSeed=b"seed",
    )
    return plugin.ask("Check", request)


def suffix_aside(inputs: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
    """Return inputs without the seven digits of a name that was made up."""
    made_up = "name" in inputs.get("__defaults", [])
    name = re.sub(f"^({call['resource']}-)[0-9a-f]{{7}}$", r"\1", inputs["name"]) if made_up else ""
    return {**inputs, "name": name} if made_up else inputs


@pytest.mark.parametrize(("package", "call"), questions("Check"))
def test_check_answers_what_the_real_provider_answered(
    plugins: dict[str, Plugin], package: str, call: dict[str, Any]
) -> None:
    recording = RECORDINGS[package]
    if "change" in call:
        olds, news = recording.value(call["inputs"]), recording.wanted(call)
    else:
        olds, news = recording.value(call["olds"]), recording.value(call["news"])
    answer = check(plugins[package], call, olds, news)
    assert [failure.reason for failure in answer.fields["failures"]] == []
    recorded = recording.value(call["answer"])
    assert suffix_aside(answer.fields["inputs"], call) == suffix_aside(recorded, call)


@pytest.mark.parametrize(("package", "call"), questions("Diff"))
def test_diff_answers_what_the_real_provider_answered(
    plugins: dict[str, Plugin], package: str, call: dict[str, Any]
) -> None:
    recording, plugin = RECORDINGS[package], plugins[package]
    if "change" in call:
        checked = check(plugin, call, recording.value(call["inputs"]), recording.wanted(call))
        assert [failure.reason for failure in checked.fields["failures"]] == []
        news = checked.fields["inputs"]
    else:
        news = recording.value(call["news"])
    state = recording.value(call["state"])
    request = proto.DiffRequest(
        id=state["id"],
        urn=urn(call),
        olds=encoded(without_marks(state)),
        news=encoded(without_marks(news)),
        ignoreChanges=call.get("ignored", []),
    )
    answer = plugin.ask("Diff", request)
    assert answer.error == ""
    ours = {
        "changes": proto.DiffResponse.DiffChanges.Name(answer.fields["changes"]),
        "replaces": sorted(answer.fields["replaces"]),
        "diffs": sorted(answer.fields["diffs"]),
        "deleteBeforeReplace": answer.fields["deleteBeforeReplace"],
        "detailed": {path: KINDS[diff.kind] for path, diff in answer.fields["detailedDiff"].items()},
    }
    nothing: dict[str, Any] = {"replaces": [], "diffs": [], "deleteBeforeReplace": False, "detailed": {}}
    recorded = nothing | call["answer"]
    recorded |= {name: sorted(set(recorded[name])) for name in ("replaces", "diffs")}
    assert ours == recorded
    if "stables" in call:
        assert sorted(answer.fields["stables"]) == recording.stables(call["stables"])


@pytest.mark.parametrize(("package", "call"), previews())
def test_a_preview_of_create_knows_what_the_real_provider_knew(
    plugins: dict[str, Plugin], package: str, call: dict[str, Any]
) -> None:
    recording = RECORDINGS[package]
    given = encoded(without_marks(recording.value(call["given"])))
    answer = plugins[package].ask(
        "Create", proto.CreateRequest(urn=urn(call), properties=given, preview=True)
    )
    assert answer.error == ""
    recorded, ours = recording.value(call["answer"]), answer.fields["properties"]
    # The bridge's note to itself; the order of uploads follows their contents, which the recording lacks.
    recorded.pop("__meta", None)
    for state in (recorded, ours):
        if "uploads" in state:
            state["uploads"].sort(key=lambda item: item["file"])
    assert ours == recorded


@pytest.mark.parametrize(("package", "call"), [*questions("CheckConfig"), *questions("DiffConfig")])
def test_settings_are_answered_as_by_the_real_provider(
    plugins: dict[str, Plugin], package: str, call: dict[str, Any]
) -> None:
    given = {name: encoded(without_marks(value)) for name, value in call["given"].items()}
    method, token = call["call"].split()
    provider = f"urn:pulumi:rec::mailinfra::{token}::{call['resource']}"
    kind: Any = proto.CheckRequest if method == "CheckConfig" else proto.DiffRequest
    answer = plugins[package].ask(method, kind(urn=provider, **given)).fields
    if method == "CheckConfig":
        assert (answer["inputs"], list(answer["failures"])) == (call["answer"]["inputs"], [])
        return
    assert proto.DiffResponse.DiffChanges.Name(answer["changes"]) == call["answer"]["changes"]
    assert (list(answer["replaces"]), list(answer["diffs"])) == ([], [])


@pytest.mark.parametrize(("package", "call"), questions("Configure"))
def test_the_marks_of_secrets_are_left_to_the_engine_as_by_the_real_provider(
    plugins: dict[str, Plugin], package: str, call: dict[str, Any]
) -> None:
    request = proto.ConfigureRequest(args=encoded(call["given"]["args"]), acceptSecrets=True)
    answer = plugins[package].ask("Configure", request).fields
    assert {name: answer[name] for name in call["answer"]} == call["answer"]
