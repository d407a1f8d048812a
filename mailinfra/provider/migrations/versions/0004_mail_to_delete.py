"""Which former mailboxes keep no mail: Dovecot reads the mark and deletes the folder."""

from mailinfra.provider.migrations.ddl import add_column

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the mark to each folder whose mailbox is gone; none of them bears it yet."""
    add_column("retired_homes", "delete_mail", "BOOLEAN NOT NULL DEFAULT FALSE")
