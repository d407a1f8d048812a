"""The filter: users are signed for, strangers are checked, and while it is away nothing is lost."""

import json
import re
import smtplib
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import Any

import dkim  # type: ignore[import-untyped]
import pytest

from mailinfra.components.network import RSPAMD, VALKEY
from tests.e2e.ground.zones import HOSTNAME
from tests.e2e.server import Server, letter, until
from tests.e2e.stackfile import ALICE, BOB, DORA, ROBOT
from tests.e2e.test_sending import reaches

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

AN_HOUR = 20
"""Recipients that a user may write to in an hour."""

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
"""What every filter takes for spam: https://spamassassin.apache.org/gtube/."""

WORDS = "\r\n".join(f"word{number} other{7 * number} third{3 * number}" for number in range(60))
"""Enough text to learn from."""

SIBLING = "sibling"
"""The stranger in the network `front`: whose address Docker does not hide."""


@pytest.fixture(scope="module", autouse=True)
def filtered(server: Server) -> Iterator[None]:
    """The shared stack with the filter; afterwards it is gone, and nothing is left to do."""
    settings = server.stack.settings
    server.stack.configure({**settings, "filtering": {"recipientsPerHour": AN_HOUR}})
    server.stack.up()
    server.read()
    yield
    server.stack.configure(settings)
    server.stack.up()
    assert not {RSPAMD, VALKEY, "resolver"} & set(server.stack.all_containers())
    assert server.deliver(ALICE), "mail flows without it"


def records(server: Server) -> dict[str, str]:
    """Return selector -> public record of each key, as the stack knows it."""
    resources = server.stack.workspace.pulumi("stack", "export", "--stack", server.stack.name)
    found: dict[str, str] = {}
    for resource in json.loads(resources)["deployment"]["resources"]:
        if resource["type"] == "mailinfra:index:DkimKeys":
            found |= resource["outputs"]["public_records"]
    return found


def signers(server: Server, raw: bytes) -> list[tuple[str, str]]:
    """Return domain and algorithm of each signature; fail where one does not verify."""
    known = records(server)

    def published(name: bytes, timeout: float = 5) -> bytes | None:
        selector, _, domain = name.decode().rstrip(".").partition("._domainkey.")
        return known[selector].encode() if domain.endswith(".test") else None

    headers = message_from_bytes(raw).get_all("DKIM-Signature", [])
    for index in range(len(headers)):
        assert dkim.DKIM(raw).verify(idx=index, dnsfunc=published), headers[index]
    return sorted(
        (found["d"], found["a"])
        for header in headers
        for found in [dict(re.findall(r"(\w+)=([^;\s]+)", header))]
    )


def stranger(server: Server, text: str = "Hello there.\r\n", **given: str) -> str:
    """Hand in a message on port 25 as a stranger whose address is seen; return its Message-ID.

    `sender` is the envelope's, `writer` who is in From; other names are headers.
    """
    sender = given.pop("sender", "friend@honest.test")
    message = letter(given.pop("writer", sender), ALICE, text)
    for name, value in given.items():
        message[name.replace("_", "-")] = value
    with server.smtp(SIBLING) as client:
        client.sendmail(sender, [ALICE], message.as_bytes())
    return str(message["Message-ID"])


def _text(refused: smtplib.SMTPResponseException) -> str:
    said = refused.smtp_error
    return said.decode() if isinstance(said, bytes) else said


def refusal(server: Server, **given: str) -> str:
    """Return with which words a stranger's message is refused."""
    with pytest.raises(smtplib.SMTPDataError) as refused:
        stranger(server, **given)
    assert refused.value.smtp_code == 554, refused.value
    return _text(refused.value)


def read(server: Server, sent: str, folder: str = "INBOX", user: str = ALICE) -> Message:
    return message_from_bytes(server.arrives(user, sent, folder=folder, seconds=60))


def learned(server: Server) -> int:
    """Return how many messages the filter has learned from."""
    ask = (
        "exec 3<>/dev/tcp/127.0.0.1/11334; "
        r"""printf 'GET /stat HTTP/1.0\r\nPassword: %s\r\n\r\n' """
        r""""$(sed -n 's/^password = "\(.*\)";/\1/p' /run/secrets/controller.inc)" >&3; cat <&3"""
    )
    done: Any = server.stack.containers()[RSPAMD].exec_run(["bash", "-c", ask])
    return int(re.findall(r'"learned":(\d+)', done.output.decode())[0])


def move(server: Server, sent: str, source: str, target: str) -> None:
    """Move a message of Alice's, as a mail program does."""
    with server.imap(ALICE) as client:
        client.select(source)
        _, (numbers,) = client.uid("SEARCH", "HEADER", "Message-ID", f'"{sent}"')
        code, _ = client.uid("MOVE", numbers.decode(), target)
        assert code == "OK"


# --- what users send


def test_a_users_mail_leaves_with_two_signatures_that_verify(server: Server) -> None:
    sent = server.submit(ALICE, "friend@peer.test", text="Grüße\r\n.a dot\r\n\r\n\r\n")
    raw = re.sub(rb"^\.\.", b".", reaches(server, "mx1", sent).raw, flags=re.M)
    assert signers(server, raw) == [("example.test", "ed25519-sha256"), ("example.test", "rsa-sha256")]


def test_every_hosted_domain_is_signed_for(server: Server) -> None:
    sent = server.submit(DORA, ALICE)
    domains = {domain for domain, _ in signers(server, server.arrives(ALICE, sent, seconds=60))}
    assert domains == {"second.test"}


@pytest.mark.parametrize(
    ("envelope", "writer"),
    [("", "boss@example.test"), ("", "boss@elsewhere.test"), (ALICE, "boss@elsewhere.test")],
    ids=["without an envelope", "without an envelope, for others", "for others"],
)
def test_a_user_is_not_signed_for_beyond_the_own_domain(server: Server, envelope: str, writer: str) -> None:
    message = letter(writer, BOB)
    with server.submission(ALICE) as client:
        client.sendmail(envelope, [BOB], message.as_bytes())
    assert not signers(server, server.arrives(BOB, str(message["Message-ID"]), seconds=60))


def test_a_stranger_with_a_private_address_is_not_signed_for(server: Server) -> None:
    sent = stranger(server, sender=BOB)
    assert not signers(server, server.arrives(ALICE, sent, folder="Junk", seconds=60))


def test_spam_of_a_user_is_refused(server: Server) -> None:
    with pytest.raises(smtplib.SMTPDataError, match="554"):
        server.submit(ALICE, BOB, text=GTUBE)


def test_a_stolen_password_does_not_send_to_thousands(server: Server) -> None:
    many = [f"friend{number}@peer.test" for number in range(AN_HOUR + 1)]
    message = letter(ROBOT, many[0])
    with server.submission(ROBOT) as client:
        client.sendmail(ROBOT, many, message.as_bytes())
        with pytest.raises(smtplib.SMTPDataError) as refused:
            client.sendmail(ROBOT, [BOB], letter(ROBOT, BOB).as_bytes())
    assert refused.value.smtp_code == 451
    assert "very many recipients" in _text(refused.value)
    server.arrives(BOB, server.submit(ALICE, BOB), seconds=60)


# --- what strangers send


def test_honest_mail_arrives_and_says_what_was_proved(server: Server) -> None:
    (header,) = read(server, stranger(server)).get_all("Authentication-Results", [])
    assert header.startswith(f"{HOSTNAME};")
    assert "spf=pass" in header
    assert "dmarc=pass" in header


def test_a_forgery_is_refused_where_the_domain_asks_for_it(server: Server) -> None:
    assert "DMARC" in refusal(server, sender="boss@strict.test")
    assert "DMARC" in refusal(server, writer="boss@strict.test")


def test_a_forgery_is_filed_into_junk_where_the_domain_asks_for_it(server: Server) -> None:
    assert read(server, stranger(server, sender="boss@careful.test"), "Junk")["X-Spam"] == "Yes"


def test_a_stranger_who_writes_as_one_of_us_is_filed_into_junk(server: Server) -> None:
    assert read(server, stranger(server, writer=BOB), "Junk")["X-Spam"] == "Yes"


def test_spam_is_refused(server: Server) -> None:
    assert "Gtube" in refusal(server, text=GTUBE)


def test_what_a_stranger_says_in_our_name_is_taken_off(server: Server) -> None:
    said = f"{HOSTNAME}; dmarc=pass header.from=bank.test"
    mail = read(server, stranger(server, Authentication_Results=said, X_Spam="No"))
    assert "bank.test" not in str(mail.get_all("Authentication-Results"))
    assert mail["X-Spam"] is None


def test_so_is_what_a_user_says(server: Server) -> None:
    message = letter(ALICE, BOB)
    message["Authentication-Results"] = f"{HOSTNAME}; dmarc=pass header.from=bank.test"
    with server.submission(ALICE) as client:
        client.sendmail(ALICE, [BOB], message.as_bytes())
    assert "bank.test" not in server.arrives(BOB, str(message["Message-ID"]), seconds=60).decode()


# --- learning


def test_moves_into_and_out_of_junk_are_learned_from(server: Server) -> None:
    sent = stranger(server, text=WORDS)
    read(server, sent)
    before = learned(server)
    move(server, sent, "INBOX", "Junk")
    until(lambda: learned(server) > before, 60, "it is learned as spam")
    before = learned(server)
    move(server, sent, "Junk", "INBOX")
    until(lambda: learned(server) > before, 60, "it is learned as ham")


def test_nobody_teaches_without_the_password(server: Server) -> None:
    ask = r"exec 3<>/dev/tcp/rspamd/11334; printf 'GET /stat HTTP/1.0\r\n\r\n' >&3; head -n 1 <&3"
    _, said = server.stack.containers()["dovecot"].exec_run(["bash", "-c", ask])
    assert b" 401 " in said or b" 403 " in said, said


# --- away


@pytest.fixture
def away(server: Server) -> Iterator[Any]:
    """The filter's container; afterwards it runs and is healthy."""
    container = server.stack.containers()[RSPAMD]
    yield container
    container.reload()
    if container.status == "paused":
        container.unpause()
    container.start()
    until(lambda: RSPAMD in server.stack.healthy(), 120, "the filter is healthy")


@pytest.mark.parametrize("how", ["stop", "pause"])
def test_while_the_filter_is_away_nothing_is_taken_and_nothing_is_lost(
    server: Server, away: Any, how: str
) -> None:
    getattr(away, how)()
    for_later = letter("friend@honest.test", ALICE)
    with server.smtp(SIBLING) as client, pytest.raises(smtplib.SMTPResponseException) as refused:
        client.sendmail("friend@honest.test", [ALICE], for_later.as_bytes())
    assert refused.value.smtp_code == 451, refused.value
    with (
        pytest.raises(smtplib.SMTPResponseException) as put_off,
        server.smtp(protocol="submission") as client,
    ):
        client.starttls(context=server.tls)
    assert put_off.value.smtp_code == 454
    code, said = server.stack.containers()["postfix"].exec_run(["sh", "-c", "rm -f /tmp/healthy; healthy"])
    assert code == 0, f"a restart of Postfix would not help: {said!r}"
    with server.imap(ALICE) as mail_program:
        mail_program.select("INBOX")
        code_of_move, _ = mail_program.uid("MOVE", "1:*", "Archive")
        assert code_of_move == "OK", "who reads notices nothing"
    if how == "pause":
        away.unpause()
    away.start()
    until(lambda: RSPAMD in server.stack.healthy(), 120, "the filter is healthy")
    with server.smtp(SIBLING) as client:
        client.sendmail("friend@honest.test", [ALICE], for_later.as_bytes())
    read(server, str(for_later["Message-ID"]))


def test_without_its_memory_mail_flows_on(server: Server) -> None:
    valkey = server.stack.containers()[VALKEY]
    valkey.stop()
    try:
        began = time.monotonic()
        read(server, stranger(server))
        assert time.monotonic() - began < 60
    finally:
        valkey.start()
    until(lambda: VALKEY in server.stack.healthy(), 120, "it is healthy")
