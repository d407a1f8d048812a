"""Domains and aliases as tables, and what a mailbox may do as columns."""

from mailinfra.provider.migrations.ddl import add_column, add_constraint, add_index, run

revision = "0002"
down_revision = "0001"

TIMES = (
    ("created_at", "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"),
    ("updated_at", "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"),
)
TABLE_TIMES = ", ".join(f"{name} {definition}" for name, definition in TIMES)
FORM = "ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
FLAGS = ("enabled", "receives", "imap", "pop3", "submission")


def upgrade() -> None:
    """Create the tables, add the columns, and declare the domains that mailboxes are in."""
    run(f"""
        CREATE TABLE IF NOT EXISTS domains (
          id INT UNSIGNED NOT NULL AUTO_INCREMENT,
          name VARCHAR(253) NOT NULL,
          alias_of VARCHAR(253) NULL,
          catch_all VARCHAR(320) NULL,
          {TABLE_TIMES},
          PRIMARY KEY (id),
          UNIQUE INDEX unique_domains_name (name),
          CONSTRAINT domains_alias_of FOREIGN KEY (alias_of) REFERENCES domains (name),
          CONSTRAINT domains_lower_case CHECK (name = LOWER(name) AND catch_all = LOWER(catch_all))
        ) {FORM}""")
    run(f"""
        CREATE TABLE IF NOT EXISTS aliases (
          id INT UNSIGNED NOT NULL AUTO_INCREMENT,
          name VARCHAR(128) NOT NULL,
          domain VARCHAR(253) NOT NULL,
          target VARCHAR(320) NOT NULL,
          may_send BOOLEAN NOT NULL DEFAULT TRUE,
          {TABLE_TIMES},
          PRIMARY KEY (id),
          UNIQUE INDEX unique_aliases_target (name, domain, target),
          INDEX aliases_domain (domain),
          CONSTRAINT aliases_domain FOREIGN KEY (domain) REFERENCES domains (name),
          CONSTRAINT aliases_lower_case CHECK (name = LOWER(name) AND domain = LOWER(domain))
        ) {FORM}""")
    run(
        "INSERT INTO domains (name) SELECT DISTINCT domain FROM users WHERE domain NOT IN (SELECT "
        "name FROM domains)"
    )
    for flag in FLAGS:
        add_column("users", flag, "BOOLEAN NOT NULL DEFAULT TRUE")
    add_column("users", "password_policy", "VARCHAR(16) NOT NULL DEFAULT 'initial'")
    add_column("users", "password_reset", "VARCHAR(100) NOT NULL DEFAULT ''")
    add_column("users", "display_name", "VARCHAR(200) NOT NULL DEFAULT ''")
    for name, definition in TIMES:
        add_column("users", name, definition)
    add_index("users", "users_domain", "(domain)")
    add_constraint("users", "users_domain", "FOREIGN KEY (domain) REFERENCES domains (name)")
    add_constraint("users", "users_lower_case", "CHECK (userid = LOWER(userid) AND domain = LOWER(domain))")
