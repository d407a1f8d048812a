"""A sound form, changed in one place, and what a person reads about it."""

import copy
import json
from typing import Any

import pulumi
import pytest

from mailinfra.config.beside import Beside
from mailinfra.config.load import ServerConfig, check

SOUND: dict[str, Any] = {
    "hostname": "mail.example.test",
    "addresses": ["192.0.2.25"],
    "listen": ["127.0.0.1"],
    "accounts": {
        "domains": [{"name": "example.test"}],
        "mailboxes": [{"address": "alice@example.test"}, {"address": "bob@example.test"}],
        "aliases": [{"address": "sales@example.test", "targets": ["alice@example.test"]}],
    },
}


def form(**changes: Any) -> dict[str, Any]:
    """Return the sound form with other values for some keys, as JSON carries them."""
    changed: dict[str, Any] = json.loads(json.dumps({**copy.deepcopy(SOUND), **changes}))
    return changed


def accounts(**changes: Any) -> dict[str, Any]:
    """Return the sound form with other lists of accounts."""
    return form(accounts={**copy.deepcopy(SOUND["accounts"]), **changes})


def accepted(given: Any, **beside: Any) -> ServerConfig:
    """Return the checked form."""
    return check(given, _beside(**beside))


def refused(given: Any, **beside: Any) -> list[str]:
    """Return the lines that a person reads, without the heading."""
    with pytest.raises(pulumi.RunError) as caught:
        check(given, _beside(**beside))
    heading, *lines = str(caught.value).splitlines()
    assert heading == "the configuration of this stack is not valid:"
    return [line.strip() for line in lines]


def _beside(
    passwords: Any = None,
    database_password: bool = False,
    smarthost_password: bool = False,
    local_daemon: bool = False,
    acme_credentials: Any = None,
) -> Beside:
    return Beside(
        passwords=passwords,
        database_password=database_password,
        smarthost_password=smarthost_password,
        local_daemon=local_daemon,
        acme_credentials=acme_credentials,
    )
