"""Mail is read, sorted and fetched: over IMAP and POP3, on both ports of each, by several clients at once."""

import imaplib
import os
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from typing import Any

import pytest

from tests.e2e.clients import Imap
from tests.e2e.server import Server, authenticate, letter
from tests.e2e.stackfile import ALICE, BOB, DISABLED, ERIN, IMAP_ONLY, ODD, POP3_ONLY, RECEIVE_ONLY, SEND_ONLY
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FOLDERS = {
    "Archive": "\\Archive",
    "Drafts": "\\Drafts",
    "Junk": "\\Junk",
    "Sent": "\\Sent",
    "Trash": "\\Trash",
}
FRIEND = "friend@peer.test"


def listed(client: Imap, command: str) -> dict[str, str]:
    """Return folder -> its flags, as LIST or LSUB answers."""
    _, lines = getattr(client, command)()
    parted = [line.decode().partition(") ") for line in lines if isinstance(line, bytes)]
    return {rest.split(" ", 1)[1].strip('"'): flags.lstrip("(") for flags, _, rest in parted}


def test_the_five_folders_are_there_at_the_first_login_with_their_uses(server: Server) -> None:
    with server.imap(RECEIVE_ONLY) as client:
        there, subscribed = listed(client, "list"), listed(client, "lsub")
    assert set(there) == {"INBOX", *FOLDERS}, "a client would make doubles of what is missing"
    assert set(FOLDERS) <= set(subscribed)
    for folder, flag in FOLDERS.items():
        assert flag in there[folder].split()


@pytest.mark.parametrize(
    ("protocol", "kind"), [("imap", "imap"), ("imaps", "imap"), ("pop3", "pop3"), ("pop3s", "pop3")]
)
def test_mail_is_read_on_every_port(server: Server, protocol: str, kind: str) -> None:
    sent = server.deliver(ALICE)
    server.arrives(ALICE, sent)
    if kind == "imap":
        with server.imap(ALICE, protocol) as client:
            client.select("INBOX", readonly=True)
            assert client.search(None, "HEADER", "Message-ID", f'"{sent}"')[1] != [b""]
    else:
        pop3 = server.pop3(ALICE, protocol)
        assert sent.encode() in b"\r\n".join(pop3.retr(pop3.stat()[0])[1])
        pop3.quit()


def test_an_idle_client_hears_of_new_mail_within_a_second(server: Server) -> None:
    waits = []
    with server.imap(ERIN) as client, server.smtp() as sender:
        there = int(client.select("INBOX", readonly=True)[1][0] or b"0")
        client.send(b"idle1 IDLE\r\n")
        assert client.readline().startswith(b"+")
        for number in range(there + 1, there + 6):
            sender.sendmail(FRIEND, [ERIN], letter(FRIEND, ERIN).as_bytes())
            taken = time.monotonic()
            while client.readline().rstrip() != f"* {number} EXISTS".encode():
                pass
            waits.append(time.monotonic() - taken)
        client.send(b"DONE\r\n")
        while not client.readline().startswith(b"idle1 OK"):
            pass
    # Half of it is Dovecot's own: it collects changes for 500 ms (mailbox-watch.c, NOTIFY_DELAY_MSECS).
    assert statistics.median(waits) < 1, f"they took {waits} s after the 250"


def test_messages_are_appended_found_moved_and_deleted(server: Server) -> None:
    message = letter(FRIEND, ERIN, subject="Ångström needle", text="In the haystack: Überraschung\r\n")
    with server.imap(ERIN) as client:
        assert (
            client.append("Drafts", "(\\Draft)", imaplib.Time2Internaldate(0), message.as_bytes())[0] == "OK"
        )
        client.select("Drafts")
        for criteria in (("SUBJECT", "needle"), ("BODY", "haystack"), ("BEFORE", "1-Feb-1970"), ("DRAFT",)):
            assert client.search(None, *criteria)[1] == [b"1"], criteria
        assert client.sort("(DATE)", "UTF-8", "ALL")[1] == [b"1"]
        assert client.thread("REFERENCES", "UTF-8", "ALL")[1] == [b"(1)"]
        assert client._simple_command("MOVE", "1", "Archive")[0] == "OK"
        assert client.search(None, "ALL")[1] == [b""]
        client.select("Archive")
        assert client.fetch("1", "(FLAGS)")[1][0] is not None
        client.store("1", "+FLAGS", "(\\Deleted)")
        client.expunge()
        assert client.search(None, "ALL")[1] == [b""]


@pytest.mark.parametrize(
    "name",
    [
        "Entwürfe",
        "日本語",
        "Привет мир",
        "a & b",
        "very~odd!#",
        "1. Steuern",
        "example.com",
        "Kunden/example.com",
        ".hidden",
        "trailing.",
        "...",
        "~home",
        "cur",
        "a*b%c",
        "INBOX.Sent",
        "日本.語",
    ],
)
def test_folder_names_in_any_script_come_back_as_they_were_given(server: Server, name: str) -> None:
    with server.imap(ERIN) as client:
        coded = utf_7(name)
        assert client.create(f'"{coded}"')[0] == "OK"
        assert client.subscribe(f'"{coded}"')[0] == "OK"
        message = letter(FRIEND, ERIN).as_bytes()
        assert client.append(f'"{coded}"', "", imaplib.Time2Internaldate(0), message)[0] == "OK"
    with server.imap(ERIN) as client:
        assert coded in listed(client, "list")
        assert coded in listed(client, "lsub")
        assert client.select(f'"{coded}"', readonly=True)[1] == [b"1"]
    with server.imap(ERIN) as client:
        assert client.rename(f'"{coded}"', '"Another name"')[0] == "OK"
        assert client.rename('"Another name"', f'"{coded}"')[0] == "OK"
        assert client.unsubscribe(f'"{coded}"')[0] == "OK"
        assert client.delete(f'"{coded}"')[0] == "OK"


# In modified UTF-7: a name on disk could be taken for the written form of another one.
@pytest.mark.parametrize("coded", ["a&AAE-b", "a&AAE-2eb", "&AAE-2e&AAE-2e", "&AAE-"])
def test_a_name_with_the_character_that_writes_dots_on_disk_is_refused_and_ends_no_session(
    server: Server, coded: str
) -> None:
    name = f'"{coded}"'
    with server.imap(ERIN) as client:
        before = listed(client, "list")
        for ask in (client.create, client.select, client.subscribe, client.delete):
            assert ask(name)[0] == "NO", ask
        assert client.rename("Archive", name)[0] == "NO"
        assert client.rename(name, "Elsewhere")[0] == "NO"
        assert client.append(name, "", imaplib.Time2Internaldate(0), b"Subject: x\r\n\r\n")[0] == "NO"
        assert client.status(name, "(MESSAGES)")[0] == "NO"
        assert listed(client, "list") == before


def test_a_folder_that_was_made_before_dots_could_be_written_stays_what_it_was(server: Server) -> None:
    made = (
        "umask 077; cd /mail/second.test/erin/Maildir && mkdir .Old.Folder"
        " && mkdir .Old.Folder/cur .Old.Folder/new .Old.Folder/tmp"
        " && printf 'Subject: old\\n\\nHello\\n' > .Old.Folder/new/1.old.host"
    )
    result = server.stack.containers()["dovecot"].exec_run(["sh", "-c", made])
    assert result.exit_code == 0, result.output
    with server.imap(ERIN) as client:
        assert "Old/Folder" in listed(client, "list")
        assert client.select("Old/Folder", readonly=True)[1] == [b"1"]


def test_an_idle_client_hears_of_new_mail_in_a_folder_with_a_dot(server: Server) -> None:
    with server.imap(ERIN) as client, server.imap(ERIN) as other:
        client.create('"2. Steuern"')
        client.select('"2. Steuern"')
        client.send(b"idle2 IDLE\r\n")
        assert client.readline().startswith(b"+")
        other.append('"2. Steuern"', "", imaplib.Time2Internaldate(0), letter(FRIEND, ERIN).as_bytes())
        stored = time.monotonic()
        while client.readline().rstrip() != b"* 1 EXISTS":
            pass
        assert time.monotonic() - stored < 2
        client.send(b"DONE\r\n")
        while not client.readline().startswith(b"idle2 OK"):
            pass


def test_a_command_with_a_long_set_of_messages_is_taken(server: Server) -> None:
    scattered = ",".join(str(number) for number in range(1, 80_000, 2))
    assert len(scattered) > 3 * 65_536
    with server.imap(ERIN) as client:
        client.select("INBOX", readonly=True)
        assert client.uid("FETCH", scattered, "(FLAGS)")[0] == "OK"


def test_as_many_sessions_as_the_settings_say_are_open_at_once(server: Server) -> None:
    limit = server.stack.settings["limits"]["sessionsPerUser"]
    assert limit > 30, "more than the default"
    open_ones = [server.imap(IMAP_ONLY) for _ in range(limit)]
    assert {client.noop()[0] for client in open_ones} == {"OK"}
    with pytest.raises(imaplib.IMAP4.error, match="Maximum number of connections"):
        server.imap(IMAP_ONLY)


@pytest.mark.parametrize("written", [" {}", "{} ", "  {}   "])
def test_a_login_with_blanks_around_the_name_is_taken_on_every_port(server: Server, written: str) -> None:
    user, password = written.format(ALICE), server.password(ALICE)
    assert server.opens(user, password)
    assert server.opens(user, password, "pop3s")
    with server.smtp(protocol="submissions") as client:
        client.ehlo()
        assert authenticate(client, user, password)[0] == 235
        assert client.rcpt_codes(BOB, sender=ALICE)[0][0] == 250, "the session is hers"


@pytest.mark.parametrize("user", ["ali ce@example.test", "alice@ example.test", " ", "alice@example.test\t"])
def test_a_blank_inside_of_a_name_is_a_wrong_name(server: Server, user: str) -> None:
    assert not server.opens(user, server.password(ALICE))


@pytest.mark.parametrize("user", ODD)
def test_who_has_an_odd_name_logs_in_everywhere_and_has_a_folder_of_her_own(
    server: Server, user: str
) -> None:
    password = server.password(user)
    assert server.opens(user, password)
    assert server.opens(user, password, "pop3s")
    server.arrives(BOB, server.submit(user, BOB))
    server.arrives(user, server.deliver(user))
    for guess in ("' OR '1'='1", "x"):
        assert not server.opens(user, guess)
    homes: Any = server.stack.containers()["dovecot"].exec_run(["ls", "/mail/example.test"]).output
    written = re.sub("[^a-z]", lambda found: f"+{ord(found[0]):02X}", user.partition("@")[0])
    assert written in homes.decode().split()


def test_a_mailbox_is_copied_moved_and_taken_over_with_dovecots_tools(server: Server) -> None:
    sent = server.deliver(BOB)
    server.arrives(BOB, sent)

    def tool(*words: str) -> None:
        done = server.stack.containers()["dovecot"].exec_run(["doveadm", *words])
        assert done.exit_code == 0, done.output

    copy = "maildir:/tmp/a-copy"
    tool("backup", "-u", BOB, copy)
    tool("sync", "-1", "-u", BOB, copy)
    tool("import", "-u", RECEIVE_ONLY, copy, "Taken over", "HEADER", "Message-ID", sent)
    assert len(server.found(RECEIVE_ONLY, "Message-ID", sent, '"Taken over/INBOX"')) == 1
    server.stack.containers()["dovecot"].exec_run(["rm", "-rf", "/tmp/a-copy"])


def utf_7(name: str) -> str:
    """Return a folder's name as IMAP4rev1 spells it (RFC 3501, section 5.1.3)."""
    return name.replace("&", "&-") if name.isascii() else _shifted(name)


def _shifted(name: str) -> str:
    coded, run = "", ""
    for character in f"{name}\0":
        if character.isascii():
            if run:
                coded += "&" + run.encode("utf-7").decode().strip("+-").replace("/", ",") + "-"
                run = ""
            coded += "&-" if character == "&" else character
        else:
            run += character
    return coded.rstrip("\0")


def test_a_large_attachment_arrives_byte_for_byte(server: Server) -> None:
    data = os.urandom(3_500_000)
    message = letter(ALICE, BOB)
    message.add_attachment(data, maintype="application", subtype="octet-stream", filename="Größe.bin")
    with server.submission(ALICE) as client:
        client.sendmail(ALICE, [BOB], message.as_bytes())
    arrived = message_from_bytes(server.arrives(BOB, str(message["Message-ID"])), policy=policy.SMTP)
    (attachment,) = arrived.iter_attachments()
    assert attachment.get_filename() == "Größe.bin"
    assert attachment.get_content() == data


def test_pop3_keeps_mail_deletes_it_at_quit_and_numbers_it_for_good(server: Server) -> None:
    ids = [server.deliver(POP3_ONLY) for _ in range(2)]
    until(lambda: len(uidl(server)) == 2, 20, "both are there")
    first = uidl(server)
    assert uidl(server) == first, "reading deletes nothing and changes no number"

    dropped = server.pop3(POP3_ONLY)
    dropped.dele(1)
    dropped.close()
    assert uidl(server) == first, "a lost connection deletes nothing"

    undone = server.pop3(POP3_ONLY)
    undone.dele(1)
    undone.rset()
    undone.quit()
    assert uidl(server) == first, "RSET takes a deletion back"

    done = server.pop3(POP3_ONLY)
    done.dele(1)
    done.quit()
    assert uidl(server) == first[1:]
    left = server.pop3(POP3_ONLY)
    assert ids[1].encode() in b"\r\n".join(left.retr(1)[1])
    left.quit()


def uidl(server: Server) -> list[bytes]:
    """Return the lasting numbers of all messages that POP3 shows."""
    client = server.pop3(POP3_ONLY)
    found = [line.split()[1] for line in client.uidl()[1]]
    client.quit()
    return found


def test_many_clients_of_one_mailbox_lose_nothing(server: Server) -> None:
    marks = [f"session-{number}" for number in range(10)]

    def write(mark: str) -> None:
        with server.imap(IMAP_ONLY) as client:
            for number in range(5):
                message = letter(FRIEND, IMAP_ONLY, subject=f"{mark} {number}").as_bytes()
                assert client.append("Crowded", "", imaplib.Time2Internaldate(0), message)[0] == "OK"

    with server.imap(IMAP_ONLY) as one, server.imap(IMAP_ONLY) as other:
        assert one.create("Crowded")[0] == "OK"
        with ThreadPoolExecutor(len(marks)) as pool:
            list(pool.map(write, marks))
        one.select("Crowded")
        other.select("Crowded")
        assert len(one.search(None, "SUBJECT", "session-")[1][0].split()) == 50
        one.store("1", "+FLAGS", "(\\Flagged)")
        other.noop()
        assert other.search(None, "FLAGGED")[1] == [b"1"]
        one.store("1:50", "+FLAGS", "(\\Deleted)")
        one.expunge()
        other.noop()
        assert other.search(None, "SUBJECT", "session-")[1] == [b""]


@pytest.mark.parametrize(
    ("user", "protocols"),
    [
        (ALICE, {"imaps", "pop3s"}),
        (DISABLED, set()),
        (SEND_ONLY, set()),
        (IMAP_ONLY, {"imaps"}),
        (POP3_ONLY, {"pop3s"}),
    ],
)
def test_each_mailbox_opens_over_its_protocols_only(server: Server, user: str, protocols: set[str]) -> None:
    assert {
        name for name in ("imaps", "pop3s") if server.opens(user, server.password(user), name)
    } == protocols


@pytest.mark.parametrize("login", ["ALICE@Example.Test", "alice@EXAMPLE.TEST"])
def test_a_login_is_the_address_in_any_case(server: Server, login: str) -> None:
    assert server.opens(login, server.password(ALICE))


@pytest.mark.parametrize(
    "login",
    [
        "alice",
        "sales@example.test",
        "alice+detail@example.test",
        "alice@twin.test",
        "älice@example.test",
        "alice@example.test' OR '1'='1",
        "../bob@example.test",
        "alice@example.test\t",
    ],
)
def test_nothing_else_is_a_login(server: Server, login: str) -> None:
    assert not server.opens(login, server.password(ALICE))


def test_wrong_password_and_unknown_user_look_alike(server: Server) -> None:
    answers = []
    for user in (ALICE, "nobody@example.test"):
        with pytest.raises(imaplib.IMAP4.error) as refused:
            server.imap_as(user, "wrong")
        answers.append(str(refused.value))
    assert answers[0] == answers[1]
    assert "AUTHENTICATIONFAILED" in answers[0]


def test_each_mailbox_has_a_folder_of_its_own_on_the_disk(server: Server) -> None:
    for user in (ALICE, BOB, ERIN):
        server.arrives(user, server.deliver(user))
    find = ["find", "/mail", "-maxdepth", "2", "-type", "d"]
    output: Any = server.stack.containers()["dovecot"].exec_run(find).output
    folders = set(output.decode().split("\n"))
    assert {f"/mail/example.test/{name}" for name in ("alice", "bob")} | {"/mail/second.test/erin"} <= folders
    assert not [folder for folder in folders if "%" in folder or "{" in folder]
