"""Passwords that their owners change: by a procedure that wants a proof, and is counted."""

from alembic import op

from mailinfra.provider import password_changes
from mailinfra.provider.migrations.ddl import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the record of changes, and the procedures."""
    run("""
        CREATE TABLE IF NOT EXISTS password_changes (
          id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
          userid VARCHAR(128) NOT NULL,
          domain VARCHAR(253) NOT NULL,
          outcome VARCHAR(16) NOT NULL,
          at DATETIME NOT NULL,
          PRIMARY KEY (id),
          INDEX password_changes_account (userid, domain, at)
        ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin""")
    password_changes.ensure(op.get_bind())
