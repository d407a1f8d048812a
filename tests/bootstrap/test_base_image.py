"""Images: pulled where a registry answers, else built on a Debian made from the machine's own mirror."""

from pathlib import Path

import pytest

from bootstrap import base_image
from bootstrap.base_image import apt_mirror, bring_images, choose_stack
from bootstrap.problem import Problem
from tests.bootstrap.conftest import World

DEB822 = """# a comment
Types: deb
URIs: http://mirror.example.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""

SECURITY = """Types: deb
URIs: http://security.example.test/debian-security
Suites: bookworm-security
Components: main
"""


def sources(world: World, text: str, name: str) -> None:
    path = world.folder / "system/etc/apt" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def offline(world: World) -> Path:
    return world.project / "Pulumi.offline.yaml"


@pytest.mark.parametrize(("answers", "stack"), [(True, "dev"), (False, "offline")])
def test_the_registry_decides_between_dev_and_offline(
    world: World, monkeypatch: pytest.MonkeyPatch, answers: bool, stack: str
) -> None:
    monkeypatch.setattr(base_image, "registry_answers", lambda machine, reference: answers)
    assert choose_stack(world.machine()) == stack


def test_a_stack_that_pulls_needs_no_base(world: World) -> None:
    bring_images(world.machine(), world.project / "Pulumi.dev.yaml")
    assert world.calls == []


def test_a_base_that_is_there_is_taken(world: World) -> None:
    world.program("docker")
    bring_images(world.machine(), offline(world))
    assert world.calls == ["docker image inspect mailinfra-base:trixie"]


def test_a_missing_base_is_made_from_apts_own_mirror(world: World) -> None:
    sources(world, DEB822, "sources.list.d/debian.sources")
    world.program("debootstrap", "mkdir -p $4/etc/apt && touch $4/etc/debian_version || exit 1")
    world.program("docker", 'case "$1" in import) cat > /dev/null;; *) exit 1;; esac')
    bring_images(world.machine(), offline(world))
    inspect, debootstrap, imported = world.calls
    assert inspect.startswith("docker image inspect")
    assert debootstrap.startswith("debootstrap --variant=minbase --include=ca-certificates trixie /")
    assert debootstrap.endswith(" http://mirror.example.test/debian")
    assert imported == 'docker import --change CMD ["bash"] - mailinfra-base:trixie'


def test_a_mirror_that_fails_leaves_no_folder_and_a_sentence(world: World, tmp_path: Path) -> None:
    sources(world, DEB822, "sources.list.d/debian.sources")
    world.program("debootstrap", "echo E: Failed getting release file; exit 1")
    world.program("docker", "exit 1")
    with pytest.raises(Problem, match=r"cannot be built: E: Failed getting release file\. Does apt's mirror"):
        bring_images(world.machine(), offline(world))
    target = world.calls[-1].split()[4]
    assert not Path(target).parent.exists()


def test_a_failed_import_is_told(world: World) -> None:
    sources(world, DEB822, "sources.list.d/debian.sources")
    world.program("debootstrap", "mkdir -p $4/etc/apt")
    world.program("docker", "cat > /dev/null; echo no space left on device >&2; exit 1")
    with pytest.raises(Problem, match="no space left on device"):
        bring_images(world.machine(), offline(world))


def test_without_root_there_is_no_base(world: World) -> None:
    sources(world, DEB822, "sources.list.d/debian.sources")
    world.program("docker", "exit 1")
    with pytest.raises(Problem, match=r"needs root\. Run make as root, or use STACK=dev"):
        bring_images(world.machine(root=False), offline(world))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sources.list.d/debian.sources", DEB822),
        (
            "sources.list",
            "# deb http://old.example.test/ x main\ndeb http://mirror.example.test/debian bookworm main\n",
        ),
        (
            "sources.list",
            "deb [signed-by=/k.gpg arch=amd64] http://mirror.example.test/debian trixie contrib main\n",
        ),
        (
            "sources.list.d/a.sources",
            "Types: deb\nURIs: http://tools.example.test\nComponents: stable\n\n" + DEB822,
        ),
        ("sources.list.d/a.sources", SECURITY + "\n" + DEB822),
        (
            "sources.list",
            "deb http://security.example.test/debian-security bookworm-security main\n"
            "deb http://mirror.example.test/debian bookworm main\n",
        ),
    ],
)
def test_the_mirror_is_read_from_apts_sources_in_either_form(world: World, name: str, text: str) -> None:
    sources(world, text, name)
    assert apt_mirror(world.machine()) == "http://mirror.example.test/debian"


def test_a_system_without_a_debian_mirror_is_a_sentence_with_remedy(world: World) -> None:
    with pytest.raises(Problem, match=r"apt's sources name no mirror of Debian.*or use STACK=dev"):
        apt_mirror(world.machine())


@pytest.mark.parametrize(
    ("text", "suites"),
    [
        (
            f"{DEB822}\n{SECURITY}",
            [
                "deb http://mirror.example.test/debian trixie main",
                "deb http://mirror.example.test/debian trixie-updates main",
                "deb http://security.example.test/debian-security trixie-security main",
            ],
        ),
        (
            DEB822.replace(" bookworm-updates", ""),
            ["deb http://mirror.example.test/debian trixie main"],
        ),
    ],
    ids=["a machine with security updates", "a mirror without"],
)
def test_the_base_gets_the_updates_that_this_machine_gets(world: World, text: str, suites: list[str]) -> None:
    sources(world, text, "sources.list.d/debian.sources")
    kept = world.folder / "kept"
    world.program("debootstrap", "mkdir -p $4/etc/apt")
    unpack = f"tar --extract --to-stdout ./etc/apt/sources.list > {kept}"
    world.program("docker", f'case "$1" in import) {unpack};; *) exit 1;; esac')
    bring_images(world.machine(), offline(world))
    assert kept.read_text().splitlines() == suites
