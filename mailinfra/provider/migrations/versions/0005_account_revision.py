"""What changed, as one number: raised by whatever writes an account, in its own transaction."""

from alembic import op

from mailinfra.provider import revision as account_revision
from mailinfra.provider.migrations.ddl import add_index, run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the number, what it was raised for, and the triggers that raise it, whoever writes."""
    run("""
        CREATE TABLE IF NOT EXISTS account_revision (
          id TINYINT NOT NULL DEFAULT 1,
          revision BIGINT NOT NULL DEFAULT 0,
          PRIMARY KEY (id),
          CONSTRAINT account_revision_is_one_row CHECK (id = 1)
        ) ENGINE=InnoDB""")
    run("INSERT IGNORE INTO account_revision (id) VALUES (1)")
    run("""
        CREATE TABLE IF NOT EXISTS account_changes (
          userid VARCHAR(128) NOT NULL,
          domain VARCHAR(253) NOT NULL,
          revision BIGINT NOT NULL,
          PRIMARY KEY (userid, domain),
          INDEX account_changes_revision (revision)
        ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin""")
    account_revision.ensure(op.get_bind())
    # Which aliases lead to a mailbox: webmail asks for its owner's identities.
    add_index("aliases", "aliases_target", "(target)")
    # A row made by hand whose name holds a slash gets no folder inside of another one's.
    run(
        "ALTER TABLE users MODIFY home VARCHAR(400) NOT NULL "
        "DEFAULT (CONCAT(domain, '/', REPLACE(userid, '/', '+2F')))"
    )
