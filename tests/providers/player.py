"""Plays a recording: makes each recorded call of a plugin, and says in what its answer is another.

Owns the order of calls and what is carried from one to the next: inputs, states, identities.
"""

import json
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import provider_pb2 as proto

from tests.providers.comparison import differing, error_class, known
from tests.providers.wire import SEED, Answer, Plugin, encoded

RECORDINGS = Path(__file__).with_name("recordings")

Problems = dict[str, str]
"""Aspect of an answer (inputs, outputs, secrets, changes, replaces, ...) -> what is other than recorded."""

KINDS = {number: name for name, number in proto.PropertyDiff.Kind.items()}


@dataclass(kw_only=True)
class Resource:
    """The resource that the calls are about at the moment."""

    inputs: dict[str, Any]
    """What was created, as it was asked for."""

    checked: dict[str, Any]
    """The same after `check`."""

    state: Mapping[str, Any]
    """What `create` or `update` answered."""

    refreshed: Mapping[str, Any]
    """What `read` answered last."""

    identity: str


def recorded_calls(recording: str, renamed: Callable[[str], str] = str) -> list[dict[str, Any]]:
    """Return the calls of a recording, with its names in the form that `renamed` gives the text."""
    calls: list[dict[str, Any]] = json.loads(renamed((RECORDINGS / f"{recording}.json").read_text()))["calls"]
    return calls


class Player:
    """Makes one recorded call after the other."""

    def __init__(
        self, plugin: Plugin, declared: Mapping[str, Set[str]], by_hand: Callable[[str, str], None]
    ) -> None:
        """Play against `plugin`; `declared` names the properties that count, per type of resource.

        `by_hand` does what somebody did beside the provider; it gets the recording's words and an identity.
        """
        self._plugin = plugin
        self._declared = declared
        self._by_hand = by_hand
        self._learned: dict[str, str] = {}
        self._states: dict[str, Mapping[str, Any]] = {}
        self._given: dict[str, Any] = {}
        self._now = Resource(inputs={}, checked={}, state={}, refreshed={}, identity="")

    def play(self, call: Mapping[str, Any]) -> Problems:
        """Make one call; return in what its answer is another than the recorded one."""
        method, _, rest = call["call"].partition(" ")
        token = rest.removesuffix(" (preview)")
        given = known(call["given"], self._learned)
        problems: Problems
        if method == "CheckConfig":
            problems = self._check_config(given)
        elif method == "Check":
            problems = self._check(token, given, call)
        elif method == "Create":
            problems = self._create(token, given, call, preview=rest.endswith("(preview)"))
        elif method == "Read":
            problems = self._read(token, given, call)
        elif method == "Diff":
            problems = self._diff(token, given, call)
        elif method == "Update":
            problems = self._update(token, given, call)
        else:
            problems = self._delete(token, given, call)
        return {aspect: text for aspect, text in problems.items() if text}

    def _check_config(self, given: dict[str, Any]) -> Problems:
        urn = "urn:pulumi:t::t::pulumi:providers:p::default"
        answer = self._plugin.ask("CheckConfig", proto.CheckRequest(urn=urn, news=encoded(given)))
        self._plugin.ask("Configure", proto.ConfigureRequest(args=encoded(given), acceptSecrets=True))
        return {"inputs": "; ".join(differing(given, answer.fields["inputs"], {}))}

    def _check(self, token: str, given: dict[str, Any], call: Mapping[str, Any]) -> Problems:
        self._given = given
        answer = self._plugin.ask("Check", _check_request(token, given))
        return {"failures": _failures(call, answer), **self._inputs(call["answer"], answer.fields["inputs"])}

    def _create(
        self, token: str, given: dict[str, Any], call: Mapping[str, Any], *, preview: bool
    ) -> Problems:
        request = proto.CreateRequest(urn=_urn(token), properties=encoded(given), preview=preview)
        answer = self._plugin.ask("Create", request)
        if "error" in call or answer.error:
            if answer.left:  # whoever recorded cleaned up too: a later call makes one of the same name
                self._plugin.ask(
                    "Delete",
                    proto.DeleteRequest(
                        id=answer.left[0], urn=_urn(token), properties=encoded(answer.left[1])
                    ),
                )
            # The engine puts the resource's name before the errors of one that exists although it failed.
            left = call.get("error", {}).get("message", "").startswith("creating urn:")
            kept = (
                "" if bool(answer.left) == left else f"left in the state: recorded {left}, here {answer.left}"
            )
            return {"error": _error(call, answer), "left": kept}
        ours = answer.fields["properties"]
        if preview:
            return self._outputs(token, {**call["answer"], "id": ""}, {**ours, "id": ""})
        problems = self._outputs(
            token, {"id": call["id"], **call["answer"]}, {"id": answer.fields["id"], **ours}
        )
        identity = answer.fields["id"]
        self._now = Resource(inputs=self._given, checked=given, state=ours, refreshed=ours, identity=identity)
        self._learned[call["id"]] = identity
        self._states[identity] = ours
        return problems

    def _read(self, token: str, given: dict[str, Any], call: Mapping[str, Any]) -> Problems:
        identity = given["id"]
        if given["when"].endswith("by hand"):
            self._by_hand(given["when"], identity)
        request = proto.ReadRequest(
            id=identity,
            urn=_urn(token),
            properties=encoded(self._states[identity]),
            inputs=encoded(self._now.checked),
        )
        answer = self._plugin.ask("Read", request)
        recorded = call["answer"]
        gone = "" if bool(recorded["id"]) == bool(answer.fields["id"]) else f"here {answer.fields['id']!r}"
        if gone or not recorded["id"]:
            return {"gone": gone}
        self._now.refreshed = answer.fields["properties"]
        return {
            **self._outputs(token, recorded["properties"], answer.fields["properties"]),
            **self._inputs(recorded["inputs"], answer.fields["inputs"]),
        }

    def _diff(self, token: str, given: dict[str, Any], call: Mapping[str, Any]) -> Problems:
        state = self._now.refreshed if "after" in given else self._now.state
        inputs, checked = self._checked(token, {} if "after" in given else given.get("before update", given))
        if "failures" in call or checked.fields["failures"]:
            return {"failures": _failures(call, checked)}
        request = proto.DiffRequest(
            id=self._now.identity, urn=_urn(token), olds=encoded(state), news=encoded(inputs)
        )
        ours, recorded = self._plugin.ask("Diff", request).fields, call["answer"]
        detailed = {path: KINDS[diff.kind] for path, diff in ours["detailedDiff"].items()}
        return {
            "changes": _other(recorded["changes"], proto.DiffResponse.DiffChanges.Name(ours["changes"])),
            "replaces": _other(sorted(set(recorded["replaces"])), sorted(set(ours["replaces"]))),
            "diffs": _other(sorted(recorded["diffs"]), sorted(ours["diffs"])),
            "order": _other(recorded["deleteBeforeReplace"], ours["deleteBeforeReplace"]),
            "detailed": _other(recorded["detailed"], detailed),
        }

    def _update(self, token: str, given: dict[str, Any], call: Mapping[str, Any]) -> Problems:
        request = proto.UpdateRequest(
            id=self._now.identity, urn=_urn(token), olds=encoded(self._now.state), news=encoded(given)
        )
        answer = self._plugin.ask("Update", request)
        if "error" in call or answer.error:
            return {"error": _error(call, answer)}
        self._now.checked = given
        put_in = {"__defaults", *given.get("__defaults", [])}
        self._now.inputs = {name: value for name, value in given.items() if name not in put_in}
        self._now.state = self._states[self._now.identity] = answer.fields["properties"]
        return self._outputs(token, call["answer"], answer.fields["properties"])

    def _delete(self, token: str, given: dict[str, Any], call: Mapping[str, Any]) -> Problems:
        state = self._states[given["id"]]
        request = proto.DeleteRequest(id=given["id"], urn=_urn(token), properties=encoded(state))
        return {"error": _error(call, self._plugin.ask("Delete", request))}

    def _checked(self, token: str, change: dict[str, Any]) -> tuple[dict[str, Any], Answer]:
        """Return what `check` makes of the created inputs with a change; None in it takes an input away."""
        wanted = {**self._now.inputs, **change}
        if change == {"uploads": "one file less"}:
            wanted["uploads"] = self._now.inputs["uploads"][:-1]
        wanted = {name: value for name, value in wanted.items() if value is not None}
        old = {"name": self._now.state.get("name"), "__defaults": ["name"]}
        answer = self._plugin.ask("Check", _check_request(token, wanted, old))
        return answer.fields["inputs"], answer

    def _outputs(self, token: str, recorded: dict[str, Any], ours: dict[str, Any]) -> Problems:
        counts = self._declared[token] | {"id"}
        recorded, ours = ({n: v for n, v in values.items() if n in counts} for values in (recorded, ours))
        return {
            "outputs": "; ".join(differing(_bare(recorded), _bare(ours), self._learned)),
            "secrets": _other(_secret(recorded), _secret(ours)),
        }

    def _inputs(self, recorded: dict[str, Any], ours: dict[str, Any]) -> Problems:
        return {
            "inputs": "; ".join(differing(_bare(recorded), _bare(ours), self._learned)),
            "defaults": _other(recorded.get("__defaults", []), ours.get("__defaults", [])),
            "secrets": _other(_secret(recorded), _secret(ours)),
        }


def _check_request(
    token: str, given: dict[str, Any], old: Mapping[str, Any] | None = None
) -> proto.CheckRequest:
    return proto.CheckRequest(urn=_urn(token), news=encoded(given), olds=encoded(old or {}), randomSeed=SEED)


def _urn(token: str) -> str:
    return f"urn:pulumi:t::t::{token}::n"


def _failures(call: Mapping[str, Any], answer: Answer) -> str:
    recorded = sorted(error_class(failure["reason"]) for failure in call.get("failures", []))
    return _other(recorded, sorted(error_class(failure.reason) for failure in answer.fields["failures"]))


def _error(call: Mapping[str, Any], answer: Answer) -> str:
    return _other(error_class(call.get("error", {}).get("message", "")), error_class(answer.error))


def _other(recorded: object, ours: object) -> str:
    return "" if recorded == ours else f"recorded {recorded!r}, here {ours!r}"


def _secret(values: Mapping[str, Any]) -> list[str]:
    return sorted(name for name, value in values.items() if re.match(r"\{'secret':", repr(value)))


def _bare(value: Any) -> Any:
    """Return data without the marks of secrets and defaults."""
    if isinstance(value, dict):
        if value.keys() == {"secret"}:
            return _bare(value["secret"])
        return {name: _bare(item) for name, item in value.items() if name != "__defaults"}
    return [_bare(item) for item in value] if isinstance(value, list) else value
