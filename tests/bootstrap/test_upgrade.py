"""`make upgrade` builds anew what is built here, and changes nothing where nobody agrees."""

from pathlib import Path

import pytest

from bootstrap import base_image, cli, upgrade
from bootstrap.environment import Environment
from bootstrap.machine import Machine
from bootstrap.plan import consent
from bootstrap.ready import Ready
from bootstrap.record import IMAGE
from tests.bootstrap.conftest import World
from tests.bootstrap.harbour import DOVECOT, MAIL, MYSQL, NET, POSTFIX, Harbour, resource, whole

FILE = "config:\n  mailinfra:server:\n    images:\n      base: mailinfra-base:trixie\n"
BUILT = resource(IMAGE, "mail-dovecot-image", "sha", inputs={"build": {"context": "images/dovecot"}})
PULLED = resource(IMAGE, "mail-mysql-image", "sha", inputs={"name": "mysql:9.7.2"})


@pytest.fixture
def harbour(world: World, monkeypatch: pytest.MonkeyPatch) -> Harbour:
    made = Harbour(world)
    whole(made)
    made.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, BUILT, PULLED)
    (world.project / "Pulumi.dev.yaml").write_text(FILE)
    monkeypatch.setenv("XDG_DATA_HOME", str(world.folder / "data"))

    def ready(*_: object) -> Ready:
        return Ready(pulumi=made.pulumi, environment=Environment(changes={}), stack="dev")

    def built(machine: Machine) -> None:
        machine.report.say("the base is made")

    monkeypatch.setattr(cli, "ready", ready)
    monkeypatch.setattr(cli, "refuse_clashes", lambda _: None)
    monkeypatch.setattr(cli, "Report", lambda _: made.pulumi.machine.report)
    monkeypatch.setattr(base_image, "build_base", built)
    return made


def config_sets(harbour: Harbour) -> list[str]:
    return [call for call in harbour.world.calls if call.startswith("pulumi config set")]


def test_it_renews_the_base_sets_another_revision_and_updates(harbour: Harbour) -> None:
    assert cli.main(["upgrade", "--stack", "dev"]) == 0
    assert "the base is made" in harbour.world.said
    (call,) = config_sets(harbour)
    assert call.startswith("pulumi config set --path mailinfra:server.images.revision 20")
    calls = harbour.world.calls
    assert calls.index(call) < next(n for n, one in enumerate(calls) if one.startswith("pulumi preview"))
    assert any(one.startswith("pulumi up --yes") for one in calls)


def test_a_no_leaves_the_stack_file_as_it_was(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    file = harbour.world.project / "Pulumi.dev.yaml"

    def set_it(_: object, *words: str) -> str:
        file.write_text(f"{FILE}      revision: {words[3]}\n")
        return ""

    monkeypatch.setattr(type(harbour.pulumi), "tell", _telling(type(harbour.pulumi).tell, set_it))
    monkeypatch.setattr(consent, "asks", lambda *_, **__: True)
    monkeypatch.setattr(consent, "agrees", lambda *_: "revision" not in file.read_text())
    assert cli.main(["upgrade", "--stack", "dev"]) == 1
    assert file.read_text() == FILE
    assert not any(one.startswith("pulumi up") for one in harbour.world.calls)


def _telling(real: object, set_it: object) -> object:
    def tell(self: object, *words: str) -> str:
        chosen = set_it if words[:2] == ("config", "set") else real
        return str(chosen(self, *words))  # type: ignore[operator]

    return tell


def test_where_nothing_is_built_nothing_is_changed(harbour: Harbour) -> None:
    harbour.state(MYSQL, DOVECOT, POSTFIX, NET, MAIL, PULLED)
    assert cli.main(["upgrade", "--stack", "dev"]) == 0
    assert "No image of this stack is built here" in harbour.world.said
    assert not config_sets(harbour)


def test_a_stack_that_pulls_its_base_needs_none_made(harbour: Harbour) -> None:
    file = Path(harbour.world.project / "Pulumi.dev.yaml")
    file.write_text(FILE.replace("mailinfra-base:trixie", "pull"))
    assert cli.main(["upgrade", "--stack", "dev"]) == 0
    assert "the base is made" not in harbour.world.said
    assert config_sets(harbour)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "2026-11-26"),
        ("2026-10-01", "2026-11-26"),
        ("mine", "2026-11-26"),
        ("2026-11-26", "2026-11-26.2"),
        ("2026-11-26T00:00:00Z", "2026-11-26.2"),
        ("2026-11-26.2", "2026-11-26.3"),
    ],
)
def test_the_next_revision_is_always_another_one(before: str, after: str) -> None:
    assert upgrade.following(before, "2026-11-26") == after
