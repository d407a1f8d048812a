"""Serves the provider to the Pulumi engine: `python -m mailinfra.provider ENGINE_ADDRESS`."""

import sys

from mailinfra.provider.server import serve

if __name__ == "__main__":
    serve(sys.argv[1:])
