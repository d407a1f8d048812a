"""The files that Dovecot and Postfix read: as expected, and free of what their parsers accept in silence."""

import re
import traceback
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from jinja2 import UndefinedError

from mailinfra.components import dovecot, postfix
from mailinfra.components.handles import Peer
from mailinfra.config.mail import ForwardingConfig, ReceivingConfig, SendingConfig, SmarthostConfig
from mailinfra.containers.rendering import render
from mailinfra.containers.service import Renewed
from mailinfra.hashes import MEMORY_LIMIT_KIB
from mailinfra.types import Dnssec
from tests.samples import FILTER, PLACE, SMARTHOST, dovecot_args, inner_dovecot, login, ports, postfix_args
from tests.unit.templates import leaves, names_in, without

MAPS = (*postfix.MAPS, postfix.OWN_NAME, postfix.OWN_SENDERS)
VALUES: dict[str, dict[str, Any]] = {
    **{f"dovecot/{path}": dovecot.values(dovecot_args()) for path in dovecot.templates(dovecot_args())},
    **{f"postfix/{path}": postfix.values(postfix_args()) for path in postfix.templates(postfix_args())},
    **{f"postfix/{path}": postfix.map_values(postfix_args()) for path in MAPS},
}
INCLUDED = {"postfix/submission.cf", "postfix/mysql/connection.cf", "postfix/remembered/memory.cf"}
DOVECOT = sorted(path for path in VALUES if path.startswith("dovecot/"))


def dovecot_file(path: str, **changes: Any) -> str:
    text = dovecot.configuration(dovecot_args(**changes))[path]
    assert isinstance(text, str), "plain values make a plain text"
    return text


def postfix_file(path: str, **changes: Any) -> str:
    text = postfix.configuration(postfix_args(**changes))[path]
    assert isinstance(text, str), "plain values make a plain text"
    return text


def map_file(path: str, **changes: Any) -> str:
    return render(f"postfix/{path}", postfix.map_values(postfix_args(**changes)))


def settings(text: str) -> dict[str, str]:
    """Return the parameters of a main.cf, each as one line; fail where one is given twice."""
    logical = re.sub(r"\n[ \t]+", " ", "".join(line for line in text.splitlines(True) if line[0] != "#"))
    pairs = [line.partition("=") for line in logical.splitlines() if line.strip()]
    twice = [name for name, count in Counter(name.strip() for name, _, _ in pairs).items() if count > 1]
    assert not twice, f"given twice in main.cf, where the last one wins without a word: {twice}"
    return {name.strip(): value.strip() for name, _, value in pairs}


def main_cf(**changes: Any) -> dict[str, str]:
    return settings(postfix_file("main.cf", **changes))


def test_a_renewed_certificate_is_read_for_each_connection_and_what_is_shown_inside_is_not_renewed() -> None:
    changes = {"renewed": Renewed(volume="tls", group=61013)}
    login = "-o ssl_server_cert_file=/tls/current/chain.pem -o ssl_server_key_file=/tls/current/key.pem\n"
    text = dovecot_file("conf.d/protocols.conf", **changes)
    for protocol in ("imap", "pop3"):
        assert f"  executable = {protocol}-login {login}" in text, "a reload fails logins that are under way"
    assert "executable" not in dovecot_file("conf.d/protocols.conf")
    text = dovecot_file("conf.d/ssl.conf", **changes)
    assert text.count("ssl_server_cert_file = /etc/dovecot/tls/inner.pem\n") == 2
    assert text.count("ssl_server_key_file = /run/secrets/inner.key\n") == 2
    assert postfix_file("main.cf", **changes).count("smtpd_tls_chain_files = /tls/current/all.pem\n") == 1


@pytest.mark.parametrize(
    ("path", "missing"), [(path, name) for path in sorted(VALUES) for name in sorted(names_in(path))]
)
def test_a_missing_value_is_an_error_and_never_an_empty_setting(path: str, missing: str) -> None:
    asked_for_it = {"smarthost": SMARTHOST} if missing.startswith("smarthost.") else {}
    if missing in {"dovecot.ca_file", "dovecot.certified"}:
        asked_for_it = {
            "dovecot": postfix.values(postfix_args(dovecot=inner_dovecot(encrypted=True)))["dovecot"]
        }
    with pytest.raises(UndefinedError, match=missing.rpartition(".")[2]):
        render(path, without({**VALUES[path], **asked_for_it}, missing))


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        (dovecot.values(dovecot_args()), [f"dovecot/{path}" for path in dovecot.templates(dovecot_args())]),
        (postfix.values(postfix_args()), [f"postfix/{path}" for path in postfix.templates(postfix_args())]),
        (postfix.map_values(postfix_args()), [f"postfix/{path}" for path in MAPS]),
    ],
    ids=["dovecot", "postfix", "maps"],
)
def test_every_value_is_asked_for(given: dict[str, Any], paths: list[str]) -> None:
    asked = set().union(*(names_in(path) for path in paths))
    assert set(leaves(given)) <= asked, "a value that no file asks for does nothing"


# In the program, which is Perl, it begins a hash.
@pytest.mark.parametrize("path", [path for path in DOVECOT if path != "dovecot/guesses"])
def test_no_variable_of_old_dovecot_is_left(path: str) -> None:
    text = re.sub(r"%\{[^}]*\}", "", render(path, VALUES[path]))
    assert not re.search(r"%[A-Za-z]", text), (
        "Dovecot 2.4 takes it for the name of a folder that all users share"
    )


def test_dovecots_first_setting_is_the_release_it_is_written_for() -> None:
    lines = dovecot_file("dovecot.conf").splitlines()
    first = next(line for line in lines if line and not line.startswith("#"))
    assert first == "dovecot_config_version = 2.4.1"


def test_certificate_and_key_are_not_swapped() -> None:
    text = dovecot_file("conf.d/ssl.conf")
    assert "ssl_server_cert_file = /etc/dovecot/tls/certificate.pem" in text
    assert "ssl_server_key_file = /run/secrets/tls.key" in text
    key, certificate = main_cf()["smtpd_tls_chain_files"].split(", ")
    assert (key, certificate) == ("/run/postfix/secrets/tls.key", "/etc/postfix/tls/certificate.pem")


def test_dovecot_believes_nobody_but_the_webmail() -> None:
    (line,) = re.findall("^login_trusted_networks.*", dovecot_file("conf.d/protocols.conf"), re.M)
    assert line == "login_trusted_networks = 192.0.2.5 2001:db8::5"


def test_passwords_never_travel_in_clear_and_are_never_logged() -> None:
    text = "".join(dovecot_file(path) for path in dovecot.templates(dovecot_args()))
    assert "auth_allow_cleartext = no" in text
    assert "ssl = required" in text
    assert "auth_verbose_passwords = no" in text
    assert "auth_debug_passwords" not in text


def test_what_the_entry_point_asks_for_is_out_of_the_sight_of_dsync() -> None:
    shared = [path for path in DOVECOT if path != "dovecot/watch.conf"]
    assert "dict proxy {" in render("dovecot/watch.conf", VALUES["dovecot/watch.conf"])
    assert not any("dict proxy" in render(path, VALUES[path]) for path in shared), (
        "dsync takes it for the dictionary of folders' notes, and nobody can copy a mailbox"
    )


def test_mail_is_deleted_only_where_it_is_marked_and_no_account_has_its_folder() -> None:
    text = dovecot_file("ext/sql.conf.ext").replace("\\\n", "")
    (deletions,) = re.findall(r"sql_table = (.*) AS deletions", text)
    conditions = deletions.partition(" WHERE ")[2].removesuffix(")")
    assert [" ".join(one.split()) for one in conditions.split(" AND ")] == [
        "delete_mail = 1",
        "INSTR(home, ':') = 0",
        "home NOT IN (SELECT home FROM users)",
    ]


def test_argon2_workers_together_stay_below_the_memory_limit() -> None:
    assert dovecot.AUTH_WORKERS * MEMORY_LIMIT_KIB / 1024 <= dovecot.MEMORY_MIB / 2


def test_a_turned_off_pop3_is_not_served_at_all() -> None:
    assert "pop3" not in dovecot_file("conf.d/protocols.conf", ports=ports(pop3=False, pop3s=False))


def test_junk_is_not_forwarded_where_somebody_keeps_it() -> None:
    assert "REDIRECT a$$b@example.test\n" in postfix_file("forward-junk", keeps_junk="a$b@example.test")
    assert "REDIRECT" not in postfix_file("forward-junk", keeps_junk=None)


def test_only_loopback_is_trusted() -> None:
    assert main_cf()["mynetworks"] == "127.0.0.0/8 [::1]/128"


def test_two_locks_keep_strangers_from_relaying() -> None:
    parameters = main_cf()
    assert parameters["smtpd_relay_restrictions"] == "permit_mynetworks, reject_unauth_destination"
    assert parameters["smtpd_recipient_restrictions"].startswith("reject_unauth_destination,")


def test_no_domain_is_local() -> None:
    assert main_cf()["mydestination"] == ""


def test_auth_is_off_but_on_the_ports_of_users() -> None:
    assert main_cf()["smtpd_sasl_auth_enable"] == "no"
    services = re.split(r"\n(?=\S)", postfix_file("master.cf"))
    with_auth = {text.split()[0] for text in services if "smtpd_sasl_auth_enable=yes" in text}
    assert with_auth == {"587", "465", "127.0.0.1:4525"}


def test_nothing_is_exempt_from_the_lines_that_end_as_they_should() -> None:
    parameters = main_cf()
    assert parameters["smtpd_forbid_bare_newline"] == "reject"
    assert parameters["smtpd_forbid_bare_newline_exclusions"] == ""


def test_every_name_in_main_cf_is_given_once_whatever_the_values() -> None:
    for changes in ({}, {"smarthost": SMARTHOST}):
        assert main_cf(**changes)
    not_rewritten = ForwardingConfig.model_validate({"rewriteSender": False})
    assert main_cf(postmaster=None, forwarding=not_rewritten)["virtual_alias_domains"] == ""


def test_a_smarthost_that_gets_a_password_proves_its_name_first() -> None:
    parameters = main_cf(smarthost=SmarthostConfig(host="smart.test", port=587, username="us"))
    assert parameters["relayhost"] == "[smart.test]:587"
    assert parameters["smtp_tls_security_level"] == "secure"
    assert "smtp_tls_wrappermode" not in parameters
    assert main_cf(smarthost=SMARTHOST)["smtp_tls_wrappermode"] == "yes"


def test_what_the_resolver_has_verified_decides_how_the_world_is_spoken_to() -> None:
    for level in (Dnssec.PERMISSIVE, Dnssec.STRICT):
        parameters = main_cf(dnssec=level)
        assert parameters["smtp_tls_security_level"] == "dane"
        assert parameters["smtp_dns_support_level"] == "dnssec", "else Postfix does not look at TLSA"
    without = main_cf(dnssec=Dnssec.OFF)
    assert without["smtp_tls_security_level"] == "may"
    assert "smtp_dns_support_level" not in without
    assert main_cf(smarthost=SMARTHOST)["smtp_tls_security_level"] == "secure"


def test_a_machine_without_dns_asks_nobody_about_domains() -> None:
    assert "unknown" not in "".join(
        main_cf(receiving=ReceivingConfig.model_validate({"checkDomains": False})).values()
    )
    assert main_cf()["smtpd_sender_restrictions"].endswith("reject_unknown_sender_domain")


def test_a_dovecot_that_is_away_is_waited_for_and_its_mail_never_bounced() -> None:
    table = main_cf()["lmtp_delivery_status_filter"].removeprefix("regexp:/etc/postfix/")
    (rule,) = [line for line in postfix_file(table).splitlines() if line[0] == "/"]
    assert rule == r"/^5(\.4\.4 .*)/ 4$1", "the name of a stopped container is unknown: 5.4.4 by default"


def test_a_mailbox_is_asked_for_before_all_else_in_the_database() -> None:
    maps = re.findall(r"(?:mysql|remembered)/([\w-]+)\.cf", main_cf()["virtual_alias_maps"])
    assert maps == ["mailboxes", "aliases", "domain-aliases", "catch-alls"], (
        "its mail never goes to the catch-all, and nearly all questions end with the first map"
    )
    query = map_file("mysql/mailboxes.cf").partition("query = ")[2]
    assert "NOT EXISTS (SELECT 1 FROM aliases WHERE name = '%u'" in query, "an alias keeps its name's mail"


REMEMBERED = ("domains", "mailboxes", "recipients")


@pytest.mark.parametrize("name", REMEMBERED)
def test_what_is_remembered_is_asked_of_mysql_over_connections_that_all_share(name: str) -> None:
    table = dict(re.findall(r"^(\w+) = (.*)$", postfix_file(f"remembered/{name}.cf"), re.MULTILINE))
    assert table["backup"] == f"proxy:mysql:/run/postfix/secrets/mysql/{name}.cf"
    assert table["key_format"] == f"{name}:%s", "they share one memory"
    assert table["backup"] in main_cf()["proxy_read_maps"].split(), "or proxymap refuses"
    assert f"mysql/{name}.cf" in MAPS


def test_every_table_that_is_asked_over_shared_connections_is_allowed_to_be() -> None:
    for changes in ({}, {"postmaster": None}):
        parameters = main_cf(**changes)
        allowed = parameters.pop("proxy_read_maps")
        for name, value in parameters.items():
            if "proxy:" in value:
                assert f"${name}" in allowed.split(), name


def test_what_is_remembered_is_forgotten_within_seconds_and_done_without_where_there_is_no_memory() -> None:
    for name in REMEMBERED:
        table = postfix_file(f"remembered/{name}.cf")
        assert "\nttl = 2\n" in table
        assert "\nmax_try = 1\n" in table, "beyond the first try it pauses"


def test_no_restriction_of_a_recipient_is_skipped_for_a_mailbox() -> None:
    parameters = main_cf()
    for name, last in (
        ("smtpd", ["reject_unlisted_recipient", "$by_bounce"]),
        ("mua", ["permit_sasl_authenticated", "reject"]),
    ):
        listed = parameters[f"{name}_recipient_restrictions"].split(", ")
        others = set(listed[listed.index("$by_mailbox") + 1 :])
        assert others <= {"reject_unlisted_recipient", "reject_unknown_recipient_domain", *last}, (
            "a mailbox is permitted where it is found, and what comes after that is never looked at"
        )
        assert "reject_unlisted_recipient" in others, "smtpd_reject_unlisted_recipient is off"


def test_who_has_not_logged_in_sends_to_no_mailbox_over_the_users_ports() -> None:
    assert main_cf()["mua_is_mailbox"] == "permit_sasl_authenticated, reject"
    master = postfix_file("master.cf")
    assert master.count("is_mailbox=$mua_is_mailbox") == 2
    assert master.count("smtpd_sasl_auth_enable=yes") == 3


def owners() -> dict[str, str]:
    """Return the settings of the service that says whom a login may send as."""
    (text,) = [each for each in re.split(r"\n(?=\S)", postfix_file("master.cf")) if "postfix/owners" in each]
    return dict(re.findall(r"-o (\w+)=(\S*)", text))


def test_whom_a_login_may_send_as_is_told_within_the_container_and_no_mail_is_taken_there() -> None:
    service = owners()
    assert service["smtpd_authorized_xclient_hosts"] == "127.0.0.1", "who is believed on a login"
    assert service["smtpd_recipient_restrictions"] == service["smtpd_relay_restrictions"] == "reject"
    assert service["smtpd_tls_security_level"] == "none", "where there is no TLS no password is taken"
    assert main_cf()["smtpd_tls_auth_only"] == "yes"
    assert "smtpd_authorized_xclient_hosts" not in main_cf(), "and nobody anywhere else"


def test_one_rule_guards_the_envelope_and_from() -> None:
    rule = "reject_authenticated_sender_login_mismatch"
    assert owners()["smtpd_sender_restrictions"].startswith(f"{rule},")
    assert f" {rule}," in main_cf()["mua_sender_restrictions"]


@pytest.mark.parametrize(
    ("filter_peer", "milters"),
    [
        (FILTER, "unix:/run/helper/header-from, inet:rspamd:11332"),
        (None, "unix:/run/helper/header-from"),
    ],
    ids=["filtered", "unfiltered"],
)
def test_from_is_read_on_the_users_ports_alone_with_and_without_a_filter(
    filter_peer: Peer | None, milters: str
) -> None:
    assert main_cf(filter=filter_peer)["mua_milters"] == milters
    assert "header-from" not in main_cf(filter=filter_peer).get("smtpd_milters", "")
    assert postfix_file("master.cf", filter=filter_peer).count("smtpd_milters=$mua_milters") == 2


def test_a_server_where_everybody_writes_anything_reads_no_from() -> None:
    anything = SendingConfig.model_validate({"headerFrom": "any"})
    found = postfix.configuration(postfix_args(sending=anything))
    assert "header-from" not in found
    assert not [path for path, text in found.items() if re.search("header-from|mua_milters|4525", str(text))]


def test_connections_to_dovecot_are_kept_whatever_the_mailbox() -> None:
    parameters = main_cf()
    assert parameters["lmtp_connection_cache_destinations"] == "dovecot-inner"
    assert parameters["virtual_transport"] == "lmtp:inet:dovecot-inner:24"


def test_what_remembers_a_failed_lookup_ends_soon_and_nothing_else_does() -> None:
    services: dict[str, list[str]] = {}
    for line in postfix_file("master.cf").splitlines():
        if line[:1].strip() and line[0] != "#":
            name, *_, command = line.split()
            services[f"{name} {command}"] = []
        elif line.startswith("  -o max_"):
            services[list(services)[-1]].append(line.split()[1])
    assert "max_idle" not in main_cf(), "to start anew costs more than many a message"
    for name, own in services.items():
        assert own == (["max_use=30", "max_idle=10s"] if name.endswith(" smtpd") else []), name


def test_lists_are_as_wide_as_the_form_allows() -> None:
    assert main_cf(widest_alias=10000)["virtual_alias_expansion_limit"] == "10000"
    assert main_cf(widest_alias=10000)["duplicate_filter_limit"] == "10000"


def test_a_header_is_refused_before_it_would_be_cut() -> None:
    pattern = r"^/\^\(\?:\.\{(\d+)\}\)\{(\d+)\}/ REJECT"
    ((each, times),) = re.findall(pattern, postfix_file("header-size"), re.M)
    assert int(each) * int(times) <= int(main_cf()["header_size_limit"])
    checks = {"header_checks", "mime_header_checks", "nested_header_checks"}
    assert {main_cf()[name] for name in checks} == {"$header_size"}


def test_a_header_that_a_milter_would_not_see_whole_is_refused() -> None:
    pattern = r"^/\^\(\?:\.\{(\d+)\}\)\{(\d+)\}/ REJECT"
    ((each, times),) = re.findall(pattern, postfix_file("header-size-milter"), re.M)
    assert int(each) * int(times) < 60_000, "where Postfix cuts for milters"
    table, smaller = "pcre:/etc/postfix/header-size", "pcre:/etc/postfix/header-size-milter"
    assert main_cf(filter=None)["header_size"] == table
    assert main_cf()["header_size"] == smaller
    for header_from, is_set in (("own", True), ("any", False)):
        sending = SendingConfig.model_validate({"headerFrom": header_from})
        text = postfix_file("master.cf", sending=sending)
        assert (f"  -o header_size={smaller}\n" in text) is is_set


@pytest.mark.parametrize("path", postfix.MAPS)
def test_every_value_in_a_query_is_quoted(path: str) -> None:
    query = map_file(path).partition("query = ")[2]
    assert re.search("'%[sud]'", query)
    assert not re.search("(?<!')%[sud]|%[sud](?!')", query), "Postfix escapes what is between quotes"


def test_the_databases_password_does_not_show_in_a_traceback() -> None:
    assert "sample-password" not in repr(postfix_args())
    try:
        render("postfix/mysql/domains.cf", without(postfix.map_values(postfix_args()), "database.host"))
    except UndefinedError:
        assert "sample-password" not in traceback.format_exc()
    else:
        pytest.fail("a value is missing")


def test_a_database_proves_its_name_to_postfix_by_whatever_ca() -> None:
    text = map_file("mysql/domains.cf", database=login("postfix", ca=""))
    assert "tls_CAfile = /etc/ssl/certs/ca-certificates.crt\n" in text
    assert "tls_verify_cert = yes\n" in text


def test_a_second_address_of_the_host_has_inner_ports_of_its_own_with_the_same_rules() -> None:
    text = postfix_file("master.cf", place=replace(PLACE, listen=["127.0.0.1", "::1"]))
    services = re.split(r"\n(?=\S)", text)
    for first, second in ((25, 10025), (587, 10587), (465, 10465)):
        (one,), (other,) = (
            [text for text in services if re.match(rf"{port}\s", text)] for port in (first, second)
        )
        assert one.split(maxsplit=1)[1].strip() == other.split(maxsplit=1)[1].strip()
