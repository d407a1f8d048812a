"""The filter: users are signed for, strangers are checked, and while it is away nothing is lost."""

import gzip
import io
import json
import re
import shlex
import smtplib
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any
from uuid import uuid4

import dkim  # type: ignore[import-untyped]
import pytest

from mailinfra import user_ids
from mailinfra.components.network import RSPAMD, VALKEY
from mailinfra.components.rspamd import PORTS
from mailinfra.containers import labels
from tests import canaries
from tests.e2e import guesser, load
from tests.e2e.belongings import FILTERS, PLACES, misplaced, missing, rows, secrets
from tests.e2e.filtered import with_filter
from tests.e2e.ground.zones import HOSTNAME, REPORTED
from tests.e2e.places import Places
from tests.e2e.planted import planted
from tests.e2e.server import Server, letter
from tests.e2e.stackfile import ALICE, BOB, DORA, IMAP_ONLY, ROBOT
from tests.e2e.test_relay import taken
from tests.e2e.test_sending import at, reaches, senderless
from tests.e2e.test_smuggling import ENDS, betrayed, entered
from tests.filter.world import asking, own_zones
from tests.filter.world import signers as verified
from tests.name_server import NameServer, serving
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

AN_HOUR = 20
"""Recipients that a user may write to in an hour."""

OFFERS, NEWS = "offers@honest.test", "news@honest.test"
"""Senders whom the server does not want, and a single domain."""

FILTERING: dict[str, Any] = {
    "recipientsPerHour": AN_HOUR,
    "dmarcReports": True,
    "allowed": ["known.test", "strict.test"],
    "blocked": [OFFERS],
    "domains": [
        {"name": "second.test", "allowed": [OFFERS], "blocked": [NEWS], "junkScore": 14, "refuseScore": 20}
    ],
}

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
"""What every filter takes for spam: https://spamassassin.apache.org/gtube/."""

WORDS = "\r\n".join(f"word{number} other{7 * number} third{3 * number}" for number in range(60))
"""Enough text to learn from."""

AWAY = "away@example.test"
"""Leads to another server, and nowhere here."""

HANGS = 13
"""Seconds for which it hangs: longer than Postfix waits for an answer."""

SIBLING = "sibling"
"""The stranger in the network `front`: whose address Docker does not hide."""


@pytest.fixture(scope="module", autouse=True)
def filtered(server: Server) -> Iterator[None]:
    """The shared stack with the filter; afterwards it is gone, and nothing is left to do."""
    with with_filter(server, **FILTERING):
        yield
    assert not {RSPAMD, VALKEY, "resolver"} & set(server.stack.all_containers())
    assert server.deliver(ALICE), "mail flows without it"


def published(server: Server) -> NameServer:
    """Return a server with the stack's own output `dns_records`, in zones as `make dns` writes them."""
    return NameServer(own_zones(server.outputs["dns_records"]))


def signers(server: Server, raw: bytes) -> list[tuple[str, str]]:
    """Return domain and algorithm of each signature; fail where one does not verify by those records."""
    with serving(published(server)) as names:
        return verified(raw, names)


def stranger(server: Server, text: str = "Hello there.\r\n", **given: str) -> str:
    """Hand in a message on port 25 as a stranger whose address is seen; return its Message-ID.

    `sender` is the envelope's, as is `to`; `writer` is who is in From; other names are headers.
    """
    sender, to = given.pop("sender", "friend@honest.test"), given.pop("to", ALICE)
    message = letter(given.pop("writer", sender), to, text)
    for name, value in given.items():
        message[name.replace("_", "-")] = value
    with server.smtp(SIBLING) as client:
        client.sendmail(sender, [to], message.as_bytes())
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


def test_a_stranger_beside_the_server_is_not_signed_for(server: Server) -> None:
    # One with a private address is another matter: filter/test_signing.py.
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
    forged = {"Received_SPF": "pass", "X_Spam": "No", "X_SPAM_Score": "-9", "X_Spam_For": "<example.test>"}
    forged |= {"X_Spamd_Bar": "/", "X_Spamd_Result": "ham", "X_Rspamd_Action": "no action", "X_Virus": "no"}
    mail = read(server, stranger(server, Authentication_Results=said, X_Spambox="stays", **forged))
    assert "bank.test" not in str(mail.get_all("Authentication-Results"))
    assert [name for name in forged if mail[name.replace("_", "-")] is not None] == []
    assert mail["X-Spambox"] == "stays"


def test_so_is_what_a_user_says(server: Server) -> None:
    message = letter(ALICE, BOB)
    message["Authentication-Results"] = f"{HOSTNAME}; dmarc=pass header.from=bank.test"
    with server.submission(ALICE) as client:
        client.sendmail(ALICE, [BOB], message.as_bytes())
    assert "bank.test" not in server.arrives(BOB, str(message["Message-ID"]), seconds=60).decode()


# --- whose mail is wanted


def untidy(server: Server, sender: str, *recipients: str, writer: str = "") -> str:
    """Hand in what looks like spam on port 25; return its mark, which is the value of X-Mark."""
    mark = f"untidy {uuid4()}"
    with server.smtp(SIBLING) as client:
        client.ehlo()
        client.mail(sender)
        assert {client.rcpt(one)[0] for one in recipients} == {250}
        message = f"From: {writer or sender}\r\nX-Mark: {mark}\r\n\r\nHello"
        code, said = client.data(message.encode())
    assert code == 250, said
    return mark


def filed(server: Server, mark: str, user: str, folder: str) -> None:
    server.arrives(user, mark, "X-Mark", folder=folder, seconds=60)


def test_who_is_allowed_and_proved_is_not_filed_into_junk(server: Server) -> None:
    filed(server, untidy(server, "friend@honest.test", ALICE), ALICE, "Junk")  # without leave
    filed(server, untidy(server, "friend@known.test", ALICE), ALICE, "INBOX")


def test_who_only_writes_as_somebody_who_is_allowed_has_no_leave(server: Server) -> None:
    filed(server, untidy(server, "friend@honest.test", ALICE, writer="friend@known.test"), ALICE, "Junk")
    assert "DMARC" in refusal(server, writer="boss@strict.test"), "allowed, and forged"


def test_who_is_allowed_may_not_send_what_is_refused_for_itself(server: Server) -> None:
    assert "Gtube" in refusal(server, sender="friend@known.test", text=GTUBE)


@pytest.mark.parametrize("given", [{"sender": OFFERS}, {"writer": OFFERS}, {"sender": OFFERS.upper()}])
def test_who_is_blocked_is_refused_by_name(server: Server, given: dict[str, str]) -> None:
    assert f"Mail of {OFFERS} is not wanted here" in refusal(server, **given)


def test_a_domains_own_lists_go_before_the_servers(server: Server) -> None:
    for user, sender, code in [
        (DORA, OFFERS, 250),
        ("dora@third.test", NEWS, 554),
        (DORA, NEWS, 554),
        (ALICE, NEWS, 250),
    ]:
        with server.smtp(SIBLING) as client:
            client.ehlo()
            client.mail(sender)
            client.rcpt(user)
            assert client.data(letter(sender, user).as_bytes())[0] == code, (user, sender)


def test_a_copy_for_a_domain_that_does_not_want_its_sender_is_for_junk(server: Server) -> None:
    message = letter(NEWS, ALICE)
    with server.smtp(SIBLING) as client:
        client.sendmail(NEWS, [ALICE, DORA], message.as_bytes())
    read(server, str(message["Message-ID"]))
    read(server, str(message["Message-ID"]), "Junk", DORA)


def test_a_domains_own_scores_hold_where_all_recipients_are_there(server: Server) -> None:
    filed(server, untidy(server, "friend@honest.test", DORA), DORA, "INBOX")
    mark = untidy(server, "friend@honest.test", DORA, ALICE)
    filed(server, mark, DORA, "Junk")
    filed(server, mark, ALICE, "Junk")


def test_a_changed_list_is_read_while_the_filter_runs(server: Server) -> None:
    """As an update writes it: the container that fills the volume writes over its file."""
    sender = "friend@honest.test"
    began = server.stack.containers()[RSPAMD].attrs["State"]["StartedAt"]
    named: dict[str, str | list[str] | bool] = {
        "label": f"{labels.STACK}={server.stack.full_name}",
        "name": "etc-hosted-filler",
    }
    (filling,) = server.stack.docker.containers.list(all=True, filters=named)
    packed, _ = filling.get_archive("/mailinfra/senders.json")
    with tarfile.open(fileobj=io.BytesIO(b"".join(packed))) as archive:
        file = archive.extractfile("senders.json")
        assert file is not None
        before = file.read()
    known = json.loads(before)
    known["server"]["blocked"].append(sender)

    def write(content: bytes) -> None:
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as archive:
            entry = tarfile.TarInfo("mailinfra/senders.json")
            entry.size, entry.mode = len(content), 0o444
            archive.addfile(entry, io.BytesIO(content))
        filling.put_archive("/", target.getvalue())

    def answer() -> int:
        with server.smtp(SIBLING) as client:
            client.ehlo()
            client.mail(sender)
            client.rcpt(ALICE)
            return client.data(letter(sender, ALICE).as_bytes())[0]

    assert answer() == 250
    write(json.dumps(known).encode())
    try:
        until(lambda: answer() == 554, 60, "the list holds")
    finally:
        write(before)
    until(lambda: answer() == 250, 60, "the list of before holds")
    assert server.stack.containers()[RSPAMD].attrs["State"]["StartedAt"] == began


# --- forwards


def test_a_forward_is_sealed_with_what_was_proved_of_it(server: Server) -> None:
    raw = reaches(server, "mx1", stranger(server, to=AWAY)).raw
    with serving(published(server)) as names:
        result, _, reason = dkim.arc_verify(raw, dnsfunc=asking(names))
        changed, _, _ = dkim.arc_verify(raw.replace(b"Hello", b"Hallo"), dnsfunc=asking(names))
    assert result == b"pass", reason
    said = message_from_bytes(raw)["ARC-Authentication-Results"]
    assert " ".join(said.split()).startswith(f"i=1; {HOSTNAME};")
    assert "spf=pass" in said
    assert changed != b"pass"


def test_junk_is_not_forwarded_and_the_postmaster_has_it(server: Server) -> None:
    sent = stranger(server, sender="boss@careful.test", to=AWAY)
    assert read(server, sent, "Junk")["To"] == AWAY
    reaches(server, "mx1", stranger(server, to=AWAY))
    assert not at(server, "mx1", sent)


# --- reports


def test_who_asks_for_reports_gets_them_and_nobody_who_does_not(server: Server) -> None:
    read(server, stranger(server, sender=f"friend@{REPORTED}"))
    container = server.stack.containers()[RSPAMD]
    today = time.strftime("%Y%m%d", time.gmtime())
    code, said = container.exec_run(["rspamadm", "dmarc_report", today], user=f"{user_ids.RSPAMD}")
    assert code == 0, said
    (report,) = until(
        lambda: [one for one in server.world.received("mx1") if one.recipients == (f"dmarc@{REPORTED}",)],
        60,
        "the report is there",
    )
    assert report.sender == f"postmaster@{HOSTNAME}"
    parts = message_from_bytes(report.raw).walk()
    packed: Any
    (packed,) = [part.get_payload(decode=True) for part in parts if "gzip" in part.get_content_type()]
    text = gzip.decompress(packed).decode()
    assert f"<header_from>{REPORTED}</header_from>" in text
    assert "<spf>pass</spf>" in text
    others = {one for mail in server.world.received("mx1") for one in mail.recipients}
    assert "agency@example.com" in others, "its DNS agrees"
    assert "victim@example.org" not in others


def test_the_door_for_reports_takes_nothing_else(server: Server) -> None:
    said = inside(server, "dovecot", "ehlo x", f"mail from:<postmaster@{HOSTNAME}>", "rcpt to:<a@peer.test>")
    assert "554 5.7.1" in said[-1], said
    said = inside(server, RSPAMD, "ehlo x", f"mail from:<{ALICE}>", "rcpt to:<a@peer.test>")
    assert "554 5.7.1" in said[-1], said
    assert inside(server, RSPAMD, "ehlo x", f"mail from:<postmaster@{HOSTNAME}>", "rcpt to:<a@peer.test>")[
        -1
    ].startswith("250 ")


def inside(server: Server, service: str, *lines: str) -> list[str]:
    """Return the answers to each line that is said at the door for reports from a container."""
    postfix = server.stack.containers()["postfix"].attrs["NetworkSettings"]["Networks"]
    (door,) = [one["IPAddress"] for name, one in postfix.items() if name.endswith("-inner")]
    program = f"exec 3<>/dev/tcp/{door}/10027; head -n 1 <&3; " + "; ".join(
        f"printf '%s\\r\\n' {shlex.quote(line)} >&3; "
        'while read -r said <&3; do case $said in ???-*) ;; *) break;; esac; done; echo "$said"'
        for line in lines
    )
    done: Any = server.stack.containers()[service].exec_run(["timeout", "30", "bash", "-c", program])
    return [line.strip() for line in done.output.decode().splitlines()]


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


@pytest.mark.parametrize("port", PORTS.values())
def test_a_stranger_beside_the_server_reaches_neither_the_milter_nor_what_teaches(
    server: Server, port: int
) -> None:
    (network,) = server.stack.containers()[RSPAMD].attrs["NetworkSettings"]["Networks"].values()
    here = server.vantage(SIBLING)
    with pytest.raises(OSError, match=r"cannot reach|timed out"):
        here.dial(port, timeout=3, host=network["IPAddress"]).close()
    with here.open("smtp") as connection:
        assert connection.recv(3) == b"220", "the control: the same path leads to port 25"


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


def everywhere(server: Server, user: str) -> Counter[str]:
    """Return Message-ID -> how often it is in the inbox or in Junk, checked by the filter."""
    found: Counter[str] = Counter()
    with server.imap(user) as client:
        for folder in ("INBOX", "Junk"):
            client.select(folder, readonly=True)
            _, answers = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER])")
            heads = [message_from_bytes(answer[1]) for answer in answers if isinstance(answer, tuple)]
            for head in heads:
                if str(head["Authentication-Results"]).startswith(f"{HOSTNAME};"):
                    found[str(head["Message-ID"])] += 1
    return found


def began(container: Any) -> str:
    """Return when a container's first process began."""
    container.reload()
    return str(container.attrs["State"]["StartedAt"])


def test_killed_hung_and_stopped_in_mid_message_it_loses_nothing_and_lets_nothing_past(
    server: Server, away: Any
) -> None:
    """Strangers and a user go on sending meanwhile; each tries again what was put off."""
    ends, returned = threading.Event(), len(senderless(server))
    sent: list[str] = []

    def submit() -> None:
        while not ends.is_set() and len(sent) < AN_HOUR - 5:
            # A login that is put off fails as an assertion of the client's.
            with suppress(AssertionError, OSError, smtplib.SMTPException):
                sent.append(server.submit(DORA, "friend@plain.test"))
            ends.wait(2)

    with ThreadPoolExecutor(2) as pool:
        pouring = pool.submit(load.pour, server, IMAP_ONLY, 60, threading.Event(), workers=2, until_set=ends)
        submitting = pool.submit(submit)
        try:
            until(lambda: sent, 60, "mail flows")
            killed = began(away)
            server.world.kill(away)
            until(lambda: began(away) != killed, 120, "it came back by itself")
            until(lambda: RSPAMD in server.stack.healthy(), 120, "it is healthy again")
            away.pause()
            time.sleep(HANGS)
            away.unpause()
            away.stop(timeout=5)
            away.start()
            until(lambda: RSPAMD in server.stack.healthy(), 120, "it is healthy")
            before = len(sent)
            until(lambda: len(sent) > before or len(sent) == AN_HOUR - 5, 60, "users send again")
        finally:
            ends.set()
        ledger = pouring.result()
        submitting.result()
    load.emptied(server)
    assert ledger.refused_for_ever == []
    there = everywhere(server, IMAP_ONLY)
    assert {one: there[one] for one in ledger.acknowledged if there[one] != 1} == {}
    assert {one: there[one] for one in ledger.unknown if there[one] > 1} == {}
    left = [mail for mail in server.world.received("plain") if mail.sender == DORA]
    for message_id in sent:
        (mail,) = [mail for mail in left if message_id.encode() in mail.raw]
        assert len(signers(server, mail.raw)) == 2
    assert len(senderless(server)) == returned, "nothing bounces"


def test_no_second_message_hides_from_the_filter(server: Server) -> None:
    def delivered() -> Counter[str]:
        server.arrives(BOB, server.submit(BOB, BOB), seconds=60)  # behind all that this test has sent
        load.emptied(server)
        return load.received(server, BOB)

    envelope = ("friend@honest.test", BOB)
    assert betrayed(lambda: entered(server.smtp(SIBLING)), envelope, ENDS, delivered) == []


def test_no_stranger_relays_through_the_filter(server: Server) -> None:
    assert taken(lambda: server.smtp(SIBLING)) == []


def test_no_secret_is_anywhere_but_where_it_belongs(server: Server, tmp_path: Path) -> None:
    # Whoever is logged in to webmail has her password in its rows, encrypted.
    port, belonging = server.stack.settings["ports"]["webmail"], {**PLACES, **FILTERS}
    assert guesser.LOGINS["webmail"]("127.0.0.1", port, ALICE, server.password(ALICE)) == guesser.WELCOME
    places = Places(server.stack.docker, server.stack.full_name, server.world.image)
    with planted(places) as seeds:
        known = {**secrets(server), **seeds.known}
        found = canaries.in_texts(known, {**places.texts(), **rows(server)}, tmp_path / "texts")
        found |= places.files(known)
    assert seeds.overlooked(found) == [], "the search is blind there"
    ours = {hit for hit in found if hit[0] not in seeds.known}
    assert misplaced(ours, belonging) == []
    assert missing(ours, belonging) == set(), "the list names what is not there"


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
