"""Folders: rendered files as a read-only folder of a container.

Owns the way in: uploads into a container with a read-only root are refused, so a second container that
never starts fills a volume, and the daemon's container mounts that volume read-only. It works with a
remote daemon, and every changed line shows in a preview. Does not own the text (rendering.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pulumi_docker as docker
from pulumi import Input, Output, ResourceOptions

from mailinfra.containers.rendering import digest

NEVER_UPDATED = ["healthcheck", "init", "mounts", "tmpfs"]
"""What the docker provider says it updates in a running container, and leaves as it was: only a new one has
it."""

NO_NEW_PRIVILEGES = ["no-new-privileges:true"]

OPEN_FILES = 16384
"""Of one process. The most that any needs is Dovecot's logins, two for each of a thousand connections."""

PROCESSES = 4096
"""Of one user, and it counts those of the whole machine with the same number: twenty times what a daemon has,
so that no neighbour is stopped, and an eighth of what Linux has by default. Root is exempt."""

_NOBODY = "65534:65534"
_FILLING_MIB = 16

# Where the filling container sees the volume; no image has this folder, so Docker copies nothing into it.
_FILLING = "/mailinfra"


def ulimits() -> list[docker.ContainerUlimitArgs]:
    """Return what every container may have open and running.

    None leaves its memory behind when it crashes: the keys and passwords in it would lie in a volume, and in
    each backup of that. The service file of Docker sets no bound (`LimitCORE=infinity`).
    """
    return [
        docker.ContainerUlimitArgs(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
        docker.ContainerUlimitArgs(name="nproc", soft=PROCESSES, hard=PROCESSES),
        docker.ContainerUlimitArgs(name="core", soft=0, hard=0),
    ]


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A read-only folder of rendered files; each is a volume of its own, named by what it holds, or by which
    files it holds where they are read anew."""

    path: str
    """Absolute path in the container."""

    files: Mapping[str, Input[str]]
    """Path below the folder -> text. Which files exist is plain; what they hold may come later."""

    secret: bool = False
    """Whether nobody else may read the texts; they are then marked in state, previews and diffs."""

    executable: bool = False
    """Whether the files are programs."""

    reread: bool = False
    """Whether the daemon notices by itself that a file has changed, and reads it anew: then its container
    stays. Another set of files is another folder all the same."""

    root_only: Collection[str] = ()
    """Files that no user but root may read, named as in `files`; one that is not there is no mistake."""

    def permissions(self, path: str) -> str:
        """Return who may read and run one of the files, as the docker provider writes it."""
        if path in self.root_only:
            return "0400"
        return "0555" if self.executable else "0444"

    @property
    def slug(self) -> str:
        """The path as a part of a name: `/etc/dovecot` -> `etc-dovecot`."""
        return self.path.strip("/").replace("/", "-").replace(".", "-")


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """What the filled volumes of one container have in common."""

    stack: str
    """`<project>-<stack>`: the front of every fixed name."""

    alias: str
    """Name of the container on its network, the next part of the name."""

    image: Input[str]
    """Any image that the daemon has: the filling container never starts."""

    labels: Sequence[docker.ContainerLabelArgs]
    """Labels of the filling container."""

    def mount(self, name: str, folder: Folder, child: ResourceOptions) -> docker.ContainerMountArgs:
        """Return a read-only mount that is ready once the volume holds the folder's files and nothing else.

        `name` is the front of the resources' names. The new volume is filled before the container that
        reads the old one goes: a shorter pause.
        """
        name = f"{name}-{folder.slug}"
        mark = Output.secret if folder.secret else Output.from_input
        files = {path: mark(text) for path, text in sorted(folder.files.items())}
        # The name tells nothing of a secret: every secret folder holds a key or a generated password.
        named_by = dict.fromkeys(files, "") if folder.reread else files
        content = Output.unsecret(Output.all(**named_by).apply(digest))
        before = ResourceOptions.merge(
            child, ResourceOptions(delete_before_replace=False, replace_on_changes=NEVER_UPDATED)
        )
        volume = docker.Volume(
            name,
            name=Output.format("{}-{}-{}-{}", self.stack, self.alias, folder.slug, content),
            opts=before,
        )
        filler = docker.Container(
            f"{name}-filler",
            image=self.image,
            command=["true"],
            # Docker writes the files, and it never runs. Whoever starts it all the same starts nobody, who
            # may nothing. Its root is writable: Docker copies nothing into a container whose root is not,
            # neither into a volume of it.
            user=_NOBODY,
            start=False,
            must_run=False,
            restart="no",
            network_mode="none",
            capabilities=docker.ContainerCapabilitiesArgs(adds=[], drops=["ALL"]),
            security_opts=NO_NEW_PRIVILEGES,
            memory=_FILLING_MIB,
            memory_swap=_FILLING_MIB,
            ulimits=ulimits(),
            labels=self.labels,
            mounts=[docker.ContainerMountArgs(type="volume", source=volume.name, target=_FILLING)],
            uploads=[
                docker.ContainerUploadArgs(
                    file=f"{_FILLING}/{path}",
                    content=text,
                    permissions=folder.permissions(path),
                )
                for path, text in files.items()
            ],
            opts=before,
        )
        # A name that is there already waits for nothing: another filler writes over its files.
        source = Output.all(volume.name, filler.name).apply(lambda known: str(known[0]))
        return docker.ContainerMountArgs(type="volume", source=source, target=folder.path, read_only=True)
