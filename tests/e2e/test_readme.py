"""The README's commands, run as they are written: only the line that names the stack is this stack's."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.e2e.stackfile import ALICE, ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
"""Matched with its kind, or the end of a block that has one would be taken for the beginning of the next."""

COMMANDS = [
    block["text"].strip()
    for block in BLOCK.finditer((ROOT / "README.md").read_text())
    if not block["kind"] and block["text"].startswith(("swaks", "curl"))
]


def run(command: str, server: Server, folder: Path) -> subprocess.CompletedProcess[str]:
    """Return how a command of the README ended."""
    (folder / "ca.pem").write_text(server.outputs["ca_certificate"])
    ports = {
        name: str(server.ports[name]) for name in ("smtp", "submission", "submissions", "imaps", "pop3s")
    }
    return subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "domain": "example.test",
            "password": server.password(ALICE),
            **ports,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shown(command: str, server: Server, folder: Path) -> str:
    """Return what a command of the README prints; fail when it fails."""
    done = run(command, server, folder)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_readme_shows_how_to_deliver_to_read_and_to_send() -> None:
    tools = [command.split()[0] for command in COMMANDS]
    assert tools == ["swaks", "curl", "curl", "swaks", "swaks"]


def test_the_commands_of_the_readme_work_as_they_are_written(server: Server, tmp_path: Path) -> None:
    outside, imap, pop3, *sending = COMMANDS
    assert "queued as" in shown(outside, server, tmp_path)
    server.arrives(ALICE, "hello", header="Subject")
    assert "It works." in shown(imap, server, tmp_path)
    assert "Delivered-To: alice@example.test" in shown(pop3, server, tmp_path)
    for command in sending:
        assert "queued as" in shown(command, server, tmp_path)


def test_the_message_from_outside_needs_no_dns_where_other_senders_do(server: Server, tmp_path: Path) -> None:
    outside = COMMANDS[0]
    assert "--from '<>'" in outside
    assert "queued as" in shown(outside, server, tmp_path)
    elsewhere = run(outside.replace("'<>'", "friend@no-records.invalid"), server, tmp_path)
    assert elsewhere.returncode != 0, "this stack does not look senders up, and so proves nothing"
    assert "Sender address rejected: Domain not found" in elsewhere.stdout
