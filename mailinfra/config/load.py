"""Configuration: everything that a person decides about one mail server, read and checked before anything
starts.

Owns the only access to pulumi.Config, and the secrets beside the form. Does not own the form's sections (the
modules beside it) or any resource.
"""

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pulumi
from pulumi import Output
from pulumi.runtime import get_config_env, is_config_secret
from pulumi.runtime.config import CONFIG
from pydantic import ValidationError

from mailinfra.config import endings, former_owners
from mailinfra.config.beside import (
    Beside,
    by_stored_address,
    credential_mistakes,
    password_mistakes,
    with_accounts,
)
from mailinfra.config.explanation import explain
from mailinfra.config.host_folder import fault, is_local, memory_bytes
from mailinfra.config.server import ServerConfig
from mailinfra.types import MIB, size_text

__all__ = [
    "Secrets",
    "ServerConfig",
    "check",
    "load",
    "load_secrets",
    "refuse_former_owners",
    "warn_of_endings",
]

SECRET_KEYS = ("passwords", "databasePassword", "smarthostPassword", "acmeCredentials")


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What stands beside the form under keys of its own, encrypted in the stack file."""

    passwords: Output[Mapping[str, str]]
    """`mailinfra:passwords`: address -> password, or hash from another system; empty by default."""

    database_password: Output[str] | None
    """`mailinfra:databasePassword`: the administrator's, where the database is an existing server."""

    smarthost_password: Output[str] | None
    """`mailinfra:smarthostPassword`: where mail leaves through a smarthost that asks for one."""

    acme_credentials: Output[Mapping[str, str]] | None = None
    """`mailinfra:acmeCredentials`: name of an environment variable -> text, where a provider of DNS answers
    the CA."""


FOLDS = 8
"""How many times this machine's memory the database may have: MySQL takes an eighth of its limit at once. A
smaller one is taken, for a preview may be made on a smaller machine than the server is."""

CREDENTIAL = "--path 'mailinfra:acmeCredentials[\"NAME\"]'"
"""How one of an object is set."""


def load(config: pulumi.Config) -> ServerConfig:
    """Return the configuration of this stack, or stop with one line for each mistake in it."""
    if is_config_secret(config.full_key("server")):
        raise pulumi.RunError(
            "mailinfra:server holds a secret, and mistakes in it are printed; move the secret to a key of "
            "its own: mailinfra:passwords, mailinfra:databasePassword or mailinfra:smarthostPassword"
        )
    text = config.get("server")
    if text is None:
        raise pulumi.RunError(
            "mailinfra:server is missing from the stack file; copy it from Pulumi.example.yaml, "
            "docs/configuration.md describes every field"
        )
    return check(_value(text), beside(config))


def load_secrets(config: pulumi.Config) -> Secrets:
    """Return the secrets of this stack; each is an output that stays secret wherever it goes."""
    passwords = config.get_secret_object("passwords")
    return Secrets(
        passwords=Output.secret({}) if passwords is None else passwords.apply(by_stored_address),
        database_password=config.get_secret("databasePassword"),
        smarthost_password=config.get_secret("smarthostPassword"),
        acme_credentials=config.get_secret_object("acmeCredentials"),
    )


def check(given: Any, beside: Beside) -> ServerConfig:
    """Return the checked form; raise pulumi.RunError with one line for each mistake in it and beside it."""
    given, accounts_file, lines = with_accounts(given)
    declared = given.get("accounts", {}) if isinstance(given, dict) and not lines else None
    server = None
    try:
        server = ServerConfig.model_validate(given)
    except ValidationError as error:
        lines += explain(error, accounts_file, given)
    lines += beside.mistakes
    lines += password_mistakes(beside.passwords, declared, tuple(lines))
    lines += credential_mistakes(beside.acme_credentials)
    if server is not None:
        lines += unpaired(server, beside)
        lines += unusable_places(server, beside)
    if lines or server is None:
        raise pulumi.RunError("\n  ".join(["the configuration of this stack is not valid:", *lines]))
    return server


def beside(config: pulumi.Config) -> Beside:
    """Return what the checks need to know of the keys beside the form."""
    passwords, credentials = config.get("passwords"), config.get("acmeCredentials")
    return Beside(
        passwords=None if passwords is None else _value(passwords),
        acme_credentials=None if credentials is None else _value(credentials),
        database_password=config.get("databasePassword") is not None,
        smarthost_password=config.get("smarthostPassword") is not None,
        mistakes=(*misplaced(config), *unusable(config)),
        local_daemon=_local_daemon(),
    )


def refuse_former_owners(full_name: str, server: ServerConfig) -> None:
    """Warn in a preview, and stop an update, where data of the stack `<project>-<stack>` belongs to the users
    of before; where Docker is another machine's the daemons say it themselves (images/)."""
    if _local_daemon():
        former_owners.refuse(full_name, server)


def warn_of_endings(server: ServerConfig) -> None:
    """Warn of each file whose certificate ends soon."""
    for line in endings.of_files(server, datetime.now(UTC)):
        pulumi.warn(line)


def _local_daemon() -> bool:
    return is_local(os.environ, pulumi.Config("docker").get("host"))


def misplaced(config: pulumi.Config) -> Iterator[str]:
    """Return each key of ours that nothing reads, and each secret that is not encrypted; quote no value."""
    start = config.full_key("")
    given = {*CONFIG.get(), *get_config_env()}
    for key in sorted(one.removeprefix(start) for one in given if one.startswith(start)):
        if key in SECRET_KEYS and not is_config_secret(config.full_key(key)):
            yield f"{start}{key}: stands in clear text; change it, then `pulumi config set --secret`"
        elif key not in {"server", *SECRET_KEYS}:
            near = difflib.get_close_matches(key, ["server", *SECRET_KEYS], n=1)
            remedy = (
                f"did you mean {start + near[0]!r}?" if near else f"all settings stand under {start}server"
            )
            yield f"{start}{key}: is read by nothing; {remedy}"


def unusable(config: pulumi.Config) -> Iterator[str]:
    """Return each secret text that no login could work with; quote none."""
    for key in ("databasePassword", "smarthostPassword"):
        text = config.get(key)
        if text is not None and (not text or any(ord(character) < 32 for character in text)):
            what = "is empty" if not text else "holds a line end or another control character"
            yield (
                f"{config.full_key(key)}: {what}; set it again without: `pulumi config set --secret {key}` "
                "asks for it"
            )


def unusable_places(server: ServerConfig, beside: Beside) -> Iterator[str]:
    """Return each folder of this machine that a container could not use, and memory that it has not got."""
    if not beside.local_daemon:
        return
    mail = server.storage.mail
    for key, path in (("hostPath", mail.host_path), ("driverOptions", mail.bound_folder())):
        if path is not None and (reason := fault(path)):
            yield f"server.storage.mail.{key}: {reason}"
    if server.database.external is None and server.database.memory > FOLDS * memory_bytes():
        yield (
            f"server.database.memory: is {size_text(server.database.memory)}, and this machine has "
            f"{memory_bytes() // MIB}M, so MySQL could not begin; write what the machine can give"
        )


def _value(text: str) -> Any:
    """Return what a configuration key holds; the engine hands over JSON, or a plain text as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def unpaired(server: ServerConfig, beside: Beside) -> Iterator[str]:
    """Return each secret key without its setting, and each setting without its secret key."""
    needs_smarthost = server.smarthost is not None and server.smarthost.username is not None
    pairs = (
        (
            "databasePassword",
            beside.database_password,
            "database.external",
            server.database.external is not None,
        ),
        ("smarthostPassword", beside.smarthost_password, "smarthost.username", needs_smarthost),
        (
            "acmeCredentials",
            beside.acme_credentials is not None,
            "certificate.acme.dns",
            (acme := server.acme()) is not None and acme.dns is not None,
        ),
    )
    for key, present, setting, needed in pairs:
        if needed and not present:
            how = CREDENTIAL if key == "acmeCredentials" else key
            yield f"mailinfra:{key}: is missing for server.{setting}; `pulumi config set --secret {how}`"
        if present and not needed:
            yield f"mailinfra:{key}: is of no use without server.{setting}; remove one or add the other"
