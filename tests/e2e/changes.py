"""What the tests change about accounts, as stack files and, where somebody meddles, as SQL.

Owns the accounts of test_accounts.py at each step. Does not own those that all tests share
(stackfile.py).
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from typing import Any

import pymysql
from pymysql.cursors import Cursor

from tests.e2e.clients import trusting
from tests.e2e.server import Server
from tests.e2e.stackfile import ACCOUNTS, BOB, PASSWORDS

LEAVER, GONE, STRICT = "leaver@example.test", "gone@example.test", "strict@example.test"
ERASED = "erased@example.test"
BEFORE, AFTER = "before@example.test", "after@example.test"
MOVER, MOVED = "mover@old.test", "mover@new.test"
CHOOSER = "chooser@example.test"
FORGETFUL, HEIR, IMAP_SOON = "forgetful@example.test", "heir@example.test", "imap-soon@example.test"
BLOWFISH, SHA512, PBKDF2 = "blowfish@example.test", "sha512@example.test", "pbkdf2@example.test"
YESCRYPT, GOST, SCRYPT = "yescrypt@example.test", "gost@example.test", "scrypt@example.test"
SHA256, SALTED = "sha256@example.test", "salted@example.test"
READER, UNICODE_DOMAIN = "reader@xn--bcher-kva.test", "bücher.test"

HASHED = {
    address: secrets.token_urlsafe(12)
    for address in (BLOWFISH, SHA512, PBKDF2, YESCRYPT, GOST, SCRYPT, SHA256, SALTED)
}
"""Address -> password, of those whose hash alone is declared."""

FIRST, SECOND = "strict: the first one", "strict: the second one"


def crypted(server: Server, password: str, setting: str) -> str:
    """Return a hash by the system's crypt(3), which knows nothing of the mail server."""
    program = "print crypt($ARGV[0], $ARGV[1])"
    made: Any = server.world.container("outside").exec_run(["perl", "-e", program, "--", password, setting])
    return str(made.output.decode())


def hashes(server: Server) -> dict[str, str]:
    """Return address -> hash as another system would hand it over."""
    salt, rounds = "0123456789abcdef", 5000
    derived = hashlib.pbkdf2_hmac("sha1", HASHED[PBKDF2].encode(), salt.encode(), rounds, 20).hex()
    salted = hashlib.sha512(HASHED[SALTED].encode() + salt.encode()).digest()
    return {
        BLOWFISH: crypted(server, HASHED[BLOWFISH], "$2b$08$abcdefghijklmnopqrstuu"),
        SHA512: crypted(server, HASHED[SHA512], "$6$saltsaltsalt$"),
        PBKDF2: f"{{PBKDF2}}$1${salt}${rounds}${derived}",
        YESCRYPT: crypted(server, HASHED[YESCRYPT], "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"),
        GOST: crypted(server, HASHED[GOST], "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$"),
        SCRYPT: crypted(server, HASHED[SCRYPT], "$7$CU..../....SodiumChloride$"),
        SHA256: "{CRYPT}" + crypted(server, HASHED[SHA256], "$5$saltsaltsalt$"),
        SALTED: "{SSHA512}" + base64.b64encode(salted + salt.encode()).decode(),
    }


def listed(*domains: dict[str, Any], mailboxes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the accounts of all tests and these."""
    accounts = deepcopy(ACCOUNTS)
    accounts["domains"] += domains
    accounts["mailboxes"] += mailboxes
    return accounts


def write(server: Server, accounts: dict[str, Any], passwords: dict[str, str]) -> None:
    """Write other accounts into the stack file."""
    server.stack.configure({**server.stack.settings, "accounts": accounts})
    server.stack.set_secret("passwords", {**PASSWORDS, **passwords})


def declare(server: Server, accounts: dict[str, Any], passwords: dict[str, str], *options: str) -> str:
    """Bring the stack up with other accounts; return what the engine printed."""
    write(server, accounts, passwords)
    printed = server.stack.up(*options)
    server.read()
    return printed


def begun(server: Server) -> None:
    """Declare everybody whom the next steps change."""
    addresses = [LEAVER, GONE, ERASED, BEFORE, MOVER, CHOOSER, FORGETFUL, HEIR, IMAP_SOON, *HASHED]
    mailboxes: list[dict[str, Any]] = [{"address": address} for address in addresses]
    mailboxes += [{"address": f"reader@{UNICODE_DOMAIN}"}, {"address": STRICT, "password": "owned"}]
    accounts = listed({"name": UNICODE_DOMAIN}, {"name": "old.test"}, mailboxes=mailboxes)
    declare(server, accounts, {STRICT: FIRST, **hashes(server)})


def changed(server: Server) -> tuple[str, str]:
    """Disable one, remove three and the mail of one of them, rename one and a domain, reset one, give one
    another password; return what a preview prints, and what the update."""
    mailboxes: list[dict[str, Any]] = [
        {"address": LEAVER, "enabled": False},
        {"address": IMAP_SOON, "protocols": ["imap"]},
        {"address": AFTER, "renamedFrom": BEFORE},
        {"address": MOVED},
        {"address": CHOOSER, "displayName": "Chooser"},
        {"address": FORGETFUL, "reset": "once"},
        {"address": STRICT, "password": "owned"},
    ]
    accounts = listed({"name": "new.test", "renamedFrom": "old.test"}, mailboxes=mailboxes)
    accounts["deleteMail"] = [ERASED]
    write(server, accounts, {STRICT: SECOND})
    foretold = server.stack.preview()
    return foretold, declare(server, accounts, {STRICT: SECOND})


def again(server: Server, *options: str) -> str:
    """Enable the disabled one, and add the removed ones' addresses once more; return what is printed."""
    mailboxes: list[dict[str, Any]] = [
        {"address": LEAVER},
        {"address": GONE},
        {"address": ERASED, "reuseMail": True},
        {"address": HEIR, "reuseMail": True},
        {"address": STRICT, "password": "owned"},
    ]
    return declare(server, listed(mailboxes=mailboxes), {STRICT: SECOND}, *options)


@contextmanager
def connected(server: Server) -> Iterator[Cursor]:
    """Yield a connection to the mail database that may do what the deployment may.

    Not as root: a data directory that outlived a `destroy` keeps root's password of before.
    """
    printed = server.stack.state("--show-secrets")
    resources = json.loads(printed[printed.index("{") :])["deployment"]["resources"]
    made = {each["urn"].rpartition("::")[2]: each.get("outputs") or {} for each in resources}
    (secret,) = [
        outputs["result"]["plaintext"]
        for name, outputs in made.items()
        if name.startswith("mail-database-deploy-password")
    ]
    # The link to MySQL has a CA of this state, while mail programs trust one that outlives it.
    (trusted,) = [
        trusting(outputs["certPem"])
        for name, outputs in made.items()
        if name.startswith("mail-certificates-ca-certificate")
    ]
    with (
        closing(
            pymysql.connect(
                host="127.0.0.1",
                port=server.stack.settings["ports"]["database"],
                user="deploy",
                password=json.loads(secret),
                database="mail",
                ssl=trusted,
                autocommit=True,
            )
        ) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


def sql(server: Server, statement: str) -> str:
    """Run SQL on the mail database as the deployment may; return its rows, tab separated."""
    with connected(server) as cursor:
        cursor.execute(statement)
        return "".join("\t".join(map(str, row)) + "\n" for row in cursor.fetchall())


def meddle(server: Server) -> None:
    """Shut POP3 for BOB, give STRICT his password, and add an alias to him, all of it by hand."""
    sql(server, "UPDATE users SET pop3 = 0 WHERE userid = 'bob' AND domain = 'example.test'")
    sql(
        server,
        "UPDATE users AS one, users AS other SET one.password = other.password "
        "WHERE one.userid = 'strict' AND other.userid = 'bob' AND other.domain = 'example.test'",
    )
    sql(
        server,
        f"INSERT INTO aliases (name, domain, target, may_send) VALUES ('ghost', 'example.test', '{BOB}', 0)",
    )


def marked(server: Server, *homes: str) -> None:
    """Mark folders for deletion by hand, in this order and none before."""
    sql(server, "DELETE FROM retired_homes WHERE domain = 'by.hand'")
    values = ", ".join(f"('{home}', 'x', 'by.hand', 1)" for home in homes)
    if values:
        sql(server, f"INSERT INTO retired_homes (home, userid, domain, delete_mail) VALUES {values}")
