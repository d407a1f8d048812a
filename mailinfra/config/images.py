"""Where the container images come from.

Owns the choice for each. Does not own the pinned references and the build folders (containers/images.py).
"""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mailinfra.config.model import Model
from mailinfra.types import LOCAL_BASE, ShortText, image_reference


def pulled_or_named(value: str) -> str:
    """Return 'pull', an image reference or a base made here; raise ValueError for anything else."""
    return value if value == "pull" or value.startswith(LOCAL_BASE) else image_reference(value)


def any_source(value: str) -> str:
    """Return 'pull', 'build' or an image reference; raise ValueError for anything else."""
    return value if value in {"pull", "build"} else image_reference(value)


def built_or_named(value: str) -> str:
    """Return 'build' or an image reference; raise ValueError for anything else."""
    if value == "pull":
        raise ValueError("has no published image; write 'build', or the reference of an image of yours")
    return value if value == "build" else image_reference(value)


def _choice(check: Callable[[str], str], form: str) -> tuple[AfterValidator, Any]:
    return AfterValidator(check), Field(json_schema_extra={"format": form})


PulledOrNamed = Annotated[str, *_choice(pulled_or_named, "pull-image")]
BuiltOrNamed = Annotated[str, *_choice(built_or_named, "build-image")]
AnySource = Annotated[str, *_choice(any_source, "image")]


_DIGEST = f"@sha256:{'0' * 63}1"


class ImagesConfig(Model):
    """Container images: `pull` takes the pinned official one, `build` makes it from `images/`, and a
    reference with its digest names another one."""

    base: PulledOrNamed = Field(default="pull", examples=[f"debian:trixie-slim{_DIGEST}"])
    """Debian image that built ones start from."""

    mysql: AnySource = Field(default="pull", examples=[f"registry.example.org/mysql:8.4.6{_DIGEST}"])
    """MySQL 8.4 or newer."""

    dovecot: BuiltOrNamed = Field(
        default="build", examples=[f"registry.example.org/dovecot:2.4.1-1{_DIGEST}"]
    )
    """Dovecot 2.4; a reference names an image made from `images/dovecot`."""

    postfix: BuiltOrNamed = Field(
        default="build", examples=[f"registry.example.org/postfix:3.10.5-1{_DIGEST}"]
    )
    """Postfix 3.10; a reference names an image made from `images/postfix`."""

    rspamd: BuiltOrNamed = Field(default="build", examples=[f"registry.example.org/rspamd:3.12.1-1{_DIGEST}"])
    """rspamd; a reference names an image made from `images/rspamd`."""

    valkey: BuiltOrNamed = Field(default="build", examples=[f"registry.example.org/valkey:8.1.1-1{_DIGEST}"])
    """Valkey; a reference names an image made from `images/valkey`."""

    resolver: BuiltOrNamed = Field(
        default="build", examples=[f"registry.example.org/unbound:1.26.2-1{_DIGEST}"]
    )
    """Unbound; a reference names an image made from `images/resolver`."""

    acme: BuiltOrNamed = Field(default="build", examples=[f"registry.example.org/acme:4.9.1-1{_DIGEST}"])
    """lego, with `certificate.acme`, and what hands on files of your own; a reference names an image made
    from `images/acme`."""

    roundcube: AnySource = Field(default="pull", examples=["build"])
    """Roundcube, with the official image's environment."""

    revision: ShortText = Field(default="", examples=["2026-11-26"])
    """Any short text. Another one builds all images anew that are built here, with Debian's updates of that
    day; the preview shows which daemons are replaced."""
