"""Former owners: data that belongs to the user ids of before, which the daemons of now cannot read.

Owns looking for it where Docker is this machine's, and the sentence that keeps an update from beginning. Does
not own the ids (user_ids.py) nor giving the data over (bootstrap/owners.py).
"""

import http.client
import json
import os
import socket
import stat
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pulumi
from pulumi.runtime import is_dry_run

from mailinfra.config.server import ServerConfig
from mailinfra.user_ids import OWNED, Owned, owned

SOCKET = "/var/run/docker.sock"
LATER = "MAILINFRA_OWNERS_LATER"
"""Set by make while an update makes images alone, before it gives the data over."""

SECONDS = 5
SIGN = "the data of this stack belongs to the users of before"
"""How the warning begins; make says it in its own words."""


def is_former(folder: Path, kind: Owned) -> bool | None:
    """Return whether a folder still has the users of before; None where this process may not look.

    Giving over goes from the inside out, so a folder that was not finished shows it at the top. A folder that
    everybody may write to tells nothing: the official image of MySQL leaves an empty volume like that.
    """
    try:
        top = folder.stat()
        entries = [entry.stat(follow_symlinks=False) for entry in os.scandir(folder)]
    except OSError:
        return None
    open_to_all = stat.S_IMODE(top.st_mode) & 0o1002 == 0o1002
    looked_at = entries if open_to_all else [top, *entries]
    return any(one.st_uid in kind.users or one.st_gid in kind.groups for one in looked_at)


def former(full_name: str, server: ServerConfig) -> list[str]:
    """Return the volumes and folders that a stack uses on this machine and that have the users of before."""
    mail, host_path = server.storage.mail, server.storage.mail.host_path
    unused = {"mysql"} if server.database.external is not None else set()
    # With a driver or options of its own it is another volume, perhaps on another machine: Dovecot tells.
    unused |= {"mail"} if host_path is not None or mail.driver != "local" or mail.driver_options else set()
    names = [f"{full_name}-{one.volume}" for one in OWNED if one.volume not in unused]
    found = [(name, Path(path), owned(name, full_name)) for name, path in _mount_points(names).items()]
    if host_path is not None:
        found.append((host_path, Path(host_path), OWNED[0]))
    return [name for name, path, kind in found if kind is not None and is_former(path, kind)]


def refuse(full_name: str, server: ServerConfig) -> None:
    """Warn in a preview, and end an update, where the daemons could not read their data."""
    found = [] if os.environ.get(LATER) else former(full_name, server)
    if not found:
        return
    text = sentence(found, full_name)
    if is_dry_run():
        pulumi.warn(text)
    else:
        raise pulumi.RunError(text)


def sentence(found: Sequence[str], full_name: str) -> str:
    """Return what is wrong and what to do."""
    stack = full_name.partition("-")[2]
    return (
        f"{SIGN}, which users of this machine are, too: {', '.join(found)}. Run `make up STACK={stack}`: it "
        "stops the daemons, gives them their data and goes on with this update. Nothing was touched"
    )


class _Daemon(http.client.HTTPConnection):
    """Docker's own interface, at its socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(SECONDS)
        self.sock.connect(SOCKET)


def _mount_points(names: Iterable[str]) -> dict[str, str]:
    """Return volume -> the folder of this machine that it is; those that are not there are left out."""
    found = {}
    try:
        for name in names:
            with closing(_Daemon("localhost", timeout=SECONDS)) as daemon:
                daemon.request("GET", f"/volumes/{quote(name)}")
                answer = daemon.getresponse()
                said = json.loads(answer.read())
            if answer.status == 200 and said.get("Driver") == "local" and not said.get("Options"):
                found[name] = str(said["Mountpoint"])
    except (OSError, ValueError, http.client.HTTPException):
        pass  # Docker is its provider's to complain of
    return found
