"""Data of users of before is found, told of, and given over while nobody works in it."""

import pytest

from bootstrap import owners, repair
from bootstrap.plan.engine import HABITS, Plan, Step
from bootstrap.problem import Problem
from bootstrap.record import IMAGE
from mailinfra.config import former_owners
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import Harbour, resource, whole


@pytest.fixture
def harbour(world: World, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    monkeypatch.setattr(repair, "RECOVER_SECONDS", 0.2)
    made = Harbour(world)
    whole(made)
    for end in ("mysql", "queue", "mail-0123abcd"):
        made.add("volumes", f"mailinfra-dev-{end}")
    return made


def looked(harbour: Harbour, *paths: str) -> None:
    """Have the container that looks print these."""
    (harbour.folder / "looked").write_text("".join(f"{path}\n" for path in paths))


def former(harbour: Harbour) -> list[str]:
    return [one.source for one in owners.former(harbour.pulumi.machine, "dev")]


def test_each_volume_of_data_is_looked_into_and_no_rendered_file(harbour: Harbour) -> None:
    assert [one.source for one in owners.candidates(harbour.pulumi.machine, "dev")] == [
        "mailinfra-dev-mail",
        "mailinfra-dev-mail-0123abcd",
        "mailinfra-dev-mysql",
        "mailinfra-dev-queue",
    ]


def test_what_belongs_to_users_of_before_is_told_with_their_numbers(harbour: Harbour) -> None:
    looked(harbour, "/data/0", "/data/2/ibdata1")
    (line,) = owners.foretold(owners.former(harbour.pulumi.machine, "dev"))
    assert "mailinfra-dev-mail (dovecot, user 1000 -> 61001)" in line
    assert "mailinfra-dev-mysql (mysql, user 999 -> 61000)" in line
    assert "queue" not in line


def test_what_is_given_over_already_is_not_told(harbour: Harbour) -> None:
    assert former(harbour) == []
    assert list(owners.foretold([])) == []


def test_nobody_looks_where_the_daemons_serve_as_the_users_of_now(harbour: Harbour) -> None:
    for identity, user in (("a1", 61000), ("b2", 61001)):
        file = harbour.folder / f"{identity}.json"
        file.write_text(file.read_text().replace('"Config": {', f'"Config": {{"User": "{user}:{user}", '))
    looked(harbour, "/data/0")
    assert former(harbour) == []
    assert not [call for call in harbour.world.calls if call.startswith("docker run")]


def test_a_look_that_fails_stops_before_anything_is_touched(harbour: Harbour) -> None:
    harbour.world.program("docker", "case $1 in run) exit 125 ;; volume) echo mailinfra-dev-mail ;; esac")
    with pytest.raises(Problem, match="nobody can say whom the data of stack dev belongs to"):
        former(harbour)


def test_the_daemons_go_before_their_data_is_given_over_and_are_made_anew(harbour: Harbour) -> None:
    looked(harbour, "/data/0", "/data/2", "/data/3")
    kept = owners.former(harbour.pulumi.machine, "dev")
    looked(harbour, "5000", "17")
    owners.give(harbour.pulumi, "dev", kept, Plan(stack="dev"))
    beginnings = ("docker stop", "docker rm", "docker run", "pulumi --non-interactive refresh")
    calls = [call for call in harbour.touched if call.startswith(beginnings)][1:]  # after the look
    went = ["docker stop c3", "docker rm --force --volumes c3", "docker stop b2"]
    went += ["docker rm --force --volumes b2", "docker stop a1", "docker rm --force --volumes a1"]
    assert calls[:6] == went, "who writes comes before whom it writes to"
    assert calls[6].startswith("docker run --rm --user 0:0 --network none --read-only --cap-drop ALL")
    assert "--cap-add CHOWN --cap-add DAC_READ_SEARCH" in calls[6]
    assert calls[7].startswith("pulumi --non-interactive refresh"), "or the update would look for them"
    assert "gave over mailinfra-dev-queue (postfix, user 2000 -> 61002)" in harbour.world.said


def test_images_are_made_while_the_daemons_still_serve(harbour: Harbour) -> None:
    looked(harbour, "/data/0")
    kept = owners.former(harbour.pulumi.machine, "dev")
    made, gone, new = (
        Step(op=op, urn=resource(IMAGE, name, "")["urn"], old={}, new={})
        for op, name in (
            ("replace", "mail-dovecot-image"),
            ("delete", "mail-old-image"),
            ("create", "mail-valkey-image"),
        )
    )
    harbour.updates(f'echo "$MAILINFRA_OWNERS_LATER" > {harbour.folder}/later; exit 1')
    with pytest.raises(Problem, match="the daemons run as before"):
        owners.give(harbour.pulumi, "dev", kept, Plan(stack="dev", steps=[made, gone, new]))
    assert (harbour.folder / "later").read_text() == "1\n", "the program would refuse"
    (call,) = (call for call in harbour.touched if call.startswith("pulumi up"))
    assert call == f"pulumi up --yes --skip-preview --stack dev --target {made.urn}"
    assert not [call for call in harbour.touched if call.startswith(("docker stop", "docker rm"))]
    assert owners.LATER == former_owners.LATER


def test_users_come_last_and_children_before_their_folder() -> None:
    data = owners.Data(source="q", service="postfix", owner=3, users={1: 3}, groups={1: 3, 2: 4})
    lines = owners.move([data]).splitlines()[1:]
    assert [line.split()[3:5] for line in lines] == [["-gid", "1"], ["-gid", "2"], ["-uid", "1"]]
    assert all(line.startswith("find /data/0 -depth ") for line in lines)
    assert "chgrp --no-dereference 4 " in lines[1]


def test_a_folder_of_the_host_that_is_missing_is_not_made() -> None:
    folder = owners.Data(source="/srv/a,b", service="dovecot", owner=3, users={}, groups={})
    assert owners.mounts([folder], "ro") == ["--mount", 'type=bind,"source=/srv/a,b",target=/data/0,readonly']


def test_the_engines_warning_is_left_out_where_make_tells_it_itself() -> None:
    assert former_owners.SIGN in HABITS
