"""Proofs that are counted by MySQL's own clock, and before they are looked at."""

from alembic import op

from mailinfra.provider import password_changes

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the procedures anew."""
    password_changes.ensure(op.get_bind())
