"""What Roundcube declares: the container, its environment, its files and secrets, and no data of its own."""

from dataclasses import replace
from typing import Any

import pulumi
import pytest

from mailinfra.components.roundcube import Roundcube, RoundcubeArgs
from tests.graph.conftest import CONTAINER, VOLUME, Engine, declare, heard, is_secret, plain
from tests.samples import dovecot_peer, limits, login, ports, roundcube_args

SECRETS = "webmail-service-run-secrets-filler"


def sample_args(**changes: Any) -> RoundcubeArgs:
    sample = roundcube_args(
        database=login(
            "roundcube",
            host=pulumi.Output.from_input("mysql"),
            name="roundcube",
            password="hunter2",
            ca="database ca\n",
        ),
        passwords=login("passwords", password="hunter3"),
        identities=login("identities", password="hunter4"),
        dovecot=dovecot_peer(host=pulumi.Output.from_input("dovecot"), ca="mail ca\n"),
        ports=ports(webmail=18443, webmailRedirect=18000),
    )
    place = replace(sample.place, listen=["127.0.0.1", "::1"])
    postfix = replace(sample.postfix, host=pulumi.Output.from_input("postfix"))
    return replace(sample, **{"place": place, "postfix": postfix, **changes})


def files(engine: Engine, folder: str) -> dict[str, str]:
    uploads = plain(engine.one(CONTAINER, f"webmail-service-{folder}-filler").object)["uploads"]
    return {upload["file"].removeprefix("/mailinfra/"): upload["content"] for upload in uploads}


def container(engine: Engine) -> dict[str, Any]:
    found: dict[str, Any] = plain(engine.one(CONTAINER, "webmail-service-container").object)
    return found


@pytest.fixture(scope="module")
def webmail() -> Engine:
    return heard(lambda: Roundcube("webmail", sample_args()))


def test_it_runs_without_root_and_without_any_capability(webmail: Engine) -> None:
    assert container(webmail)["user"] == "61005:61005"
    assert container(webmail)["capabilities"] == {"adds": [], "drops": ["ALL"]}


def test_the_program_may_run_where_the_image_unpacks_it(webmail: Engine) -> None:
    assert container(webmail)["tmpfs"]["/var/www/html"].startswith("exec,uid=61005,gid=61005"), (
        "Docker's default is noexec: the schema's script fails, which is only logged"
    )


def test_it_keeps_no_data_outside_the_database(webmail: Engine) -> None:
    assert not [volume.name for volume in webmail.created(VOLUME) if volume.retainOnDelete]
    mounts = container(webmail)["mounts"]
    assert all(mount["readOnly"] for mount in mounts)


def test_https_and_the_way_to_it_are_published_on_each_address_and_nothing_else(webmail: Engine) -> None:
    ports = {(port["internal"], port["external"], port["ip"]) for port in container(webmail)["ports"]}
    assert ports == {
        (8000, 18000, "127.0.0.1"),
        (18000, 18000, "::1"),
        (8443, 18443, "127.0.0.1"),
        (18443, 18443, "::1"),
    }


def test_plain_http_can_be_off(engine: Engine) -> None:
    declare(lambda: Roundcube("webmail", sample_args(ports=ports(webmail=18443, webmailRedirect=False))))
    assert {port["internal"] for port in container(engine)["ports"]} == {8443, 18443}


def test_links_to_the_mail_server_are_encrypted_from_the_first_byte(webmail: Engine) -> None:
    environment = set(container(webmail)["envs"])
    assert {
        "ROUNDCUBEMAIL_DEFAULT_HOST=ssl://dovecot",
        "ROUNDCUBEMAIL_DEFAULT_PORT=993",
        "ROUNDCUBEMAIL_SMTP_SERVER=ssl://postfix",
        "ROUNDCUBEMAIL_SMTP_PORT=465",
    } <= environment, "with STARTTLS it goes on in clear text where a server does not offer that"


def test_secrets_are_files_that_the_image_looks_for_and_nobody_else_sees(webmail: Engine) -> None:
    filler = webmail.one(CONTAINER, SECRETS)
    assert is_secret(filler.object.fields["uploads"])
    assert files(webmail, "run-secrets") == {
        "identities_password": "hunter4",
        "identities_user": "identities",
        "passwords_password": "hunter3",
        "passwords_user": "passwords",
        "roundcube_db_password": "hunter2",
        "roundcube_db_user": "roundcube",
        "roundcube_des_key": "generated-webmail-session-key",
        "server.key": "private\n",
    }
    for request in webmail.requests:
        if request is not filler:
            assert "hunter2" not in str(request), request.name
            assert "hunter3" not in str(request), request.name


def test_sessions_survive_because_their_key_is_kept_in_the_stack(webmail: Engine) -> None:
    (key,) = webmail.created("random:index/randomPassword:RandomPassword")
    assert plain(key.object)["length"] == 32, "AES-256-CBC takes a key of 32 bytes and no other"
    assert plain(key.object)["special"] is False


def test_settings_stay_readable_in_a_preview(webmail: Engine) -> None:
    for folder in ("etc-mailinfra", "var-roundcube-config"):
        assert not is_secret(webmail.one(CONTAINER, f"webmail-service-{folder}-filler").object)
    assert "hunter2" not in files(webmail, "var-roundcube-config")["mailinfra.php"]


def test_our_own_ca_is_trusted_where_there_is_one(webmail: Engine) -> None:
    given = files(webmail, "etc-mailinfra")
    assert (given["mail-ca.pem"], given["database-ca.pem"]) == ("mail ca\n", "database ca\n")
    text = files(webmail, "var-roundcube-config")["mailinfra.php"]
    assert "'cafile' => '/etc/mailinfra/mail-ca.pem'" in text
    assert "?ca=/etc/mailinfra/database-ca.pem&verify_server_cert=true" in text


def test_a_public_certificate_is_held_to_the_public_cas(engine: Engine) -> None:
    public = sample_args(dovecot=dovecot_peer(ca=""), database=login("roundcube", ca=""))
    declare(lambda: Roundcube("webmail", public))
    assert files(engine, "etc-mailinfra")["mail-ca.pem"] == "\n", "an upload without any content is refused"
    text = files(engine, "var-roundcube-config")["mailinfra.php"]
    assert "'cafile' => '/etc/ssl/certs/ca-certificates.crt'" in text
    assert "?ca=/etc/ssl/certs/ca-certificates.crt&verify_server_cert=true" in text


def test_the_images_own_php_settings_are_added_to_and_not_hidden(webmail: Engine) -> None:
    assert "PHP_INI_SCAN_DIR=:/etc/mailinfra/php" in container(webmail)["envs"]
    assert "upload_max_filesize" in files(webmail, "etc-mailinfra")["php/mailinfra.ini"]


def test_it_has_memory_for_the_largest_message(engine: Engine) -> None:
    large = sample_args(limits=limits(messageSize="200M"))
    declare(lambda: Roundcube("webmail", large))
    assert container(engine)["memory"] > 5 * 200
    assert container(engine)["tmpfs"]["/tmp"].endswith("size=664m")


def test_it_is_healthy_only_while_visitors_see_the_login_form(webmail: Engine) -> None:
    assert container(webmail)["healthcheck"]["tests"] == ["CMD", "php", "/etc/mailinfra/healthy.php"]
    assert "_user" in files(webmail, "etc-mailinfra")["healthy.php"]


def test_others_learn_its_name_once_it_is_healthy(engine: Engine) -> None:
    declare(lambda: Roundcube("webmail", sample_args()))
    (outputs,) = [given for urn, given in engine.registered.items() if urn.endswith("::webmail")]
    assert outputs == {"host": "webmail"}
