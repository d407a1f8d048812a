"""The original `users` table: created where it is missing, adopted with its rows where it exists."""

from mailinfra.hashes import repaired
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.migrations.ddl import add_index, columns, has_table, indexes, note, rows, run

revision = "0001"
down_revision = None

ORIGINAL = {"id", "userid", "domain", "password", "claimant", "description"}
TABLE = """
CREATE TABLE users (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT,
  userid VARCHAR(128) NOT NULL,
  domain VARCHAR(253) NOT NULL,
  password VARCHAR(500) NOT NULL,
  claimant VARCHAR(20) NOT NULL DEFAULT '',
  description VARCHAR(200) NOT NULL DEFAULT '',
  PRIMARY KEY (id),
  UNIQUE INDEX unique_users_address (userid, domain)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
"""


def upgrade() -> None:
    """Create or adopt the table."""
    if not has_table("users"):
        run(TABLE)
        return
    refuse_what_cannot_be_adopted()
    adopt()


def refuse_what_cannot_be_adopted() -> None:
    """Raise ProviderError before anything is changed."""
    missing = sorted(ORIGINAL - columns("users"))
    if missing:
        raise ProviderError(
            f"the database has a table `users` without the column(s) {', '.join(missing)}, so it is "
            f"not the original "
            "table of mail users; move it away, or name another database"
        )
    twins = rows(
        "SELECT LOWER(CONCAT(userid, '@', domain)) AS address, GROUP_CONCAT(id ORDER BY id) AS ids "
        "FROM users GROUP BY BINARY LOWER(userid), BINARY LOWER(domain), address HAVING COUNT(*) > 1"
    )
    if twins:
        listed = "; ".join(f"{address} (ids {ids})" for address, ids in twins)
        raise ProviderError(
            f"rows of `users` differ only in upper and lower case: {listed}; addresses are compared "
            f"without case, "
            "so rename or remove one of each, then run `pulumi up` again"
        )


def adopt() -> None:
    """Bring the original table to the form above; ids and good passwords stay as they are."""
    run("ALTER TABLE users CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, ENGINE=InnoDB")
    # One userid per domain, not per server: the original index on userid alone has to go.
    for name, (parts, unique) in indexes("users").items():
        if unique and parts == ["userid"]:
            run(f"ALTER TABLE users DROP INDEX `{name}`")
    run(
        "ALTER TABLE users MODIFY domain VARCHAR(253) NOT NULL, "
        "MODIFY claimant VARCHAR(20) NOT NULL DEFAULT '', MODIFY description VARCHAR(200) NOT NULL DEFAULT ''"
    )
    run("UPDATE users SET userid = LOWER(userid), domain = LOWER(domain)")
    add_index("users", "unique_users_address", "(userid, domain)")
    adopted = rows("SELECT id, userid, domain, password FROM users ORDER BY id")
    note(f"adopted the existing table `users` with {len(adopted)} mailbox(es)")
    for number, userid, domain, password in adopted:
        repair(number, f"{userid}@{domain}", password)


def repair(number: int, address: str, password: str) -> None:
    """Take a doubled scheme prefix off one row, or say that this cannot be done."""
    if password.count("{") < 2:
        return
    better = repaired(password)
    if better is None:
        note(
            f"{address} (id {number}): its password has a doubled scheme prefix and no whole hash; "
            f"nobody can log in "
            "with it: reset it"
        )
        return
    run("UPDATE users SET password = :password WHERE id = :id", password=better, id=number)
    note(
        f"{address} (id {number}): its password had a doubled scheme prefix, with which no login "
        f"worked; repaired"
    )
