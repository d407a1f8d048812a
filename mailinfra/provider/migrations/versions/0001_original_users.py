"""The original `users` table: created where it is missing, adopted with its rows where it exists."""

from collections.abc import Iterator

from alembic import op

from mailinfra.hashes import repaired
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.migrations.adoption import LENGTHS, MAY_BE_NULL, obstacles
from mailinfra.provider.migrations.ddl import has_table, indexes, note, rows, run

revision = "0001"
down_revision = None

CHARACTERS = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
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
    in_the_way = obstacles(op.get_bind())
    if in_the_way:
        raise ProviderError(
            "the table `users` cannot be adopted as it is, and nothing was changed:\n  "
            + "\n  ".join(in_the_way)
            + "\nput that right, then run `pulumi up` again"
        )
    adopt()


def adopt() -> None:
    """Bring the original table to the form above; ids and good passwords stay as they are."""
    # One statement: MySQL carries it out whole or not at all.
    run(f"ALTER TABLE users {', '.join(changes())}")
    run(
        "UPDATE users SET userid = LOWER(userid), domain = LOWER(domain), claimant = COALESCE(claimant, ''), "
        "description = COALESCE(description, '')"
    )
    adopted = rows("SELECT id, userid, domain, password FROM users ORDER BY id")
    for number, userid, domain, password in adopted:
        repair(number, f"{userid}@{domain}", password)
    run("ALTER TABLE users " + ", ".join(text_column(one, required=True) for one in sorted(MAY_BE_NULL)))
    note(f"adopted the existing table `users` with {len(adopted)} mailbox(es)")


def changes() -> Iterator[str]:
    """Return the parts of the statement that gives the table its columns and indexes."""
    # One userid per domain, not per server: the original index on userid alone has to go.
    for name, (parts, unique) in indexes("users").items():
        if unique and parts == ["userid"]:
            yield f"DROP INDEX `{name}`"
    ((number, extra),) = rows(
        "SELECT column_type, extra FROM information_schema.columns WHERE table_schema = DATABASE() "
        "AND table_name = 'users' AND column_name = 'id'"
    )
    if "auto_increment" not in extra.lower():
        yield f"MODIFY id {number} NOT NULL AUTO_INCREMENT"
    for column in LENGTHS:
        yield text_column(column, required=column not in MAY_BE_NULL)
    if "unique_users_address" not in indexes("users"):
        yield "ADD UNIQUE INDEX unique_users_address (userid, domain)"
    yield "ENGINE=InnoDB"
    yield "ROW_FORMAT=DYNAMIC"  # an older one has no room for the indexes
    yield f"DEFAULT {CHARACTERS}"


def text_column(column: str, *, required: bool) -> str:
    """Return the part that gives one text column its form."""
    preset = "" if column not in MAY_BE_NULL else " DEFAULT ''"
    null = "NOT NULL" if required else "NULL"
    return f"MODIFY {column} VARCHAR({LENGTHS[column]}) {CHARACTERS} {null}{preset}"


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
