"""RemoteImage: an image that is pulled by its name, or built from a folder."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import ClassVar

from bootstrap.providers.declaration import Kind, Property
from bootstrap.providers.docker.daemon import Daemon, saying, sentence
from bootstrap.providers.plan import filled, zeroed
from bootstrap.providers.resource import TIMEOUTS, Existing, Refused, Resource
from bootstrap.providers.values import Properties

__all__ = ["RemoteImage", "local_or_pulled"]

_REPLACES = Property(replaces=True)
_TRUTH = Property(kind="truth")
_KINDS: tuple[Kind, ...] = ("text", "number", "truth", "list", "map")
_NEW = {kind: Property(kind=kind, replaces=True) for kind in _KINDS}
_BUILD = {
    "context": Property(required=True, replaces=True),
    "dockerfile": Property(replaces=True, default="Dockerfile"),
    "tags": Property(kind="list"),
    "buildArgs": _NEW["map"],
    "labels": _NEW["map"],
    "networkMode": _REPLACES,
    "noCache": _NEW["truth"],
    "remove": Property(kind="truth", default=True),
    "target": _REPLACES,
    "forceRemove": _NEW["truth"],
}
_FOREIGN_BUILD: dict[Kind, tuple[str, ...]] = {
    "text": (
        *("buildId", "buildLogFile", "builder", "cgroupParent", "cpuSetCpus", "cpuSetMems", "isolation"),
        *("platform", "provenance", "remoteContext", "sbom", "sessionId", "version"),
    ),
    "number": ("cpuPeriod", "cpuQuota", "cpuShares", "memory", "memorySwap", "shmSize"),
    "truth": ("pullParent", "squash", "suppressOutput"),
    "list": ("additionalContexts", "cacheFroms", "cacheTos", "extraHosts", "securityOpts"),
}
"""What only the real provider takes in `build`, by what it holds; all of it replaces."""
_FOREIGN = {
    **{name: replace(_NEW[kind], foreign=True) for kind, names in _FOREIGN_BUILD.items() for name in names},
    **dict.fromkeys(("authConfigs", "secrets", "ulimits"), Property(kind="list", foreign=True)),
    "label": Property(kind="map", foreign=True),
    "useLegacyBuilder": Property(kind="truth", replaces=True, foreign=True, falls_to=False),
}
POLL_SECONDS = 0.2
SHOWN_LINES = 30
"""How much of a failed build's output the error shows: enough for the failed step and what it said."""


class RemoteImage(Resource):
    """An image on the daemon."""

    token = "docker:index/remoteImage:RemoteImage"  # noqa: S105 (the type's name)
    meta = TIMEOUTS + "}"
    properties: ClassVar = {
        "name": Property(required=True, replaces=True),
        "keepLocally": _TRUTH,
        "forceRemove": _TRUTH,
        "platform": _REPLACES,
        "triggers": Property(kind="map", replaces=True),
        "pullTriggers": Property(kind="list", replaces=True, unordered=True),
        "build": Property(
            kind="object",
            unordered=True,
            zeroed=True,
            conflicts="pullTriggers",
            fields={**_BUILD, **_FOREIGN},
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
        planned = {**self.given(inputs), "build": _planned_build(inputs.get("build"))}
        found = self._found(planned)
        assert found  # noqa: S101 (found a moment ago)
        return found

    def read(self, old: Existing) -> tuple[str, Properties] | None:
        """Return the image that has this name now."""
        self.no_import(old)
        found = self._found(old.state)
        if found is None or not old.state.get("build"):
            return found
        identity, state = found
        return identity, {**state, "build": zeroed(state["build"], self.properties["build"])}

    def _found(self, state: Properties) -> tuple[str, Properties] | None:
        from docker.errors import ImageNotFound

        name = state["name"]
        with saying("Unable to inspect image"):
            try:
                image = self._daemon.api.inspect_image(name)
            except ImageNotFound:
                return None
        repository = name.split("@")[0].rsplit(":", 1)[0]
        digests = [digest for digest in image["RepoDigests"] or [] if digest.startswith(f"{repository}@")]
        found = f"{image['Id']}{name}"
        return found, {
            **state,
            "id": found,
            "imageId": image["Id"],
            "repoDigest": digests[0] if digests else "",
        }

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

    def _until_cancelled(self, name: str, steps: Iterator[Properties]) -> Iterator[Properties]:
        """Yield a build's steps until the engine gives up; the daemon ends the build with this process."""
        said: Queue[Properties | Exception | None] = Queue()
        Thread(target=_read, args=(steps, said), daemon=True).start()
        while True:
            try:
                step = said.get(timeout=POLL_SECONDS)
            except Empty:
                if self._daemon.cancelled.is_set():
                    raise Refused(f"the build of image {name} was interrupted") from None
                continue
            if step is None:
                return
            if isinstance(step, Exception):
                raise step
            yield step

    def _build(self, name: str, build: Properties, platform: str | None) -> None:
        context = Path(build["context"]).resolve()
        if not (context / build["dockerfile"]).is_file():
            raise Refused(f"failed to read dockerfile: {context / build['dockerfile']} is not a file")
        tags = list(dict.fromkeys([name, *(build.get("tags") or [])]))
        tail: deque[str] = deque(maxlen=SHOWN_LINES)
        with saying(f"failed to build image {name}"):
            steps = self._daemon.api.build(
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
                forcerm=True,
                decode=True,
            )
            for step in self._until_cancelled(name, steps):
                tail.extend(line for line in step.get("stream", "").splitlines() if line.strip())
                if "error" in step:
                    shown = "\n".join(tail)
                    raise Refused(f"failed to build image {name}: {step['error']}\n{shown}")
            for tag in tags[1:]:
                repository, _, label = tag.rpartition(":")
                self._daemon.api.tag(name, repository, label)


def _read(steps: Iterator[Properties], said: "Queue[Properties | Exception | None]") -> None:
    try:
        for step in steps:
            said.put(step)
    except Exception as error:  # it is raised again where the build is waited for
        said.put(error)
    said.put(None)


def _planned_build(build: Properties | None) -> Properties | None:
    declared = RemoteImage.properties["build"]
    planned: Properties | None = filled(build, declared) if build else None
    return planned


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
