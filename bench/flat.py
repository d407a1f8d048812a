"""The same resources declared flat: a program that registers what a state holds, all at once.

Put in the place of a stack's own program, with its state as `state.json` beside it. No program with these
resources can take less: it is the engine's work, the plugins' and Pulumi's SDK's. Does not own what is
measured (lifecycle.py).
"""

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker  # noqa: F401 (every program with these providers loads them)
import pulumi_mysql  # noqa: F401
import pulumi_random  # noqa: F401
import pulumi_tls  # noqa: F401

SECRET = "4dabf18193072939515e22adb298388d"  # noqa: S105 (the key by which a state marks a secret)


def plain(value: Any) -> Any:
    """Return an input as a program gives it."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        if SECRET in value:
            return pulumi.Output.secret(json.loads(value["plaintext"]))
        return {key: plain(each) for key, each in value.items() if key != "__defaults"}
    return value


def declare(resources: list[dict[str, Any]]) -> None:
    """Register every resource of a state but those that the engine makes by itself."""
    made: dict[str, Any] = {}
    for each in resources:
        urn, kind = each["urn"], each["type"]
        name = urn.rpartition("::")[2]
        if kind == "pulumi:pulumi:Stack" or name.startswith("default"):
            continue
        options = pulumi.ResourceOptions(parent=made.get(each.get("parent", "")))
        inputs = plain(each.get("inputs", {}))
        if not each.get("custom"):
            made[urn] = pulumi.ComponentResource(kind, name, inputs, options)
        elif kind.startswith("pulumi:providers:"):
            options.version = inputs.pop("version", None)
            made[urn] = pulumi.ProviderResource(kind.rpartition(":")[2], name, inputs, options)
        else:
            provider, _, _ = each["provider"].rpartition("::")
            options.provider = made.get(provider)
            options.version = (
                None if provider in made else provider.rpartition("default_")[2].replace("_", ".")
            )
            made[urn] = pulumi.CustomResource(kind, name, inputs, options)


if __name__ == "__main__":
    declare(json.loads(Path("state.json").read_text())["deployment"]["resources"])
