"""What the database declares: a server that keeps its data, databases, tables, and who may do what."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from mailinfra.components.database import Database, DatabaseArgs
from mailinfra.components.database.server import ExistingServer, Role
from mailinfra.components.database.users import RIGHTS
from mailinfra.config import pem
from mailinfra.config.storage import ExternalDatabaseConfig
from mailinfra.types import MIB, OnDestroy
from tests.graph.conftest import CONTAINER, VOLUME, Engine, declare, heard, is_secret, plain
from tests.samples import own_server

DATABASE = "mysql:index/database:Database"
GRANT = "mysql:index/grant:Grant"
PROVIDER = "pulumi:providers:mysql"
SCHEMA = "mailinfra:index:Schema"
USER = "mysql:index/user:User"


def existing_server(**changes: Any) -> ExistingServer:
    given = {"host": "db.example.test", "port": 3307, "administrator": "admin", **changes}
    return ExistingServer(given=ExternalDatabaseConfig.model_validate(given), password="hunter2")


def sample_args(**changes: Any) -> DatabaseArgs:
    values: dict[str, Any] = {
        "server": own_server(),
        "clients": {"dovecot": "192.0.2.3", "postfix": "192.0.2.4", "roundcube": "192.0.2.5"},
    }
    return DatabaseArgs(**{**values, **changes})


def uploads(engine: Engine, folder: str) -> dict[str, str]:
    found = plain(engine.one(CONTAINER, f"db-service-{folder}-filler").object)["uploads"]
    return {upload["file"].removeprefix("/mailinfra/"): upload["content"] for upload in found}


def container(engine: Engine) -> dict[str, Any]:
    found: dict[str, Any] = plain(engine.one(CONTAINER, "db-service-container").object)
    return found


def grants(engine: Engine, user: str) -> dict[str, list[str]]:
    """Return `database.table` -> privileges of one user."""
    found = [plain(request.object) for request in engine.created(GRANT)]
    return {
        f"{each['database']}.{each['table']}": each["privileges"] for each in found if each["user"] == user
    }


@pytest.fixture(scope="module")
def database() -> Engine:
    return heard(lambda: Database("db", sample_args()))


def test_the_data_outlives_a_destroy_under_a_name_that_the_next_up_finds(database: Engine) -> None:
    volume = database.one(VOLUME, "db-data")
    assert volume.retainOnDelete, "with this volume every account is gone"
    assert plain(volume.object)["name"] == "mailinfra-test-mysql"
    assert all(request.retainOnDelete for request in database.created(DATABASE))


def test_a_throw_away_stack_leaves_no_database_behind(engine: Engine) -> None:
    declare(lambda: Database("db", sample_args(on_destroy=OnDestroy.DELETE)))
    assert not engine.one(VOLUME, "db-data").retainOnDelete


def test_databases_of_kept_data_are_adopted_and_not_created_again(database: Engine) -> None:
    assert {(request.importId, plain(request.object)["name"]) for request in database.created(DATABASE)} == {
        ("mail", "mail"),
        ("roundcube", "roundcube"),
    }, "creating a database that exists is an error; the init file makes them at every start"


def test_databases_say_their_character_set_and_collation(database: Engine) -> None:
    for request in database.created(DATABASE):
        given = plain(request.object)
        assert given["defaultCharacterSet"] == "utf8mb4", "three-byte utf8 loses letters"
        assert given["defaultCollation"] == "utf8mb4_0900_ai_ci", "without it every preview shows a change"


def test_it_runs_as_its_own_user_from_the_start_and_without_any_capability(database: Engine) -> None:
    assert container(database)["user"] == "61000:61000"
    assert container(database)["capabilities"] == {"adds": [], "drops": ["ALL"]}


def test_the_server_is_reached_from_this_machines_loopback_alone(database: Engine) -> None:
    (port,) = container(database)["ports"]
    assert (port["ip"], port["external"], port["internal"]) == ("127.0.0.1", 13306, 3306)


def test_root_has_no_login_over_the_network(database: Engine) -> None:
    assert "MYSQL_ROOT_HOST=localhost" in container(database)["envs"]
    (provider,) = database.created(PROVIDER)
    assert plain(provider.object)["username"] == "deploy"


def test_the_deployment_logs_in_from_the_gateway_alone(database: Engine) -> None:
    text = uploads(database, "run-secrets")["init.sql"]
    assert "'deploy'@'192.0.2.1' IDENTIFIED BY 'generated-db-deploy-password'" in text


def test_it_is_healthy_only_when_a_login_over_tcp_succeeds(database: Engine) -> None:
    tests = container(database)["healthcheck"]["tests"]
    assert tests == ["CMD", "mysql", "--defaults-file=/run/secrets/health.cnf", "--execute=DO 1"]
    assert "protocol = tcp" in uploads(database, "run-secrets")["health.cnf"], (
        "the socket answers during the first start, when nobody else can come in"
    )


def test_the_first_start_may_take_longer_than_later_ones(database: Engine) -> None:
    assert container(database)["waitTimeout"] >= 240


def test_no_password_is_in_the_environment_or_in_a_readable_file(database: Engine) -> None:
    assert not any("generated" in variable for variable in container(database)["envs"])
    assert is_secret(database.one(CONTAINER, "db-service-run-secrets-filler").object.fields["uploads"])
    for folder in ("etc-mysql-conf-d", "etc-mailinfra"):
        assert "generated" not in str(uploads(database, folder))


def test_the_cache_grows_with_the_memory(engine: Engine) -> None:
    declare(lambda: Database("db", sample_args(server=own_server(memory=2048 * MIB))))
    text = uploads(engine, "etc-mysql-conf-d")["mailinfra.cnf"]
    assert "innodb_buffer_pool_size = 256M" in text


def test_nobody_connects_before_the_server_is_healthy(database: Engine) -> None:
    (provider,) = database.created(PROVIDER)
    (server,) = [urn for urn in provider.propertyDependencies["endpoint"].urns if "Container" in urn]
    assert server.endswith("db-service-container")
    assert plain(provider.object)["endpoint"] == "127.0.0.1:13306"


def test_the_tables_come_after_the_databases_and_before_rights_to_their_columns(database: Engine) -> None:
    (schema,) = database.created(SCHEMA)
    assert {urn.rpartition("::")[2] for urn in schema.dependencies} >= {"db-mail", "db-roundcube"}
    for request in database.created(USER):
        assert any(urn.endswith("db-schema") for urn in request.dependencies), request.name


def test_each_service_has_one_user_that_comes_from_its_own_address_over_tls(database: Engine) -> None:
    users = {plain(request.object)["user"]: plain(request.object) for request in database.created(USER)}
    clients = sample_args().clients
    assert {name: user["host"] for name, user in users.items()} == {
        **clients,
        "identities": clients["roundcube"],
        "passwords": clients["roundcube"],
    }
    assert {user["tlsOption"] for user in users.values()} == {"SSL"}
    assert len({user["plaintextPassword"] for user in users.values()}) == 5
    for request in database.created(GRANT):
        given = plain(request.object)
        assert given["host"] == users[given["user"]]["host"], "a grant for another host makes another user"


def test_passwords_need_no_escaping(database: Engine) -> None:
    passwords = database.created("random:index/randomPassword:RandomPassword")
    assert len(passwords) == 8
    assert all(plain(request.object)["special"] is False for request in passwords)


def test_passwords_of_users_arrive_marked(database: Engine) -> None:
    for request in database.created(USER):
        assert is_secret(request.object.fields["plaintextPassword"]), request.name
    assert is_secret(database.created(PROVIDER)[0].object.fields["password"])


def test_postfix_cannot_read_a_password(database: Engine) -> None:
    privileges = grants(database, "postfix")
    assert set(privileges) == {"mail.aliases", "mail.domains", "mail.users"}
    assert "password" not in str(privileges)


def test_dovecot_may_read_accounts_and_change_nothing(database: Engine) -> None:
    given = grants(database, "dovecot")
    assert set(given) == {
        "mail.account_changes",
        "mail.account_revision",
        "mail.retired_homes",
        "mail.users",
    }
    privileges = [privilege for each in given.values() for privilege in each]
    assert all(privilege.startswith("SELECT (") for privilege in privileges)


def test_webmail_may_do_all_it_needs_with_its_own_tables_and_see_no_account(database: Engine) -> None:
    assert set(grants(database, "roundcube")) == {"roundcube.*"}


def test_who_gives_webmail_its_identities_reads_who_sends_under_what_and_no_password(
    database: Engine,
) -> None:
    given = grants(database, "identities")
    assert set(given) == {"mail.aliases", "mail.domains", "mail.users"}
    assert all(privilege.startswith("SELECT (") for each in given.values() for privilege in each)
    assert "password" not in str(given)


def test_who_changes_passwords_sees_none_and_changes_nothing_else(database: Engine) -> None:
    assert grants(database, "passwords") == {}, "no table at all"
    assert [single for right in RIGHTS["passwords"] for single in right.single()] == [
        "EXECUTE on PROCEDURE mail.password_challenge",
        "EXECUTE on PROCEDURE mail.change_password",
    ]


def test_our_own_provider_gives_rights_again_to_a_user_that_is_made_anew(database: Engine) -> None:
    (request,) = database.created("mailinfra:index:Rights")
    users = {one.name for one in database.created(USER)}
    assert {urn.rpartition("::")[2] for urn in request.replace_with} == users


def test_nobody_may_hand_on_a_right_or_reach_files_and_processes() -> None:
    given = {privilege for rights in RIGHTS.values() for right in rights for privilege in right.privileges}
    assert not given & {"ALL", "ALL PRIVILEGES", "FILE", "SUPER", "PROCESS", "GRANT OPTION"}


def test_a_right_that_changes_makes_the_user_anew_and_its_grants_after_it(database: Engine) -> None:
    for request in database.created(USER):
        assert request.replacement_trigger.list_value.values, "without it a removed right stays"
        assert request.deleteBeforeReplace, "two users of one name cannot be"
        assert not request.retainOnDelete, "destroy drops users, so that the next up can make them"
    for request in database.created(GRANT):
        assert request.replace_with, "a user that is made anew has no right"
        assert request.retainOnDelete, "a grant cannot be deleted: error 1141"
        assert request.deleteBeforeReplace


def test_the_trigger_names_every_right(database: Engine) -> None:
    trigger = plain(database.one(USER, "db-postfix-user").replacement_trigger)
    assert len(trigger) == len(RIGHTS["postfix"])
    assert "mail.domains SELECT (name, alias_of, catch_all)" in trigger


def test_an_existing_server_replaces_container_and_volume(engine: Engine) -> None:
    declare(lambda: Database("db", sample_args(server=existing_server())))
    assert not engine.created(CONTAINER)
    assert not engine.created(VOLUME)
    assert len(engine.created(USER)) == 5
    (provider,) = engine.created(PROVIDER)
    assert plain(provider.object)["endpoint"] == "db.example.test:3307"
    assert plain(provider.object)["username"] == "admin"
    assert is_secret(provider.object.fields["password"])


def test_an_existing_server_with_a_public_certificate_proves_its_name(engine: Engine) -> None:
    declare(lambda: Database("db", sample_args(server=existing_server())))
    (provider,), (schema,) = engine.created(PROVIDER), engine.created(SCHEMA)
    assert plain(provider.object)["tls"] == "true"
    connection = plain(schema.object)["connection"]
    assert (connection["verify"], connection["ca"]) == (True, "")


def test_an_existing_server_with_a_ca_of_its_own_is_verified_by_all_that_can_be_told_it(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pem, "certificate_fault", lambda path: None)
    (tmp_path / "ca.pem").write_bytes(b"\xef\xbb\xbfits ca\n")
    declare(lambda: Database("db", sample_args(server=existing_server(caFile=str(tmp_path / "ca.pem")))))
    (provider,), (schema,) = engine.created(PROVIDER), engine.created(SCHEMA)
    connection = plain(schema.object)["connection"]
    assert (connection["verify"], connection["ca"]) == (True, "its ca\n")
    assert plain(provider.object)["tls"] == "skip-verify", "it would ask the public ones, in vain"


def test_an_existing_server_sees_services_under_any_address(engine: Engine) -> None:
    declare(lambda: Database("db", sample_args(server=existing_server())))
    users = [plain(request.object) for request in engine.created(USER)]
    assert {user["host"] for user in users} == {"%"}, "Docker puts an address of the machine in its place"
    assert {user["tlsOption"] for user in users} == {"SSL"}


def test_the_accounts_of_the_init_file_are_those_that_log_in(database: Engine) -> None:
    (provider,) = database.created(PROVIDER)
    assert plain(provider.object)["username"] == Role.DEPLOY
    files = uploads(database, "run-secrets")
    assert f"ALTER USER '{Role.DEPLOY}'@" in files["init.sql"]
    assert f"ALTER USER '{Role.HEALTH}'@" in files["init.sql"]
    assert f"user = {Role.HEALTH}\n" in files["health.cnf"]


def test_databases_of_an_existing_server_are_made_or_adopted_as_configured(engine: Engine) -> None:
    declare(lambda: Database("new", sample_args(server=existing_server())))
    declare(lambda: Database("old", sample_args(server=existing_server(databases="adopt"))))
    imported = {request.name: request.importId for request in engine.created(DATABASE)}
    assert imported == {
        "new-mail": "",
        "new-roundcube": "",
        "old-mail": "mail",
        "old-roundcube": "roundcube",
    }


def test_others_learn_host_and_login_once_they_can_be_used(engine: Engine) -> None:
    seen: dict[str, Any] = {}

    def program() -> None:
        component = Database("db", sample_args())
        pulumi.Output.all(**vars(component.logins["postfix"])).apply(seen.update)

    declare(program)
    assert seen == {
        "host": "mysql",
        "port": 3306,
        "name": "mail",
        "ca": "ca\n",
        "user": "postfix",
        "password": "generated-db-postfix-password",
    }
    (outputs,) = [given for urn, given in engine.registered.items() if urn.endswith("::db")]
    assert outputs == {"host": "mysql", "port": 3306}


def test_each_login_is_for_the_database_that_its_rights_are_for(engine: Engine) -> None:
    made: list[Database] = []
    declare(lambda: made.append(Database("db", sample_args())))
    assert {user: login.name for user, login in made[0].logins.items()} == {
        "dovecot": "mail",
        "identities": "mail",
        "passwords": "mail",
        "postfix": "mail",
        "roundcube": "roundcube",
    }
    for rights in RIGHTS.values():
        assert len({right.database for right in rights}) == 1
