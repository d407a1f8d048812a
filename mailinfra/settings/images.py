"""Where the container images come from.

Owns the choice for each. Does not own the pinned references and the build folders (mailinfra/images.py).
"""

from collections.abc import Callable
from typing import Annotated, Any

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


def _choice(check: Callable[[str], str], form: str, *examples: str) -> tuple[AfterValidator, Any]:
    return AfterValidator(check), Field(examples=list(examples), json_schema_extra={"format": form})


PulledOrNamed = Annotated[str, *_choice(pulled_or_named, "pull-image", "debian:trixie-slim")]
BuiltOrNamed = Annotated[str, *_choice(built_or_named, "build-image", "registry.example/postfix:3.10.13-1")]
AnySource = Annotated[str, *_choice(any_source, "image", "build")]


class ImagesConfig(Model):
    """Container images: `pull` takes the pinned official one, `build` makes it from `images/`, and a
    reference names another one."""

    base: PulledOrNamed = "pull"
    """Debian image that built ones start from."""

    mysql: AnySource = "pull"
    """MySQL 8.4 or newer."""

    dovecot: BuiltOrNamed = "build"
    """Dovecot 2.4; a reference names an image made from `images/dovecot`."""

    postfix: BuiltOrNamed = "build"
    """Postfix 3.10; a reference names an image made from `images/postfix`."""

    roundcube: AnySource = "pull"
    """Roundcube, with the official image's environment."""
