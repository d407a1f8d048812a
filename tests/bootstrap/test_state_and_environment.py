"""State stays out of the checkout, the user's own choices win, and plain `pulumi` works in their shell."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.engine import Engine
from bootstrap.environment import compose
from bootstrap.files import PRIVATE, write_whole
from bootstrap.plugins import Plugins
from bootstrap.problem import Problem
from bootstrap.ready import alone
from bootstrap.state import bring_state
from tests.bootstrap.conftest import World


def test_state_and_passphrase_are_made_once_outside_the_checkout(world: World) -> None:
    machine = world.machine()
    variables = bring_state(machine)
    passphrase = Path(variables["PULUMI_CONFIG_PASSPHRASE_FILE"])
    assert variables["PULUMI_BACKEND_URL"] == f"file://{machine.data}/state"
    assert passphrase.stat().st_mode & 0o777 == 0o600
    assert machine.data.stat().st_mode & 0o077 == 0, "nobody else may read the state"
    assert not machine.data.is_relative_to(world.project)
    text = passphrase.read_text()
    assert len(text) > 30
    assert bring_state(machine) == variables
    assert passphrase.read_text() == text, "another passphrase would lose every secret"


def test_a_folder_for_the_state_that_may_not_be_written_is_named_first_of_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = world.machine()
    # Asked of the system and not of the mode: root may write anywhere.
    monkeypatch.setattr("os.access", lambda path, _: path != machine.data)
    with (
        pytest.raises(Problem, match=rf"may not write to {machine.data}, .*Give .*XDG_DATA_HOME"),
        alone(machine),
    ):
        pytest.fail("something was brought")
    assert world.calls == []


def test_an_empty_passphrase_is_refused_with_the_remedy(world: World) -> None:
    machine = world.machine()
    machine.data.mkdir(parents=True)
    (machine.data / "passphrase").write_text("\n")
    with pytest.raises(
        Problem, match=rf"{machine.data}/passphrase, is empty\. Put it back from a backup; if"
    ):
        bring_state(machine)


def test_a_passphrase_that_is_gone_is_not_replaced_while_states_need_it(world: World) -> None:
    machine = world.machine()
    stacks = machine.data / "state/.pulumi/stacks/mailinfra"
    stacks.mkdir(parents=True)
    (stacks / "cloud.json").write_text('{"secrets_providers": {"type": "cloud"}}')
    bring_state(machine)
    (machine.data / "passphrase").unlink()
    (stacks / "prod.json").write_text('{"secrets_providers": {"type": "passphrase"}}')
    with pytest.raises(
        Problem, match=r"passphrase is gone, .* of prod are encrypted\. Put it back from a backup"
    ):
        bring_state(machine)
    assert not (machine.data / "passphrase").exists()


@pytest.mark.parametrize("named", ["nowhere", "."])
def test_a_passphrase_that_cannot_be_read_is_told_before_pulumi_is_asked(world: World, named: str) -> None:
    machine = world.machine(PULUMI_CONFIG_PASSPHRASE_FILE=str(world.home / named))
    with pytest.raises(Problem, match=r"which cannot be read: .*\. Name the file with the passphrase"):
        bring_state(machine)


def test_a_first_run_that_is_interrupted_leaves_no_passphrase(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> str:
        raise KeyboardInterrupt

    machine = world.machine()
    monkeypatch.setattr("secrets.token_urlsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bring_state(machine)
    monkeypatch.undo()
    assert not (machine.data / "passphrase").exists()
    assert len(Path(bring_state(machine)["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text()) > 30


def test_a_backend_and_a_passphrase_of_the_users_own_win(world: World) -> None:
    machine = world.machine(PULUMI_BACKEND_URL="s3://theirs", PULUMI_CONFIG_PASSPHRASE="")
    assert bring_state(machine) == {}
    assert not (machine.data / "passphrase").exists()
    assert "s3://theirs" in world.said


def test_an_earlier_login_wins(world: World) -> None:
    (world.home / ".pulumi").mkdir()
    (world.home / ".pulumi/credentials.json").write_text(json.dumps({"current": "https://api.example.test"}))
    assert bring_state(world.machine())["PULUMI_BACKEND_URL"] == "https://api.example.test"


def test_other_folders_are_respected_unless_relative(world: World) -> None:
    assert world.machine(XDG_DATA_HOME="/srv/data").data == Path("/srv/data/mailinfra")
    assert world.machine(XDG_CACHE_HOME="cache").cache == world.home / ".cache/mailinfra"


def environment(world: World, *, local: bool, **env: str) -> tuple[dict[str, str], str]:
    plain = world.machine()
    machine = replace(plain, env={**plain.env, **env})
    engine = Engine(program=Path("/engine's/bin/pulumi"), version="3.259.0")
    made = compose(machine, engine, Plugins(home=Path("/home of/plugins"), local=local), bring_state(machine))
    return made.over(machine.env), made.shell()


def test_the_virtual_environment_and_the_engine_come_first_on_path(world: World) -> None:
    env, _ = environment(world, local=True)
    first, second, *rest = env["PATH"].split(":")
    assert (first, second) == (f"{world.project}/.venv/bin", "/engine's/bin")
    assert str(world.bin) in rest


def test_evaluating_twice_does_not_grow_the_path(world: World) -> None:
    env, _ = environment(world, local=True)
    again, _ = environment(world, local=True, PATH=env["PATH"])
    assert again["PATH"] == env["PATH"]


def test_a_proxy_for_everything_does_not_reach_the_engine(world: World) -> None:
    env, shell = environment(world, local=False, ALL_PROXY="socks5://x", all_proxy="socks5://x")
    assert not {"ALL_PROXY", "all_proxy"} & set(env), "the mysql provider would send loopback through it"
    assert "unset ALL_PROXY all_proxy" in shell


def test_nothing_is_downloaded_where_nothing_can_be(world: World) -> None:
    local, _ = environment(world, local=True)
    official, _ = environment(world, local=False)
    assert local["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert local["PULUMI_HOME"] == "/home of/plugins"
    assert local["PULUMI_CREDENTIALS_PATH"] == f"{world.home}/.pulumi", "a login stays where it was made"
    assert not {"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "PULUMI_HOME"} & set(official)


def test_a_shell_that_evaluates_the_lines_has_that_environment(world: World) -> None:
    env, lines = environment(world, local=True, ALL_PROXY="socks5://x")
    script = f'{lines}\necho "$PATH"; echo "$PULUMI_HOME"; echo "$PULUMI_BACKEND_URL"; echo "<$ALL_PROXY>"'
    told = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert told == [env["PATH"], env["PULUMI_HOME"], env["PULUMI_BACKEND_URL"], "<>"]


def test_an_empty_passphrase_file_of_the_users_own_is_refused(world: World) -> None:
    named = world.home / "passphrase"
    named.write_text("\n")
    with pytest.raises(Problem, match=rf"names {named}, which is empty\. Write the passphrase into it, or"):
        bring_state(world.machine(PULUMI_CONFIG_PASSPHRASE_FILE=str(named)))
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in bring_state(
        world.machine(PULUMI_CONFIG_PASSPHRASE_FILE=str(named), PULUMI_CONFIG_PASSPHRASE="theirs")
    ), "Pulumi looks at the other one first"


@pytest.mark.parametrize("moment", ["flush", "fsync", "rename"])
@pytest.mark.parametrize("before", [None, "before"])
def test_a_file_is_written_whole_or_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None, moment: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "kept" / "dev.json"
    if before is not None:
        write_whole(path, before, PRIVATE)
    place = {"flush": "os.fchmod", "fsync": "os.fsync", "rename": "pathlib.Path.rename"}[moment]
    monkeypatch.setattr(place, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, "after")
    monkeypatch.undo()
    assert [one.read_text() for one in path.parent.iterdir()] == ([] if before is None else [before])
    write_whole(path, "after", PRIVATE)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("after", PRIVATE)
