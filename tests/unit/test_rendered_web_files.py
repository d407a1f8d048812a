"""The files that MySQL and Roundcube read: as expected, and nothing in them that would open a door."""

import json
import re
import traceback
from typing import Any

import pytest
from jinja2 import UndefinedError

from mailinfra.components import roundcube
from mailinfra.components.database import server
from mailinfra.config.mail import WebmailConfig
from mailinfra.config.mta_sts import MtaSts, policy
from mailinfra.config.server import MOST_ADDRESSES
from mailinfra.containers.rendering import render
from mailinfra.provider import password_changes
from mailinfra.types import MIB
from tests.samples import login, own_server, ports, roundcube_args
from tests.unit.templates import leaves, names_in, without

SERVER = server.values(own_server())
LOGINS = server.login_values(own_server(), "sample-deploy", "sample-health")
WEBMAIL = roundcube.values(roundcube_args())
BEHIND_A_PROXY = WebmailConfig.model_validate({"reverseProxy": "192.0.2.9"})
ON_THE_HOST = WebmailConfig.model_validate({"reverseProxy": "host"})

VALUES: dict[str, dict[str, Any]] = {
    "mysql/conf.d/mailinfra.cnf": SERVER,
    "mysql/health.cnf": LOGINS,
    "mysql/init.sql": LOGINS,
    **{f"roundcube/{path}": WEBMAIL for path in (*roundcube.PROGRAM_TEMPLATES, *roundcube.SITE_TEMPLATES)},
    **{f"roundcube/plugins/{name}/{name}.php": WEBMAIL for name in roundcube.OWN_PLUGINS},
}


def webmail_file(path: str, **changes: Any) -> str:
    return render(f"roundcube/{path}", roundcube.values(roundcube_args(**changes)))


def site(port: int, **changes: Any) -> str:
    """Return what Apache does with what comes to one of its ports."""
    (text,) = re.findall(
        rf"^<VirtualHost 127\.0\.0\.1:{port}>\n(.*?)^</VirtualHost>$",
        webmail_file("tls.conf", **changes),
        re.M | re.S,
    )
    return str(text)


def settings(text: str) -> dict[str, str]:
    """Return the settings of an option file."""
    lines = [line for line in text.splitlines() if line and line[0] not in "#;["]
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}


@pytest.mark.parametrize(
    ("path", "missing"), [(path, name) for path in sorted(VALUES) for name in sorted(names_in(path))]
)
def test_a_missing_value_is_an_error_and_never_an_empty_setting(path: str, missing: str) -> None:
    with pytest.raises(UndefinedError, match=missing.rpartition(".")[2]):
        render(path, without(VALUES[path], missing))


@pytest.mark.parametrize("given", [SERVER, LOGINS, WEBMAIL], ids=["server", "logins", "webmail"])
def test_every_value_is_asked_for(given: dict[str, Any]) -> None:
    asked = set().union(*(names_in(path) for path, values in VALUES.items() if values is given))
    # The names of webmail's users reach it in files of their own.
    assert set(leaves(given)) - {"database.user"} <= asked, "a value that no file asks for does nothing"


def test_the_database_refuses_whoever_comes_without_tls() -> None:
    given = settings(render("mysql/conf.d/mailinfra.cnf", SERVER))
    assert given["require_secure_transport"] == "ON"
    assert given["tls_version"] == "TLSv1.2,TLSv1.3"


def test_the_databases_certificate_and_key_are_not_swapped() -> None:
    given = settings(render("mysql/conf.d/mailinfra.cnf", SERVER))
    assert given["ssl_cert"] == "/etc/mailinfra/certificate.pem"
    assert given["ssl_key"] == "/run/secrets/server.key"
    assert given["ssl_ca"] == "/etc/mailinfra/ca.pem"


def test_every_account_of_the_database_has_one_place_that_it_may_come_from() -> None:
    accounts = re.findall(r"'(\w+)'@'([^']*)'", render("mysql/init.sql", LOGINS))
    assert set(accounts) == {("deploy", "192.0.2.1"), ("health", "127.0.0.1")}


def test_every_account_of_the_database_must_use_tls() -> None:
    changes = [
        line for line in render("mysql/init.sql", LOGINS).splitlines() if line.startswith("ALTER USER")
    ]
    assert len(changes) == 2
    assert all(line.endswith(" REQUIRE SSL;") for line in changes)


def test_nothing_may_be_done_to_the_whole_server_but_to_its_users() -> None:
    rights = re.findall(r"^GRANT (.*) ON (\S+) TO", render("mysql/init.sql", LOGINS), re.M)
    assert {right for right, place in rights if place == "*.*"} == {"CREATE USER"}
    assert {place for right, place in rights if right.startswith("ALL")} == {"mail.*", "roundcube.*"}


def test_the_health_account_gets_no_right_at_all() -> None:
    assert not re.search(r"^GRANT .*health", render("mysql/init.sql", LOGINS), re.M)


def test_every_statement_of_the_init_file_may_run_at_every_start() -> None:
    for statement in render("mysql/init.sql", LOGINS).splitlines():
        assert re.match(
            r"CREATE (DATABASE|USER) IF NOT EXISTS |ALTER USER |GRANT |-- |FLUSH "
            r"|(SET @|PREPARE |EXECUTE )lock_root",
            statement,
        ), statement


def test_root_is_locked_but_while_the_image_makes_a_new_server() -> None:
    text = render("mysql/init.sql", LOGINS)
    (statement,) = re.findall(r"^SET @lock_root = IF\((.*)\);$", text, re.M)
    condition, during, afterwards = statement.split(", ")
    assert (condition, during) == ("@@skip_networking", "'DO 0'"), "the image logs in as root then"
    assert afterwards.replace("''", "'") == "'ALTER USER IF EXISTS 'root'@'localhost' ACCOUNT LOCK'"
    assert text.index("PREPARE lock_root FROM @lock_root;") < text.index("EXECUTE lock_root;")


def test_passwords_do_not_show_in_a_traceback() -> None:
    try:
        render("mysql/init.sql", without(LOGINS, "gateway"))
    except UndefinedError:
        assert "sample-" not in traceback.format_exc()
    else:
        pytest.fail("a value is missing")


def test_webmail_proves_who_the_database_and_the_mail_server_are() -> None:
    text = webmail_file("mailinfra.php")
    assert "?ca=/etc/mailinfra/database-ca.pem&verify_server_cert=true'" in text
    assert "'verify_peer' => true" in text
    assert "'verify_peer_name' => true" in text
    for protocol, name in (("imap", "dovecot"), ("smtp", "postfix")):
        assert f"$config['{protocol}_conn_options'] = $mailinfra_tls('{name}');" in text, (
            "by that name each shows what the stack's own CA signed"
        )


def test_without_a_ca_of_its_own_the_database_is_held_to_the_public_ones() -> None:
    text = webmail_file("mailinfra.php", database=login("roundcube", ca=""))
    assert "?ca=/etc/ssl/certs/ca-certificates.crt&verify_server_cert=true'" in text


def test_webmails_configuration_names_its_secrets_and_holds_none() -> None:
    text = webmail_file("mailinfra.php")
    assert """file_get_contents("/run/secrets/{$user}_password")""" in text
    assert "des_key" not in text


def test_webmail_asks_for_another_password_with_a_proof_and_writes_to_no_table_of_accounts() -> None:
    texts = [render(path, VALUES[path]) for path in VALUES if path.startswith("roundcube/")]
    assert "CALL change_password(%l, %d, '" in "".join(texts)
    assert not re.search(r"\b(UPDATE|INSERT INTO|DELETE FROM) \w", "".join(texts))


def test_webmail_hashes_as_the_database_wants_it() -> None:
    wanted = ", ".join(f"'{name}' => {value}" for name, value in password_changes.ALGORITHM.items())
    assert f"$config['password_algorithm_options'] = [{wanted}];" in webmail_file("mailinfra.php")


def test_a_changed_password_is_hashed_as_dovecot_expects_with_one_prefix() -> None:
    text = webmail_file("mailinfra.php")
    assert "$config['password_algorithm'] = 'hash-argon2id';" in text
    assert "$config['password_algorithm_prefix'] = '{ARGON2ID}';" in text


def test_no_sender_can_be_invented() -> None:
    assert "$config['identities_level'] = 1;" in webmail_file("mailinfra.php")


def test_nobody_is_believed_on_a_visitors_address_unless_a_proxy_is_named() -> None:
    assert "$config['proxy_whitelist'] = [];" in webmail_file("mailinfra.php")
    assert "RemoteIPHeader" not in webmail_file("tls.conf")
    assert "const PROXIES = [];" in webmail_file("front.php")
    assert site(9081, webmail=BEHIND_A_PROXY).count("RemoteIPHeader X-Forwarded-For\n") == 1
    believed = re.findall(r"RemoteIPInternalProxy (.*)\n", site(9081, webmail=BEHIND_A_PROXY))
    sources = re.findall(r"^const PROXIED_FROM = '(.*)';", webmail_file("front.php"), re.M)
    assert believed == sources == ["127.0.0.2"], "a visitor on the host is 127.0.0.1, and believed on nothing"
    for port in (9443, 9080):
        assert "RemoteIPHeader" not in site(port, webmail=BEHIND_A_PROXY), "these are for everybody"
    assert "const PROXIES = ['192.0.2.9', ];" in webmail_file("front.php", webmail=BEHIND_A_PROXY)
    behind = webmail_file("front.php", webmail=ON_THE_HOST, gateways=["192.0.2.1", "2001:db8::1"])
    assert "const PROXIES = ['192.0.2.1', '2001:db8::1', ];" in behind


def test_apache_listens_on_loopback_alone_and_learns_there_who_asks() -> None:
    text = webmail_file("tls.conf", webmail=BEHIND_A_PROXY)
    assert set(re.findall(r"^Listen (.*)$", text, re.M)) == {
        f"127.0.0.1:{port}" for port in (9443, 9080, 9081)
    }
    for port in (9443, 9080):
        assert site(port).startswith("    RemoteIPProxyProtocol On\n")
    assert "Listen" not in webmail_file("apache2.conf"), "the front stands at the ports"


def test_no_client_gets_all_of_apache() -> None:
    front, text = webmail_file("front.php"), webmail_file("tls.conf")
    (workers,) = re.findall(r"^MaxRequestWorkers (\d+)$", text, re.M)
    assert f"const WORKERS = {workers};" in front, "more would wait where nobody is fair to them"
    (share,) = re.findall(r"^const SHARE = (\d+);", front, re.M)
    assert 6 < int(share) <= int(workers) / 2, "a browser takes six"
    (everybody,) = re.findall(r"^const ALL = (\d+);", front, re.M)
    ports = 2 * MOST_ADDRESSES
    assert int(everybody) + int(workers) + ports + 3 < 1024, "select() fails beyond, and all would wait"
    assert 'CustomLog "|$exec sh /etc/mailinfra/front" ' in text
    assert "exec setsid php /etc/mailinfra/front.php <" in webmail_file("front"), (
        "it would end with all its connections when Apache takes another certificate"
    )
    assert (
        "RequestReadTimeout handshake=5-10,MinRate=500 header=10-20,MinRate=500 body=10,MinRate=500" in text
    )


def test_session_cookies_are_for_https_and_not_for_scripts() -> None:
    text = webmail_file("mailinfra.php")
    assert "$config['use_https'] = true;" in text
    assert "$config['session_samesite'] = 'Lax';" in text
    php = settings(webmail_file("php/mailinfra.ini"))
    assert (php["session.cookie_httponly"], php["session.cookie_secure"]) == ("On", "On")


def test_plain_http_leads_to_https_for_everybody() -> None:
    text = site(9080)
    assert 'Redirect temp "https://mail.example.test:8443%{REQUEST_URI}"' in text
    assert "SERVER_NAME" not in text, "the name in a request is whoever's who wrote it"
    assert "HTTP_HOST" not in text


def test_browsers_insist_on_https_where_a_public_ca_signed_the_certificate_and_only_there() -> None:
    assert "Strict-Transport-Security" not in webmail_file("tls.conf"), (
        "with a CA of our own nobody could go on who has not installed it, for a year"
    )
    assert "\n    Header always set Strict-Transport-Security max-age=31536000\n" in webmail_file(
        "tls.conf", public_certificate=True
    )


def test_what_a_page_may_load_and_do_is_named_and_nothing_from_elsewhere_but_pictures() -> None:
    (policy,) = re.findall(
        r'^Header always add Content-Security-Policy "(.*)"$', webmail_file("tls.conf"), re.M
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert {name for name, sources in rules.items() if "https:" in sources or "*" in sources} == {"img-src"}
    for name in ("default-src", "connect-src", "form-action", "frame-ancestors", "base-uri"):
        assert rules[name] == "'self'"
    assert rules["object-src"] == "'none'"


def test_a_reverse_proxy_alone_is_served_in_plain_http() -> None:
    assert "9081" not in webmail_file("tls.conf") + webmail_file("front.php")
    assert "Redirect" in site(9080, webmail=BEHIND_A_PROXY)
    assert "Redirect" not in site(9081, webmail=BEHIND_A_PROXY)
    front = webmail_file("front.php", webmail=BEHIND_A_PROXY)
    assert "8000 => [9080, 9081]," in front
    assert "8443 => [9443, 9443]," in front


def test_mail_programs_are_told_what_is_on_at_the_ports_of_the_host_best_first() -> None:
    given = json.loads(
        webmail_file("discovery.json", ports=ports(imap=False, pop3=False, pop3s=1995, submission=2587))
    )
    assert given["incoming"] == [
        {"type": "imap", "port": 993, "wrapped": True},
        {"type": "pop3", "port": 1995, "wrapped": True},
    ]
    assert given["outgoing"] == [
        {"type": "smtp", "port": 465, "wrapped": True},
        {"type": "smtp", "port": 2587, "wrapped": False},
    ]
    assert given["hostname"] == "mail.example.test"
    everything = {**roundcube.INCOMING, **roundcube.OUTGOING}
    none = json.loads(webmail_file("discovery.json", ports=ports(**dict.fromkeys(everything, False))))
    assert none["incoming"] == none["outgoing"] == []


def test_no_secret_is_where_mail_programs_ask() -> None:
    text = webmail_file("discovery.json") + webmail_file("discovery.php")
    assert "sample-password" not in text
    assert "/run/secrets/identities_" in text


def test_plain_http_answers_thunderbird_and_nobody_else() -> None:
    (pattern,) = re.findall(r'^    <LocationMatch "(.*)">$', site(9080), re.M)
    for path in ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"):
        assert not re.search(pattern.replace("(?i)", ""), path)
    for path in ("/", "/autodiscover/autodiscover.xml", "/mail/config-v1.1.xmlx", "/x/mail/config-v1.1.xml"):
        assert re.search(pattern.replace("(?i)", ""), path), path


def test_a_policy_is_served_while_there_is_one() -> None:
    assert "mta-sts" not in webmail_file("tls.conf")
    for mode in (MtaSts.TESTING, MtaSts.ENFORCE):
        assert 'Alias "/.well-known/mta-sts.txt" "/etc/mailinfra/mta-sts.txt"' in webmail_file(
            "tls.conf", mta_sts=mode
        )
        (folder, *_) = roundcube.folders(roundcube_args(mta_sts=mode), "key")
        assert folder.files["mta-sts.txt"] == policy(mode, "mail.example.test")
    (folder, *_) = roundcube.folders(roundcube_args(), "key")
    assert "mta-sts.txt" not in folder.files


def test_webmails_certificate_and_key_are_not_swapped() -> None:
    text = webmail_file("tls.conf")
    assert "SSLCertificateFile /etc/mailinfra/certificate.pem\n" in text
    assert "SSLCertificateKeyFile /run/secrets/server.key\n" in text


def test_webmails_processes_together_stay_below_the_memory_limit() -> None:
    (workers,) = re.findall(r"^MaxRequestWorkers (\d+)$", webmail_file("tls.conf"), re.M)
    assert int(workers) * 10 < roundcube.BASE_MEMORY_MIB, (
        "Apache's own default, 150, ends in a kill under load"
    )


def test_the_largest_attachment_fits_into_the_largest_message() -> None:
    upload = int(settings(webmail_file("php/mailinfra.ini"))["upload_max_filesize"])
    encoded = upload * 4 / 3 * 78 / 76
    assert 0.99 * 50 * MIB < encoded <= 50 * MIB


def test_one_upload_fits_into_one_request() -> None:
    php = settings(webmail_file("php/mailinfra.ini"))
    assert int(php["post_max_size"]) > int(php["upload_max_filesize"])
