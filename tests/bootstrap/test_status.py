"""`make status` says on one page what runs, how old it is and what is to be done; it touches nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bootstrap import cli, status
from bootstrap.environment import Environment
from bootstrap.ready import Ready
from bootstrap.status import Image, Status
from bootstrap.survey import survey
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import Harbour, whole

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
COMMANDS = {"up": "make up STACK=dev", "upgrade": "make upgrade STACK=dev"}

ANSWERS = """
case "$*" in
  "image inspect"*mailinfra-base:trixie) echo "2026-11-01T10:00:00.5Z mailinfra-base:trixie" ;;
  "image inspect"*) echo "2026-11-20T10:00:00.123456789Z mailinfra/dovecot:mailinfra-dev-0123 " ;;
  "exec b2 openssl"*) echo "notAfter=Nov 26 12:00:00 2028 GMT" ;;
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
    program.write_text(program.read_text() + ANSWERS)
    return made


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
    assert rows["certificate"] == "until 2028-11-26 (731 days) of dovecot"
    assert rows["base"] == "2026-11-01 (25 days) mailinfra-base:trixie"
    assert "Postfix 3.10.13, image of 2026-11-20 (6 days)" in text
    assert text.endswith("Nothing is to be done.")
    assert seen.is_well
    assert not [call for call in harbour.touched if not call.startswith("docker exec")]


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


@pytest.mark.parametrize(("left", "words", "well"), [(29, "ends soon", True), (-1, "has ended", False)])
def test_a_certificate_that_ends_is_told_beforehand_and_afterwards(
    seen: Status, left: int, words: str, well: bool
) -> None:
    near = replace(seen, certificates={"dovecot": NOW + timedelta(days=left, hours=1)})
    assert f"the certificate of dovecot {words}: replace the files" in page(near)
    assert near.is_well == well


def test_a_stack_of_which_nothing_runs_is_not_well(seen: Status) -> None:
    empty = replace(seen, daemons=[], images={}, versions={}, certificates={})
    assert not empty.is_well
    assert "nothing runs" in page(empty)


def test_an_image_of_unknown_age_is_not_called_old() -> None:
    assert not Image(name="x", made=None).is_old(NOW)
    assert Image(name="x", made=None).age(NOW) == "of unknown age"
    assert Image(name="x", made=NOW).age(NOW) == "of 2026-11-26 (today)"
    assert status.moment("nonsense") is None


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
