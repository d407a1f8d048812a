"""Images: which image each container runs, pinned by tag and digest, or built from images/.

Owns the references and the hash of a build context. Does not own the image resource (service.py).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mailinfra.types import IMAGE, LOCAL_BASE

ROOT = Path(__file__).parents[2]

# Looked up 2026-11; the version stands beside the digest, so that an update shows what it changes.
DEBIAN = "debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f"
MYSQL = "mysql:9.7.2@sha256:257388edf9c84dbc04c763625446d5f3fa6ed60d1b0873bc552c614ba0a7ab4e"
ROUNDCUBE = (
    "roundcube/roundcubemail:1.7.4-apache-nonroot"
    "@sha256:533b48d35f8fef99f24ae6997a032a727888d6992bd55a1a0a24d1ea208dbf3f"
)


def has_digest(reference: str) -> bool:
    """Whether a reference is one image for ever: by its digest, or because no registry is asked for it."""
    named = IMAGE.fullmatch(reference)
    return bool(named and named["digest"]) or reference.startswith(LOCAL_BASE)


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """An image that a registry has."""

    reference: str
    """`name:tag@digest`."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """An image that is built from a folder of ours."""

    folder: str
    """Name of the folder under images/ that holds the Dockerfile."""

    base: str
    """Reference of the image that the Dockerfile starts from, its `ARG BASE`."""

    revision: str = ""
    """Another text builds the image anew, with what Debian has of it that day."""

    stack: str
    """`<project>-<stack>`: whose image it is. The provider builds at every creation, and a second stack's
    build would move a tag that both have to another image: the first one's containers would then be
    replaced."""

    @property
    def context(self) -> str:
        """The folder as a path relative to the project, so that state does not depend on the machine."""
        return f"images/{self.folder}"

    @property
    def tag(self) -> str:
        """`mailinfra/<folder>:<stack>-<hash>`: a changed context is another image, never another meaning of
        a tag."""
        return f"mailinfra/{self.folder}:{self.stack}-{self.hash}"

    @property
    def build_args(self) -> dict[str, str]:
        """What the Dockerfile is told; the revision, too, or Docker would take what it built before."""
        return {"BASE": self.base, **({"REVISION": self.revision} if self.revision else {})}

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits over base, revision and context: path, mode, content of each file."""
        folder = ROOT / self.context
        state = hashlib.sha256(f"{self.base}\0{self.revision}".encode())
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            executable = bool(path.stat().st_mode & 0o100)
            state.update(f"\0{path.relative_to(folder).as_posix()}\0{executable}\0".encode())
            state.update(hashlib.sha256(path.read_bytes()).digest())
        return state.hexdigest()[:16]


ImageSource = Pulled | Built


PULLED = {"base": DEBIAN, "mysql": MYSQL, "roundcube": ROUNDCUBE}
"""Name in the form's `images` -> what `pull` stands for."""


def chosen(name: str, choice: str, *, base: str, stack: str, revision: str = "") -> ImageSource:
    """Return where the image of a daemon comes from; `choice` and `base` are what a person wrote: `pull`,
    `build` or a reference."""
    match choice:
        case "build":
            start = PULLED["base"] if base == "pull" else base
            return Built(folder=name, base=start, stack=stack, revision=revision)
        case "pull":
            return Pulled(reference=PULLED[name])
        case reference:
            return Pulled(reference=reference)
