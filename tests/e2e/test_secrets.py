"""No password, key or hash is anywhere that people look: state, previews, Docker's own view, logs.

Owns what Pulumi says and keeps. What Docker keeps is searched where all containers are: test_filtering.py.
"""

import imaplib
import os
import poplib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_urlsafe

import pytest

from tests import canaries
from tests.canaries import Random
from tests.e2e.belongings import secrets
from tests.e2e.places import Places
from tests.e2e.server import Server, authenticate
from tests.e2e.stackfile import ALICE, BOB, DISABLED, PASSWORDS

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NEVER_SET = "planned for alice: 4711"
"""A password that is declared in a preview alone."""

SOWN = Random(token_urlsafe(24))
"""What the search has to find in each place: no text that a checkout of these tests holds."""


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
        with arguments() as seen:
            printed = server.stack.preview("--refresh", "--show-config", "--show-reads")
        assert any("pulumi" in one for one in seen), "it looks at processes"
        return "\n".join([printed, *seen])
    finally:
        server.stack.configure(settings)
        server.stack.set_secret("passwords", PASSWORDS)


@contextmanager
def arguments() -> Iterator[set[str]]:
    """Collect what every process of the machine is called with meanwhile, as any user sees it."""
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            for each in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(each.read_text(errors="replace"))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def test_no_secret_is_where_people_look(server: Server, tmp_path: Path) -> None:
    fail_to_log_in(server)
    docker = Places(server.stack.docker, server.stack.full_name, server.world.image)
    places = {"the state": server.stack.state(), "a preview": preview(server), **docker.texts()}
    known = {**secrets(server), "any hash": "$argon2id$", "a password in a preview": NEVER_SET}
    assert BOB in places["a preview"], "the preview is about him"
    assert len(known) > 2 * len(PASSWORDS) + 5, "passwords, hashes, the database's users and keys"
    assert canaries.in_texts(known, places, tmp_path / "texts") == set()


def kept(server: Server) -> dict[str, list[Path]]:
    """Return the folders where Pulumi and the providers keep and leave something."""
    workspace = server.stack.workspace
    home = Path(workspace.environment.get("PULUMI_HOME") or Path.home() / ".pulumi")
    return {
        "state, its backups and its history": [workspace.state],
        "program and stack files": [workspace.program],
        "Pulumi's folder": [one for one in home.glob("*") if one.name != "plugins"],
        "Docker's folder of this user": [Path.home() / ".docker"],
    }


def left(server: Server) -> list[Path]:
    """Return the files of this user's in the system's temporary folder that are newer than the stack."""
    program = server.stack.workspace.program
    began, own = (program / "Pulumi.yaml").stat().st_ctime, program.parents[2]  # of all of pytest's runs
    found = []
    for folder, folders, files in os.walk(tempfile.gettempdir()):
        folders[:] = [one for one in folders if Path(folder, one) != own]
        for path in (Path(folder, name) for name in files):
            with suppress(OSError):
                about = path.stat()
                if about.st_uid == os.getuid() and about.st_mtime > began:
                    found.append(path)
    return found


def test_no_secret_is_in_what_pulumi_keeps_or_leaves(server: Server, tmp_path: Path) -> None:
    known, places = secrets(server), kept(server)
    sown = [folder / "sown" for folder in places["state, its backups and its history"]]
    sown += [server.stack.workspace.state / ".pulumi/backups/sown", server.stack.workspace.program / "sown"]
    # What a neighbour writes there may be about the passwords of the tests, which everybody can read.
    generated = {what: text for what, text in known.items() if isinstance(text, Random)}
    with tempfile.NamedTemporaryFile("w", prefix="sown-") as leftover:
        leftover.write(SOWN)
        leftover.flush()
        for path in sown:
            path.write_bytes(SOWN.encode().hex().encode())
        try:
            found = canaries.in_files({**known, "sown": SOWN}, places, tmp_path / "kept")
            temporary = {"temporary files": left(server)}
            found |= canaries.in_files({**generated, "sown": SOWN}, temporary, tmp_path / "left")
        finally:
            for path in sown:
                path.unlink()
    assert {path for what, _, path in found if what == "sown"} == {leftover.name, *map(str, sown)}
    assert {hit for hit in found if hit[0] != "sown"} == set()


def test_the_search_finds_every_secret_where_it_is_allowed(server: Server, tmp_path: Path) -> None:
    in_the_clear = {"the state in the clear": server.stack.state("--show-secrets")}
    # Only the declared ones: after a `destroy` the state knows of no password that was generated before.
    declared = {f"password of {address}": text for address, text in PASSWORDS.items()}
    found = canaries.in_texts(declared, in_the_clear, tmp_path / "texts")
    assert {what for what, _ in found} == set(declared)
