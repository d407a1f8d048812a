"""A folder of the host for mail is looked at before anything starts, where the host is this machine."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mailinfra.config import host_folder
from tests.unit.form import accepted, form, refused

OURS = {"st_uid": 61001, "st_gid": 61001}
ROOTS = {"st_uid": 0, "st_gid": 0}


def found(mode: int, **owner: int) -> Any:
    """Return what the system says of a folder."""
    owner = {**ROOTS, **owner}
    return os.stat_result((stat.S_IFDIR | mode, 0, 0, 0, owner["st_uid"], owner["st_gid"], 0, 0, 0, 0))


def mounted(path: Path) -> dict[str, Any]:
    return form(storage={"mail": {"hostPath": str(path)}})


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Path -> what the system says of it, in place of who runs these tests."""
    said: dict[str, Any] = {}
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda path, **options: said.get(str(path)) or real(path, **options))
    return said


def test_a_folder_of_root_is_refused_with_the_command_that_helps(
    tmp_path: Path, owned: dict[str, Any]
) -> None:
    owned[str(tmp_path)] = found(0o755)
    assert refused(mounted(tmp_path), local_daemon=True) == [
        f"server.storage.mail.hostPath: '{tmp_path}' belongs to user 0 and group 0 (mode 0755), and Dovecot "
        "runs as user and group 61001, so no mail could be delivered: "
        f"`chown 61001:61001 {tmp_path}` and `chmod u+rwx {tmp_path}`"
    ]


@pytest.mark.parametrize(
    ("mode", "owner", "good"),
    [
        (0o700, OURS, True),
        (0o500, OURS, False),
        (0o770, {"st_uid": 0, "st_gid": 61001}, True),
        (0o750, {"st_uid": 0, "st_gid": 61001}, False),
        (0o777, ROOTS, True),
    ],
)
def test_what_counts_is_whether_dovecots_user_may_write(
    tmp_path: Path, owned: dict[str, Any], mode: int, owner: dict[str, int], good: bool
) -> None:
    owned[str(tmp_path)] = found(mode, **owner)
    assert (host_folder.fault(str(tmp_path)) is None) == good


def test_a_folder_that_is_missing_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (line,) = refused(mounted(tmp_path / "file"), local_daemon=True)
    assert "is not a folder; name one" in line
    (line,) = refused(mounted(tmp_path / "none"), local_daemon=True)
    assert f"does not exist; make it: `install -d -o 61001 -g 61001 -m 0700 {tmp_path}/none`" in line


def test_mail_that_was_copied_in_by_root_is_refused_and_a_disks_own_folder_is_not(
    tmp_path: Path, owned: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    owned[str(tmp_path)] = found(0o700, **OURS)
    (tmp_path / "lost+found").mkdir()
    monkeypatch.setattr(host_folder, "_writable", lambda of: of is owned[str(tmp_path)])
    assert host_folder.fault(str(tmp_path)) is None
    (tmp_path / "example.test").mkdir()
    line = host_folder.fault(str(tmp_path))
    assert line is not None
    assert "holds 'example.test', which belongs to user" in line
    assert f"`chown -R 61001:61001 {tmp_path}`" in line


def test_a_folder_of_another_machine_is_not_looked_for_here() -> None:
    assert accepted(form(storage={"mail": {"hostPath": "/no/such/folder"}})).storage.mail.host_path
    assert host_folder.is_local({}, None)
    assert host_folder.is_local({"DOCKER_HOST": "unix:///var/run/docker.sock"}, None)
    for elsewhere in ("tcp://192.0.2.1:2376", "ssh://root@192.0.2.1", "unix:///run/user/1000/docker.sock"):
        assert not host_folder.is_local({"DOCKER_HOST": elsewhere}, None)
        assert not host_folder.is_local({}, elsewhere)


def test_a_volume_that_is_another_name_of_a_folder_is_looked_at_like_the_folder(
    tmp_path: Path, owned: dict[str, Any]
) -> None:
    owned[str(tmp_path)] = found(0o755)
    bound = {"type": "none", "o": "bind", "device": str(tmp_path)}
    given = form(storage={"mail": {"driverOptions": bound}})
    (line,) = refused(given, local_daemon=True)
    assert line.startswith(f"server.storage.mail.driverOptions: '{tmp_path}' belongs to user 0 and group 0")
    accepted(given, local_daemon=False)


def test_a_folder_that_nobody_may_write_to_is_refused_whoever_owns_it(
    tmp_path: Path, owned: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    owned[str(tmp_path)] = found(0o700, **OURS)
    accepted(mounted(tmp_path), local_daemon=True)
    seen = os.statvfs(tmp_path)
    read_only = os.statvfs_result((*seen[:8], seen.f_flag | os.ST_RDONLY, seen[9]))
    monkeypatch.setattr(os, "statvfs", lambda _: read_only)
    (line,) = refused(mounted(tmp_path), local_daemon=True)
    assert "lies on a file system that is read-only; mount it writable, or name another" in line
