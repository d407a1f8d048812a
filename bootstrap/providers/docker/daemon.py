"""The way to the Docker daemon, and its errors as sentences."""

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bootstrap.providers.declaration import Property
from bootstrap.providers.resource import Refused
from bootstrap.providers.values import Properties

__all__ = ["LABELS", "SETTINGS", "Daemon", "labels_of", "named_labels", "saying"]

LABELS = Property(
    replaces=True,
    unordered=True,
    itemwise=True,
    fields={"label": Property(required=True), "value": Property(required=True)},
)
"""A list of names and values, as network, volume and container have it."""


SETTINGS = frozenset({"host"})
"""The provider's settings that can be given."""


class Daemon:
    """One daemon: the one that the settings name, else `DOCKER_HOST`, else the local socket."""

    def __init__(self) -> None:
        self._host: str | None = None

    def configure(self, settings: Properties) -> None:
        """Take the provider's settings."""
        self._host = settings.get("host") or None

    @functools.cached_property
    def api(self) -> Any:
        """The `docker.APIClient`, made at first use; its published types do not know all that it has."""
        from docker import APIClient
        from docker.errors import DockerException
        from docker.utils import kwargs_from_env

        place: dict[str, Any] = {"base_url": self._host} if self._host else {**kwargs_from_env()}
        try:
            return APIClient(**place, version="auto", timeout=120)
        except DockerException as error:
            where = self._host or os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
            raise Refused(
                f"cannot reach the Docker daemon at {where}: {error}; "
                "start it, or name another in DOCKER_HOST"
            ) from None


@contextmanager
def saying(what: str) -> Iterator[None]:
    """Turn the daemon's error inside into a refusal that begins with `what`."""
    from docker.errors import DockerException
    from requests import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise Refused(f"{what}: Error response from daemon: {sentence(error)}") from None


def sentence(error: Exception) -> str:
    """Return what the daemon said."""
    return str(getattr(error, "explanation", None) or error)


def labels_of(inputs: Properties) -> dict[str, str]:
    """Return the labels that the inputs ask for, as the daemon takes them."""
    return {item["label"]: item["value"] for item in inputs.get("labels") or []}


def named_labels(labels: Mapping[str, str] | None) -> Sequence[dict[str, str]]:
    """Return the daemon's labels as a list of names and values."""
    return [{"label": name, "value": value} for name, value in sorted((labels or {}).items())]
