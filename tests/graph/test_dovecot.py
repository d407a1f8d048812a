"""What Dovecot declares: the container, its files and secrets, and the volume that holds the mail."""

from dataclasses import replace
from typing import Any

import pulumi
import pytest

from mailinfra.components.dovecot import Dovecot, DovecotArgs
from mailinfra.config.storage import MailStorageConfig
from mailinfra.types import OnDestroy
from tests.graph.conftest import CONTAINER, VOLUME, Engine, declare, heard, is_secret, plain
from tests.samples import PLACE, dovecot_args, login, ports


def sample_args(**changes: Any) -> DovecotArgs:
    place = replace(PLACE, alias="dovecot", listen=["127.0.0.1", "::1"])
    database = login("dovecot", host=pulumi.Output.from_input("mysql"), password="hunter2")
    public = ports(imap=2143, imaps=2993, pop3=False, pop3s=2995)
    return replace(dovecot_args(place=place, database=database, ports=public), **changes)


def files(engine: Engine, folder: str) -> dict[str, str]:
    uploads = plain(engine.one(CONTAINER, f"imap-service-{folder}-filler").object)["uploads"]
    return {upload["file"].removeprefix("/mailinfra/"): upload["content"] for upload in uploads}


@pytest.fixture(scope="module")
def dovecot() -> Engine:
    return heard(lambda: Dovecot("imap", sample_args()))


def test_the_mail_volume_outlives_a_destroy_under_a_name_that_the_next_up_finds(dovecot: Engine) -> None:
    volume = dovecot.one(VOLUME, "imap-mail")
    assert volume.retainOnDelete, "with this volume every mail is gone"
    assert plain(volume.object)["name"] == "mailinfra-test-mail"


def test_a_throw_away_stack_leaves_no_mail_behind(engine: Engine) -> None:
    declare(lambda: Dovecot("imap", sample_args(on_destroy=OnDestroy.DELETE)))
    assert not engine.one(VOLUME, "imap-mail").retainOnDelete


def test_mail_can_lie_on_another_drivers_volume(engine: Engine) -> None:
    share = {"type": "nfs", "o": "addr=192.0.2.9,rw", "device": ":/srv/mail"}
    mail = MailStorageConfig.model_validate({"driverOptions": share})
    declare(lambda: Dovecot("imap", sample_args(mail=mail)))
    assert plain(engine.one(VOLUME, "imap-mail").object)["driverOpts"] == share


def test_another_driver_or_other_options_are_another_volume(engine: Engine) -> None:
    """Docker answers with the volume of that name that is there, and tells nobody that it looks otherwise."""
    ways: dict[str, dict[str, Any]] = {
        "plain": {},
        "share": {"driverOptions": {"type": "nfs", "o": "addr=192.0.2.9", "device": ":/srv/mail"}},
        "other": {"driverOptions": {"type": "nfs", "o": "addr=192.0.2.9", "device": ":/srv/other"}},
        "driver": {"driver": "vieux/sshfs"},
    }

    def program() -> None:
        for name, way in ways.items():
            Dovecot(name, sample_args(mail=MailStorageConfig.model_validate(way)))

    declare(program)
    names = {name: plain(engine.one(VOLUME, f"{name}-mail").object)["name"] for name in ways}
    assert len(set(names.values())) == len(names), names
    assert names.pop("plain") == "mailinfra-test-mail"
    assert all(name.startswith("mailinfra-test-mail-") for name in names.values()), "the stack's own"


def test_mail_can_lie_in_a_folder_of_the_host_and_then_no_volume_is_declared(engine: Engine) -> None:
    mail = MailStorageConfig.model_validate({"hostPath": "/srv/mail"})
    declare(lambda: Dovecot("imap", sample_args(mail=mail)))
    assert "imap-mail" not in [request.name for request in engine.created(VOLUME)]
    mounts = plain(engine.one(CONTAINER, "imap-service-container").object)["mounts"]
    assert {"type": "bind", "source": "/srv/mail", "target": "/mail"} in mounts


def test_it_runs_without_root_and_without_any_capability(dovecot: Engine) -> None:
    container = plain(dovecot.one(CONTAINER, "imap-service-container").object)
    assert container["user"] == "61001:61001"
    assert container["capabilities"] == {"adds": [], "drops": ["ALL"]}


def test_delivery_and_password_checks_are_never_published(dovecot: Engine) -> None:
    ports = plain(dovecot.one(CONTAINER, "imap-service-container").object)["ports"]
    assert {port["internal"] % 10_000 for port in ports} == {143, 993, 995}


def test_each_port_is_published_on_each_declared_address_and_nowhere_else(dovecot: Engine) -> None:
    ports = plain(dovecot.one(CONTAINER, "imap-service-container").object)["ports"]
    assert {(port["ip"], port["external"]) for port in ports if port["external"] == 2993} == {
        ("127.0.0.1", 2993),
        ("::1", 2993),
    }


def test_settings_stay_readable_in_a_preview(dovecot: Engine) -> None:
    assert not is_secret(dovecot.one(CONTAINER, "imap-service-etc-dovecot-filler").object)
    assert "mysql mysql {" in files(dovecot, "etc-dovecot")["ext/sql.conf.ext"]


def test_password_and_key_are_files_that_nobody_else_sees(dovecot: Engine) -> None:
    filler = dovecot.one(CONTAINER, "imap-service-run-secrets-filler")
    assert is_secret(filler.object.fields["uploads"])
    assert files(dovecot, "run-secrets") == {
        "database_password": "hunter2",
        "filter_password": "sample-password",
        "inner.key": "private\n",
        "tls.key": "private\n",
    }, "Dovecot takes every byte of the password's file, a line's end too"
    for request in dovecot.requests:
        if request is not filler:
            assert "hunter2" not in str(request), request.name


def test_the_databases_ca_is_given_where_it_is_known(dovecot: Engine) -> None:
    given = files(dovecot, "etc-dovecot")
    assert given["tls/database-ca.pem"] == "ca\n"
    assert "ssl_client_ca_file = /etc/dovecot/tls/database-ca.pem" in given["ext/sql.conf.ext"]


def test_without_a_ca_of_its_own_the_database_is_held_to_the_public_ones(engine: Engine) -> None:
    declare(lambda: Dovecot("imap", sample_args(database=login("dovecot", ca=""))))
    given = files(engine, "etc-dovecot")
    assert "ssl_client_ca_file = /etc/ssl/certs/ca-certificates.crt" in given["ext/sql.conf.ext"]
    assert given["tls/database-ca.pem"] == "\n", "an upload without any content is refused"


def test_pop3_is_served_only_where_a_port_of_it_is_published(engine: Engine) -> None:
    declare(lambda: Dovecot("imap", sample_args(ports=ports(pop3=False, pop3s=False))))
    assert "pop3" not in files(engine, "etc-dovecot")["conf.d/protocols.conf"]


def test_it_takes_mail_in_clear_text_where_nobody_else_hears_it_and_logins_nowhere(dovecot: Engine) -> None:
    text = files(dovecot, "etc-dovecot")["conf.d/ssl.conf"]
    outside, _, rest = text.partition("protocol lmtp {")
    assert "ssl = required\n" in outside, "mail programs are held to TLS"
    assert "ssl = no\n}" in rest
    assert text.count("ssl = no") == 1


def test_it_wants_tls_for_mail_from_another_machine(engine: Engine) -> None:
    inner = replace(sample_args().inner, encrypted=True)
    seen: list[Any] = []
    declare(lambda: seen.append(Dovecot("imap", sample_args(inner=inner)).inner.encrypted))
    assert "ssl = no" not in files(engine, "etc-dovecot")["conf.d/ssl.conf"]
    assert seen == [True]


def test_others_learn_its_name_once_it_is_healthy(engine: Engine) -> None:
    seen: list[Any] = []
    declare(lambda: pulumi.Output.from_input(Dovecot("imap", sample_args()).peer.host).apply(seen.append))
    assert seen == ["dovecot"]
    (outputs,) = [given for urn, given in engine.registered.items() if urn.endswith("::imap")]
    assert outputs == {"host": "dovecot", "mail_volume": "mailinfra-test-mail"}
