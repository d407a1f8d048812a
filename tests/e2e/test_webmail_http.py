"""Webmail over HTTP: what each answer tells a browser, and that Roundcube works under it.

Owns the headers, the way from plain HTTP and TLS at the webmail's port. Does not own what a reader does with
webmail (test_first_day.py), nor proxies (test_reverse_proxies.py).
"""

import http.client
import ssl
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Page

from tests.e2e import browser
from tests.e2e.server import Server, letter
from tests.e2e.stackfile import BOB, ERIN

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

ANSWERS = {
    "/": 200,
    "/?_task=mail": 200,
    "/skins/elastic/images/logo.svg": 200,
    "/nothing-is-here.png": 404,
    "/skins": 403,
}
"""Path -> status of what webmail says to a stranger."""

SHOWN = (
    "/",
    "/index.php",
    "/program/js/app.min.js",
    "/skins/elastic/styles/styles.min.css",
    "/plugins/password/password.js",
)

HIDDEN = (
    "/plugins/password/password.php",
    "/plugins/password/drivers/sql.php",
    "/plugins/password/password.php/index.php",
    "/plugins/mailinfra_passwords/mailinfra_passwords.php",
    "/plugins/password/config.inc.php.dist",
    "/plugins/password/composer.json",
    "/skins/elastic/meta.json",
    "/.htaccess",
    "/installer.php",
    "/config/config.inc.php",
    "/..%2fconfig/config.inc.php",
    "/server-status",
)
"""Files of Roundcube and of its web server; of the last ones some are in one image alone."""

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What webmail answers."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def ask(server: Server, path: str, *, host: str | None = None, plain: bool = False) -> Answer:
    """Return an answer of webmail; `host` is the name in the request."""
    ports = server.stack.settings["ports"]
    if plain:
        connection = http.client.HTTPConnection("127.0.0.1", ports["webmailRedirect"], timeout=30)
    else:
        connection = http.client.HTTPSConnection(
            "127.0.0.1", ports["webmail"], timeout=30, context=ssl._create_unverified_context()
        )
    with closing(connection):
        connection.request("GET", path, headers={"Host": host} if host else {})
        with connection.getresponse() as answer:
            return Answer(status=answer.status, headers=answer.headers, body=answer.read())


def policy(answer: Answer) -> dict[str, str]:
    """Return the content security policy of an answer, rule by rule."""
    (text,) = answer.headers.get_all("Content-Security-Policy", [])
    return dict(rule.strip().split(" ", 1) for rule in text.split(";"))


@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_binds_the_browser(server: Server, path: str) -> None:
    answer = ask(server, path)
    assert answer.status == ANSWERS[path]
    rules = policy(answer)
    assert rules["default-src"] == rules["frame-ancestors"] == rules["form-action"] == "'self'"
    assert rules["object-src"] == "'none'"
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.get_all("Referrer-Policy") == ["same-origin"]


@pytest.mark.parametrize("path", ANSWERS)
def test_no_answer_tells_a_version(server: Server, path: str) -> None:
    answer = ask(server, path)
    assert answer.headers["Server"] == "Apache"
    assert "X-Powered-By" not in answer.headers


def test_with_a_ca_of_our_own_browsers_are_not_told_to_insist(server: Server) -> None:
    assert "Strict-Transport-Security" not in ask(server, "/").headers, "nobody could go on for a year"


@pytest.mark.parametrize("path", ["/", "/?_task=mail&_action=show", "/skins", "/a%0d%0aSet-Cookie:%20a=b"])
def test_plain_http_leads_to_webmail_and_never_to_the_name_in_the_request(server: Server, path: str) -> None:
    answer = ask(server, path, host="elsewhere.test", plain=True)
    assert answer.status == 302
    url = server.outputs["endpoints"]["webmail"]["url"].rstrip("/")
    assert answer.headers["Location"] == f"{url}{path}"
    assert "Set-Cookie" not in answer.headers
    assert policy(answer)["default-src"] == "'self'"


def test_no_answer_over_https_leads_to_the_name_in_the_request(server: Server) -> None:
    for path in ("/skins", "/plugins", "/index.php/elsewhere"):
        answer = ask(server, path, host="elsewhere.test")
        assert "elsewhere.test" not in str(answer.headers), path


@pytest.mark.parametrize("path", SHOWN)
def test_pages_and_what_they_are_made_of_are_served(server: Server, path: str) -> None:
    assert ask(server, path).status == 200


@pytest.mark.parametrize("path", HIDDEN)
def test_no_other_file_is_run_or_shown_by_its_address(server: Server, path: str) -> None:
    answer = ask(server, path)
    assert answer.status in {403, 404}, (path, answer.status)
    assert b"<?php" not in answer.body


def test_nothing_that_php_can_write_is_served(server: Server) -> None:
    container = server.stack.containers()["webmail"]

    def run(command: str) -> str:
        output = container.exec_run(["sh", "-c", command]).output
        assert isinstance(output, bytes)
        return output.decode().strip()

    served = "/usr/src/roundcubemail"
    assert run(f"find -L {served}/public_html -writable ! -type c | head") == ""
    assert run("find /var/www/html -maxdepth 0 -writable"), "the control: what PHP may write is found"
    assert (
        run(f"find -L {served}/config {served}/plugins /etc/mailinfra /var/roundcube/config -writable") == ""
    )
    for name in ("left.html", "left.php", ".htaccess"):
        for folder in ("/var/www/html", "/var/www/html/public_html", "/tmp"):
            run(f"echo '<?php echo 42;' > {folder}/{name}")
        assert ask(server, f"/{name}").status in {403, 404}
        run(f"rm -f /var/www/html/{name} /tmp/{name}")


def html_letter() -> EmailMessage:
    """Return a letter in HTML with a picture of its own and one from elsewhere."""
    message = letter("friend@peer.test", BOB, subject=f"In colour {uuid4()}")
    message.add_alternative(
        f"<html><body style='color: green'><p id='hello'>Hello in <b>colour</b></p><img src='{PIXEL}'>"
        "<img src='https://pictures.test/seen.png'></body></html>",
        subtype="html",
    )
    return message


def test_reading_writing_and_settings_ask_for_nothing_that_the_policy_refuses(
    server: Server, tmp_path: Path
) -> None:
    url = server.outputs["endpoints"]["webmail"]["url"]
    message = html_letter()
    with server.smtp() as client:
        client.sendmail("friend@peer.test", [ERIN], message.as_bytes(policy=SMTP))
    server.arrives(ERIN, str(message["Message-ID"]))
    attachment = tmp_path / "figures.csv"
    attachment.write_text("1;2;3\n")

    def everything(window: Page) -> tuple[str, list[str]]:
        subject = f"With figures {uuid4()}"  # one for each attempt
        refused = browser.refusals(window)
        browser.log_in(window, ERIN, server.password(ERIN))
        assert "Hello in colour" in browser.open_message(window, str(message["Subject"]))
        browser.prefer_html(window, url)
        browser.send_html(window, url, BOB, subject, "Look at these.", attachment)
        window.goto(f"{url}?_task=settings&_action=plugin.password")
        window.wait_for_selector("input[name=_newpasswd]")
        window.goto(f"{url}?_task=addressbook")
        window.wait_for_load_state("networkidle")
        return subject, refused

    subject, refused = browser.visit(url, everything)
    assert refused == []
    arrived = server.arrives(BOB, subject, "Subject")
    assert b"figures.csv" in arrived
    assert b"Look at these." in arrived


def test_the_browser_refuses_a_script_from_elsewhere_and_says_so(server: Server) -> None:
    url = server.outputs["endpoints"]["webmail"]["url"]

    def inject(window: Page) -> list[str]:
        refused = browser.refusals(window)
        window.evaluate(
            "() => new Promise(done => { const one = document.createElement('script');"
            " one.src = 'https://elsewhere.test/evil.js'; one.onerror = done; document.head.append(one); })"
        )
        window.wait_for_timeout(1000)
        return refused

    assert browser.visit(url, inject), "the control: what the other test looks for is found"
