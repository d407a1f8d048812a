"""What Postfix declares: the container, its files and secrets, and the volume that holds the queue."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from mailinfra.components.postfix import SECRETS, Postfix, PostfixArgs, smarthost_login
from mailinfra.config import pem
from mailinfra.config.mail import ForwardingConfig, SmarthostConfig
from mailinfra.types import OnDestroy
from mailinfra.user_ids import HELPER, POSTFIX
from tests.graph.conftest import CONTAINER, VOLUME, Engine, declare, heard, is_secret, plain
from tests.graph.properties import PASSWORD
from tests.samples import inner_dovecot, limits, login, ports, postfix_args

NOT_REWRITTEN = ForwardingConfig.model_validate({"rewriteSender": False})


def sample_args(**changes: Any) -> PostfixArgs:
    database = login("postfix", host=pulumi.Output.from_input("mysql"), password="hunter2")
    dovecot = inner_dovecot(host=pulumi.Output.from_input("dovecot-inner"))
    public = ports(smtp=2525, submission=False, submissions=2465)
    return replace(postfix_args(database=database, dovecot=dovecot, ports=public), **changes)


def smarthost(**given: Any) -> SmarthostConfig:
    return SmarthostConfig.model_validate({"host": "smart.test", **given})


@pytest.fixture
def ca(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a file that is taken for the smarthost's CA."""
    monkeypatch.setattr(pem, "certificate_fault", lambda path: None)
    (tmp_path / "ca.pem").write_text("its ca\n")
    return str(tmp_path / "ca.pem")


def files(engine: Engine, folder: str) -> dict[str, str]:
    uploads = plain(engine.one(CONTAINER, f"mta-service-{folder}-filler").object)["uploads"]
    return {upload["file"].removeprefix("/mailinfra/"): upload["content"] for upload in uploads}


def main_cf(engine: Engine, **changes: Any) -> str:
    declare(lambda: Postfix("mta", sample_args(**changes)))
    return files(engine, "etc-postfix")["main.cf"]


@pytest.fixture(scope="module")
def postfix() -> Engine:
    return heard(lambda: Postfix("mta", sample_args()))


def test_the_queue_outlives_a_destroy_under_a_name_that_the_next_up_finds(postfix: Engine) -> None:
    volume = postfix.one(VOLUME, "mta-queue")
    assert volume.retainOnDelete, "mail that was accepted and not delivered is in it"
    assert plain(volume.object)["name"] == "mailinfra-test-queue"


def test_a_throw_away_stack_leaves_no_queue_behind(engine: Engine) -> None:
    declare(lambda: Postfix("mta", sample_args(on_destroy=OnDestroy.DELETE)))
    assert not engine.one(VOLUME, "mta-queue").retainOnDelete


def test_it_gets_three_capabilities_and_no_more(postfix: Engine) -> None:
    container = plain(postfix.one(CONTAINER, "mta-service-container").object)
    assert container["capabilities"] == {
        "adds": ["CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID"],
        "drops": ["ALL"],
    }


def test_only_declared_ports_are_published(postfix: Engine) -> None:
    ports = plain(postfix.one(CONTAINER, "mta-service-container").object)["ports"]
    assert {(port["internal"], port["external"]) for port in ports} == {(25, 2525), (465, 2465)}


def test_settings_stay_readable_in_a_preview(postfix: Engine) -> None:
    assert not is_secret(postfix.one(CONTAINER, "mta-service-etc-postfix-filler").object)


def test_password_and_key_are_files_that_nobody_else_sees(postfix: Engine) -> None:
    filler = postfix.one(CONTAINER, "mta-service-run-postfix-secrets-filler")
    assert is_secret(filler.object.fields["uploads"])
    assert "password = hunter2" in files(postfix, "run-postfix-secrets")["mysql/senders.cf"]
    for request in postfix.requests:
        if request is not filler:
            assert "hunter2" not in str(request), request.name


def test_every_map_that_main_cf_names_is_among_the_files(postfix: Engine) -> None:
    text = files(postfix, "etc-postfix")["main.cf"]
    maps = {path for path in files(postfix, "run-postfix-secrets") if path.startswith("mysql/")}
    named = {word for word in text.split() if "mysql:/" in word}
    assert maps == {word.rpartition(f"{SECRETS}/")[2] for word in named}


def test_only_root_reads_a_key_and_only_postfix_the_password_of_the_database(engine: Engine) -> None:
    relay = smarthost(username="us")
    declare(lambda: Postfix("mta", sample_args(smarthost=relay, smarthost_password="hunter3")))
    uploads = plain(engine.one(CONTAINER, "mta-service-run-postfix-secrets-filler").object)["uploads"]
    found = {each["file"].removeprefix("/mailinfra/"): each["permissions"] for each in uploads}
    assert {name for name in found if not name.startswith("mysql/")} == {
        "inner.key",
        "older.key",
        "smarthost",
        "srs",
        "tls.key",
    }
    for name, permissions in found.items():
        assert permissions == ("0444" if name.startswith("mysql/") else "0400"), name
    container = plain(engine.one(CONTAINER, "mta-service-container").object)
    outer = SECRETS.rpartition("/")[0]
    assert f"gid={POSTFIX},mode=0750" in container["tmpfs"][outer], "whoever else may enter reads the maps"
    assert HELPER != POSTFIX


def test_what_goes_to_a_dovecot_that_nobody_else_hears_is_not_encrypted(postfix: Engine) -> None:
    given = files(postfix, "etc-postfix")
    assert "lmtp_tls_security_level = none\n" in given["main.cf"]
    assert "tls/dovecot-ca.pem" not in given, "nobody reads it"


def test_a_dovecot_on_another_machine_is_held_to_its_name_by_the_ca_that_is_known(engine: Engine) -> None:
    declare(lambda: Postfix("mta", sample_args(dovecot=inner_dovecot(encrypted=True))))
    given = files(engine, "etc-postfix")
    text = given["main.cf"]
    assert given["tls/dovecot-ca.pem"] == "ca\n"
    assert "lmtp_tls_security_level = secure\n" in text
    assert "lmtp_tls_CAfile = /etc/postfix/tls/dovecot-ca.pem" in text
    assert "lmtp_tls_servername = dovecot\nlmtp_tls_secure_cert_match = dovecot\n" in text


def test_a_public_certificate_of_dovecot_is_held_to_the_public_cas(engine: Engine) -> None:
    text = main_cf(engine, dovecot=inner_dovecot(ca="", encrypted=True))
    assert "lmtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt" in text


def test_a_database_without_a_ca_of_its_own_is_held_to_the_public_ones(engine: Engine) -> None:
    declare(lambda: Postfix("mta", sample_args(database=login("postfix", ca=""))))
    text = files(engine, "run-postfix-secrets")["mysql/domains.cf"]
    assert "tls_CAfile = /etc/ssl/certs/ca-certificates.crt\ntls_verify_cert = yes\n" in text


def test_the_webmail_is_no_stranger_to_the_rate_limits(engine: Engine) -> None:
    text = main_cf(engine, limits=limits(clients={"messageRate": 7}))
    assert "smtpd_client_message_rate_limit = 7\n" in text
    assert "smtpd_client_event_limit_exceptions = 127.0.0.0/8, [::1]/128, 192.0.2.5, [2001:db8::5]\n" in text


def test_a_smarthost_with_a_login_is_verified_and_its_password_is_a_secret_file(
    engine: Engine, ca: str
) -> None:
    given = smarthost(port=465, username="us", caFile=ca)
    text = main_cf(engine, smarthost=given, smarthost_password=pulumi.Output.secret("hunter3"))
    assert "relayhost = [smart.test]:465\n" in text
    assert "smtp_tls_security_level = secure\n" in text
    assert "smtp_tls_CAfile = /etc/postfix/tls/smarthost-ca.pem\n" in text
    assert (
        files(engine, "run-postfix-secrets")["smarthost"] == "/^\\[smart\\.test\\]\\:465()$/ us:hunter3${1}\n"
    )
    assert files(engine, "etc-postfix")["tls/smarthost-ca.pem"] == "its ca\n"


@pytest.mark.parametrize(
    ("password", "line"),
    [
        ("ends in a blank ", "/^\\[s\\.test\\]\\:587()$/ us:ends in a blank ${1}\n"),
        ("$1 costs $$", "/^\\[s\\.test\\]\\:587()$/ us:$$1 costs $$$$${1}\n"),
    ],
)
def test_a_smarthosts_password_reaches_postfix_with_every_character(password: str, line: str) -> None:
    assert smarthost_login("s.test", 587, "us", password) == line


def test_a_smarthost_without_a_login_needs_no_secret_and_still_gets_no_clear_text(engine: Engine) -> None:
    text = main_cf(engine, smarthost=smarthost(port=25))
    assert "smtp_sasl" not in text
    assert "smarthost" not in files(engine, "run-postfix-secrets")
    assert "smtp_tls_security_level = encrypt\n" in text


def test_a_smarthost_with_a_ca_of_its_own_proves_its_name_even_without_a_login(
    engine: Engine, ca: str
) -> None:
    text = main_cf(engine, smarthost=smarthost(caFile=ca))
    assert "smtp_tls_security_level = secure\n" in text
    assert "smtp_tls_CAfile = /etc/postfix/tls/smarthost-ca.pem\n" in text


def test_without_a_smarthost_mail_reaches_servers_that_know_no_tls(engine: Engine) -> None:
    text = main_cf(engine)
    levels = ("may", "dane")  # without a TLSA record that was verified both are the same
    assert any(f"smtp_tls_security_level = {level}\n" in text for level in levels)


@pytest.mark.parametrize(("recipients", "hard_limit"), [(100, 1000), (5000, 5100)])
def test_users_reach_the_limit_of_recipients_that_was_set(
    engine: Engine, recipients: int, hard_limit: int
) -> None:
    given = limits(recipients=recipients, clients={"recipientRate": 0})
    declare(lambda: Postfix("mta", sample_args(limits=given)))
    found = files(engine, "etc-postfix")
    assert found["master.cf"].count(f"-o smtpd_recipient_limit={hard_limit}\n") == 2
    assert f"> {recipients}\n" in found["helper"]


def test_no_service_of_the_master_keeps_the_rights_of_root(engine: Engine) -> None:
    declare(lambda: Postfix("mta", sample_args()))
    lines = [line.split() for line in files(engine, "etc-postfix")["master.cf"].splitlines()]
    services = [line for line in lines if len(line) >= 8 and line[0] != "#"]
    assert len(services) > 20
    as_root = {"local", "pipe", "spawn", "virtual"}
    kept = [line[0] for line in services if line[3] == "n" or line[7] in as_root]
    assert not kept, f"{kept}: each process of theirs is one more that is root"


def test_a_host_name_that_is_a_hosted_domain_is_not_claimed_twice(engine: Engine) -> None:
    assert "virtual_alias_domains =\n" in main_cf(engine, postmaster=None, forwarding=NOT_REWRITTEN)


def test_bounces_of_forwards_reach_a_host_name_that_is_nobodys_domain(engine: Engine) -> None:
    text = main_cf(engine, postmaster=None)
    assert "virtual_alias_domains = proxy:mysql:/run/postfix/secrets/mysql/own-name.cf\n" in text
    assert (
        "AND NOT EXISTS (SELECT 1 FROM domains" in files(engine, "run-postfix-secrets")["mysql/own-name.cf"]
    )


def test_a_senders_secret_is_kept_while_nothing_is_rewritten(engine: Engine) -> None:
    text = main_cf(engine, forwarding=NOT_REWRITTEN)
    assert "tcp:" not in text
    assert "forward_senders =\n\n" in text
    assert "srs" not in files(engine, "run-postfix-secrets")
    assert engine.one(PASSWORD, "mta-srs"), "with another one, bounces of before would find nobody"


def test_others_learn_its_name_once_it_is_healthy(engine: Engine) -> None:
    seen: list[Any] = []
    declare(lambda: pulumi.Output.from_input(Postfix("mta", sample_args()).peer.host).apply(seen.append))
    assert seen == ["postfix"]
    (outputs,) = [given for urn, given in engine.registered.items() if urn.endswith("::mta")]
    assert outputs == {"host": "postfix", "queue_volume": "mailinfra-test-queue"}
