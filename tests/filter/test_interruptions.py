"""What happens to rspamd itself: workers that die or hang, a volume that is emptied. Postfix is not there."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.filter.conftest import Place
from tests.filter.milter import Answer, Letter, Milter
from tests.filter.world import ELSEWHERE, letter, signers
from tests.filter.yard import Filter
from tests.waiting import until

pytestmark = [pytest.mark.filter, pytest.mark.timeout(600)]

ALICE = "alice@example.test"


@pytest.fixture(scope="module")
def own(place: Place) -> Filter:
    """Return a filter that may be killed; it does its work again after each test."""
    return place.filter()


def works(place: Place, asked: Filter) -> bool:
    """Whether it signs for a user and refuses a forgery."""
    asked.timeout = 20
    try:
        mine = asked.ask(Letter(raw=letter(ALICE), sender=ALICE, login=ALICE))
        forged = asked.ask(Letter(raw=letter("joe@honest.test"), sender="joe@honest.test", client=ELSEWHERE))
    except OSError:
        return False
    return len(signers(mine.raw, place.names)) == 2 and forged.answer is Answer.REFUSED


def signal(asked: Filter, name: str, worker: str) -> None:
    """Send a signal to each worker of that kind."""
    found = f'grep -aq "^rspamd: {worker}" $each/cmdline'
    command = f"for each in /proc/[0-9]*; do ! {found} || kill -{name} ${{each#/proc/}}; done"
    done: Any = asked.container.exec_run(["bash", "-c", command])
    assert done.exit_code == 0, done.output


def is_healthy(asked: Filter) -> bool:
    return bool(asked.container.exec_run("healthy").exit_code == 0)


@pytest.mark.parametrize("worker", ["rspamd_proxy", "controller"])
def test_a_worker_that_is_killed_is_made_anew(place: Place, own: Filter, worker: str) -> None:
    signal(own, "KILL", worker)
    until(lambda: is_healthy(own) and works(place, own), 60, "it works again")


@pytest.mark.parametrize("worker", ["rspamd_proxy", "controller"])
def test_a_worker_that_hangs_is_seen_by_its_own_health(place: Place, own: Filter, worker: str) -> None:
    assert is_healthy(own)
    signal(own, "STOP", worker)
    try:
        assert not is_healthy(own)
    finally:
        signal(own, "CONT", worker)
    until(lambda: is_healthy(own) and works(place, own), 60, "it works again")


def test_killed_in_mid_message_it_gives_no_verdict(place: Place, own: Filter) -> None:
    sent = Letter(raw=letter(ALICE, text="some words\r\n" * 200_000), sender=ALICE, login=ALICE)
    with Milter(("127.0.0.1", own.ports["milter"]), 30) as milter:
        milter.before_the_end = lambda: signal(own, "KILL", "rspamd_proxy")
        with pytest.raises(OSError, match=r"hung up|reset|[Bb]roken"):
            milter.ask(sent)
    until(lambda: is_healthy(own) and works(place, own), 60, "it works again")


def with_one_worker(files: dict[str, str]) -> dict[str, str]:
    name = "local.d/worker-proxy.inc"
    return {**files, name: files[name].replace("count = 2;", "count = 1;")}


@pytest.mark.parametrize(
    ("workers", "waits"), [(2, False), pytest.param(1, True, id="control", marks=pytest.mark.long)]
)
def test_a_message_that_takes_long_keeps_nobody_else_waiting(
    place: Place, own: Filter, workers: int, waits: bool
) -> None:
    asked = own if workers > 1 else place.filter(edit=with_one_worker)
    asked.timeout = 120
    long = letter(
        "joe@honest.test", text="a@" * 1_500_000
    )  # each may be an address: seconds, before any rule
    came: list[str] = []

    def slowly() -> None:
        asked.ask(Letter(raw=long, sender="joe@honest.test"))
        came.append("long")

    with ThreadPoolExecutor() as pool:
        under_way = pool.submit(slowly)
        time.sleep(1)
        for _ in range(8):
            asked.ask(Letter(raw=letter(ALICE), sender=ALICE, login=ALICE))
            came.append("short")
        under_way.result()
    assert (came.index("long") < len(came) - 1) == waits, came


@pytest.mark.long
def test_with_its_volume_emptied_it_starts_and_decides_alike(place: Place, own: Filter) -> None:
    assert own.container.exec_run(["sh", "-c", "rm -rf /var/lib/rspamd/*"]).exit_code == 0
    own.container.restart(timeout=10)
    own.read_ports()
    until(lambda: is_healthy(own) and works(place, own), 240, "it works again")
