"""The README's commands, run as they are written: only ports and the folder are this stack's."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.server import Server
from tests.e2e.stackfile import ALICE, PROTOCOLS, ROOT, shipped

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

COMMANDS = [
    block.strip()
    for block in re.findall(r"^```\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    if block.startswith(("swaks", "curl"))
]


def run(command: str, server: Server, folder: Path) -> str:
    """Return what a command of the README prints; fail when it fails."""
    (folder / "ca.pem").write_text(server.outputs["ca_certificate"])
    documented = shipped("dev")["ports"]
    for protocol in PROTOCOLS:
        command = command.replace(f":{documented[protocol]}", f":{server.ports[protocol]}")
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "password": server.password(ALICE), "LANG": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_readme_shows_how_to_deliver_to_read_and_to_send() -> None:
    tools = [command.split()[0] for command in COMMANDS]
    assert tools == ["swaks", "curl", "curl", "swaks", "swaks"]


def test_the_commands_of_the_readme_work_as_they_are_written(server: Server, tmp_path: Path) -> None:
    outside, imap, pop3, *sending = COMMANDS
    assert "queued as" in run(outside, server, tmp_path)
    server.arrives(ALICE, "hello", header="Subject")
    assert "It works." in run(imap, server, tmp_path)
    assert "Delivered-To: alice@example.test" in run(pop3, server, tmp_path)
    for command in sending:
        assert "queued as" in run(command, server, tmp_path)
