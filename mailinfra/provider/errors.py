"""The one exception whose text a user is meant to read."""


class ProviderError(Exception):
    """What went wrong, where, and what to do about it; never quotes a secret."""
