"""What the daemons ask the tables: each lookup finds its rows over an index, and they are the right ones."""

import re
from pathlib import Path

import pytest

from mailinfra.provider import password_changes
from tests.accounts.desk import Desk, mailbox

pytestmark = pytest.mark.accounts

CONFIGS = Path(__file__).parents[2] / "configs"
QUICK = {"const", "system", "ref", "eq_ref", "ref_or_null", "range"}
"""How MySQL reads the rows that it needs and no others (`type` of EXPLAIN)."""

WHOLE_TABLES = {
    "sql.conf.ext iterate_query": "is asked for every mailbox, by `doveadm user '*'` alone",
    "sql.conf.ext deletions": "asks for every folder that is marked; `retired_homes` holds few",
}
"""Lookups that read a table from end to end, and why they may: none of them waits for a login or a mail."""

VARIABLES = {
    "%{user | username | lower}": "u7",
    "%{user | domain | lower}": "example.test",
    "%{protocol}": "imap",
    "%s": "u7@example.test",
    "%u": "u7",
    "%d": "example.test",
}


def postfix_queries() -> dict[str, str]:
    """Return file -> query of each map."""
    queries = {}
    for path in sorted((CONFIGS / "postfix" / "mysql").glob("*.cf")):
        found = re.search(r"^query = ((?:.*\n)(?:[ \t]+.*\n)*)", path.read_text(), re.MULTILINE)
        if found:
            queries[path.name] = found.group(1)
    return queries


def dovecot_queries() -> dict[str, str]:
    """Return name -> query of each lookup; a dict's is written as Dovecot asks it."""
    text = (CONFIGS / "dovecot" / "ext" / "sql.conf.ext").read_text().replace("\\\n", "")
    queries = {
        f"sql.conf.ext {kind}db": query
        for kind, query in re.findall(r"^(\w+)db sql \{\n(?:.*\n)*?  query = (.*)$", text, re.MULTILINE)
    }
    for query in re.findall(r"^ *iterate_query = (.*)$", text, re.MULTILINE):
        queries["sql.conf.ext iterate_query"] = query
    form = r"sql_table = (\(.*\) AS (\w+))\s+value_field (\w+) \{\s+\}\s+key_field (\w+) "
    for table, name, value, key in re.findall(form, text):
        wanted = f" WHERE {key} = 'revision'" if name == "accounts" else ""
        queries[f"sql.conf.ext {name}"] = f"SELECT {value} FROM {table}{wanted}"
    return queries


def webmail_queries() -> dict[str, str]:
    """Return name -> query of a procedure that webmail calls, asked for one mailbox."""
    queries = {}
    for name, (_, _, body) in password_changes.PROCEDURES.items():
        asked = body.replace("asked_userid", "'u7'").replace("asked_domain", "'example.test'")
        for number, query in enumerate(
            re.findall(r"^ *(SELECT [^;]*?\sFROM (?:users|password_changes)[^;]*)", asked, re.M)
        ):
            queries[f"{name} {number}"] = re.sub(r" INTO \w+", "", query)
    return queries


def daemons_queries() -> dict[str, str]:
    """Return name -> query, for each lookup of a daemon, asked for u7@example.test."""
    queries = postfix_queries() | dovecot_queries()
    for variable, value in VARIABLES.items():
        queries = {name: query.replace(variable, value) for name, query in queries.items()}
    return queries | webmail_queries()


def whole_tables(desk: Desk, query: str) -> set[str]:
    """Return the tables that `query` reads from end to end; not what it has put together itself."""
    steps = desk.sql(f"EXPLAIN FORMAT=TRADITIONAL {query}")
    made = {"reached"}  # of senders.cf, which reads each of its rows once
    read = [(table, kind) for _, _, table, _, kind, *_ in steps if table and not table.startswith("<")]
    return {table for table, kind in read if kind not in QUICK and table not in made}


def test_every_lookup_that_a_daemon_makes_has_an_index(desk: Desk) -> None:
    people = {f"u{number}@example.test": mailbox() for number in range(200)}
    desk.up(
        domains={
            "example.test": {},
            **{f"d{number}.test": {"aliasOf": "example.test"} for number in range(50)},
        },
        mailboxes=people,
        aliases={
            f"a{number}@example.test": {"targets": [*people][:5], "maySend": True} for number in range(50)
        },
    )
    desk.sql("ANALYZE TABLE users, aliases, domains")
    queries = daemons_queries()
    assert len(queries) == 19, "ten maps of Postfix, six questions of Dovecot, three of webmail"
    assert queries.keys() >= WHOLE_TABLES.keys()
    for name, query in queries.items():
        assert "%" not in query, f"{name}: a variable that this test does not know"
        read = whole_tables(desk, query)
        if name in WHOLE_TABLES:
            assert read, f"{name} reads no whole table any more; take it out of the exceptions"
        else:
            assert not read, f"{name} reads all of {', '.join(sorted(read))}"


def test_who_is_reached_over_several_aliases_sends_under_the_first_one_too(desk: Desk) -> None:
    people = ["alice", "bob", "carol"]
    aliases = {
        "everyone": (["team", "sales"], True),
        "team": (["alice", "bob"], True),
        "sales": (["carol"], False),
        "quiet": (["team"], False),
    }
    desk.up(
        domains={"example.test": {}, "twin.test": {"aliasOf": "example.test"}},
        mailboxes={f"{name}@example.test": mailbox() for name in people},
        aliases={
            f"{name}@example.test": {
                "targets": [f"{one}@example.test" for one in targets],
                "maySend": allowed,
            }
            for name, (targets, allowed) in aliases.items()
        },
    )
    # Rows that nobody checked may go round in circles.
    desk.sql(
        "INSERT INTO aliases (name, domain, target) VALUES ('team', 'example.test', 'everyone@example.test')"
    )

    def senders(name: str, domain: str = "example.test") -> set[str]:
        query = (CONFIGS / "postfix" / "mysql" / "senders.cf").read_text().partition("query = ")[2]
        rows = desk.sql(query.replace("%u", name).replace("%d", domain))
        return {one.partition("@")[0] for (one,) in rows} & set(people)

    assert senders("everyone") == senders("everyone", "twin.test") == {"alice", "bob"}
    assert senders("quiet") == senders("sales") == set()
    assert senders("alice") == {"alice"}
