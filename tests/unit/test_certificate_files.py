"""images/acme/files.py: which files are shown, when, and which are not, however they come."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.certificate_files import HOST, Files, maker

FOLDER = Path(__file__).parents[2] / "images/acme"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    before = sys.modules.get("renewal")
    loaded("renewal")
    yield loaded("files")
    del sys.modules["files"]
    if before is None:
        del sys.modules["renewal"]
    else:
        sys.modules["renewal"] = before


class Yard:
    """The folders of one pair."""

    def __init__(self, program: Any, folder: Path) -> None:
        self.program = program
        self.make: Files = maker()
        self.source, self.shown = folder / "files/mail", folder / "tls"
        for path in (self.source, self.shown):
            path.mkdir(parents=True)
        self.begin()

    def begin(self) -> None:
        """Start anew, as after a restart of the container."""
        self.one = self.program.Shown(self.source, self.shown, HOST)

    def put(self, *, key: bool = True, chain: bool = True, **days: float) -> None:
        """Make a certificate, and bring these of its files."""
        self.make(**days)
        if key:
            (self.source / "key.pem").write_bytes(Path("key.pem").read_bytes())
        if chain:
            (self.source / "chain.pem").write_bytes(Path("chain.pem").read_bytes())

    @property
    def current(self) -> bytes | None:
        """What is shown."""
        path = self.shown / "current/all.pem"
        return path.read_bytes() if path.exists() else None

    @property
    def brought(self) -> bytes:
        return (self.source / "key.pem").read_bytes() + (self.source / "chain.pem").read_bytes()


@pytest.fixture
def yard(program: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.chdir(tmp_path)
    return Yard(program, tmp_path)


def test_what_the_files_hold_is_shown_and_another_pair_takes_its_place(yard: Yard) -> None:
    yard.put()
    yard.one.look()
    first = yard.current
    assert first == yard.brought
    link = (yard.shown / "current").readlink()
    yard.one.look()
    assert (yard.shown / "current").readlink() == link, "nothing turns where nothing is new"
    yard.put(leaf=300)
    yard.one.look()
    assert yard.current == yard.brought != first


def test_half_of_a_pair_is_never_shown(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    yard.put(chain=False)
    yard.one.look()
    assert yard.current is None
    yard.put()
    yard.one.look()
    shown = yard.current
    yard.make = maker()
    yard.put(key=False)
    for _ in range(3):
        yard.one.look()
    assert yard.current == shown
    said = capsys.readouterr().out
    assert said.count("mail: what the files hold is not shown: the certificate is not that of the key") == 1
    (yard.source / "key.pem").write_bytes(Path("key.pem").read_bytes())
    yard.one.look()
    assert yard.current == yard.brought


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ({"leaf": -3}, "it has ended on"),
        ({"leaf": 500}, "it is not valid before"),
    ],
)
def test_what_clients_would_refuse_is_not_shown(
    yard: Yard, capsys: pytest.CaptureFixture[str], days: dict[str, Any], reason: str
) -> None:
    yard.put(**days)
    yard.one.look()
    assert capsys.readouterr().out == "", "the other file may be under way"
    yard.one.look()
    assert yard.current is None
    assert reason in capsys.readouterr().out


def test_a_cut_file_is_not_shown(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    yard.put()
    chain = (yard.source / "chain.pem").read_bytes()
    for part in (b"", chain[:100], chain[: len(chain) * 2 // 3].replace(b"-----END", b"")):
        (yard.source / "chain.pem").write_bytes(part)
        yard.one.look()
        yard.one.look()
        assert yard.current is None
    assert "it is no pair of key and certificate" in capsys.readouterr().out


def test_another_host_or_a_chain_in_the_wrong_order_is_not_shown(yard: Yard) -> None:
    yard.put()
    key, chain = ((yard.source / name).read_bytes() for name in ("key.pem", "chain.pem"))
    assert yard.program.fault(key, chain, HOST) is None
    assert yard.program.fault(key, chain, "mail.other.test") == (
        f"it does not name mail.other.test, but {HOST}"
    )
    assert "wrong order" in yard.program.fault(key, chain + chain, HOST)


def test_a_restart_leaves_what_was_handed_in_since(yard: Yard) -> None:
    yard.put()
    yard.one.look()
    yard.make(leaf=300)
    renewed = Path("key.pem").read_bytes() + Path("chain.pem").read_bytes()
    assert yard.program.take(renewed, [], [yard.one]) == ""
    yard.begin()
    yard.one.look()
    assert yard.current == renewed, "the files are those of before"
    yard.put(leaf=350)
    yard.one.look()
    assert yard.current == yard.brought, "and others are taken"


def test_a_pair_that_is_lost_comes_back(yard: Yard) -> None:
    yard.put()
    yard.one.look()
    (yard.shown / "current").unlink()
    yard.begin()
    yard.one.look()
    assert yard.current == yard.brought


def test_another_key_is_handed_in_only_where_that_is_said(yard: Yard) -> None:
    yard.put()
    yard.one.look()
    maker()(leaf=300)
    renewed = Path("chain.pem").read_bytes() + Path("key.pem").read_bytes()
    assert "the key is another one: where TLSA records" in yard.program.take(renewed, [], [yard.one])
    assert yard.current == yard.brought
    assert yard.program.take(renewed, ["another-key"], [yard.one]) == ""
    assert yard.current == Path("key.pem").read_bytes() + Path("chain.pem").read_bytes()


def test_what_is_handed_in_has_to_be_a_pair_for_somebody(yard: Yard) -> None:
    yard.put()
    yard.one.look()
    assert "it is no pair" in yard.program.take(b"nonsense", [], [yard.one])
    assert yard.program.take(yard.brought, ["webmail"], [yard.one]) == (
        "nobody shows files under the name webmail"
    )


def test_only_its_group_may_read_the_key(yard: Yard) -> None:
    yard.put()
    yard.one.look()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (yard.shown / "current").resolve().iterdir()}
    assert modes["key.pem"] == modes["all.pem"] == 0o640


def test_the_places_are_those_that_the_program_mounts(program: Any) -> None:
    from mailinfra.components.certificate_files import SHOWN

    assert {whose: str(folder) for whose, folder in program.SHOWN.items()} == SHOWN
