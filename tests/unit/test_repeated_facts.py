"""A fact that a Dockerfile, a script or another daemon's file repeats is the same there as at its owner."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from bootstrap import inventory
from bootstrap.plan import keys
from mailinfra import user_ids
from mailinfra.components import dovecot, postfix, resolver, roundcube, rspamd, valkey
from mailinfra.components.database import server
from mailinfra.config.dkim import RETIREMENT_DAYS, DkimConfig, KeyState
from mailinfra.config.network import PortsConfig
from mailinfra.config.server import MOST_ADDRESSES
from mailinfra.config.storage import ExternalDatabaseConfig, MailStorageConfig
from mailinfra.containers import labels
from mailinfra.containers.place import INNER_STEP
from mailinfra.containers.rendering import render
from mailinfra.docgen.schema import descriptions
from tests.samples import dovecot_args, postfix_args, roundcube_args, rspamd_args

ROOT = Path(__file__).parents[2]
PORTS = (dovecot.PUBLISHED, postfix.PORTS, roundcube.PORTS)


def image_file(name: str) -> str:
    return (ROOT / "images" / name).read_text()


@pytest.mark.parametrize(
    ("folder", "user"),
    [
        ("acme", user_ids.ACME),
        ("dovecot", user_ids.DOVECOT),
        ("resolver", user_ids.RESOLVER),
        ("roundcube", user_ids.WEBMAIL),
        ("rspamd", user_ids.RSPAMD),
        ("valkey", user_ids.VALKEY),
    ],
)
def test_an_image_runs_as_the_user_that_its_container_does(folder: str, user: int) -> None:
    assert f"\nUSER {user}:{user}\n" in image_file(f"{folder}/Dockerfile")


@pytest.mark.parametrize(
    ("folder", "name", "user"),
    [
        ("acme", "acme", user_ids.ACME),
        ("dovecot", "vmail", user_ids.DOVECOT),
        ("postfix", "postfix", user_ids.POSTFIX),
        ("postfix", "helper", user_ids.HELPER),
        ("postfix", "postsrsd", user_ids.POSTSRSD),
        ("mysql", "mysql", user_ids.MYSQL),
        ("resolver", "unbound", user_ids.RESOLVER),
        ("valkey", "valkey", user_ids.VALKEY),
    ],
)
def test_an_image_makes_the_users_that_its_folders_belong_to(folder: str, name: str, user: int) -> None:
    text = image_file(f"{folder}/Dockerfile")
    assert re.search(rf"groupadd .*--gid {user} {name}\b", text)
    assert re.search(rf"useradd .*--uid {user} --gid {user} [^&]* {name}\b", text)


def test_webmails_image_gives_www_data_another_number_before_any_package_knows_it() -> None:
    text = image_file("roundcube/Dockerfile")
    assert f"groupmod --gid {user_ids.WEBMAIL} www-data" in text
    assert text.index(f"usermod --uid {user_ids.WEBMAIL} www-data") < text.index("apt-get")


def test_dovecot_serves_mail_of_its_own_user_alone() -> None:
    text = (ROOT / "configs/dovecot/dovecot.conf").read_text()
    assert set(re.findall(r"first_valid_[ug]id = (\d+)", text)) == {str(user_ids.DOVECOT)}


def test_postfix_finds_its_memory_where_the_image_makes_it_and_nobody_else_does() -> None:
    assert re.search(
        rf"memcached -s \"\$0\" -a 0700 .*\n    {re.escape(postfix.MEMORY)} &\n",
        image_file("postfix/entrypoint"),
    )


def test_postfix_knows_the_group_of_who_may_hand_in_mail() -> None:
    assert f"groupadd --gid {user_ids.POSTDROP} postdrop" in image_file("postfix/Dockerfile")


def test_the_preview_and_the_form_say_the_same_of_keys() -> None:
    assert keys.DAYS == RETIREMENT_DAYS
    assert f"the {RETIREMENT_DAYS} days" in descriptions(DkimConfig)["keys"]
    assert keys.SIGNING == KeyState.SIGNING
    assert set(keys._MEANS) == set(KeyState)


def test_the_form_says_who_a_folder_of_the_host_has_to_belong_to() -> None:
    told = descriptions(MailStorageConfig)["host_path"]
    assert f"user and group {user_ids.DOVECOT}," in " ".join(told.split())


def test_health_checks_ask_at_the_ports_that_the_daemons_listen_on() -> None:
    asked = {
        int(port)
        for port in re.findall(
            r'(?:greeting "\$inner" |127\.0\.0\.1[:/])(\d+)', image_file("dovecot/healthy")
        )
    }
    assert asked == {dovecot.PUBLISHED["imaps"], *dovecot.INNER.values(), dovecot.GUESSES_PORT}
    told = re.findall(r"/dev/tcp/127\.0\.0\.1/(\d+)", image_file("dovecot/entrypoint"))
    assert told == [str(dovecot.GUESSES_PORT)]
    asked = {
        int(port) for port in re.findall(r"(?:greeting |127\.0\.0\.1:)(\d+)", image_file("postfix/healthy"))
    }
    assert asked == set(postfix.PORTS.values())


@pytest.mark.parametrize(
    ("folder", "owner"), [("resolver", resolver), ("rspamd", rspamd), ("valkey", valkey)]
)
def test_the_filters_health_checks_ask_at_its_own_ports(folder: str, owner: ModuleType) -> None:
    asked = re.findall(r"/dev/tcp/127\.0\.0\.1/(\d+)", image_file(f"{folder}/healthy"))
    assert {int(port) for port in asked} == set(owner.PORTS.values())


def test_the_image_of_rspamd_makes_its_user_and_looks_where_its_files_are() -> None:
    text = image_file("rspamd/Dockerfile")
    assert f"_SYSTEM_\\2ID={user_ids.RSPAMD}/" in text
    links = " ".join(f"{rspamd.FILES}/{folder}" for folder in ("local.d", "lua.local.d", "override.d"))
    assert f"ln -s {links} /etc/rspamd/" in text


def test_what_is_said_of_hosted_domains_is_watched_and_read_where_it_is() -> None:
    assert f"find {rspamd.HOSTED}/ " in image_file("rspamd/entrypoint")
    files = [str(text) for text in rspamd.configuration(rspamd_args()).values()]
    for path in rspamd.hosted(rspamd_args()):
        assert [text for text in files if f"{rspamd.HOSTED}/{path}" in text], f"nobody reads {path}"


def test_dovecot_teaches_with_the_password_and_at_the_place_that_it_gets() -> None:
    program = image_file("dovecot/learn")
    assert "/run/secrets/filter_password" in program
    assert "filter_password" in dovecot.secrets(dovecot_args())
    assert "</etc/dovecot/filter" in program
    assert dovecot.configuration(dovecot_args())["filter"] == f"rspamd/{rspamd.PORTS['controller']}\n"
    (folder,) = re.findall("^sieve_pipe_bin_dir = (.*)$", render("dovecot/conf.d/sieve.conf", {}), re.M)
    assert f"COPY learn {folder}/\n" in image_file("dovecot/Dockerfile")


def test_images_listen_where_the_program_expects_them() -> None:
    plain = roundcube.PORTS["webmail_redirect"]
    assert f"'Listen {plain}\\n'" in image_file("roundcube/Dockerfile")
    assert f"<VirtualHost *:{plain}>" in image_file("roundcube/site.conf")
    assert f"EXPOSE {server.PORT} " in image_file("mysql/Dockerfile")


def test_the_ports_of_a_public_server_are_those_of_its_daemons() -> None:
    expected = {**postfix.PORTS, **dovecot.PUBLISHED, "database": server.PORT}
    assert PortsConfig().on(expected) == expected
    assert ExternalDatabaseConfig.model_fields["port"].default == server.PORT


def test_every_inner_port_is_a_port_however_many_addresses_there_are() -> None:
    for published in PORTS:
        ports = [port + INNER_STEP * index for port in published.values() for index in range(MOST_ADDRESSES)]
        assert max(ports) <= 65535
        assert len(set(ports)) == len(ports), "two protocols would share one"


def test_all_daemons_speak_tls_with_the_same_ciphers_and_curves() -> None:
    mail = dovecot.configuration(dovecot_args())["conf.d/ssl.conf"]
    transfer = postfix.configuration(postfix_args())["main.cf"]
    web = render("roundcube/tls.conf", roundcube.values(roundcube_args()))
    patterns = (
        (mail, r"^ssl_cipher_list = (.*)$"),
        (transfer, r"^tls_medium_cipherlist = (.*)$"),
        (web, r"^SSLCipherSuite (.*)$"),
    )
    ciphers = {tuple(re.findall(pattern, str(text), re.M)) for text, pattern in patterns}
    assert len(ciphers) == 1
    assert all(len(found) == 1 for found in ciphers)
    (curves,) = re.findall(r"^ssl_curve_list = (.*)$", str(mail), re.M)
    assert f"\ntls_eecdh_auto_curves = {curves.replace(':', ' ')}\n" in str(transfer)
    assert f"\nSSLOpenSSLConfCmd Groups {curves}\n" in web


def test_the_key_of_sessions_is_as_long_as_the_cipher_that_takes_it() -> None:
    text = str(roundcube.folders(roundcube_args(), "key")[1].files["mailinfra.php"])
    (bits,) = re.findall(r"\$config\['cipher_method'\] = 'AES-(\d+)-GCM'", text)
    assert int(bits) == roundcube.KEY_LENGTH * 8


def test_the_bootstrap_and_an_operator_look_for_the_labels_that_containers_have() -> None:
    assert (inventory.STACK_LABEL, inventory.SERVICE_LABEL) == (labels.STACK, labels.SERVICE)
    text = (ROOT / "docs" / "operations.md").read_text()
    assert set(re.findall(r"--filter label=([\w.]+)=", text)) == {labels.STACK, labels.SERVICE}


def test_each_plugin_of_ours_is_put_where_the_webmail_looks_for_it_and_switched_on() -> None:
    ours = sorted(path.name for path in (ROOT / "configs/roundcube/plugins").iterdir())
    assert ours == sorted(name for name in roundcube.PLUGINS if name.startswith("mailinfra_"))
    mounted = {folder.path: [*folder.files] for folder in roundcube.folders(roundcube_args(), "key")}
    for name in ours:
        assert mounted[f"{roundcube.SOURCE}/plugins/{name}"] == [f"{name}.php"]
    assert f" {roundcube.SOURCE};" in image_file("roundcube/Dockerfile"), (
        "ours has it where the official one does"
    )
