"""What an interrupted update or a hand on Docker leaves is put right before Pulumi starts, and named."""

import pytest

from bootstrap import repair
from bootstrap.problem import Problem
from bootstrap.record import CONTAINER, NETWORK, VOLUME
from bootstrap.survey import survey
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import (
    DOVECOT,
    FILES,
    MAIL,
    MYSQL,
    NET,
    POSTFIX,
    Harbour,
    daemon,
    impatient,
    resource,
    urn,
    user,
    whole,
)


@pytest.fixture
def harbour(world: World, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    impatient(monkeypatch)
    return Harbour(world)


def put_right(harbour: Harbour, *, takeover: bool = False, healing: bool = True) -> str:
    command = "make up TAKEOVER=1"
    repair.repair(harbour.pulumi, "dev", taken_over=command, takeover=takeover, healing=healing)
    return harbour.world.said


def foretold(harbour: Harbour) -> list[str]:
    return repair.foretell(harbour.pulumi, survey(harbour.pulumi, "dev"), "make up TAKEOVER=1")


def test_a_server_that_is_as_the_state_says_is_left_alone(harbour: Harbour) -> None:
    whole(harbour)
    assert put_right(harbour) == ""
    assert not foretold(harbour)
    assert not harbour.touched


def test_a_container_that_a_killed_update_was_making_goes_and_is_no_longer_pending(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("d4", "webmail", health="starting")
    harbour.state(
        *(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES),
        begun={"creating": resource(CONTAINER, "mail-roundcube-service-container", "")},
    )
    said = put_right(harbour)
    assert "removed container mail-webmail-d4 (webmail), which the state does not know" in said
    assert "cleared what the last update had begun: mail-roundcube-service-container (creating)" in said
    assert "docker rm --force --volumes d4" in harbour.world.calls
    assert harbour.imported["pending_operations"] == []
    assert len(harbour.imported["resources"]) == 6, "all that was made stays"


def test_an_orphan_goes_also_where_nothing_is_pending_any_more(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("d4", "webmail")
    put_right(harbour)
    assert "docker rm --force --volumes d4" in harbour.world.calls
    assert not (harbour.folder / "imported.json").exists(), (
        "nothing was pending: the state is as it should be"
    )


def test_what_waits_to_be_deleted_is_no_orphan(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("d4", "dovecot")
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES, daemon("dovecot", "d4", delete=True))
    put_right(harbour)
    assert not harbour.touched, "the next update deletes it in its turn"


def test_what_waits_to_be_deleted_and_is_gone_is_forgotten(harbour: Harbour) -> None:
    whole(harbour)
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES, daemon("dovecot", "d4", delete=True))
    assert "cleared what is deleted already" in put_right(harbour)
    assert [each["id"] for each in harbour.imported["resources"] if each["type"] == CONTAINER] == [
        "a1",
        "b2",
        "c3",
    ]


def test_an_orphaned_network_goes(harbour: Harbour) -> None:
    harbour.network("e9")
    assert "removed network mail-network-e9, which the state does not know" in put_right(harbour)
    assert "docker network rm e9" in harbour.world.calls


def test_orphaned_files_go_and_no_data_volume_ever_does(harbour: Harbour) -> None:
    whole(harbour)
    for volume in (
        "mailinfra-dev-mysql",
        "mailinfra-dev-queue",
        "mailinfra-dev-backup",
        "mailinfra-dev-2-dovecot-etc-dovecot-0123456789abcdef",
        "mailinfra-dev-dovecot-etc-dovecot-fedcba9876543210",
    ):
        harbour.add("volumes", volume)
    put_right(harbour)
    assert harbour.touched == ["docker volume rm mailinfra-dev-dovecot-etc-dovecot-fedcba9876543210"]


def test_a_volume_that_another_stack_uses_after_all_stays_without_an_end(harbour: Harbour) -> None:
    whole(harbour)
    harbour.world.program(
        "docker", (harbour.world.bin / "docker").read_text().replace("volume rm in-use", "volume rm")
    )
    harbour.add("volumes", "mailinfra-dev-dovecot-x-dovecot-fedcba9876543210")
    put_right(harbour)


def test_a_server_that_this_state_never_made_is_refused_with_what_runs_and_since_when(
    harbour: Harbour,
) -> None:
    harbour.container("a1", "mysql")
    harbour.container("b2", "dovecot", health="unhealthy")
    with pytest.raises(Problem) as caught:
        put_right(harbour)
    assert str(caught.value) == (
        "stack dev runs here already, since 2026-05-04 03:02 UTC, and this state does not know it: "
        "dovecot (mail-dovecot-b2, unhealthy), mysql (mail-mysql-a1, healthy). If somebody else keeps it, "
        "use their state (PULUMI_BACKEND_URL and passphrase). If its state is lost, make up TAKEOVER=1 "
        "removes these containers and their network and keeps all its data; an update then finds the mail, "
        "accounts, passwords and contacts in them."
    )
    assert not harbour.touched


def test_a_preview_refuses_it_too(harbour: Harbour) -> None:
    harbour.container("a1", "mysql")
    with pytest.raises(Problem, match="runs here already"):
        foretold(harbour)


def test_an_old_state_that_knows_none_of_what_runs_is_another_ones_too(harbour: Harbour) -> None:
    whole(harbour)
    harbour.state(daemon("mysql", "older"), MAIL)
    with pytest.raises(Problem, match="runs here already"):
        put_right(harbour)


def test_a_take_over_removes_what_the_next_update_makes_and_keeps_all_data(harbour: Harbour) -> None:
    whole(harbour)
    harbour.state()
    said = put_right(harbour, takeover=True)
    calls = harbour.world.calls
    assert {f"docker rm --force --volumes {one}" for one in ("a1", "b2", "c3")} <= set(calls)
    assert "docker network rm f0" in calls
    assert "kept mailinfra-dev-mail\n" in said
    assert [call for call in calls if "volume rm" in call] == [f"docker volume rm {FILES['id']}"]


def test_a_take_over_of_a_server_of_ones_own_touches_nothing(harbour: Harbour) -> None:
    whole(harbour)
    put_right(harbour, takeover=True)
    assert not harbour.touched


def test_what_the_first_update_was_making_when_it_was_killed_is_ours(harbour: Harbour) -> None:
    harbour.container("a1", "mysql", health="starting")
    harbour.network("e9")
    harbour.state(begun={"creating": resource(CONTAINER, "mail-database-service-container", "")})
    put_right(harbour)
    assert {"docker rm --force --volumes a1", "docker network rm e9"} <= set(harbour.world.calls)


def test_a_stopped_daemon_is_started_and_mysql_before_all_others(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("a1", "mysql", status="exited", health="unhealthy", comes_back=True)
    harbour.container("c3", "postfix", status="exited", health="unhealthy", comes_back=True)
    said = put_right(harbour)
    assert [call for call in harbour.touched if "start" in call] == ["docker start a1", "docker start c3"]
    assert said.index("mysql is healthy again") < said.index("started postfix")
    assert not [call for call in harbour.world.calls if "refresh" in call], "nothing has to be made again"


def test_a_paused_daemon_goes_on(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("b2", "dovecot", status="paused", comes_back=True)
    assert "went on with dovecot (mail-dovecot-b2): it was paused" in put_right(harbour)
    woken = [call for call in harbour.world.calls if "unpause" in call or "restart" in call]
    assert woken == ["docker unpause b2", "docker restart b2"], "its word of health is from before the pause"


def test_a_missing_daemon_is_forgotten_by_the_state_alone(harbour: Harbour) -> None:
    harbour.container("a1", "mysql")
    harbour.container("c3", "postfix")
    harbour.network("f0")
    harbour.add("volumes", str(MAIL["id"]))
    harbour.add("volumes", str(FILES["id"]))
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES)
    assert "to be made again: dovecot" in put_right(harbour)
    refreshed = [call for call in harbour.world.calls if " refresh " in call]
    assert refreshed == [
        f"pulumi --non-interactive refresh --yes --skip-preview --stack dev --target {DOVECOT['urn']}"
    ], "a refresh of MySQL's users would wait minutes where MySQL is what is missing"


def test_a_daemon_that_stays_unhealthy_is_made_again_after_its_last_words(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("b2", "dovecot", health="unhealthy")
    said = put_right(harbour)
    assert "dovecot is unhealthy; its last words:\n    fatal: no such table" in said
    assert "    health check: no answer on 24" in said
    assert "    (more: docker logs mail-dovecot-b2)" in said
    assert "docker rm --force --volumes b2" in harbour.world.calls
    assert any(f"--target {DOVECOT['urn']}" in call for call in harbour.world.calls)


def test_a_daemon_that_fails_over_and_over_is_made_again_too(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("b2", "dovecot", status="restarting", health="unhealthy")
    assert "dovecot is restarting; its last words:" in put_right(harbour)
    assert "docker stop b2" in harbour.world.calls


def test_a_state_that_was_put_back_where_nothing_runs_is_no_strangers(harbour: Harbour) -> None:
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES)
    said = put_right(harbour)
    assert (
        "to be made again: dovecot, mail-dovecot-etc, mail-dovecot-mail, mail-network, mysql, postfix" in said
    )
    assert "volume mailinfra-dev-mail is gone, and an empty one takes its place" in said
    (refreshed,) = [call for call in harbour.world.calls if " refresh " in call]
    assert refreshed.count("--target") == 6


def test_data_of_before_with_an_empty_state_is_no_strangers(harbour: Harbour) -> None:
    harbour.add("volumes", "mailinfra-dev-mail")
    harbour.add("volumes", "mailinfra-dev-mysql")
    put_right(harbour)
    assert not harbour.touched


def test_what_is_only_to_be_destroyed_is_not_healed(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("a1", "mysql", status="exited")
    put_right(harbour, healing=False)
    assert not harbour.touched


def test_a_destroy_has_the_state_forget_what_is_gone(harbour: Harbour) -> None:
    whole(harbour)
    (harbour.folder / "b2.json").unlink()
    put_right(harbour, healing=False)
    assert any(f"--target {DOVECOT['urn']}" in call for call in harbour.world.calls)


def test_users_that_are_dropped_in_mysql_have_it_started_before_a_destroy(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("a1", "mysql", status="exited", comes_back=True)
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES, user("dovecot"))
    put_right(harbour, healing=False)
    assert harbour.touched == ["docker start a1"]


def test_users_of_a_mysql_that_does_not_come_back_are_left_in_its_volume(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("a1", "mysql", status="exited", health="unhealthy")
    data = resource(VOLUME, "mail-database-data", "mailinfra-dev-mysql", retainOnDelete=True)
    harbour.add("volumes", "mailinfra-dev-mysql")
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES, data, user("dovecot"))
    assert "MySQL does not run, so its users stay in its volume" in put_right(harbour, healing=False)
    assert harbour.imported["resources"][-1]["deletedWith"] == data["urn"]


def test_a_user_whose_dropping_was_cut_short_is_not_dropped_twice(harbour: Harbour) -> None:
    whole(harbour)
    dovecot, postfix = user("dovecot"), user("postfix")
    harbour.state(*(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES, dovecot, postfix), begun={"deleting": dovecot})
    put_right(harbour)
    marked = {each["urn"] for each in harbour.imported["resources"] if each.get("pendingReplacement")}
    assert marked == {dovecot["urn"]}, "the engine's own mark of what is deleted and not yet made again"
    assert not [call for call in harbour.world.calls if " refresh " in call], "MySQL may be what is missing"


def test_a_database_of_somebody_elses_that_may_be_there_is_told_with_the_remedy(harbour: Harbour) -> None:
    database = resource("mysql:index/database:Database", "mail-database-mail", "")
    harbour.state(begun={"creating": database})
    assert "(error 1007), write databases: adopt under database.external" in put_right(harbour)


def test_a_preview_tells_everything_and_touches_nothing(harbour: Harbour) -> None:
    whole(harbour)
    harbour.container("a1", "mysql", status="exited")
    harbour.container("b2", "dovecot", health="unhealthy")
    harbour.container("d4", "webmail")
    harbour.network("e9")
    gone = resource(VOLUME, "mail-postfix-etc", "mailinfra-dev-postfix-etc-postfix-0123456789abcdef")
    harbour.state(
        *(MYSQL, DOVECOT, POSTFIX, NET, MAIL, FILES, gone),
        begun={"updating": resource(NETWORK, "mail-network", "f0")},
    )
    assert foretold(harbour) == [
        "remove container mail-webmail-d4 (webmail), which the state does not know",
        "remove network mail-network-e9, which the state does not know",
        "clear what the last update had begun: mail-network (updating)",
        "start mysql, which is stopped",
        "restart dovecot, which is unhealthy",
        "make again what is gone: mail-postfix-etc",
    ]
    assert not harbour.touched
    assert urn(VOLUME, "mail-postfix-etc") == gone["urn"]
