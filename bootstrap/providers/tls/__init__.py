"""The tls provider: keys and certificates, on the PyPI package `cryptography`."""
