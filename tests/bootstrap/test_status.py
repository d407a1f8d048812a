"""`make status` says on one page what runs, how old it is and what is to be done; it touches nothing."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bootstrap import acme, cli, status
from bootstrap.environment import Environment
from bootstrap.ready import Ready
from bootstrap.status import READ, Image, Status
from bootstrap.survey import survey
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import Harbour, whole
from tests.certificate_files import DAY, maker
from tests.certificate_files import NOW as TODAY

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
COMMANDS = {"up": "make up STACK=dev", "upgrade": "make upgrade STACK=dev"}

ANSWERS = """
case "$*" in
  "image inspect"*mailinfra-base:trixie) echo "2026-11-01T10:00:00.5Z mailinfra-base:trixie" ;;
  "image inspect"*) echo "2026-11-20T10:00:00.123456789Z mailinfra/dovecot:mailinfra-dev-0123 " ;;
  "exec b2 sh -c for file"*"/etc/dovecot/tls/*.pem") cat {folder}/said ;;
  "exec b2"*) echo "2.4.1-4" ;;
  "exec c3"*) echo "3.10.13" ;;
  exec*) exit 1 ;;
esac
"""


@pytest.fixture
def harbour(world: World) -> Harbour:
    made = Harbour(world)
    whole(made)
    program = world.bin / "docker"
    (world.folder / "said").touch()
    program.write_text(program.read_text() + ANSWERS.replace("{folder}", str(world.folder)))
    tools = f'PYTHONPATH={Path(__file__).parents[2]} exec {sys.executable} "$@"'
    world.program("python", tools, folder=world.project / ".venv" / "bin")
    return made


@pytest.fixture
def folder(tmp_path: Path, world: World) -> Callable[..., None]:
    """Puts certificates that end so many days from today into Dovecot's container."""

    def fill(**days: float) -> None:
        inside = tmp_path / "inside"
        inside.mkdir(exist_ok=True)
        with contextlib.chdir(inside):
            maker()(**days)
            Path("certificate.pem").write_text(Path("chain.pem").read_text() + Path("key.pem").read_text())
            Path("chain.pem").unlink()
        said = subprocess.run(
            ["sh", "-c", READ, "sh", f"{inside}/*.pem"], capture_output=True, text=True, check=True
        )
        assert "PRIVATE" not in said.stdout
        (world.folder / "said").write_text(said.stdout)

    return fill


@pytest.fixture
def seen(harbour: Harbour) -> Status:
    daemons = survey(harbour.pulumi, "dev").daemons
    return status.look(harbour.pulumi.machine, "dev", daemons, now=NOW)


def page(seen: Status, first: tuple[str, ...] = ()) -> str:
    return "\n".join(status.page(seen, COMMANDS, first))


def test_a_server_that_is_well_and_fresh_has_nothing_to_do(harbour: Harbour, seen: Status) -> None:
    text = page(seen)
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line[:2] == "  "}
    assert rows["dovecot"] == "healthy since 2026-05-04 03:02 Dovecot 2.4.1-4, image of 2026-11-20 (6 days)"
    assert rows["mysql"] == "healthy since 2026-05-04 03:02 image of 2026-11-20 (6 days)", (
        "it says no version"
    )
    assert "certificate" not in rows, "no daemon has told of any"
    assert rows["base"] == "2026-11-01 (25 days) mailinfra-base:trixie"
    assert "Postfix 3.10.13, image of 2026-11-20 (6 days)" in text
    assert text.endswith("Nothing is to be done.")
    assert seen.is_well
    assert not [call for call in harbour.touched if not call.startswith(("docker exec", "python "))]


def test_a_daemon_that_is_away_is_the_first_thing_to_do(harbour: Harbour) -> None:
    harbour.container("b2", "dovecot", status="exited")
    found = status.look(harbour.pulumi.machine, "dev", survey(harbour.pulumi, "dev").daemons, now=NOW)
    assert not found.is_well
    assert "  - dovecot is stopped: make up STACK=dev" in page(found)


def test_what_was_interrupted_is_told_where_all_daemons_run(seen: Status) -> None:
    text = page(seen, ("remove the lock of an update that was killed",))
    assert "make up STACK=dev puts right what was interrupted: remove the lock" in text


def test_an_image_of_more_than_a_month_is_to_be_built_anew(seen: Status) -> None:
    old = replace(seen, now=NOW + timedelta(days=31))
    assert (
        "images of mysql, dovecot, postfix have missed Debian's updates of a month: make upgrade STACK=dev"
        in (page(old))
    )


def test_a_pulled_image_of_more_than_a_month_is_not_to_be_built(seen: Status) -> None:
    pulled = Image(name="mysql:9.7.2", made=NOW - timedelta(days=31))
    text = page(replace(seen, images={"mysql": pulled}))
    assert "the images of mysql are older than a month: a newer release of this program" in text
    assert "make upgrade" not in text


def test_certificates_are_told_by_the_files_that_the_daemons_show_and_trust(
    harbour: Harbour, folder: Callable[..., None]
) -> None:
    folder(leaf=50, root=300)
    daemons = survey(harbour.pulumi, "dev").daemons
    seen = status.look(harbour.pulumi.machine, "dev", daemons)
    rows = [line.split(maxsplit=1)[1] for line in page(seen).splitlines() if "  certificate" in line]
    assert rows == [
        f"until {TODAY + 50 * DAY + DAY / 2:%Y-%m-%d} (50 days)       dovecot certificate",
        f"until {TODAY + 300 * DAY + DAY / 2:%Y-%m-%d} (300 days)      dovecot ca",
    ]
    assert seen.is_well
    assert "dovecot" not in page(seen).partition("To do")[2]


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (
            {"leaf": 29},
            "dovecot certificate ends soon: replace the files that the stack file",
        ),
        (
            {"leaf": -1},
            "dovecot certificate has ended: replace the files that the stack file",
        ),
        ({"branch": 29}, "dovecot certificate ends soon: replace the files"),
        (
            {"root": 29},
            "dovecot ca ends soon: replace the `caFile` that the stack file names",
        ),
    ],
)
def test_a_certificate_that_ends_is_told_beforehand_and_afterwards(
    harbour: Harbour, folder: Callable[..., None], days: dict[str, float], words: str
) -> None:
    folder(**days)
    near = status.look(harbour.pulumi.machine, "dev", survey(harbour.pulumi, "dev").daemons)
    assert words in page(near)
    assert not near.is_well, "whoever looks at the exit status alone is told in time, too"
    assert all(daemon.runs_well for daemon in near.daemons), "and no daemon is started again for it"


def test_a_machine_that_cannot_judge_certificates_names_none(world: World, harbour: Harbour) -> None:
    world.program("python", "echo nonsense", folder=world.project / ".venv" / "bin")
    assert status.judged(harbour.pulumi.machine, []) == []


RENEWAL = acme.Renewal(
    issuer="Lets Encrypt",
    is_from_ca=True,
    until=NOW + timedelta(days=60, hours=1),
)
REFUSED = replace(
    RENEWAL,
    is_from_ca=False,
    kind="port 80",
    reason="the CA cannot reach port 80; open it in the firewall",
    next_try=NOW + timedelta(minutes=15),
)


def with_acme(seen: Status, renewal: acme.Renewal) -> Status:
    return replace(seen, certificates=[], renewal=renewal)


def test_a_certificate_by_acme_is_told_with_who_gave_it(seen: Status) -> None:
    text = page(with_acme(seen, RENEWAL))
    assert "until 2027-01-25 (60 days)       of Lets Encrypt, by ACME\n" in text
    assert text.endswith("Nothing is to be done.")


def test_why_there_is_none_by_acme_is_told_with_the_next_try(seen: Status) -> None:
    text = page(with_acme(seen, REFUSED))
    assert "of the stack's own CA, none by ACME yet\n" in text
    assert (
        "  - no new certificate (port 80): the CA cannot reach port 80; open it in the firewall; "
        "next try at 2026-11-26 12:15 UTC"
    ) in text
    assert with_acme(seen, REFUSED).is_well, "what is shown is good"
    assert not with_acme(seen, replace(REFUSED, until=NOW - timedelta(days=1))).is_well
    assert "replace the files" not in page(with_acme(seen, replace(RENEWAL, until=NOW + timedelta(days=9))))


def test_the_container_says_what_is_shown_and_what_is_wrong(harbour: Harbour) -> None:
    told = {
        "issuer": RENEWAL.issuer,
        "by_acme": False,
        "until": RENEWAL.until.timestamp(),
        "kind": "port 80",
        "reason": REFUSED.reason,
        "next_try": (NOW + timedelta(minutes=15)).timestamp(),
    }
    daemon = replace(survey(harbour.pulumi, "dev").daemons[-1], service=acme.SERVICE, identity="ac")
    program = harbour.world.bin / "docker"
    answer = f"""  "exec ac python3"*) echo '{json.dumps(told)}' ;;\n"""
    program.write_text(program.read_text().replace("  exec*) exit 1", answer + "  exec*) exit 1"))
    assert acme.renewal(harbour.pulumi.machine, [daemon]) == REFUSED
    assert acme.first(harbour.pulumi.machine, [daemon]) == REFUSED
    program.write_text(program.read_text().replace('"until"', '"util"'))
    assert acme.renewal(harbour.pulumi.machine, [daemon]) is None


@pytest.mark.parametrize(
    ("changes", "is_settled"),
    [
        ({}, True),
        ({"is_from_ca": False}, False),
        ({"is_from_ca": False, "kind": "webmail"}, False),
        ({"is_from_ca": False, "kind": "ca"}, True),
    ],
)
def test_make_up_waits_for_the_first_try_and_no_longer(changes: dict[str, Any], is_settled: bool) -> None:
    assert replace(RENEWAL, **changes).is_settled == is_settled


def test_a_stack_of_which_nothing_runs_is_not_well(seen: Status) -> None:
    empty = replace(seen, daemons=[], images={}, versions={}, certificates=[])
    assert not empty.is_well
    assert "nothing runs" in page(empty)


def test_an_image_of_unknown_age_is_not_called_old() -> None:
    assert not Image(name="x", made=None).is_old(NOW)
    assert Image(name="x", made=None).age(NOW) == "of unknown age"
    assert Image(name="x", made=NOW).age(NOW) == "of 2026-11-26 (today)"


def test_its_exit_status_says_whether_all_is_well(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    def ready(*_: object) -> Ready:
        return Ready(pulumi=harbour.pulumi, environment=Environment(changes={}), stack="dev")

    monkeypatch.setattr(cli, "ready", ready)
    monkeypatch.setattr(cli, "Report", lambda _: harbour.pulumi.machine.report)
    assert cli.main(["status", "--stack", "dev"]) == 0
    harbour.container("b2", "dovecot", health="unhealthy")
    assert cli.main(["status", "--stack", "dev"]) == 1
    assert "dovecot is unhealthy: make up STACK=dev" in harbour.world.said
    assert "    health check: no answer on 24" in harbour.world.said
