"""The form as a whole: what is filled in by itself, and what a person reads about a mistake in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import set_all_config, set_config

from mailinfra.config.load import load
from tests.unit.form import accepted, accounts, form, refused

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("stack", ["dev", "offline", "example"])
def test_the_stacks_of_this_repository_are_sound(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    given = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]["mailinfra:server"]
    if stack == "example":  # its certificate files are a real server's
        del given["certificate"]
    assert accepted(given).accounts is not None


def test_dev_and_offline_run_side_by_side() -> None:
    dev, offline = (
        accepted(yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]["mailinfra:server"])
        for stack in ("dev", "offline")
    )
    assert not set(vars(dev.ports).values()) & set(vars(offline.ports).values())
    assert not dev.network.subnet.overlaps(offline.network.subnet)


def test_a_host_name_is_all_that_has_to_be_decided() -> None:
    server = accepted({"hostname": "mail.example.org"})
    assert vars(server.ports) == {
        "smtp": 25,
        "submission": 587,
        "submissions": 465,
        "imap": 143,
        "imaps": 993,
        "pop3": 110,
        "pop3s": 995,
        "webmail": 8443,
        "webmail_redirect": 8000,
        "database": 3306,
    }
    assert server.certificate is None
    assert server.accounts is not None
    assert server.accounts.mailboxes == ()


def test_a_missing_host_name_is_asked_for() -> None:
    assert refused({}) == ["server.hostname: is missing; add it"]


def test_a_form_that_is_no_group_of_settings_is_refused() -> None:
    assert refused(["hostname"]) == ["server: must be a group of settings, each on a line of its own"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            "Mail.example.test",
            "server.hostname: must be lower case; write 'mail.example.test'; given 'Mail.example.test'",
        ),
        (
            "mail",
            "server.hostname: is not a full domain name; write it with its parent, like 'mail.example.org'",
        ),
        (
            "mail.example.test.",
            "server.hostname: is not a domain name; write labels of letters, digits and inner hyphens",
        ),
        (
            "-mail.example.test",
            "server.hostname: is not a domain name; write labels of letters, digits and inner hyphens",
        ),
        (
            "mail_1.example.test",
            "server.hostname: is not a domain name; write labels of letters, digits and inner hyphens",
        ),
        (
            "192.0.2.1",
            "server.hostname: is not a domain name; write labels of letters, digits and inner hyphens",
        ),
        ("xn--zzzzzz.test", "server.hostname: is not an international domain name"),
        (25, "server.hostname: must be text; given 25"),
    ],
)
def test_a_malformed_host_name_is_refused_with_its_rule(given: object, line: str) -> None:
    (found,) = refused(form(hostname=given))
    assert found.startswith(line)


def test_an_international_host_name_is_taken_in_either_form() -> None:
    assert accepted(form(hostname="post.bücher.test")).hostname == "post.xn--bcher-kva.test"
    assert accepted(form(hostname="post.xn--bcher-kva.test")).hostname == "post.xn--bcher-kva.test"


def test_an_unknown_key_is_answered_with_the_nearest_one() -> None:
    assert refused(form(adresses=[])) == ["server.adresses: is not a setting; did you mean 'addresses'?"]
    assert refused(form(ports={"popp3": 1})) == ["server.ports.popp3: is not a setting; did you mean 'pop3'?"]


def test_an_unknown_key_without_a_near_one_is_answered_with_all_of_them() -> None:
    (line,) = refused(form(network={"qqq": 1}))
    assert line == "server.network.qqq: is not a setting; known here: subnet, subnet6"


def test_the_python_name_of_a_field_is_no_key() -> None:
    (line,) = refused(form(limits={"message_size": "50M"}))
    assert line == "server.limits.message_size: is not a setting; did you mean 'messageSize'?"


def test_all_mistakes_are_answered_at_once() -> None:
    given = accounts(mailboxes=[{"address": "alice@elsewhere.test"}, {"address": "Bob@example.test"}])
    given |= {"hostname": "mail", "ports": {"smtp": 0, "imap": 993}, "listen": ["::1", "::1"]}
    places = [line.split(": ")[0] for line in refused(given, passwords={"eve@example.test": "x"})]
    assert places == [
        "server.hostname",
        "server.ports.smtp",
        "server.ports.imaps",
        "server.accounts.mailboxes.1.address",
        "server.accounts.mailboxes.0.address",
        "server.accounts.aliases.0.targets.0 (sales@example.test)",
        "server.listen.1",
        "mailinfra:passwords",
    ]


def test_a_secret_in_the_wrong_place_is_not_quoted() -> None:
    lines = refused(
        accounts(
            mailboxes=[
                {"address": "alice@example.test", "password": "hunter2"},
                {"address": "bob@example.test", "pass": "hunter2"},
                "carol@example.test:hunter2",
            ],
        )
        | {"smarthost": {"host": "relay.example.test", "password": "hunter2"}},
        passwords={"alice@example.test": "{MD5}hunter2", "bob@example.test": ["hunter2"]},
    )
    assert len(lines) >= 6
    assert not [line for line in lines if "hunter2" in line]
    assert (
        "server.accounts.mailboxes.0.password (alice@example.test): must be 'initial' or 'owned'; the "
        "password itself belongs to "
        "the secret mailinfra:passwords"
    ) in lines


@pytest.fixture
def config() -> Iterator[pulumi.Config]:
    """The stack's configuration, as the engine hands it over; `set_all_config` fills it."""
    yield pulumi.Config("mailinfra")
    set_all_config({})


def stack(secrets: list[str], **values: Any) -> None:
    """Hand over configuration as the engine does: texts, some of them secret."""
    texts = {
        f"mailinfra:{key}": one if isinstance(one, str) else json.dumps(one) for key, one in values.items()
    }
    set_all_config(texts, [f"mailinfra:{key}" for key in secrets])


def test_a_stack_without_a_form_is_told_where_to_begin(config: pulumi.Config) -> None:
    stack([])
    with pytest.raises(
        pulumi.RunError, match=r"mailinfra:server is missing .* copy it from Pulumi\.example\.yaml"
    ):
        load(config)


def test_a_secret_within_the_form_is_sent_to_a_key_of_its_own(config: pulumi.Config) -> None:
    stack(["server"], server=form())
    with pytest.raises(
        pulumi.RunError, match=r"mailinfra:server holds a secret.* mailinfra:databasePassword"
    ):
        load(config)


def test_a_secret_key_in_clear_text_is_refused_without_quoting_it(config: pulumi.Config) -> None:
    stack([], server=form(), databasePassword="hunter2")
    with pytest.raises(pulumi.RunError, match="databasePassword: stands in clear text; change it") as caught:
        load(config)
    assert "hunter2" not in str(caught.value)


def test_a_key_that_nothing_reads_is_refused_with_the_nearest_one(config: pulumi.Config) -> None:
    stack(["password"], server=form(), password="hunter2", hostname="mail.example.test")
    with pytest.raises(pulumi.RunError) as caught:
        load(config)
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "mailinfra:hostname: is read by nothing; all settings stand under mailinfra:server",
        "mailinfra:password: is read by nothing; did you mean 'mailinfra:passwords'?",
    ]


def test_keys_of_other_projects_are_left_alone(config: pulumi.Config) -> None:
    stack([], server=form())
    set_config("docker:host", "unix:///var/run/docker.sock")
    assert load(config).hostname == "mail.example.test"


def test_a_form_that_is_one_word_is_refused(config: pulumi.Config) -> None:
    stack([], server="mail.example.test")
    with pytest.raises(pulumi.RunError, match="server: must be a group of settings"):
        load(config)


@pytest.mark.parametrize(
    ("settings", "place", "key"),
    [
        (
            {
                "database": {
                    "external": {"host": "db.example.test", "administrator": "a", "password": "hunter2"}
                }
            },
            "database.external.password",
            "databasePassword",
        ),
        (
            {"smarthost": {"host": "relay.example.test", "username": "u", "password": "hunter2"}},
            "smarthost.password",
            "smarthostPassword",
        ),
        ({"password": "hunter2"}, "password", "passwords, databasePassword or smarthostPassword"),
    ],
)
def test_a_password_in_the_form_is_sent_to_the_key_of_its_section(
    settings: dict[str, Any], place: str, key: str
) -> None:
    lines = refused(form(**settings))
    assert (
        f"server.{place}: is a secret, and nothing in this form is; remove the line, change the password, "
        f"and declare it with `pulumi config set --secret`, under mailinfra:{key}"
    ) in lines
    assert "hunter2" not in " ".join(lines)


def test_passwords_that_are_one_word_are_refused_without_quoting_it(config: pulumi.Config) -> None:
    stack(["passwords"], server=form(), passwords="hunter2")
    with pytest.raises(
        pulumi.RunError, match="mailinfra:passwords: must be an object of addresses"
    ) as caught:
        load(config)
    assert "hunter2" not in str(caught.value)


def test_a_sound_stack_is_loaded(config: pulumi.Config) -> None:
    stack(["passwords"], server=form(), passwords={"alice@example.test": "correct horse"})
    assert load(config).hostname == "mail.example.test"


def test_an_external_database_needs_the_administrators_password(config: pulumi.Config) -> None:
    external = form(database={"external": {"host": "db.example.test", "administrator": "admin"}})
    (line,) = refused(external)
    assert line == (
        "mailinfra:databasePassword: is missing for server.database.external; "
        "`pulumi config set --secret databasePassword`"
    )
    assert accepted(external, database_password=True).database.external is not None


def test_a_secret_that_nothing_uses_is_refused() -> None:
    (line,) = refused(form(), smarthost_password=True)
    assert line == (
        "mailinfra:smarthostPassword: is of no use without server.smarthost.username; "
        "remove one or add the other"
    )
