"""Network: whether something answers, asked once per run and never for longer than a few seconds."""

import functools
import threading
import urllib.error
import urllib.request

PROBE_SECONDS = 4.0
"""A site that takes longer to answer counts as out of reach: waiting on it would cost every run."""


@functools.cache
def answers(url: str, seconds: float = PROBE_SECONDS) -> bool:
    """Return whether the web site gives any answer at all, through the proxy that the environment names.

    A thread of its own bounds what a socket's timeout does not: looking up the name.
    """
    heard = threading.Event()

    def listen() -> None:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - constant https address
        try:
            with urllib.request.urlopen(request, timeout=seconds):  # noqa: S310
                heard.set()
        except urllib.error.HTTPError:
            heard.set()  # an answer, if not a friendly one
        except (OSError, ValueError):
            return

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    thread.join(seconds)
    return heard.is_set()
