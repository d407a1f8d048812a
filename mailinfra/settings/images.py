"""Where the container images come from.

Owns the choice for each. Does not own the pinned references and the build folders (mailinfra/images.py).
"""

from typing import Annotated

from pydantic import AfterValidator, Field

from mailinfra.settings.model import Model
from mailinfra.types import image_reference


def pulled_or_named(value: str) -> str:
    """Return 'pull' or an image reference; raise ValueError for anything else."""
    return value if value == "pull" else image_reference(value)


def any_source(value: str) -> str:
    """Return 'pull', 'build' or an image reference; raise ValueError for anything else."""
    return value if value in {"pull", "build"} else image_reference(value)


def built_or_named(value: str) -> str:
    """Return 'build' or an image reference; raise ValueError for anything else."""
    if value == "pull":
        raise ValueError("has no published image; write 'build', or the reference of an image of yours")
    return value if value == "build" else image_reference(value)


class ImagesConfig(Model):
    """Container images: `pull` takes the pinned official one, `build` makes it from `images/`, and a
    reference names another one."""

    base: Annotated[str, AfterValidator(pulled_or_named)] = Field(
        default="pull", examples=["debian:trixie-slim"]
    )
    """Debian image that built ones start from: `pull` for the pinned official one, or a reference."""

    mysql: Annotated[str, AfterValidator(any_source)] = Field(default="pull", examples=["pull", "build"])
    """MySQL 8.4 or newer: `pull`, `build` or a reference."""

    dovecot: Annotated[str, AfterValidator(built_or_named)] = Field(default="build", examples=["build"])
    """Dovecot 2.4: `build` or the reference of an image made from `images/dovecot`."""

    postfix: Annotated[str, AfterValidator(built_or_named)] = Field(default="build", examples=["build"])
    """Postfix 3.10: `build` or the reference of an image made from `images/postfix`."""

    roundcube: Annotated[str, AfterValidator(any_source)] = Field(default="pull", examples=["pull", "build"])
    """Roundcube: `pull`, `build` or a reference."""
