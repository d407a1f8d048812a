"""Data that belongs to the users of before is seen before an update begins, and by nobody's guess."""

import os
from collections.abc import Iterable
from pathlib import Path

import pulumi
import pytest

from mailinfra.config import former_owners
from mailinfra.user_ids import FIRST, LAST, OWNED, Owned, owned
from tests.unit.form import accepted, form

HERE = Owned(volume="mail", service="dovecot", owner=1, users={os.getuid(): 1}, groups={})
ELSEWHERE = Owned(volume="mail", service="dovecot", owner=1, users={FIRST: 1}, groups={})


def test_a_folder_of_a_user_of_before_is_seen(tmp_path: Path) -> None:
    assert former_owners.is_former(tmp_path, HERE) is True
    assert former_owners.is_former(tmp_path, ELSEWHERE) is False


def test_a_group_of_before_is_seen_too(tmp_path: Path) -> None:
    group = Owned(volume="queue", service="postfix", owner=1, users={}, groups={tmp_path.stat().st_gid: 1})
    assert former_owners.is_former(tmp_path, group) is True


def test_an_empty_folder_that_everybody_may_write_to_tells_nothing_and_what_is_in_it_does(
    tmp_path: Path,
) -> None:
    tmp_path.chmod(0o1777)  # the official image of MySQL
    assert former_owners.is_former(tmp_path, HERE) is False
    (tmp_path / "ibdata1").touch()
    assert former_owners.is_former(tmp_path, HERE) is True


def test_a_folder_that_nobody_can_look_into_is_not_judged(tmp_path: Path) -> None:
    assert former_owners.is_former(tmp_path / "none", HERE) is None


def test_a_preview_warns_and_an_update_is_refused_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    names: list[str] = []

    def asked(volumes: Iterable[str]) -> dict[str, str]:
        names.extend(volumes)
        return {}

    monkeypatch.setattr(former_owners, "OWNED", (HERE, *OWNED[1:]))
    monkeypatch.setattr(former_owners, "owned", lambda *_: HERE)
    monkeypatch.setattr(former_owners, "_mount_points", lambda _: {"mailinfra-dev-mail": str(tmp_path)})
    monkeypatch.setattr(pulumi, "warn", said.append)
    monkeypatch.setattr(former_owners, "is_dry_run", lambda: True)
    former_owners.refuse("mailinfra-dev", accepted(form()))
    (warning,) = said
    monkeypatch.setattr(former_owners, "is_dry_run", lambda: False)
    with pytest.raises(pulumi.RunError, match="Run `make up STACK=dev`") as refusal:
        former_owners.refuse("mailinfra-dev", accepted(form()))
    assert "mailinfra-dev-mail. Run" in str(refusal.value)
    elsewhere = accepted(form(storage={"mail": {"hostPath": str(tmp_path)}}))
    monkeypatch.setattr(former_owners, "_mount_points", asked)
    with pytest.raises(pulumi.RunError, match=f"too: {tmp_path}. Run"):
        former_owners.refuse("mailinfra-dev", elsewhere)
    assert names == ["mailinfra-dev-mysql", "mailinfra-dev-queue"], "that volume is not in use"
    share = {"type": "nfs", "o": "addr=192.0.2.9", "device": ":/srv/mail"}
    former_owners.refuse("mailinfra-dev", accepted(form(storage={"mail": {"driverOptions": share}})))
    assert "mailinfra-dev-mail" not in names, "a share's volume has another name"
    assert warning.startswith(former_owners.SIGN)
    with monkeypatch.context() as images_alone:
        images_alone.setenv(former_owners.LATER, "1")
        former_owners.refuse("mailinfra-dev", accepted(form()))
    monkeypatch.setattr(former_owners, "_mount_points", lambda _: {})
    former_owners.refuse("mailinfra-dev", accepted(form()))


def test_a_daemon_that_does_not_answer_is_its_providers_to_complain_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(former_owners, "SOCKET", str(tmp_path / "none"))
    former_owners.refuse("mailinfra-dev", accepted(form()))


def test_a_volume_of_data_is_known_by_its_whole_name() -> None:
    assert [
        kind and kind.volume
        for kind in (
            owned(f"mailinfra-dev-{end}", "mailinfra-dev")
            for end in ("mail", "mail-0123abcd", "mysql", "queue", "mysql-etc-0123456789abcdef", "mails")
        )
    ] == ["mail", "mail", "mysql", "queue", None, None]
    assert owned("mailinfra-dev-mail", "mailinfra") is None


def test_every_number_of_now_is_one_that_no_host_has() -> None:
    for one in OWNED:
        assert FIRST <= one.owner <= LAST
        for new in (*one.users.values(), *one.groups.values()):
            assert FIRST <= new <= LAST
        assert not {*one.users, *one.groups} & set(range(FIRST, LAST + 1))
