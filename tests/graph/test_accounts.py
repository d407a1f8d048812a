"""Accounts: one resource holds them all, and no password leaves it unmarked."""

import asyncio
from typing import Any

from mailinfra.components.accounts import Accounts, AccountsArgs
from mailinfra.components.own_provider import Connection
from mailinfra.config.accounts.lists import AccountsConfig
from tests.graph.conftest import Engine, declare, is_secret, plain

DIRECTORY = "mailinfra:index:Directory"
CONNECTION = Connection(host="127.0.0.1", port=3306, user="deploy", password="hunter2")
ADDRESSES = [f"u{number}@example.test" for number in range(1000)]


def sample_args(**changes: Any) -> AccountsArgs:
    return AccountsArgs(**{"connection": CONNECTION, "declared": declared(), **changes})


def declared(**lists: Any) -> AccountsConfig:
    return AccountsConfig.model_validate({"domains": [{"name": "example.test"}], **lists})


def test_a_thousand_mailboxes_are_one_resource(engine: Engine) -> None:
    form = declared(mailboxes=[{"address": address} for address in ADDRESSES])
    declare(lambda: Accounts("accounts", sample_args(declared=form)))
    (directory,) = engine.created(DIRECTORY)
    assert directory.name == "accounts-directory"
    mailboxes = plain(directory.object)["mailboxes"]
    assert sorted(mailboxes) == sorted(ADDRESSES)
    assert mailboxes == form.directory().mailboxes


def test_passwords_and_the_way_to_the_database_are_secret_however_they_come(engine: Engine) -> None:
    declare(lambda: Accounts("accounts", sample_args(passwords={"a@example.test": "hush"})))
    (directory,) = engine.created(DIRECTORY)
    assert is_secret(directory.object.fields["passwords"])
    assert is_secret(directory.object.fields["connection"].struct_value.fields["password"])
    assert not is_secret(directory.object.fields["mailboxes"]), "or no preview could show what changes"


def test_generated_passwords_come_out_as_a_secret(engine: Engine) -> None:
    made: list[Accounts] = []
    declare(lambda: made.append(Accounts("accounts", sample_args())))
    assert asyncio.get_event_loop().run_until_complete(made[0].initial_passwords.is_secret())
    (outputs,) = [names for urn, names in engine.outputs.items() if urn.endswith("::accounts")]
    assert outputs == {"initial_passwords"}


def test_rows_that_nobody_declared_are_kept_unless_that_is_said(engine: Engine) -> None:
    declare(lambda: Accounts("one", sample_args()))
    declare(lambda: Accounts("two", sample_args(declared=declared(undeclared="remove"))))
    choices = [plain(directory.object)["undeclared"] for directory in engine.created(DIRECTORY)]
    assert choices == ["keep", "remove"]


def test_mail_that_is_to_be_deleted_is_named_address_by_address(engine: Engine) -> None:
    declare(lambda: Accounts("one", sample_args()))
    form = declared(deleteMail=["b@example.test", "a@example.test"])
    declare(lambda: Accounts("two", sample_args(declared=form)))
    choices = [plain(directory.object)["deleteMail"] for directory in engine.created(DIRECTORY)]
    assert choices == [{}, {"a@example.test": True, "b@example.test": True}]


def test_the_cost_of_a_hash_is_the_configurations(engine: Engine) -> None:
    form = declared(hashing={"memoryKib": 8192, "iterations": 3, "parallelism": 2})
    declare(lambda: Accounts("accounts", sample_args(declared=form)))
    (directory,) = engine.created(DIRECTORY)
    assert plain(directory.object)["hashing"] == {"memoryKib": 8192, "iterations": 3, "parallelism": 2}
