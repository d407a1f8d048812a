"""The list of what runs: each container's packages with their versions, from whichever tool it has."""

import json
import os
from pathlib import Path

import pytest

from mailinfra.cli import sbom
from mailinfra.containers import labels

DOCKER = """#!/bin/sh
case "$*" in
  "ps --quiet --filter label=mailinfra.stack=mailinfra-prod") echo one; echo two ;;
  "ps "*) ;;
  "inspect "*one) echo "postfix sha256:aa" ;;
  "inspect "*two) echo "mysql sha256:bb" ;;
  "exec one dpkg-query "*) printf 'ii \\tpostfix\\t3.10.5-1\\nrc \\told\\t1\\nii \\tbash\\t5.2\\n' ;;
  "exec two rpm "*) printf 'ii\\tmysql-server\\t9.7.2-1\\n' ;;
  *) echo "no such program" >&2; exit 127 ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return program


def test_every_container_is_listed_with_what_is_installed_in_it(docker: Path) -> None:
    bill = sbom.bill("mailinfra-prod")
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert [(one["name"], one["version"]) for one in bill["components"]] == [
        ("mysql", "sha256:bb"),
        ("postfix", "sha256:aa"),
    ]
    packages = [[package["purl"] for package in one["components"]] for one in bill["components"]]
    assert packages == [
        ["pkg:rpm/oracle/mysql-server@9.7.2-1"],
        ["pkg:deb/debian/bash@5.2", "pkg:deb/debian/postfix@3.10.5-1"],
    ], "what was removed is not there any more"


def test_each_reference_in_it_is_one_of_its_kind(docker: Path) -> None:
    bill = sbom.bill("mailinfra-prod")
    known = [one["bom-ref"] for one in bill["components"]]
    known += [package["bom-ref"] for one in bill["components"] for package in one["components"]]
    assert len(known) == len(set(known)) == 5
    assert json.dumps(bill)


def test_a_stack_that_does_not_run_is_a_sentence(docker: Path) -> None:
    with pytest.raises(sbom.UnknownError, match="no container of 'prod' runs; name the stack as"):
        sbom.bill("prod")


def test_a_container_that_does_not_say_is_no_empty_list(docker: Path) -> None:
    docker.write_text(DOCKER.replace("exec two rpm", "exec two other"))
    with pytest.raises(sbom.UnknownError, match="mysql has neither dpkg nor rpm"):
        sbom.bill("mailinfra-prod")


def test_the_labels_are_those_that_containers_have() -> None:
    assert (sbom.STACK, sbom.SERVICE) == (labels.STACK, labels.SERVICE)
