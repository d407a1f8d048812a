"""Serves the provider to the Pulumi engine: `python -m mailinfra.provider ENGINE_ADDRESS`."""

import os
import signal
import sys

# The engine ends its plugins so, and shows whatever they say then. It may happen while this one still begins.
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: os._exit(0))

from mailinfra.provider.server import serve  # noqa: E402

if __name__ == "__main__":
    serve(sys.argv[1:])
