"""The pictures in docs/architecture.md show what is declared, and leave nothing out."""

import pytest

from mailinfra.docgen import architecture, declared, packages

CONTAINERS = declared.containers(architecture.SETTINGS)


def test_the_picture_shows_each_connection_between_containers() -> None:
    assert {(link.client, link.server, link.port) for link in declared.links(CONTAINERS)} == {
        ("dovecot", "mysql", 3306),
        ("dovecot", "rspamd", 11334),
        ("postfix", "dovecot", 24),
        ("postfix", "dovecot", 4523),
        ("postfix", "mysql", 3306),
        ("postfix", "resolver", 53),
        ("postfix", "rspamd", 11332),
        ("rspamd", "resolver", 53),
        ("rspamd", "valkey", 6379),
        ("webmail", "dovecot", 993),
        ("webmail", "mysql", 3306),
        ("webmail", "postfix", 465),
    }


def test_the_picture_shows_the_volumes_that_hold_data_and_no_others() -> None:
    assert {volume: one.alias for one in CONTAINERS for volume in one.data} == {
        "mailinfra-prod-mail": "dovecot",
        "mailinfra-prod-mysql": "mysql",
        "mailinfra-prod-queue": "postfix",
        "mailinfra-prod-rspamd": "rspamd",
        "mailinfra-prod-valkey": "valkey",
    }


def test_the_picture_shows_who_connects_to_each_published_port() -> None:
    picture = architecture.container_picture()
    assert 'other_mail_servers -->|"smtp 25"| postfix' in picture
    assert 'pulumi_on_this_machine -->|"database 3306"| mysql' in picture
    for port in (110, 143, 993, 995, 465, 587, 8443, 8000):
        assert f" {port}" in picture


def test_only_the_mail_transfer_agent_sends_to_other_servers() -> None:
    picture = architecture.container_picture()
    assert picture.count("| other_mail_servers") == 1
    assert 'postfix -->|"smtp 25, by MX"| other_mail_servers' in picture


def test_a_smaller_message_size_reaches_those_that_take_messages_alone() -> None:
    rows = architecture.setting_reach()
    assert "| postfix | `/etc/postfix/main.cf` | `message_size_limit = 26214400` |" in rows
    assert {row.split("|")[1].strip() for row in rows.splitlines()[2:]} == {"postfix", "rspamd", "webmail"}


def test_every_package_imports_only_what_stands_above_it_in_the_table() -> None:
    above: set[str] = set()
    for part in packages.parts():
        assert part.imports <= above, f"{part.name} imports what stands below it"
        assert len(part.purpose) > 20, f"{part.name} does not say what it is"
        above.add(part.name)
    assert {"config", "containers", "components", "provider", "cli", "docgen"} <= above


def test_a_page_that_has_lost_a_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="has 0 places for 'packages'; it needs one"):
        architecture.page("# Architecture\n")
