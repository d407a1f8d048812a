"""Every secret of a stack, and the one place where each belongs.

Owns both lists. Does not own how they are looked for (canaries.py), nor where (places.py). Who may read each
place stands in docs/containers.md and is held by test_hardening.py.
"""

import json
from fnmatch import fnmatch

from tests.canaries import Hit, Random
from tests.e2e.changes import connected, sql
from tests.e2e.server import Server
from tests.e2e.stackfile import PASSWORDS
from tests.state_secrets import in_state, private

INNER, MAIL = "mail-certificates-inner-key", "mail-certificates-inner-mail-key"
PUBLIC, OLDER = "mail-certificates-public-key", "mail-certificates-older-key"
KEPT = ("mail-certificates-ca", PUBLIC, OLDER, "mail-dkim-ed25519-1", "mail-dkim-rsa-1")
"""Those that outlive `destroy`."""

PLACES: dict[str, tuple[str, ...]] = {
    "volume dovecot-run-secrets:/database_password": ("mail-database-dovecot-password",),
    "volume dovecot-run-secrets:/inner.key": (MAIL,),
    "volume dovecot-run-secrets:/tls.key": (PUBLIC,),
    "volume mysql-run-secrets:/health.cnf": ("mail-database-health-password",),
    "volume mysql-run-secrets:/init.sql": ("mail-database-deploy-password", "mail-database-health-password"),
    "volume mysql-run-secrets:/root_password": ("mail-database-root-password",),
    "volume mysql-run-secrets:/server.key": (INNER,),
    "volume mysql:/mail/kept_secrets.ibd": KEPT,
    "volume mysql:/mail/users.ibd": ("hash of *",),
    "volume postfix-run-postfix-secrets:/inner.key": (MAIL,),
    "volume postfix-run-postfix-secrets:/mysql/*.cf": ("mail-database-postfix-password",),
    "volume postfix-run-postfix-secrets:/older.key": (OLDER,),
    "volume postfix-run-postfix-secrets:/srs": ("mail-postfix-srs",),
    "volume postfix-run-postfix-secrets:/tls.key": (PUBLIC,),
    "volume webmail-run-secrets:/identities_password": ("mail-database-identities-password",),
    "volume webmail-run-secrets:/passwords_password": ("mail-database-passwords-password",),
    "volume webmail-run-secrets:/roundcube_db_password": ("mail-database-roundcube-password",),
    "volume webmail-run-secrets:/roundcube_des_key": ("mail-roundcube-session-key",),
    "volume webmail-run-secrets:/server.key": ("mail-certificates-webmail-key",),
    "table mail.kept_secrets": KEPT,
    "table mail.users": ("hash of *",),
    # What is made of these when a daemon starts, in memory.
    "dovecot:/run/dovecot/dovecot.conf.binary": ("mail-database-dovecot-password", MAIL, PUBLIC),
    "postfix:/run/postsrsd/secret": ("mail-postfix-srs",),
    "webmail:/var/www/html/config/config.inc.php": ("mail-database-roundcube-password",),
}
"""Place -> what belongs there, and is found there."""

FILTERS: dict[str, tuple[str, ...]] = {
    "volume dovecot-run-secrets:/filter_password": ("mail-rspamd-password",),
    "volume rspamd-run-secrets:/controller.inc": ("mail-rspamd-password",),
    "volume rspamd-run-secrets:/ed25519-1.key": ("mail-dkim-ed25519-1",),
    "volume rspamd-run-secrets:/rsa-1.key": ("mail-dkim-rsa-1",),
    "volume rspamd-run-secrets:/valkey.inc": ("mail-valkey-password",),
    "volume valkey-run-secrets:/valkey.conf": ("mail-valkey-password",),
}
"""The same, with the filter."""

ACCOUNT, CREDENTIALS = "acme account", "acme credential *"

ACME: dict[str, tuple[str, ...]] = {
    "volume acme:/lego/accounts/*.key": (ACCOUNT,),
    "volume acme-run-secrets:/credentials.json": (CREDENTIALS,),
    "volume acme-run-secrets:/key.pem": (PUBLIC,),
    "volume tls:/2*/all.pem": (PUBLIC,),
    "volume tls:/2*/key.pem": (PUBLIC,),
}
"""The same, with a certificate by ACME: of an ECDSA key, and answered by a record in the DNS."""

SHOWN_BY_ITSELF = (
    "volume dovecot-run-secrets:/tls.key",
    "volume postfix-run-postfix-secrets:/older.key",
    "volume postfix-run-postfix-secrets:/tls.key",
    "volume webmail-run-secrets:/server.key",
)
"""Where a daemon has a key of its own for the public ports, which it then does not."""

TRACES: dict[str, tuple[str, ...]] = {
    "table mail.kept_secrets": (
        "mail-certificates-ca-key",
    ),  # with its certificate it is `mail-certificates-ca`
    # MySQL notes each row that it writes in logs of its own, for as long as there is space.
    "volume mysql:*": (*KEPT, "mail-certificates-ca-key", "hash of *"),
}
"""Place -> what may be there, too."""


def secrets(server: Server) -> dict[str, str | bytes]:
    """Return what it is -> its text, for every secret of the stack."""
    found: dict[str, str | bytes] = {f"password of {address}": text for address, text in PASSWORDS.items()}
    found |= in_state(server.stack.state("--show-secrets"))
    for line in sql(server, "SELECT userid, domain, password FROM users").splitlines():
        user, domain, stored = line.split("\t")
        found[f"hash of {user}@{domain}"] = stored
    found |= of_acme(server)
    found["passphrase"] = Random(server.stack.workspace.environment["PULUMI_CONFIG_PASSPHRASE"])
    return found


def by_acme(places: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the list for a stack whose certificate comes by ACME."""

    def is_there(place: str, what: str) -> bool:
        # No key is made for servers that know none but RSA, and daemons read the other one where it is shown.
        return what != OLDER and (what != PUBLIC or "kept_secrets" in place)

    own = {place: names for place, names in places.items() if place not in SHOWN_BY_ITSELF}
    return {place: tuple(one for one in names if is_there(place, one)) for place, names in own.items()} | ACME


def of_acme(server: Server) -> dict[str, str | bytes]:
    """Return the secrets of `acme` that the state does not tell: its account at the CA, and what opens the
    zone."""
    container = server.stack.containers().get("acme")
    if container is None:
        return {}

    def read(pattern: str) -> str:
        done = container.exec_run(["sh", "-c", f"cat {pattern} 2>/dev/null"])
        return bytes(done.output).decode()  # type: ignore[arg-type]

    found: dict[str, str | bytes] = {}
    if account := read("/acme/lego/accounts/*/*/keys/*.key"):
        found |= private(ACCOUNT, account)
    for name, text in json.loads(read("/run/secrets/credentials.json") or "{}").items():
        found[f"acme credential {name}"] = text
    return found


def rows(server: Server) -> dict[str, str]:
    """Return place -> what it holds, for every table of the database that the deployment may read."""
    with connected(server) as cursor:
        cursor.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE engine = 'InnoDB'"
        )
        found = {}
        for schema, name in cursor.fetchall():
            cursor.execute(f"SELECT * FROM `{schema}`.`{name}`")
            found[f"table {schema}.{name}"] = "\n".join("\t".join(map(str, row)) for row in cursor.fetchall())
    return found


def matches(hit: Hit, places: dict[str, tuple[str, ...]]) -> set[tuple[str, str]]:
    """Return the entries, place and what, that name a hit; what is kept may be what was made, or not."""
    what, where = hit[0].removeprefix("kept ").removesuffix(", bytes"), hit[1]
    return {
        (place, one)
        for place, names in places.items()
        for one in names
        if fnmatch(where, place) and fnmatch(what, one)
    }


def misplaced(found: set[Hit], places: dict[str, tuple[str, ...]]) -> list[str]:
    """Return each secret that is where it does not belong."""
    return sorted(
        f"{hit[0]} in {hit[1]}" for hit in found if not (matches(hit, places) or matches(hit, TRACES))
    )


def missing(found: set[Hit], places: dict[str, tuple[str, ...]]) -> set[tuple[str, str]]:
    """Return the entries of a list that nothing was found for."""
    named = {entry for hit in found for entry in matches(hit, places)}
    return {(place, one) for place, names in places.items() for one in names} - named
