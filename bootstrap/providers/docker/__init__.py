"""The docker provider: networks, volumes, images and containers, on the PyPI package `docker`."""
