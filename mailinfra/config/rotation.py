"""Rotation: which of the secrets that the stack makes are to be others than those of before.

Owns their names and what may stand behind one. Does not own the secrets (components/passwords.py,
components/certificates.py), nor DKIM's keys, which have a life of their own (dkim.py).
"""

from pydantic import Field

from mailinfra.config.model import Model
from mailinfra.types import ShortText as Generation


def _generation() -> str:
    field: str = Field(default="", examples=["2"])
    return field


class RotationConfig(Model):
    """Secrets that are made anew. Each holds any short text, and another one makes another secret; who is
    replaced then stands in docs/operations.md."""

    all: Generation = Field(default="", examples=["2026-11-26"])
    """All that is listed here."""

    ca: Generation = _generation()
    """The stack's own CA, and every certificate that it signed: mail programs have to trust the new one."""

    certificates: Generation = _generation()
    """The keys and certificates that the stack's own CA signed."""

    mysql: Generation = _generation()
    """The passwords of MySQL's root, of the account of the deployment and of the health check."""

    dovecot: Generation = _generation()
    """Dovecot's password of the database."""

    postfix: Generation = _generation()
    """Postfix's password of the database."""

    webmail: Generation = _generation()
    """Webmail's three passwords of the database."""

    sessions: Generation = _generation()
    """The key that encrypts webmail's sessions: everybody logs in to webmail again."""

    valkey: Generation = _generation()
    """The password of the filter's memory."""

    forwards: Generation = _generation()
    """The secret by which bounces of what was forwarded are known: those of before find nobody."""

    filter: Generation = _generation()
    """The password of who teaches the filter."""

    def of(self, name: str) -> str:
        """Return the generation of one secret: what stands at its name and at `all`; empty for the first.

        No text holds a plus, so that different settings are different generations.
        """
        return "+".join(text for text in (self.all, getattr(self, name)) if text)
