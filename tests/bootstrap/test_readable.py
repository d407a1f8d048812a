"""A stack file that Pulumi cannot read is refused with its name and line, before anything is touched."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap import ready
from bootstrap.problem import Problem
from bootstrap.readable import fault, require_readable
from tests.bootstrap.conftest import World

ROOT = Path(__file__).parents[2]
HEAD = "config:\n  mailinfra:server:\n    hostname: mail.example.org\n"


@pytest.mark.parametrize(
    ("text", "what", "remedy"),
    [
        (b"config:\n\tmailinfra:server:\n", "line 2 is indented with a tab", "blanks"),
        (
            HEAD.encode() + b"    hostname: b.example.org\n",
            "'hostname' in line 3 and once more in line 4",
            "one",
        ),
        (HEAD.encode() + b"    name: J\xfcrgen\n", "is not UTF-8 text: line 4", "UTF-8"),
        (HEAD.encode() + b"    listen: [a\n", "is not YAML: line 5", "Correct"),
        (HEAD.encode() + b'    name: "b\n', "is not YAML: line 5", "Correct"),
        (
            "config:\n  mailinfra:server:\n    a: b\n\u00a0\u00a0\u00a0\u00a0c: d\n    e: f\n".encode(),
            "line 4 is indented with the blank U+00A0",  # as pages in a browser have it
            "blanks",
        ),
        (HEAD.encode() + b"    name: b\0\n", "line 4 has the character U+0000", "Remove"),
        (HEAD.encode() + b"---\nconfig: {}\n", "second document after '---', at line 5", "first one"),
        (b"", "is empty", "Pulumi.example.yaml"),
        (b"# nothing yet\n", "is empty", "Pulumi.example.yaml"),
        (b"- a\n", "does not begin with a group", "Pulumi.example.yaml"),
        (b"conifg:\n  a: b\n", "has no 'config'", "in place of 'conifg'"),
        (b"config: hello\n", "has no 'mailinfra:server'", "Pulumi.example.yaml"),
        (b"config:\n  mailinfra:sever: {}\n", "has no 'mailinfra:server'", "in place of 'mailinfra:sever'"),
    ],
)
def test_a_text_that_is_no_stack_file_is_explained(
    tmp_path: Path, text: bytes, what: str, remedy: str
) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_bytes(text)
    found = fault(file)
    assert found is not None
    assert what in found[0]
    assert remedy in found[1]


@pytest.mark.parametrize(
    "text",
    [
        HEAD.encode(),
        b"\xef\xbb\xbf" + HEAD.encode(),  # a byte order mark
        HEAD.replace("\n", "\r\n").encode(),
        HEAD.encode() + "    name: Jürgen\n".encode(),
        HEAD.encode() + b"    a: &x {hostname: b}\n    c: {<<: *x, d: 1}\n    e: {<<: *x}\n",
        b"---\n" + HEAD.encode() + b"...\n---\n",
        HEAD.encode() + b"    a: [{hostname: b}, {hostname: c}]\n",
    ],
)
def test_what_pulumi_can_read_is_taken(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "Pulumi.dev.yaml"
    file.write_bytes(text)
    assert fault(file) is None


def test_the_shipped_stack_files_are_taken() -> None:
    assert {name: fault(ROOT / f"Pulumi.{name}.yaml") for name in ("dev", "offline", "example")} == {
        "dev": None,
        "offline": None,
        "example": None,
    }


def test_a_folder_and_a_missing_file_are_told_as_such(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.yaml"):
        found = fault(path)
        assert found is not None
        assert found[0].startswith("cannot be read: ")


def test_the_sentence_names_the_file(world: World) -> None:
    real = replace(world.machine(), project=ROOT)
    file = world.project / "Pulumi.dev.yaml"
    file.write_text(HEAD + "\tlisten: []\n")
    python = world.program("python", f'exec {sys.executable} "$@"', folder=world.folder / "real/bin")
    machine = replace(real, project=world.folder / "real")
    (world.folder / "real/.venv").mkdir()
    (world.folder / "real/.venv/bin").symlink_to(python.parent)
    (world.folder / "real/bootstrap").symlink_to(ROOT / "bootstrap")
    with pytest.raises(
        Problem, match=r"^Pulumi\.dev\.yaml is not YAML: line 4 is indented with a tab\. Write"
    ):
        require_readable(machine, file)


def test_nothing_is_asked_of_pulumi_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(ready, "prepare", lambda machine, _: (None, _Pulumi(machine, done)))
    monkeypatch.setattr(ready, "bring_images", lambda *_: done.append("images"))

    def refuse(*_: object) -> None:
        raise Problem("Pulumi.dev.yaml is empty", "Fill it")

    monkeypatch.setattr(ready, "require_readable", refuse)
    with pytest.raises(Problem):
        ready.ready(world.machine(), "dev")
    assert json.dumps(done) == "[]"


class _Pulumi:
    def __init__(self, machine: object, done: list[str]) -> None:
        self.machine, self.done = machine, done

    def select(self, *_: object) -> None:
        self.done.append("select")
