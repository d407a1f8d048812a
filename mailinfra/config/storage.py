"""Where data lives: the database, the mail, and what becomes of both when the stack goes.

Owns which choices go together. Does not own volumes or servers (components/).
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field

from mailinfra.config.model import Mistake, Model
from mailinfra.types import MIB, ByteSize, FilePath, HostName, LoginName, OnDestroy, Port, is_loopback

LEAST_DATABASE_MEMORY = 256 * MIB

DRIVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]*")

LOCAL_OPTIONS = {"type", "device", "o", "size"}
"""What Docker's own driver takes (https://docs.docker.com/reference/cli/docker/volume/create/)."""

IN_MEMORY = {"tmpfs", "ramfs"}
"""File systems that forget all as soon as nobody uses them: at each restart of Dovecot."""


class Databases(StrEnum):
    """How the databases come into somebody's existing server."""

    CREATE = "create"
    ADOPT = "adopt"


class ExternalDatabaseConfig(Model):
    """An existing MySQL server, 8.4 or newer. Its administrator's password is
    `mailinfra:databasePassword`."""

    host: HostName
    """Name or IP address of the server, as this machine and the containers reach it, and as its certificate
    names it."""

    port: Port = Field(default=3306, examples=[3307])
    """TCP port of the server."""

    administrator: LoginName = Field(examples=["admin"])
    """User that may create users and grant them rights."""

    databases: Annotated[Databases, Field(strict=False)] = Field(default=Databases.CREATE, examples=["adopt"])
    """`create` makes the databases `mail` and `roundcube`; `adopt` takes the ones that are there already,
    those that a `destroy` has left too."""

    ca_file: FilePath | None = Field(default=None, examples=["tls/database-ca.pem"])
    """PEM file with the CA that signed the server's certificate; needed unless a public CA did.
    docs/operations.md names the two links that are encrypted and still not verified."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return a host that means another machine in each container, and a CA file that cannot be used."""
        if is_loopback(self.host):
            reason = (
                f"{self.host} is in each container the container itself; write a name or an address under "
                "which the containers reach the server, too"
            )
            yield Mistake(place=("host",), reason=reason)
        if self.ca_file is None:
            return
        from mailinfra.config import pem

        if fault := pem.certificate_fault(self.ca_file):
            yield Mistake(place=("caFile",), reason=fault, given=self.ca_file)


class DatabaseConfig(Model):
    """The database: a container of its own, or an existing server."""

    memory: ByteSize = Field(default=512 * MIB, examples=["1G"])
    """Memory limit of the database's container, at least 256M."""

    external: ExternalDatabaseConfig | None = None
    """An existing server in place of the container."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return a limit that stops the server, or that limits nothing."""
        if self.external and "memory" in self.model_fields_set:
            reason = "limits our own container, and 'external' replaces that one; remove one of the two"
            yield Mistake(place=("memory",), reason=reason, about=("external",))
        elif self.memory < LEAST_DATABASE_MEMORY:
            reason = f"is {self.memory // MIB}M, and MySQL needs 256M to start; write '256M' or more"
            yield Mistake(place=("memory",), reason=reason)


class MailStorageConfig(Model):
    """Where the mail lies: a local volume unless one of these is named."""

    host_path: str | None = Field(default=None, examples=["/srv/mail"])
    """Absolute path of a folder on the Docker host, in place of a volume; it has to belong to user and group
    61001, as which Dovecot runs, and no `destroy` removes it."""

    driver: str = Field(default="local", examples=["vieux/sshfs"])
    """Docker's volume driver."""

    driver_options: dict[str, str] = Field(
        default={}, examples=[{"type": "nfs", "o": "addr=192.0.2.9,rw,nfsvers=4.2", "device": ":/srv/mail"}]
    )
    """Options of the volume driver, for example of an NFS share. Others, and another driver, are another
    volume: no mail moves along."""

    def bound_folder(self) -> str | None:
        """Return the folder of the Docker host that a local volume is another name of, if it is one."""
        words = self.driver_options.get("o", "").split(",")
        is_bound = self.driver == "local" and not {"bind", "rbind"}.isdisjoint(words)
        return self.driver_options.get("device") if is_bound else None

    def _options(self) -> Iterator[str]:
        """Return what Docker, or the mount that it makes, refuses of a local volume's options; it would say
        so when the volume is made, or only when Dovecot begins."""
        given, words = self.driver_options, self.driver_options.get("o", "").split(",")
        if strange := sorted(set(given) - LOCAL_OPTIONS):
            yield f"holds {strange[0]!r}, and a local volume has 'type', 'device' and 'o' alone; remove it"
        if missing := [key for key in ("type", "device") if not given.get(key)]:
            yield (
                f"has no {missing[0]!r}, which a local volume needs with the others, as in a line of "
                "/etc/fstab; add it, or remove them all"
            )
        elif given["type"] in ("nfs", "nfs4") and not any(word.startswith("addr=") for word in words):
            yield "has no 'addr=' in 'o', so nobody knows whose share it is; add the server's address there"
        if "ro" in words:
            yield "mounts read-only ('ro' in 'o'), and no mail could be delivered; write 'rw'"

    def contradictions(self) -> Iterator[Mistake]:
        """Return a path that Docker cannot mount, two places for one mail, or a volume that is none."""
        if not DRIVER.fullmatch(self.driver):
            reason = "is not a volume driver's name; write 'local', or one that docker plugin ls shows"
            yield Mistake(place=("driver",), reason=reason, given=self.driver)
        elif self.driver == "local" and self.driver_options and self.host_path is None:
            for reason in self._options():
                yield Mistake(place=("driverOptions",), reason=reason)
        if self.host_path is None:
            return
        path = PurePosixPath(self.host_path)
        if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
            reason = "must be the absolute path of a folder, like '/srv/mail'"
            yield Mistake(place=("hostPath",), reason=reason, given=self.host_path)
        for key in sorted({"driver", "driver_options"} & self.model_fields_set):
            field = type(self).model_fields[key]
            reason = "describes a volume, and 'hostPath' is a folder in place of one; remove one of the two"
            yield Mistake(place=(str(field.alias),), reason=reason, about=("hostPath",))


class StorageConfig(Model):
    """What keeps data, and for how long."""

    on_destroy: Annotated[OnDestroy, Field(strict=False)] = Field(
        default=OnDestroy.RETAIN, examples=["protect"]
    )
    """What `destroy` does to mail, accounts and queue: `retain` leaves the volumes for the next `up`,
    `protect` makes `destroy` refuse, `delete` is for throw-away stacks."""

    mail: MailStorageConfig = MailStorageConfig()
    """Where the mail lies."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return mail that shall be kept and lies in memory."""
        kind = self.mail.driver_options.get("type")
        if self.mail.driver == "local" and kind in IN_MEMORY and self.on_destroy is not OnDestroy.DELETE:
            reason = (
                f"is memory ({kind}), and all mail is gone when Dovecot restarts; name a disk, or write "
                "'onDestroy: delete' for a throw-away stack"
            )
            yield Mistake(place=("mail", "driverOptions"), reason=reason, about=("onDestroy",))
