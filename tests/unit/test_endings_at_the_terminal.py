"""`make status` learns from the certificates themselves until when they hold."""

import io
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from mailinfra.cli.endings import answer
from tests.certificate_files import DAY, NOW, maker


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(file: str, text: str) -> list[dict[str, Any]]:
    return answer([{"service": "postfix", "file": file, "pem": text}], NOW)


def test_a_chain_holds_as_long_as_what_it_rests_on(folder: Path) -> None:
    maker()(leaf=200, branch=20)
    end = (NOW + 20 * DAY + DAY / 2).replace(microsecond=0)
    assert told("/etc/postfix/tls/certificate.pem", (folder / "chain.pem").read_text()) == [
        {
            "service": "postfix",
            "file": "/etc/postfix/tls/certificate.pem",
            "end": end.isoformat(),
            "soon": True,
        }
    ]


def test_of_several_cas_the_last_one_counts(folder: Path) -> None:
    make = maker()
    make(root=20)
    old = (folder / "ca.pem").read_text()
    make(root=200)
    (found,) = told("/etc/postfix/tls/smarthost-ca.pem", old + (folder / "ca.pem").read_text())
    assert found["soon"] is False


def test_an_empty_file_is_none(folder: Path) -> None:
    assert told("/etc/postfix/tls/database-ca.pem", "\n") == []


def test_it_reads_and_answers_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("[]"))
    monkeypatch.delitem(sys.modules, "mailinfra.cli.endings")
    runpy.run_module("mailinfra.cli.endings", run_name="__main__")
    assert json.loads(capsys.readouterr().out) == []
