"""State: where Pulumi keeps what it knows of the stacks, and the passphrase of their secrets.

A local folder outside the checkout, unless the user has chosen a backend or a passphrase: theirs always wins.
"""

import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from bootstrap.files import PRIVATE, write_whole
from bootstrap.machine import Machine
from bootstrap.plugins import user_home
from bootstrap.problem import Problem

NEED = "State"
PASSPHRASE_TYPE = re.compile(r'"type":\s*"passphrase"')
"""How a state says that a passphrase encrypts its secrets."""

PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def bring_state(machine: Machine) -> Mapping[str, str]:
    """Return the variables that name backend and passphrase, as far as the user has not set them."""
    variables: dict[str, str] = {}
    if not any(name in machine.env for name in PASSPHRASES):
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(bring_passphrase(machine))
    check_passphrase(machine)
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
        refuse_another(machine, path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, secrets.token_urlsafe(32), PRIVATE)
    if is_empty(path):
        raise Problem(
            f"the passphrase of the stacks' secrets, {path}, is empty",
            f"Put it back from a backup; if nothing was ever deployed with it, remove it: rm {path}",
        )
    return path


def refuse_another(machine: Machine, path: Path) -> None:
    """Raise Problem where a passphrase is gone with which states on this machine are encrypted: they would
    be taken for broken under a new one."""
    kept = sorted((machine.data / "state/.pulumi/stacks").glob("*/*.json"))
    encrypted = [file for file in kept if PASSPHRASE_TYPE.search(file.read_text(errors="replace"))]
    if encrypted:
        names = ", ".join(file.stem for file in encrypted)
        raise Problem(
            f"{path} is gone, the passphrase with which the secrets of {names} are encrypted",
            "Put it back from a backup. If it is lost for good, so are these states: move "
            f"{encrypted[0].parent} away; docs/operations.md, Restore, brings servers back without them",
        )


def check_passphrase(machine: Machine) -> None:
    """Raise Problem where the user names a file that cannot be read, or one with an empty passphrase: Pulumi
    would take it for one."""
    named = machine.env.get("PULUMI_CONFIG_PASSPHRASE_FILE")
    if not named or "PULUMI_CONFIG_PASSPHRASE" in machine.env:
        return
    try:
        Path(named).read_bytes()
    except OSError as error:
        raise Problem(
            f"PULUMI_CONFIG_PASSPHRASE_FILE names {named}, which cannot be read: {error.strerror}",
            "Name the file with the passphrase of the stacks' secrets, or unset the variable for the one "
            f"that make keeps, {machine.data / 'passphrase'}",
        ) from None
    if is_empty(Path(named)):
        raise Problem(
            f"PULUMI_CONFIG_PASSPHRASE_FILE names {named}, which is empty",
            "Write the passphrase into it, or, where an empty one is meant, set PULUMI_CONFIG_PASSPHRASE= "
            "instead",
        )


def is_empty(path: Path) -> bool:
    """Return whether a file that can be read holds nothing; of another one Pulumi tells by itself."""
    try:
        return not path.read_bytes().strip()
    except OSError:
        return False


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
