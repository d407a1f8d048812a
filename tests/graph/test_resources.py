"""The resources of our own provider, as the engine is asked for them."""

from pulumi import ResourceOptions

from mailinfra.components.accounts import Accounts, AccountsArgs
from mailinfra.components.own_provider import Connection, Provider, Schema
from mailinfra.config.accounts.lists import AccountsConfig
from tests.graph.conftest import Engine, declare, plain

CONNECTION = Connection(host="127.0.0.1", port=3306, user="deploy", password="hunter2")
PROVIDER = "pulumi:providers:mailinfra"


def test_our_provider_is_declared_and_knows_nothing_of_the_stack(engine: Engine) -> None:
    """The one by default would be handed all of mailinfra:server and mailinfra:passwords."""
    declare(lambda: Provider("ours"))
    (request,) = engine.created(PROVIDER)
    assert plain(request.object) == {}


def test_a_component_hands_the_declared_provider_on(engine: Engine) -> None:
    def program() -> None:
        options = ResourceOptions(providers=[Provider("ours")])
        Accounts("accounts", AccountsArgs(connection=CONNECTION, declared=AccountsConfig()), options)

    declare(program)
    (directory,) = engine.created("mailinfra:index:Directory")
    assert f"{PROVIDER}::ours::" in directory.provider, (
        "each edited setting would change the provider by default"
    )


def test_a_schema_says_which_revision_it_wants(engine: Engine) -> None:
    declare(lambda: Schema("schema", CONNECTION))
    (schema,) = engine.created("mailinfra:index:Schema")
    assert plain(schema.object)["revision"]
