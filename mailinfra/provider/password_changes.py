"""How webmail sets a password: two procedures of the `mail` database, and nothing else.

Owns the procedures. Does not own the table that they write to (migrations/), who may call them
(mailinfra/components/database/users.py), nor the proof (configs/roundcube/plugins/mailinfra_passwords).

MySQL cannot compute Argon2. So it tells what a stored hash was made with (scheme, cost, salt), whoever knows
the old password makes the same hash of it again, and MySQL compares. No hash leaves the database.
"""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

CHALLENGE, CHANGE = "password_challenge", "change_password"
"""What webmail may call."""

WRONG_PROOFS = 10
"""In an hour, for one mailbox; then no proof is looked at. Webmail itself asks with the right one only."""

KEPT_DAYS = 400
"""How long is known when a password was changed, or somebody failed to."""

ALGORITHM = {"memory_cost": 65536, "time_cost": 4, "threads": 1}
"""Cost of the Argon2id hash that webmail stores, in the names of PHP's password_hash(); no other is taken:
one with a huge cost would keep Dovecot's auth workers from everybody."""

_TEXT = "VARCHAR({length}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_ADDRESS = f"IN asked_userid {_TEXT.format(length=128)}, IN asked_domain {_TEXT.format(length=253)}"
_ACCOUNT = "userid = asked_userid AND domain = asked_domain"
_OPEN = "enabled AND password_policy = 'initial'"
"""Whose password its owner may change."""

# Each form is matched whole: of a hash that looks otherwise nothing is told.
_CHALLENGE = f"""
SELECT CASE
  WHEN password REGEXP '^[{{](ARGON2I[}}][$]argon2i|ARGON2ID[}}][$]argon2id)[$][^$]+[$][^$]+[$][^$]+[$][^$]+$'
    THEN LEFT(password, CHAR_LENGTH(password) - LOCATE('$', REVERSE(password)))
  WHEN password REGEXP '^[{{]SHA(512-CRYPT[}}][$]6|256-CRYPT[}}][$]5)[$](rounds=[0-9]+[$])?[^$]+[$][^$]+$'
    THEN LEFT(password, CHAR_LENGTH(password) - LOCATE('$', REVERSE(password)))
  WHEN password REGEXP '^[{{]BLF-CRYPT[}}][$]2[aby][$][0-9][0-9][$][./A-Za-z0-9]{{53}}$'
    THEN LEFT(password, 11 + 29)
  WHEN password REGEXP '^[{{]SSHA512[}}][A-Za-z0-9+/]+=*$'
    THEN CONCAT('{{SSHA512}}', TO_BASE64(SUBSTRING(FROM_BASE64(SUBSTRING(password, 10)), 65)))
  WHEN password REGEXP '^[{{]SSHA256[}}][A-Za-z0-9+/]+=*$'
    THEN CONCAT('{{SSHA256}}', TO_BASE64(SUBSTRING(FROM_BASE64(SUBSTRING(password, 10)), 33)))
  END AS challenge
FROM users WHERE {_ACCOUNT} AND {_OPEN}
"""  # noqa: S608 - of constants

_COST = "m={memory_cost},t={time_cost},p={threads}".format(**ALGORITHM)
_NEW = f"^[{{]ARGON2ID[}}][$]argon2id[$]v=19[$]{_COST}[$][A-Za-z0-9+/]{{22}}[$][A-Za-z0-9+/]{{43}}$"

# A caller sets his session as he likes. So the clock is MySQL's own, and a proof is counted before it is
# looked at: whatever makes a statement fail here fails for a right one as for a wrong one, and tells nothing.
# It commits by itself: a caller who took back what was counted would have as many guesses as he likes.
_CHANGE = f"""
BEGIN
  DECLARE old_hash {_TEXT.format(length=500)} DEFAULT NULL;
  DECLARE wrong INT DEFAULT 0;
  DECLARE look BIGINT UNSIGNED DEFAULT 0;
  DECLARE said VARCHAR(16) DEFAULT 'refused';
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
  SET SESSION timestamp = DEFAULT;
  START TRANSACTION READ WRITE;
  SELECT MAX(password) INTO old_hash FROM users WHERE {_ACCOUNT} AND {_OPEN} FOR UPDATE;
  SELECT COUNT(*) INTO wrong FROM password_changes
    WHERE {_ACCOUNT} AND outcome = 'refused' AND at > UTC_TIMESTAMP() - INTERVAL 1 HOUR;
  IF old_hash IS NULL THEN
    SET said = 'closed';
  ELSEIF NOT COALESCE(REGEXP_LIKE(new_password, '{_NEW}', 'c'), FALSE) THEN
    SET said = 'malformed';
  ELSEIF wrong >= {WRONG_PROOFS} THEN
    SET said = 'later';
  ELSE
    DELETE FROM password_changes WHERE {_ACCOUNT} AND at < UTC_TIMESTAMP() - INTERVAL {KEPT_DAYS} DAY;
    INSERT INTO password_changes (userid, domain, outcome, at)
      VALUES (asked_userid, asked_domain, said, UTC_TIMESTAMP());
    SET look = LAST_INSERT_ID();
    IF SHA2(old_hash, 256) <=> proof THEN
      SET said = 'changed';
      UPDATE users SET password = new_password WHERE {_ACCOUNT};
      UPDATE password_changes SET outcome = said WHERE id = look;
    END IF;
  END IF;
  COMMIT;
  -- A row where it is done, none where it is not: what webmail's driver goes by.
  SELECT said AS outcome FROM DUAL WHERE said = 'changed';
END
"""  # noqa: S608 - of constants

PROCEDURES = {
    CHALLENGE: (_ADDRESS, "READS SQL DATA", _CHALLENGE.strip()),
    CHANGE: (
        f"{_ADDRESS}, IN proof CHAR(64) CHARACTER SET ascii, IN new_password {_TEXT.format(length=500)}",
        "MODIFIES SQL DATA",
        _CHANGE.strip(),
    ),
}
"""Name -> parameters, what it does with data, body."""


def mark(name: str) -> str:
    """Return what tells this version of a procedure from others."""
    return hashlib.sha256("\n".join(PROCEDURES[name]).encode()).hexdigest()[:16]


def statements(name: str) -> Iterator[str]:
    """Return the SQL that makes a procedure anew."""
    parameters, kind, body = PROCEDURES[name]
    yield f"DROP PROCEDURE IF EXISTS {name}"
    yield f"CREATE PROCEDURE {name} ({parameters}) {kind} SQL SECURITY DEFINER COMMENT '{mark(name)}' {body}"


def ensure(link: "Connection") -> None:
    """Make anew each procedure that is missing, of another version, or runs as a user who may not exist here.

    Whoever could call it before can call it afterwards: MySQL forgets rights to a procedure that is dropped.
    """
    # Loads a database driver. The program reads the names above, and no preview needs one.
    from sqlalchemy import text

    found = link.execute(
        text(
            "SELECT routine_name, routine_comment FROM information_schema.routines "
            "WHERE routine_schema = DATABASE() AND definer = CURRENT_USER()"
        )
    )
    there = {str(name): str(comment) for name, comment in found}
    for name in PROCEDURES:
        if there.get(name) == mark(name):
            continue
        callers = link.execute(
            text(
                "SELECT User, Host FROM mysql.procs_priv WHERE Db = DATABASE() AND Routine_name = :name "
                "AND FIND_IN_SET('Execute', Proc_priv)"
            ),
            {"name": name},
        ).all()
        for statement in statements(name):
            link.exec_driver_sql(statement)
        for user, host in callers:
            link.execute(
                text(f"GRANT EXECUTE ON PROCEDURE {name} TO :user@:host"), {"user": user, "host": host}
            )
