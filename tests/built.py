"""Built: images of daemons for tests that run one without its stack."""

from collections.abc import Mapping
from typing import Any

import docker

from mailinfra.containers.images import Built, chosen

STACK = "mailinfra-alone"
"""In the tag of what is built here."""


def image(name: str, images: Mapping[str, Any]) -> str:
    """Return the image of a daemon that some stack has built from the same, else build it.

    `images` is that group of a stack's settings.
    """
    base, revision = images.get("base", "pull"), images.get("revision", "")
    built = chosen(name, "build", base=base, stack=STACK, revision=revision)
    assert isinstance(built, Built)
    client = docker.from_env(timeout=300)
    # As Docker lists them: asked for one by one, one may be gone that a stack beside these tests removed.
    for one in client.api.images(name=f"mailinfra/{name}"):
        for tag in one["RepoTags"] or ():
            if tag.startswith(f"mailinfra/{name}:") and tag.endswith(f"-{built.hash}"):
                return str(tag)
    client.images.build(path=built.context, tag=built.tag, buildargs=built.build_args, rm=True)
    return built.tag
