"""The way to the Docker daemon, and its errors as sentences."""

import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bootstrap.providers.declaration import Property
from bootstrap.providers.order import ordered
from bootstrap.providers.resource import Refused
from bootstrap.providers.values import Properties

__all__ = ["LABELS", "SETTINGS", "Daemon", "labels_of", "named_labels", "saying", "sentence", "until_removed"]

_PART = Property(required=True, replaces=True)
LABELS = Property(kind="list", replaces=True, unordered=True, fields={"label": _PART, "value": _PART})
"""A list of names and values, as network, volume and container have it."""


SETTINGS: Mapping[str, tuple[str, ...]] = {"host": ()}
"""The provider's settings that can be given; what each may be, nothing limits."""


FIRST_PAUSE = 2.0
REMOVAL_SECONDS = 30
"""How long a volume or network that is in use is tried to be removed."""


class Daemon:
    """One daemon: the one that the settings name, else `DOCKER_HOST`, else the local socket."""

    def __init__(self) -> None:
        self._host: str | None = None
        self.cancelled = threading.Event()
        """Set when the engine gives up: a build then ends, all else comes to its end."""

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


def until_removed(remove: Callable[[], object], *, used: str, last_state: str) -> None:
    """Call `remove` after two seconds, and again while the daemon says `used`; give up after thirty seconds.

    Who uses it may be on its way out. The times and the words at the end are the real provider's.
    """
    from docker.errors import DockerException
    from requests import RequestException

    began = time.monotonic()
    pauses = [FIRST_PAUSE, 5.0]
    while True:
        time.sleep(pauses[0] if len(pauses) == 1 else pauses.pop(0))
        try:
            remove()
        except (DockerException, RequestException) as error:
            if used not in sentence(error):
                raise Refused(f"Error response from daemon: {sentence(error)}") from None
        else:
            return
        left = began + REMOVAL_SECONDS - time.monotonic()
        if left < pauses[0]:
            time.sleep(max(left, 0))
            raise Refused(
                f"timeout while waiting for state to become 'removed' (last state: '{last_state}', "
                f"timeout: {REMOVAL_SECONDS}s)"
            )
        if len(pauses) == 1:
            pauses = [10.0]


def labels_of(inputs: Properties) -> dict[str, str]:
    """Return the labels that the inputs ask for, as the daemon takes them."""
    return {item["label"]: item["value"] for item in inputs.get("labels") or []}


def named_labels(labels: Mapping[str, str] | None) -> Sequence[dict[str, str]]:
    """Return the daemon's labels as a list of names and values."""
    return ordered([{"label": name, "value": value} for name, value in (labels or {}).items()], LABELS)
