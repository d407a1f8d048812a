"""Where a mailbox keeps its mail: an address given to another person comes without the old mail."""

from mailinfra.provider.migrations.ddl import add_column, add_index, run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the folder below /mail to each mailbox, and a table of folders whose mailbox is gone."""
    add_column("users", "home", "VARCHAR(400) NULL")
    run("UPDATE users SET home = CONCAT(domain, '/', userid) WHERE home IS NULL")
    # A row made by hand with the original columns alone gets its folder from this default.
    run("ALTER TABLE users MODIFY home VARCHAR(400) NOT NULL DEFAULT (CONCAT(domain, '/', userid))")
    add_index("users", "unique_users_home", "(home)")
    run("""
        CREATE TABLE IF NOT EXISTS retired_homes (
          home VARCHAR(400) NOT NULL,
          userid VARCHAR(128) NOT NULL,
          domain VARCHAR(253) NOT NULL,
          retired_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
          PRIMARY KEY (home),
          INDEX retired_homes_address (userid, domain)
        ) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin""")
