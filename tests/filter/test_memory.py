"""The filter's memory: what it learns and counts, and what goes on while it is away, full or empty."""

import re
import time
from collections.abc import Iterable
from typing import Any

import pytest

from tests.filter.conftest import Place
from tests.filter.milter import Answer, Letter, Verdict
from tests.filter.world import letter, signers
from tests.filter.yard import OPERATOR, PASSWORD, Filter, Yard
from tests.waiting import until

pytestmark = [pytest.mark.filter, pytest.mark.timeout(600)]

ALICE, BOB = "alice@example.test", "bob@example.test"

AN_HOUR = 200
"""Recipients that a user may write to in an hour."""

ENOUGH = 200
"""Messages of each kind that have to be learned before they count."""

DOUBTFUL = {"client_name": "unknown", "helo": "mx.nowhere.test"}
"""A host that has no name: between 4 and 6 points."""

WITHOUT_MEMORY = 20
"""Seconds for a message while nobody answers: three on a machine at rest. Postfix waits for 60."""


def by_user(user: str = ALICE, recipients: int = 1) -> Letter:
    """Return what a user hands in for so many people."""
    friends = [f"friend{number}@peer.test" for number in range(recipients)]
    return Letter(raw=letter(user), sender=user, login=user, recipients=friends)


def by_stranger(text: str = "Hello there.\r\n", **given: str) -> Letter:
    return Letter(raw=letter("joe@honest.test", text=text), sender="joe@honest.test", **given)


def text_about(kind: str, number: int) -> str:
    """Return a text of words that only this kind has."""
    common = "\r\n".join(f"{kind}{line} {kind}word{3 * line}" for line in range(40))
    return f"{common}\r\n{kind}number{number}\r\n"


def learns(asked: Filter, kind: str, about: str, number: int) -> bool:
    """Return whether the filter learns a message."""
    code, said = asked.call(
        "POST", f"/learn{kind}", letter("joe@honest.test", text=text_about(about, number))
    )
    assert code == 200 or b"maxmemory" in said, said
    return code == 200


def teach(asked: Filter, kind: str, about: str, numbers: Iterable[int]) -> None:
    """Let the filter learn these messages about something."""
    assert all(learns(asked, kind, about, number) for number in numbers)


def limited(verdict: Verdict) -> bool:
    """Whether a user is put off for having written to too many."""
    return verdict.answer is Answer.PUT_OFF and "very many recipients" in verdict.text


def exhaust(asked: Filter, user: str) -> list[Verdict]:
    """Hand in what uses all of a user's hour; return what becomes of it and of one more."""
    return [asked.ask(by_user(user, AN_HOUR)), asked.ask(by_user(user))]


# A memory that is well


def test_recipients_count_and_the_next_one_is_put_off_for_that_user_alone(filter_: Filter) -> None:
    first, second = exhaust(filter_, "carol@example.test")
    assert first.is_welcome
    assert limited(second)
    assert second.code == 451
    assert filter_.ask(by_user("dora@example.test")).is_welcome, "another user"
    assert filter_.ask(by_stranger()).is_welcome, "a stranger"


def test_the_name_in_other_letters_is_the_same_user(filter_: Filter) -> None:
    exhaust(filter_, "erin@example.test")
    assert limited(filter_.ask(Letter(raw=letter(ALICE), sender=ALICE, login="Erin@Example.TEST")))


def test_without_this_rule_nobody_is_put_off(careless: Filter) -> None:
    assert not limited(exhaust(careless, "carol@example.test")[-1])


def test_what_is_learned_moves_the_verdict(filter_: Filter) -> None:
    spam = by_stranger(text_about("pills", 1000), **DOUBTFUL)
    ham = by_stranger(text_about("minutes", 1000))
    assert filter_.ask(spam).is_welcome, "before"
    teach(filter_, "spam", "pills", range(ENOUGH - 1))
    teach(filter_, "ham", "minutes", range(ENOUGH))
    assert filter_.ask(spam).is_welcome, "one is missing"
    teach(filter_, "spam", "pills", [ENOUGH])
    assert filter_.ask(spam).is_junk
    assert filter_.ask(ham).is_welcome
    assert filter_.ask(by_stranger(text_about("pills", 1001))).is_welcome, "by itself it is no proof"


@pytest.mark.parametrize("password", [None, "", "another"])
@pytest.mark.parametrize("path", ["/learnspam", "/learnham", "/stat", "/fuzzyadd", "/saveactions", "/errors"])
def test_a_stranger_teaches_nothing(filter_: Filter, path: str, password: str | None) -> None:
    code, _ = filter_.call("POST", path, letter("joe@honest.test", text=text_about("x", 1)), password)
    assert code in {401, 403}, code


def test_not_even_from_within_its_container(filter_: Filter) -> None:
    ask = (
        "exec 3<>/dev/tcp/127.0.0.1/11334; "
        r"printf 'POST /learnspam HTTP/1.0\r\nContent-Length: 2\r\n\r\nab' >&3; head -n 1 <&3"
    )
    said: Any = filter_.container.exec_run(["bash", "-c", ask]).output
    assert re.search(rb" 40[13] ", said), said


# Greylisting


def test_doubtful_mail_waits_once_where_that_is_set_and_nobody_elses_does(place: Place) -> None:
    asked = place.filter(filtering={"greylisting": True}, edit=impatiently)
    doubtful = by_stranger(**DOUBTFUL)
    first = asked.ask(doubtful)
    assert (first.answer, first.code) == (Answer.PUT_OFF, 451), first
    another = Letter(raw=letter("ann@plain.test"), sender="ann@plain.test")
    assert asked.ask(another).is_welcome, "clean mail of another sender with the same text"
    assert asked.ask(by_user("frank@example.test")).is_welcome, "a user's"
    until(lambda: asked.ask(doubtful).is_welcome, 60, "the same message is tried again")


def test_without_the_setting_doubtful_mail_waits_for_nothing(filter_: Filter) -> None:
    assert filter_.ask(by_stranger(**DOUBTFUL)).is_welcome


def impatiently(files: dict[str, str]) -> dict[str, str]:
    """Return the files with a wait of seconds, where five minutes are packaged."""
    return {**files, "local.d/greylist.conf": "timeout = 3s;\n"}


# A memory that is not well


class Memory:
    """A filter with a memory of its own."""

    def __init__(self, empty: Yard, place: Place, **options: Any) -> None:
        self.container = empty.valkey(**options)
        self.filter = empty.rspamd(empty.address(self.container), place.names.port)

    def cli(self, *words: str, user: str = OPERATOR) -> str:
        """Return what Valkey answers."""
        command = ["valkey-cli", "--user", user, "-a", PASSWORD, "--no-auth-warning", *words]
        output: Any = self.container.exec_run(command).output
        return str(output.decode())


def nothing_is_lost(place: Place, asked: Filter, seconds: float) -> None:
    """Fail unless users are signed for and strangers are checked, each within so many seconds."""
    began = time.monotonic()
    assert len(signers(asked.ask(by_user("gina@example.test")).raw, place.names)) == 2, "unsigned"
    assert time.monotonic() - began < seconds
    began = time.monotonic()
    assert "dmarc=pass" in str(asked.ask(by_stranger()).message["Authentication-Results"]), "unchecked"
    assert time.monotonic() - began < seconds
    forged = Letter(raw=letter("joe@honest.test"), sender="joe@honest.test", client="198.51.100.66")
    assert asked.ask(forged).answer is Answer.REFUSED


@pytest.fixture(scope="module")
def memory(place: Place) -> Memory:
    """Return a filter whose memory may be spoiled."""
    return Memory(place.yard, place)


@pytest.mark.parametrize("how", ["pause", "stop"])
def test_while_it_is_away_mail_takes_seconds_longer_and_is_signed_and_checked(
    place: Place, memory: Memory, how: str
) -> None:
    if how == "pause":
        memory.container.pause()
    else:
        memory.container.stop(timeout=2)
    try:
        nothing_is_lost(place, memory.filter, WITHOUT_MEMORY)
    finally:
        if how == "pause":
            memory.container.unpause()
        memory.container.start()
    user = f"{how}@example.test"
    until(lambda: limited(exhaust(memory.filter, user)[-1]), 60, "the limit holds again, by itself")


@pytest.mark.parametrize(
    "words",
    [
        "CONFIG GET dir",
        "CONFIG SET dir /tmp",
        "FLUSHALL",
        "SAVE",
        "REPLICAOF 192.0.2.1 6379",
        "MIGRATE 192.0.2.1 6379 key 0 1000",
        "FUNCTION STATS",
        "ACL LIST",
        "CLIENT LIST",
        "KEYS *",
        "SHUTDOWN NOSAVE",
    ],
)
def test_the_filters_user_may_do_no_more_than_read_and_write(memory: Memory, words: str) -> None:
    assert "NOPERM" in memory.cli(*words.split(), user="rspamd")


def test_a_script_of_the_filters_user_may_no_more_either(memory: Memory) -> None:
    script = "return redis.call('CONFIG', 'GET', 'dir')"
    assert re.search(
        "not allowed|NOPERM|ACL failure|can't run", memory.cli("EVAL", script, "0", user="rspamd")
    )


def test_nobody_is_let_in_but_the_filter(memory: Memory) -> None:
    assert "NOAUTH" in str(memory.container.exec_run(["valkey-cli", "PING"]).output)
    assert "WRONGPASS" in memory.cli("PING", user="default")


def test_the_filter_is_refused_nothing_that_it_does(place: Place, memory: Memory) -> None:
    memory.cli("ACL", "LOG", "RESET")
    teach(memory.filter, "spam", "pills", range(3))
    teach(memory.filter, "ham", "letters", range(3))
    exhaust(memory.filter, "mary@example.test")
    nothing_is_lost(place, memory.filter, WITHOUT_MEMORY)
    assert memory.cli("ACL", "LOG").strip() == ""
    memory.cli("CONFIG", "GET", "dir", user="rspamd")
    assert "rspamd" in memory.cli("ACL", "LOG"), "the control"


def test_an_empty_memory_is_written_to_anew(place: Place, memory: Memory) -> None:
    exhaust(memory.filter, "hugo@example.test")
    assert "OK" in memory.cli("FLUSHALL")
    nothing_is_lost(place, memory.filter, WITHOUT_MEMORY)
    assert [limited(each) for each in exhaust(memory.filter, "hugo@example.test")] == [False, True]
    teach(memory.filter, "spam", "pills", [1])


def evicted(memory: Memory) -> int:
    """Return how much has made room for something else."""
    return int(re.findall(r"evicted_keys:(\d+)", memory.cli("INFO", "stats"))[0])


def fill(memory: Memory) -> bool:
    """Let it learn until something has made room, or until it refuses; return whether it still learns.

    A single refusal is none: what is being freed counts until it is.
    """
    before, refused = evicted(memory), 0
    memory.cli("CONFIG", "SET", "maxmemory", "3mb")
    for number in range(2000):
        refused = 0 if learns(memory.filter, "spam", f"flood{number}x", number) else refused + 1
        if refused == 10:
            return False
        if number % 20 == 0 and not refused and evicted(memory) > before:
            return True
    raise AssertionError("it holds everything")


def test_a_full_memory_goes_on_learning_and_counting(place: Place, memory: Memory) -> None:
    assert fill(memory)
    nothing_is_lost(place, memory.filter, WITHOUT_MEMORY)
    assert limited(exhaust(memory.filter, "ida@example.test")[-1])


def test_the_control_a_full_memory_that_spares_what_is_learned_counts_nothing(
    place: Place, memory: Memory
) -> None:
    memory.cli("FLUSHALL")
    memory.cli("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
    try:
        assert not fill(memory)
        memory.cli("CONFIG", "SET", "maxmemory", "500kb")  # less than it holds: no gap is left for a counter
        assert not limited(exhaust(memory.filter, "jane@example.test")[-1])
    finally:
        memory.cli("CONFIG", "SET", "maxmemory", "96mb")
        memory.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")


def test_on_a_full_disk_it_goes_on_counting_and_loses_nothing_that_it_knows(place: Place) -> None:
    full = {"/data": "uid=61011,gid=61011,mode=0700,size=64k"}
    crowded = Memory(place.yard, place, tmpfs=full)
    assert crowded.container.exec_run(["sh", "-c", "cat /dev/zero >/data/filler"]).exit_code
    teach(crowded.filter, "spam", "pills", range(5))
    crowded.cli("BGSAVE")
    until(lambda: "rdb_last_bgsave_status:err" in crowded.cli("INFO", "persistence"), 60, "a save fails")
    nothing_is_lost(place, crowded.filter, WITHOUT_MEMORY)
    assert limited(exhaust(crowded.filter, "kate@example.test")[-1])
    crowded.cli("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
    assert not limited(exhaust(crowded.filter, "lara@example.test")[-1]), "the control"
