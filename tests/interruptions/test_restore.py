"""The commands of docs/operations.md, "Backup" and "Restore", run as they are written."""

import re
import subprocess

import pytest

from tests.e2e.stackfile import ROOT, suitable
from tests.interruptions import evidence
from tests.interruptions.yard import DAEMONS, STACK, Yard

pytestmark = [pytest.mark.interruptions, pytest.mark.timeout(1800)]

GUIDE = (ROOT / "docs/operations.md").read_text()


def commands(section: str) -> list[str]:
    """Return the blocks of commands in a section of the guide."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## )", GUIDE, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(yard: Yard, script: str) -> str:
    """Return what a block of commands prints; the stack has its name and, without a registry, its image."""
    image = suitable().get("images", {}).get("base", "debian:trixie-slim")
    done = subprocess.run(
        ["bash", "-euc", script.replace("<stack>", STACK).replace("debian:trixie-slim", image)],
        cwd=yard.project,
        env=yard.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    assert "Traceback" not in done.stdout
    return done.stdout


def lose_everything(yard: Yard) -> None:
    """Lose the machine: containers, network, volumes, state, passphrase, stack file."""
    yard.remove()
    yard.forget()
    (yard.data_home / "passphrase").unlink()
    yard.file.unlink()


def test_the_guide_shows_one_backup_and_two_ways_back() -> None:
    assert [len(commands(section)) for section in ("Backup", "Restore")] == [1, 3]


@pytest.mark.parametrize("with_state", [True, False], ids=["with the state", "without the state"])
def test_a_backup_that_is_put_back_as_the_guide_says_brings_everything_back(
    server: Yard, with_state: bool
) -> None:
    before, ca = evidence.find(server), server.outputs()["ca_certificate"]
    (backup,), (volumes, state, no_state) = commands("Backup"), commands("Restore")
    run(server, backup)
    assert server.healthy() == DAEMONS, "a backup ends with a server that runs"
    settings = server.settings
    lose_everything(server)
    run(server, volumes)
    said = run(server, state if with_state else no_state)
    assert "is up; mysql, dovecot, postfix, webmail run and are healthy" in said
    assert server.settings == settings
    assert server.healthy() == DAEMONS
    assert evidence.find(server) == before
    assert server.outputs()["ca_certificate"] == ca, "no mail program has to trust another CA"
    server.pulumi("preview", "--expect-no-changes")
