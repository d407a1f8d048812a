"""What stands beside the form stays secret, and is found under the addresses of the rows."""

import asyncio
import json
from collections.abc import Iterator

import pulumi
import pytest
from pulumi.runtime import set_all_config

from mailinfra.config.load import Secrets, load_secrets, unusable
from tests.graph.conftest import Engine, declare


@pytest.fixture
def stack(engine: Engine) -> Iterator[Engine]:
    """An engine whose configuration is taken away afterwards."""
    yield engine
    set_all_config({})


def loaded(**secrets: str) -> Secrets:
    keys = {f"mailinfra:{key}": text for key, text in secrets.items()}
    set_all_config(keys, list(keys))
    found: list[Secrets] = []
    declare(lambda: found.append(load_secrets(pulumi.Config("mailinfra"))))
    return found[0]


def known(output: pulumi.Output[object]) -> object:
    return asyncio.get_event_loop().run_until_complete(output.future())


def secret(output: pulumi.Output[object]) -> bool:
    return asyncio.get_event_loop().run_until_complete(output.is_secret())


def test_passwords_are_secret_and_keyed_as_the_rows_are(stack: Engine) -> None:
    given = {"alice@b\u00fccher.test": "one", "bob@example.test": "two"}
    passwords = loaded(passwords=json.dumps(given)).passwords
    assert known(passwords) == {"alice@xn--bcher-kva.test": "one", "bob@example.test": "two"}
    assert secret(passwords)


def test_no_passwords_are_an_empty_secret(stack: Engine) -> None:
    passwords = loaded().passwords
    assert known(passwords) == {}
    assert secret(passwords), "the first password would otherwise change what is secret"


def test_the_passwords_for_other_servers_are_secret(stack: Engine) -> None:
    found = loaded(databasePassword="one", smarthostPassword="two")
    for output, text in ((found.database_password, "one"), (found.smarthost_password, "two")):
        assert output is not None
        assert known(output) == text
        assert secret(output)


def test_what_is_not_there_is_none(stack: Engine) -> None:
    found = loaded()
    assert found.database_password is None
    assert found.smarthost_password is None


@pytest.mark.parametrize("text", ["", "right\n", "tab\there"])
def test_a_password_that_no_login_could_use_is_named_and_not_quoted(stack: Engine, text: str) -> None:
    set_all_config({"mailinfra:smarthostPassword": text}, ["mailinfra:smarthostPassword"])
    found: list[str] = []
    declare(lambda: found.extend(unusable(pulumi.Config("mailinfra"))))
    (line,) = found
    assert line.startswith("mailinfra:smarthostPassword: ")
    assert "right" not in line
    assert "`pulumi config set --secret smarthostPassword` asks for it" in line


def test_a_password_may_end_in_a_blank(stack: Engine) -> None:
    set_all_config({"mailinfra:smarthostPassword": "ends in a blank "}, ["mailinfra:smarthostPassword"])
    found: list[str] = []
    declare(lambda: found.extend(unusable(pulumi.Config("mailinfra"))))
    assert not found
