"""What mail programs find out by themselves: read as they read it, and held to what the stack publishes.

Owns autoconfig, autodiscover, Apple's profile and the answers to what is none of theirs. Does not own the DNS
records that lead here (unit/test_dns.py).
"""

import plistlib
import xml.etree.ElementTree as ElementTree
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from xml.sax.saxutils import escape

import pytest

from tests.e2e.server import Server
from tests.e2e.stackfile import ALICE, BOB, DORA, ODD
from tests.e2e.test_webmail_http import Answer, ask

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

AUTOCONFIG = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
AUTODISCOVER = "/autodiscover/autodiscover.xml"
OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"

SOCKETS = {"imap": "STARTTLS", "imaps": "SSL", "pop3": "STARTTLS", "pop3s": "SSL"} | {
    "submission": "STARTTLS",
    "submissions": "SSL",
}
"""Protocol of the stack -> how a connection begins, in autoconfig's words."""

NOBODY = ["alice@elsewhere.test", "@example.test", "alice@", "alice", "", "x" * 5000]
WICKED = [
    "<b>&@example.test",
    "a@example.test\r\nX-Evil: 1",
    "a@example.test'--",
    "a@../../etc/passwd",
    "\0@b.test",
]


def thunderbird(answer: Answer) -> dict[str, Any]:
    """Return a configuration as Thunderbird takes it: each server needs each of these, in these words."""
    assert answer.headers.get_content_type() in {"application/xml", "text/xml"}
    root = ElementTree.fromstring(answer.body)
    assert (root.tag, root.get("version")) == ("clientConfig", "1.1")
    (provider,) = root.findall("emailProvider")
    assert provider.get("id")
    servers = []
    for server in [*provider.findall("incomingServer"), *provider.findall("outgoingServer")]:
        kind, socket = server.get("type"), server.findtext("socketType")
        assert kind in ({"imap", "pop3"} if server.tag == "incomingServer" else {"smtp"})
        assert server.findtext("authentication") == "password-cleartext"
        assert server.findtext("username") == "%EMAILADDRESS%"
        servers.append((server.findtext("hostname"), int(server.findtext("port") or 0), kind, socket))
    assert {one.tag for one in provider} <= {"domain", "displayName", "displayShortName", "documentation"} | {
        "incomingServer",
        "outgoingServer",
    }
    return {"domains": [one.text for one in provider.findall("domain")], "servers": servers}


def outlook(server: Server, address: str, *, schema: str = OUTLOOK, before: str = "") -> Answer:
    """Return the answer to what Outlook sends."""
    text = (
        f'<?xml version="1.0" encoding="utf-8"?>{before}<Autodiscover xmlns="{REQUEST}"><Request>'
        f"<EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>{schema}</AcceptableResponseSchema>"
        "</Request></Autodiscover>"
    )
    return ask(server, AUTODISCOVER, body=text)


def found(answer: Answer) -> dict[str, dict[str, str]]:
    """Return type -> settings of an answer to Outlook; fail where it is none."""
    root = ElementTree.fromstring(answer.body)
    assert root.tag == f"{{{RESPONSE}}}Autodiscover"
    account = root.find(f"{{{OUTLOOK}}}Response/{{{OUTLOOK}}}Account")
    assert account is not None
    words = {name: account.findtext(f"{{{OUTLOOK}}}{name}") for name in ("AccountType", "Action")}
    assert words == {"AccountType": "email", "Action": "settings"}
    return {
        str(one.findtext(f"{{{OUTLOOK}}}Type")): {
            each.tag.removeprefix(f"{{{OUTLOOK}}}"): str(each.text) for each in one
        }
        for one in account.findall(f"{{{OUTLOOK}}}Protocol")
    }


def published(server: Server) -> set[tuple[int, str]]:
    """Return the ports that mail programs may use, and how a connection begins there."""
    return {(server.ports[name], socket) for name, socket in SOCKETS.items()}


@pytest.mark.parametrize("path", AUTOCONFIG)
@pytest.mark.parametrize("plain", [False, True], ids=["https", "http"])
@pytest.mark.parametrize("address", [ALICE, DORA])
def test_thunderbird_finds_every_port_that_is_published(
    server: Server, path: str, plain: bool, address: str
) -> None:
    domain = address.partition("@")[2]
    answer = ask(server, f"{path}?emailaddress={address}", host=f"autoconfig.{domain}", plain=plain)
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert "Set-Cookie" not in answer.headers
    given = thunderbird(answer)
    assert given["domains"] == [domain]
    assert {(port, socket) for _, port, _, socket in given["servers"]} == published(server)
    assert {host for host, *_ in given["servers"]} == {server.stack.settings["hostname"]}
    assert given["servers"][0][2:] == ("imap", "SSL"), "the first one is taken"
    assert address.encode() not in answer.body
    assert ask(server, path, host=f"autoconfig.{domain}:443", plain=plain).body == answer.body


def test_outlook_finds_the_best_of_each(server: Server) -> None:
    answer = outlook(server, ALICE)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    given = found(answer)
    assert set(given) == {"IMAP", "SMTP"}
    for name, protocol in (("IMAP", "imaps"), ("SMTP", "submissions")):
        assert given[name]["Server"] == server.stack.settings["hostname"]
        assert given[name]["Port"] == str(server.ports[protocol])
        assert given[name]["LoginName"] == ALICE
        assert (given[name]["SSL"], given[name]["Encryption"], given[name]["SPA"]) == ("on", "SSL", "off")
    shortest = f'<Autodiscover xmlns="{REQUEST}"><Request><EMailAddress>{ALICE}</EMailAddress></Request>'
    assert found(ask(server, "/Autodiscover/Autodiscover.xml", body=f"{shortest}</Autodiscover>")) == given


@pytest.mark.parametrize("address", [ALICE, ODD[1]])
def test_apple_gets_a_profile_that_is_complete(server: Server, address: str) -> None:
    path = f"/mail/apple.mobileconfig?{urlencode({'emailaddress': address})}"
    answer = ask(server, path)
    assert answer.headers.get_content_type() == "application/x-apple-aspen-config"
    profile = plistlib.loads(answer.body)
    assert (profile["PayloadType"], profile["PayloadVersion"]) == ("Configuration", 1)
    (account,) = profile["PayloadContent"]
    assert UUID(profile["PayloadUUID"]) != UUID(account["PayloadUUID"])
    assert profile["PayloadIdentifier"] != account["PayloadIdentifier"]
    host = server.stack.settings["hostname"]
    assert account["PayloadType"] == "com.apple.mail.managed"
    assert account["EmailAccountType"] == "EmailTypeIMAP"
    for side, protocol in (("Incoming", "imaps"), ("Outgoing", "submissions")):
        assert account[f"{side}MailServerHostName"] == host
        assert account[f"{side}MailServerPortNumber"] == server.ports[protocol]
        assert account[f"{side}MailServerUseSSL"] is True
        assert account[f"{side}MailServerUsername"] == account["EmailAddress"] == address
        assert account[f"{side}MailServerAuthentication"] == "EmailAuthPassword"
    assert ask(server, path).body == answer.body, "another identifier would be a second account"
    other = plistlib.loads(ask(server, f"/mail/apple.mobileconfig?emailaddress={BOB}").body)
    assert other["PayloadIdentifier"] != profile["PayloadIdentifier"], "it would replace the first account"


def test_no_answer_tells_whether_a_mailbox_exists(server: Server) -> None:
    stranger = "nobody-is-here@example.test"
    for path in (f"{AUTOCONFIG[0]}?emailaddress=%s", "/mail/apple.mobileconfig?emailaddress=%s"):
        one, other = (ask(server, path % address) for address in (ALICE, stranger))
        assert (one.status, str(one.headers["Content-Type"])) == (
            other.status,
            str(other.headers["Content-Type"]),
        )
    assert ask(server, f"{AUTOCONFIG[0]}?emailaddress={ALICE}").body == (
        ask(server, f"{AUTOCONFIG[0]}?emailaddress={stranger}").body
    )
    assert found(outlook(server, stranger)).keys() == found(outlook(server, ALICE)).keys()


@pytest.mark.parametrize("address", [*NOBODY, *WICKED], ids=lambda one: repr(one)[:30])
def test_what_is_nobodys_here_gets_no_settings(server: Server, address: str) -> None:
    for path in (*AUTOCONFIG, "/mail/apple.mobileconfig"):
        answer = ask(server, f"{path}?{urlencode({'emailaddress': address})}")
        assert answer.status == 404, answer.body
        assert "X-Evil" not in answer.headers
        assert answer.body == b""
    answer = outlook(server, escape(address))
    assert b"<ErrorCode>600</ErrorCode>" in answer.body
    assert server.stack.settings["hostname"].encode() not in answer.body


def test_outlook_cannot_make_the_server_read_files_or_speak_another_language(server: Server) -> None:
    entity = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    assert b"<ErrorCode>600</ErrorCode>" in outlook(server, "alice@example.test&x;", before=entity).body
    phones = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
    assert b"<ErrorCode>600</ErrorCode>" in outlook(server, ALICE, schema=phones).body
    for nothing in ("", "no XML", "<a>"):
        assert b"<ErrorCode>600</ErrorCode>" in ask(server, AUTODISCOVER, body=nothing).body


def test_settings_for_outlook_and_apple_travel_over_https_alone(server: Server) -> None:
    url = server.outputs["endpoints"]["webmail"]["url"].rstrip("/")
    for path in (AUTODISCOVER, "/mail/apple.mobileconfig", "/.well-known/mta-sts.txt"):
        answer = ask(server, path, host="autodiscover.example.test", plain=True)
        assert (answer.status, answer.headers["Location"]) == (302, f"{url}{path}")


def test_without_a_policy_there_is_none(server: Server) -> None:
    assert ask(server, "/.well-known/mta-sts.txt", host="mta-sts.example.test").status in {403, 404}
    for hidden in ("/discovery.php", "/discovery.json", "/.well-known/../discovery.json"):
        assert ask(server, hidden).status in {400, 403, 404}
