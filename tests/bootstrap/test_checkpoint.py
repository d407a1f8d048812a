"""A state that was cut short is told in words, and the next `make up` goes on from the one before."""

import json
from pathlib import Path

import pytest

from bootstrap import checkpoint
from bootstrap.machine import Machine
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World

WHOLE = json.dumps({"version": 3, "checkpoint": {"latest": {"resources": []}}})


@pytest.fixture
def machine(world: World) -> Machine:
    return world.machine(PULUMI_BACKEND_URL=f"file://{world.folder}/state")


@pytest.fixture
def file(world: World) -> Path:
    path = world.folder / "state/.pulumi/stacks/mailinfra/dev.json"
    path.parent.mkdir(parents=True)
    path.with_name("dev.json.bak").write_text(WHOLE)
    return path


@pytest.mark.parametrize("text", ["", WHOLE[:20], "[]", "{}", "\x8b\x00"])
def test_a_state_that_was_cut_short_gives_way_to_the_one_before(
    world: World, machine: Machine, file: Path, text: str
) -> None:
    file.write_text(text)
    with pytest.raises(
        Problem, match=r"dev\.json, the state of stack dev, is cut .*\. make up takes the one of 2"
    ):
        checkpoint.refuse_broken(machine, "dev", "make up")
    assert file.read_text() == text, "a preview touches nothing"
    checkpoint.mend(machine, "dev")
    assert file.read_text() == WHOLE
    assert file.with_name("dev.json.broken").read_text() == text
    assert "State             dev.json was cut short: took the one of 2" in world.said
    checkpoint.refuse_broken(machine, "dev", "make up")


def test_without_one_before_a_person_is_told_where_to_go_on(machine: Machine, file: Path) -> None:
    file.write_text("")
    file.with_name("dev.json.bak").write_text(WHOLE[:9])
    alone = r"and none lies beside it\. Put it back from a backup"
    with pytest.raises(Problem, match=alone):
        checkpoint.mend(machine, "dev")
    with pytest.raises(Problem, match=alone):
        checkpoint.refuse_broken(machine, "dev", "make up")
    assert file.read_text() == ""
    assert not file.with_name("dev.json.broken").exists()


def test_a_whole_state_a_new_stack_and_states_elsewhere_are_left_alone(
    world: World, machine: Machine, file: Path
) -> None:
    checkpoint.mend(machine, "dev")
    assert not file.exists()
    file.write_text(WHOLE.replace("3", "4"))
    for one in (machine, world.machine(PULUMI_BACKEND_URL="s3://theirs")):
        checkpoint.mend(one, "dev")
        checkpoint.refuse_broken(one, "dev", "make up")
    assert file.read_text() == WHOLE.replace("3", "4")
    assert world.said == ""
