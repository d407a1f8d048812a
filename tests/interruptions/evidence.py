"""Evidence: a mail in the volume, the row of a mailbox and a contact, which nothing may touch.

Owns what is put and how it is found again, past all daemons: in the volume and in the database itself.
"""

import re
import ssl
import subprocess
from dataclasses import dataclass

import pymysql

from tests.interruptions.yard import FULL_NAME, Yard

MARK = "Written before the interruption"
CONTACT = "kept@example.test"
FILE = "/mail/example.test/alice/Maildir/new/1700000000.M1P1.evidence"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was found."""

    mail: str
    """The marked message, as it lies in the volume."""

    row: str
    """Alice's row, with the hash of her password."""

    contact: str
    """Her contact in webmail's database."""


def put(yard: Yard) -> Evidence:
    """Write all three, and return them as they are found."""
    script = f"mkdir -p $(dirname {FILE}) && printf 'Subject: {MARK}\\n\\nHello.\\n' > {FILE}"
    _in_volume(yard, script)
    _sql(
        yard,
        "INSERT INTO roundcube.users (username, mail_host, created)"
        " VALUES ('alice@example.test', 'x', NOW())",
        "INSERT INTO roundcube.contacts (user_id, changed, name, email, words)"
        f" SELECT user_id, NOW(), 'Kept', '{CONTACT}', '' FROM roundcube.users",
    )
    return find(yard)


def find(yard: Yard) -> Evidence:
    """Return what is there now."""
    return Evidence(
        mail=_in_volume(yard, f"cat {FILE}"),
        row=_sql(yard, "SELECT id, userid, domain, password FROM mail.users WHERE userid = 'alice'"),
        contact=_sql(yard, "SELECT name, email FROM roundcube.contacts ORDER BY contact_id"),
    )


def lock_out(yard: Yard) -> None:
    """Take its password from the account that deploys; the next start of MySQL gives it back."""
    _sql(yard, "SET PASSWORD = 'of nobody, and for a while'")


def _in_volume(yard: Yard, script: str) -> str:
    image = yard.settings.get("images", {}).get("base", "debian:trixie-slim")
    words = ["docker", "run", "--rm", "--network", "none", "--volume", f"{FULL_NAME}-mail:/mail", image]
    return subprocess.run(
        [*words, "sh", "-euc", script], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def _sql(yard: Yard, *statements: str) -> str:
    """Return what MySQL answers to the account that deploys."""
    _, said = yard.containers()["mysql"].exec_run(["cat", "/run/secrets/init.sql"])
    found = re.search(r"'deploy'@\S+ IDENTIFIED BY '([^']+)'", bytes(said).decode())  # type: ignore[arg-type]
    assert found, "the account that deploys has a password"
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    port = yard.settings["ports"]["database"]
    with (
        pymysql.connect(host="127.0.0.1", port=port, user="deploy", password=found[1], ssl=tls) as link,
        link.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)
        link.commit()
        return str(cursor.fetchall())
