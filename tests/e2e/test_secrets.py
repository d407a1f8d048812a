"""No password, key or hash is anywhere that people look: state, previews, Docker's own view, logs."""

import base64
import imaplib
import json
import poplib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest

from mailinfra.components import dkim
from mailinfra.containers import labels
from tests.e2e.changes import sql
from tests.e2e.server import Server, authenticate
from tests.e2e.stack import Stack
from tests.e2e.stackfile import ALICE, BOB, DISABLED, PASSWORDS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NEVER_SET = "planned for alice: 4711"
"""A password that is declared in a preview alone."""


def resources(server: Server) -> Iterator[dict[str, Any]]:
    """Yield every resource of the state, secrets in the clear."""
    printed = server.stack.state("--show-secrets")
    yield from json.loads(printed[printed.index("{") :])["deployment"]["resources"]


def clear(value: dict[str, Any]) -> str:
    """Return the text of a secret in the state."""
    return str(json.loads(value["plaintext"]))


def secrets(server: Server) -> dict[str, str]:
    """Return what it is -> its text, for every secret of the stack."""
    found = {f"password of {address}": text for address, text in PASSWORDS.items()}
    for address, text in server.outputs["mailboxes"].items():
        found[f"generated password of {address}"] = str(text)
    for resource in resources(server):
        name, outputs = resource["urn"].rpartition("::")[2], resource.get("outputs", {})
        if resource["type"] == "random:index/randomPassword:RandomPassword":
            found[name] = clear(outputs["result"])
        if resource["type"] == "tls:index/privateKey:PrivateKey":
            # A line of what is private in it: RSA's begins with what stands in the public key, too.
            lines = (pem := clear(outputs["privateKeyPem"])).splitlines()
            found[name] = lines[-3 if outputs["algorithm"] == "RSA" else 1]
            if outputs["algorithm"] == "ED25519":
                found[f"{name} as the filter reads it"] = dkim.seed(pem)
    for line in sql(server, "SELECT userid, password FROM users").splitlines():
        user, _, stored = line.partition("\t")
        found[f"hash of {user}"] = stored
    found["any hash"] = "$argon2id$"
    found["a password in a preview"] = NEVER_SET
    return found


def forms(text: str) -> set[str]:
    """Return the ways in which a text may be written down."""
    found = {text, quote(text), base64.b64encode(text.encode()).decode().rstrip("=")}
    for ascii_only in (True, False):  # as JSON, and as JSON inside of JSON
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        # Go, and so the engine, writes & < > as numbers: https://pkg.go.dev/encoding/json#HTMLEscape
        html = once.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
        found |= {
            each for one in (once, html) for each in (one, json.dumps(one, ensure_ascii=ascii_only)[1:-1])
        }
    return found


def leaks(known: dict[str, str], places: dict[str, str]) -> list[str]:
    """Return which secret stands where."""
    return [
        f"{what} in {place}"
        for what, text in known.items()
        for place, written in places.items()
        if any(form in written for form in forms(text))
    ]


def everywhere(stack: Stack) -> dict[str, str]:
    """Return place -> what is to be seen of every container, those that only fill volumes included."""
    found = {}
    label = {"label": f"{labels.STACK}={stack.full_name}"}
    for one in stack.docker.containers.list(all=True, filters=dict(label)):
        found[f"docker inspect {one.name}"] = json.dumps(one.attrs)
        found[f"docker logs {one.name}"] = one.logs().decode("utf-8", "replace")
    return found


def fail_to_log_in(server: Server) -> None:
    """Give right passwords to wrong people, over every protocol."""
    for user, password in ((DISABLED, PASSWORDS[DISABLED]), (BOB, PASSWORDS[ALICE])):
        with suppress(imaplib.IMAP4.error):
            server.imap_as(user, password)
        with suppress(poplib.error_proto):
            server.pop3_as(user, password)
        with server.smtp(protocol="submissions") as client:
            client.ehlo()
            assert authenticate(client, user, password)[0] == 535


def preview(server: Server) -> str:
    """Return a preview that is about passwords."""
    settings, accounts = server.stack.settings, server.stack.settings["accounts"]
    owned = [{**one, "password": "owned"} if one["address"] == BOB else one for one in accounts["mailboxes"]]
    server.stack.configure({**settings, "accounts": {**accounts, "mailboxes": owned}})
    server.stack.set_secret("passwords", {**PASSWORDS, ALICE: NEVER_SET, BOB: NEVER_SET})
    try:
        return server.stack.preview("--refresh")
    finally:
        server.stack.configure(settings)
        server.stack.set_secret("passwords", PASSWORDS)


def test_no_secret_is_where_people_look(server: Server) -> None:
    fail_to_log_in(server)
    places = {"the state": server.stack.state(), "a preview": preview(server), **everywhere(server.stack)}
    known = secrets(server)
    assert BOB in places["a preview"], "the preview is about him"
    assert len(known) > 2 * len(PASSWORDS) + 5, "passwords, hashes, the database's users and keys"
    assert not leaks(known, places)


def test_the_search_finds_every_secret_where_it_is_allowed(server: Server) -> None:
    known = secrets(server)
    planted = {what: {"planted": f"before {text} behind"} for what, text in known.items()}
    assert all(leaks({what: known[what]}, place) for what, place in planted.items())
    in_the_clear = {"the state in the clear": server.stack.state("--show-secrets")}
    # Only the declared ones: after a `destroy` the state knows of no password that was generated before.
    declared = {what: text for what, text in known.items() if what.startswith("password of")}
    missing = [what for what, text in declared.items() if not leaks({what: text}, in_the_clear)]
    assert not missing
