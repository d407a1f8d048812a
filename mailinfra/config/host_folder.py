"""The Docker host: whether Dovecot's user may write to the folder that shall hold the mail, and its memory.

Owns looking at it, where the host is this machine. Does not own the setting that names it (storage.py).
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from mailinfra.user_ids import DOVECOT, OWNED

SOCKETS = {"", "unix:///var/run/docker.sock", "unix:///run/docker.sock"}
"""What names the daemon of this machine. One of a user's own counts users differently, and is not judged."""

NOT_MAIL = {"lost+found"}
MOST = 1000
"""Entries that are looked at: a large server has more, and one that is wrong is seldom alone."""


def is_local(env: Mapping[str, str], configured: str | None) -> bool:
    """Return whether the Docker daemon sees this machine's folders and users as they are."""
    settings = Path("/etc/docker/daemon.json")
    try:
        remaps = "userns-remap" in settings.read_text(encoding="utf-8", errors="replace")
    except OSError:
        remaps = False
    return (configured or env.get("DOCKER_HOST", "")) in SOCKETS and not remaps


def memory_bytes() -> int:
    """Return how much memory this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def fault(path: str) -> str | None:
    """Return what is wrong with the folder, and what to do; None if Dovecot can keep mail there, or if this
    process may not look."""
    try:
        found = os.stat(path)
        if not stat.S_ISDIR(found.st_mode):
            return f"{path!r} is not a folder; name one"
        if _is_former(found):  # former_owners.py tells what to do
            return None
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            return f"{path!r} lies on a file system that is read-only; mount it writable, or name another"
        if not _writable(found):
            return (
                f"{path!r} belongs to {_owner(found)}, and Dovecot runs as user and group {DOVECOT}, so no "
                f"mail could be delivered: `chown {DOVECOT}:{DOVECOT} {path}` and `chmod u+rwx {path}`"
            )
        return _entries_fault(path)
    except FileNotFoundError:
        return f"{path!r} does not exist; make it: `install -d -o {DOVECOT} -g {DOVECOT} -m 0700 {path}`"
    except OSError:
        return None


def _entries_fault(path: str) -> str | None:
    with os.scandir(path) as entries:
        for number, entry in enumerate(entries):
            if number >= MOST:
                break
            found = entry.stat(follow_symlinks=False)
            if entry.name not in NOT_MAIL and entry.is_dir(follow_symlinks=False) and not _writable(found):
                return (
                    f"{path!r} holds {entry.name!r}, which belongs to {_owner(found)}, and Dovecot runs as "
                    f"user and group {DOVECOT}: `chown -R {DOVECOT}:{DOVECOT} {path}`"
                )
    return None


def _is_former(found: os.stat_result) -> bool:
    """Return whether a folder belongs to the user that Dovecot was before."""
    return any(one.service == "dovecot" and found.st_uid in one.users for one in OWNED)


def _writable(found: os.stat_result) -> bool:
    """Return whether Dovecot's user and group may list, read and write a folder."""
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == DOVECOT:
        return mode & 0o700 == 0o700
    if found.st_gid == DOVECOT:
        return mode & 0o070 == 0o070
    return mode & 0o007 == 0o007


def _owner(found: os.stat_result) -> str:
    return f"user {found.st_uid} and group {found.st_gid} (mode {stat.S_IMODE(found.st_mode):04o})"
