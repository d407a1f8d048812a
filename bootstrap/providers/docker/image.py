"""RemoteImage: an image that is pulled by its name, or built from a folder."""

from collections import deque
from pathlib import Path
from typing import ClassVar

from bootstrap.providers.declaration import Property
from bootstrap.providers.docker.daemon import Daemon, saying, sentence
from bootstrap.providers.resource import Existing, Refused, Resource
from bootstrap.providers.values import Properties

__all__ = ["RemoteImage", "local_or_pulled"]

_REPLACES = Property(replaces=True)
SHOWN_LINES = 30
"""How much of a failed build's output the error shows: enough for the failed step and what it said."""


class RemoteImage(Resource):
    """An image on the daemon."""

    token = "docker:index/remoteImage:RemoteImage"  # noqa: S105 (the type's name)
    properties: ClassVar = {
        "name": Property(required=True, replaces=True),
        "keepLocally": Property(),
        "forceRemove": Property(),
        "platform": _REPLACES,
        "triggers": _REPLACES,
        "pullTriggers": Property(replaces=True, unordered=True),
        "build": Property(
            replaces=True,
            conflicts="pullTriggers",
            fields={
                "context": Property(required=True),
                "dockerfile": Property(default="Dockerfile"),
                "tags": Property(),
                "buildArgs": Property(),
                "labels": Property(),
                "networkMode": Property(),
                "noCache": Property(),
                "remove": Property(default=True),
                "target": Property(),
            },
        ),
    }
    outputs = ("imageId", "repoDigest")

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Build the image, or find it, or pull it."""
        if inputs.get("build"):
            self._build(inputs["name"], inputs["build"], inputs.get("platform"))
        what = "Unable to read Docker image into resource"
        local_or_pulled(self._daemon, inputs["name"], what, inputs.get("platform"))
        found = self.read(Existing(identity="", state=self.given(inputs)))
        assert found  # noqa: S101 (found a moment ago)
        return found

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return the image that has this name now."""
        from docker.errors import ImageNotFound

        self.no_import(old)
        name = old.state["name"]
        with saying("Unable to inspect image"):
            try:
                image = self._daemon.api.inspect_image(name)
            except ImageNotFound:
                return None
        repository = name.split("@")[0].rsplit(":", 1)[0]
        digests = [digest for digest in image["RepoDigests"] or [] if digest.startswith(f"{repository}@")]
        found = f"{image['Id']}{name}"
        return found, {
            **old.state,
            "id": found,
            "imageId": image["Id"],
            "repoDigest": digests[0] if digests else "",
        }

    def update(self, old: Existing, inputs: Properties) -> Properties:
        """Take over what matters when the image is deleted."""
        return {**old.state, **self.given(inputs)}

    def delete(self, old: Existing) -> None:
        """Remove the image's name, unless it is to be kept; one that is gone is as good."""
        from docker.errors import ImageNotFound

        if old.state.get("keepLocally"):
            return
        with saying("Unable to remove Docker image"):
            try:
                self._daemon.api.remove_image(old.state["name"], force=bool(old.state.get("forceRemove")))
            except ImageNotFound:
                return

    def _build(self, name: str, build: Properties, platform: str | None) -> None:
        context = Path(build["context"]).resolve()
        if not (context / build["dockerfile"]).is_file():
            raise Refused(f"failed to read dockerfile: {context / build['dockerfile']} is no file")
        tags = list(dict.fromkeys([name, *(build.get("tags") or [])]))
        tail: deque[str] = deque(maxlen=SHOWN_LINES)
        with saying(f"failed to build image {name}"):
            for step in self._daemon.api.build(
                path=str(context),
                dockerfile=build["dockerfile"],
                tag=tags[0],
                buildargs=build.get("buildArgs"),
                labels=build.get("labels"),
                network_mode=build.get("networkMode"),
                nocache=bool(build.get("noCache")),
                target=build.get("target") or "",
                platform=platform,
                rm=build["remove"],
                decode=True,
            ):
                tail.extend(line for line in step.get("stream", "").splitlines() if line.strip())
                if "error" in step:
                    shown = "\n".join(tail)
                    raise Refused(f"failed to build image {name}: {step['error']}\n{shown}")
            for tag in tags[1:]:
                repository, _, label = tag.rpartition(":")
                self._daemon.api.tag(name, repository, label)


def local_or_pulled(daemon: Daemon, name: str, what: str, platform: str | None = None) -> str:
    """Return the id of the image of this name; pull it where the daemon does not have it."""
    from docker.errors import DockerException, ImageNotFound

    try:
        return str(daemon.api.inspect_image(name)["Id"])
    except ImageNotFound:
        pass
    except DockerException as error:
        raise Refused(f"{what}: {sentence(error)}") from None
    reference = name if "@" in name or ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"
    repository, _, tag = reference.rpartition("@" if "@" in reference else ":")
    problem = f"{what}: unable to pull image {name}: error pulling image {name}"
    try:
        for step in daemon.api.pull(
            repository.split("@")[0], tag=tag, platform=platform, stream=True, decode=True
        ):
            if "error" in step:
                raise Refused(f"{problem}: Error response from daemon: {step['error']}")
        return str(daemon.api.inspect_image(name)["Id"])
    except DockerException as error:
        raise Refused(f"{problem}: Error response from daemon: {sentence(error)}") from None
