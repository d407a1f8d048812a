"""Database, storage, limits and images: choices that exclude each other are refused."""

import pytest

from mailinfra.config.images import ImagesConfig
from tests.unit.form import accepted, form, refused

EXTERNAL = {"host": "db.example.test", "administrator": "admin"}


def test_too_little_memory_for_the_database_is_refused() -> None:
    assert refused(form(database={"memory": "128M"})) == [
        "server.database.memory: is 128M, and MySQL needs 256M to start; write '256M' or more"
    ]


def test_a_memory_limit_for_somebody_elses_database_is_refused() -> None:
    (line,) = refused(form(database={"memory": "512M", "external": EXTERNAL}), database_password=True)
    assert line == (
        "server.database.memory: limits our own container, and 'external' replaces that one; remove "
        "one of the two"
    )


def test_a_port_for_our_own_database_is_refused_beside_somebody_elses() -> None:
    given = form(database={"external": EXTERNAL}, ports={"database": 13306})
    assert refused(given, database_password=True) == [
        "server.ports.database: publishes our own container, and 'database.external' replaces it; "
        "remove one of the two"
    ]


def test_an_unknown_way_to_get_databases_is_refused() -> None:
    (line,) = refused(form(database={"external": {**EXTERNAL, "databases": "take"}}), database_password=True)
    assert line == "server.database.external.databases: must be 'create' or 'adopt'; given 'take'"


def test_adopted_databases_are_never_dropped() -> None:
    given = form(database={"external": {**EXTERNAL, "databases": "adopt"}}, storage={"onDestroy": "delete"})
    assert refused(given, database_password=True) == [
        "server.storage.onDestroy: would drop databases that were adopted, not made here; write 'retain' or "
        "'protect'; given 'delete'"
    ]
    created = form(database={"external": EXTERNAL}, storage={"onDestroy": "delete"})
    assert accepted(created, database_password=True).storage.on_destroy == "delete"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.1.1", "::1"])
def test_an_existing_database_is_not_on_loopback_where_no_container_finds_it(host: str) -> None:
    assert refused(form(database={"external": {**EXTERNAL, "host": host}}), database_password=True) == [
        f"server.database.external.host: {host} is in each container the container itself; write a name or "
        "an address under which the containers reach the server, too"
    ]


def test_an_unreadable_ca_of_the_database_is_refused() -> None:
    external = {**EXTERNAL, "caFile": "/nowhere/ca.pem"}
    assert refused(form(database={"external": external}), database_password=True) == [
        "server.database.external.caFile: cannot be read (no such file or directory); correct the path; "
        "given '/nowhere/ca.pem'"
    ]


@pytest.mark.parametrize("path", ["mail", "./mail", "/", "/srv/../etc"])
def test_a_folder_for_mail_that_docker_cannot_mount_is_refused(path: str) -> None:
    assert refused(form(storage={"mail": {"hostPath": path}})) == [
        "server.storage.mail.hostPath: must be the absolute path of a folder, like '/srv/mail'; "
        f"given {path!r}"
    ]


def test_mail_has_one_place() -> None:
    given = form(storage={"mail": {"hostPath": "/srv/mail", "driverOptions": {"type": "nfs"}}})
    assert refused(given) == [
        "server.storage.mail.driverOptions: describes a volume, and 'hostPath' is a folder in place of one; "
        "remove one of the two"
    ]


SHARE = {"type": "nfs", "o": "addr=192.0.2.9,rw", "device": ":/srv/mail"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"type": "nfs", "o": "addr=192.0.2.9,rw"}, "has no 'device'"),
        ({"device": "/srv/mail"}, "has no 'type'"),
        ({**SHARE, "share": "mail"}, "holds 'share'"),
        ({**SHARE, "o": "rw"}, "has no 'addr=' in 'o'"),
        ({**SHARE, "o": "addr=192.0.2.9,ro"}, "mounts read-only ('ro' in 'o')"),
        (
            {"type": "tmpfs", "device": "tmpfs"},
            "is memory (tmpfs), and all mail is gone when Dovecot restarts",
        ),
    ],
)
def test_a_local_volume_that_holds_no_mail_is_refused(options: dict[str, str], reason: str) -> None:
    (line,) = refused(form(storage={"mail": {"driverOptions": options}}))
    assert line.startswith(f"server.storage.mail.driverOptions: {reason}")


def test_a_share_memory_that_is_thrown_away_and_another_drivers_options_are_taken() -> None:
    memory = {"onDestroy": "delete", "mail": {"driverOptions": {"type": "tmpfs", "device": "tmpfs"}}}
    for storage in (
        {"mail": {"driverOptions": SHARE}},
        memory,
        {"mail": {"driver": "vieux/sshfs:latest", "driverOptions": {"sshcmd": "mail@nas:/srv"}}},
    ):
        accepted(form(storage=storage))


@pytest.mark.parametrize("driver", ["", "local ", "-x", "a b"])
def test_a_volume_driver_that_none_is_called_is_refused(driver: str) -> None:
    (line,) = refused(form(storage={"mail": {"driver": driver}}))
    assert line.startswith("server.storage.mail.driver: is not a volume driver's name; write 'local', or")


def test_more_memory_than_the_machine_could_give_is_refused_where_the_machine_is_this_one() -> None:
    given = form(database={"memory": "999999G"})
    (line,) = refused(given, local_daemon=True)
    assert line.startswith("server.database.memory: is 999999G, and this machine has ")
    accepted(given, local_daemon=False)


def test_an_unknown_fate_of_data_is_refused() -> None:
    assert refused(form(storage={"onDestroy": "keep"})) == [
        "server.storage.onDestroy: must be 'retain', 'protect' or 'delete'; given 'keep'"
    ]


@pytest.mark.parametrize("size", ["1K", "2G"])
def test_a_message_size_that_no_server_lives_with_is_refused(size: str) -> None:
    (line,) = refused(form(limits={"messageSize": size}))
    assert line.startswith("server.limits.messageSize: must be from 64K, which every server takes")


def test_a_size_without_unit_is_refused() -> None:
    assert refused(form(limits={"messageSize": 50})) == [
        "server.limits.messageSize: is not a size; write a whole number and K, M or G, like '50M'; given 50"
    ]


def test_limits_that_rule_each_other_out_are_refused() -> None:
    assert refused(form(limits={"recipients": 500})) == [
        "server.limits.clients.recipientRate: allows 300 a minute, and 'limits.recipients' 500 in "
        "one message, "
        "which would be refused; raise this one or lower that one"
    ]
    assert (
        accepted(form(limits={"recipients": 500, "clients": {"recipientRate": 0}})).limits.recipients == 500
    )


def test_fewer_recipients_than_the_standard_asks_for_are_refused() -> None:
    assert refused(form(limits={"recipients": 10})) == [
        "server.limits.recipients: must be greater than or equal to 100; given 10"
    ]


@pytest.mark.parametrize("name", ["dovecot", "postfix"])
def test_an_image_that_nobody_publishes_cannot_be_pulled(name: str) -> None:
    assert refused(form(images={name: "pull"})) == [
        f"server.images.{name}: has no published image; write 'build', or the reference of an image "
        "of yours; "
        "given 'pull'"
    ]


def test_an_image_without_a_digest_is_refused_but_for_a_base_that_no_registry_has() -> None:
    assert refused(form(images={"mysql": "mysql:9.7.2", "base": "mailinfra-base:trixie"})) == [
        "server.images.mysql: has no digest, so a registry may answer with another image tomorrow; write "
        "'mysql:9.7.2@sha256:…', as `docker buildx imagetools inspect mysql:9.7.2` prints it; "
        "given 'mysql:9.7.2'"
    ]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("2026-11-26", "2026-11-26"),
        ("2026-11-26T00:00:00Z", "2026-11-26"),
        ("2026-11-26 00:00:00 +0000 UTC", "2026-11-26"),
        (2, "2"),
        ("", ""),
    ],
)
def test_a_revision_of_images_is_a_day_however_yaml_reads_it(given: object, taken: str) -> None:
    assert ImagesConfig.model_validate({"revision": given}).revision == taken


@pytest.mark.parametrize("given", ["a b", "x" * 41, True, ["1"]])
def test_a_revision_that_no_name_could_hold_is_refused(given: object) -> None:
    (reason,) = refused(form(images={"revision": given}))
    assert "server.images.revision: must be at most 40 letters" in reason


def test_webmail_behind_a_proxy_needs_the_port_that_the_proxy_asks() -> None:
    given = form(webmail={"reverseProxy": "192.0.2.1"}, ports={"webmailRedirect": False})
    assert refused(given) == [
        "server.webmail.reverseProxy: needs 'ports.webmailRedirect', which is off: the proxy asks "
        "there; write a port"
    ]


@pytest.mark.parametrize("name", ["us er", "us:er", "us'er", "us\ner", ""])
def test_a_login_that_no_password_file_can_hold_is_refused(name: str) -> None:
    given = form(smarthost={"host": "relay.example.test", "username": name})
    (line,) = refused(given, smarthost_password=True)
    assert line.startswith("server.smarthost.username: ")


def test_a_smarthost_with_a_login_needs_its_password() -> None:
    given = form(smarthost={"host": "relay.example.test", "username": "us"})
    assert refused(given) == [
        "mailinfra:smarthostPassword: is missing for server.smarthost.username; "
        "`pulumi config set --secret smarthostPassword`"
    ]
    smarthost = accepted(given, smarthost_password=True).smarthost
    assert smarthost is not None
    assert smarthost.port == 587


def test_an_unreadable_ca_of_the_smarthost_is_refused() -> None:
    given = form(smarthost={"host": "relay.example.test", "caFile": "/nowhere/ca.pem"})
    assert refused(given) == [
        "server.smarthost.caFile: cannot be read (no such file or directory); correct the path; "
        "given '/nowhere/ca.pem'"
    ]


@pytest.mark.parametrize("host", ["mail.example.test", "192.0.2.25"])
def test_a_server_is_not_its_own_smarthost(host: str) -> None:
    assert refused(form(smarthost={"host": host})) == [
        f"server.smarthost.host: {host} is this server itself, and mail would go round in circles; "
        "name another one, or remove 'smarthost'"
    ]
