"""State: where Pulumi keeps what it knows of the stacks, and the passphrase of their secrets.

A local folder outside the checkout, unless the user has chosen a backend or a passphrase: theirs always wins.
"""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from bootstrap.machine import Machine
from bootstrap.plugins import user_home
from bootstrap.problem import Problem

NEED = "State"
PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def bring_state(machine: Machine) -> Mapping[str, str]:
    """Return the variables that name backend and passphrase, as far as the user has not set them."""
    variables: dict[str, str] = {}
    if not any(name in machine.env for name in PASSPHRASES):
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(bring_passphrase(machine))
    chosen = machine.env.get("PULUMI_BACKEND_URL")
    if not chosen:
        chosen = logged_in(machine)
        variables["PULUMI_BACKEND_URL"] = chosen or local_backend(machine)
    machine.report.found(NEED, variables.get("PULUMI_BACKEND_URL") or str(chosen))
    return variables


def local_backend(machine: Machine) -> str:
    """Return the address of a folder of our own, and make it."""
    folder = machine.data / "state"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return f"file://{folder}"


def bring_passphrase(machine: Machine) -> Path:
    """Return the file with the passphrase, made once: without it the stacks' secrets are lost."""
    path = machine.data / "passphrase"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written beside and renamed: whoever is interrupted here must not leave an empty one.
        fresh = path.with_name(f"passphrase.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(32))
        fresh.rename(path)
    if not path.read_text().strip():
        raise Problem(
            f"the passphrase of the stacks' secrets, {path}, is empty",
            f"Put it back from a backup; if nothing was ever deployed with it, remove it: rm {path}",
        )
    return path


def logged_in(machine: Machine) -> str:
    """Return the backend of an earlier `pulumi login`; empty where there was none."""
    try:
        kept = json.loads((credentials_folder(machine) / "credentials.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(kept.get("current") or "")


def credentials_folder(machine: Machine) -> Path:
    """Return the folder where Pulumi keeps a login."""
    named = machine.env.get("PULUMI_CREDENTIALS_PATH")
    return Path(named) if named else user_home(machine)
