"""The tables as the newest migration leaves them, for reading and writing rows."""

from sqlalchemy import TIMESTAMP, Boolean, Column, Integer, MetaData, String, Table, func

from mailinfra.addresses import LENGTHS

metadata = MetaData()

domains = Table(
    "domains",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(253), nullable=False),
    Column("alias_of", String(253)),
    Column("catch_all", String(320)),
)

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("userid", String(128), nullable=False),
    Column("domain", String(253), nullable=False),
    Column("password", String(500), nullable=False),
    Column("claimant", String(LENGTHS["claimant"]), nullable=False),
    Column("description", String(LENGTHS["description"]), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("receives", Boolean, nullable=False),
    Column("imap", Boolean, nullable=False),
    Column("pop3", Boolean, nullable=False),
    Column("submission", Boolean, nullable=False),
    Column("password_policy", String(16), nullable=False),
    Column("password_reset", String(LENGTHS["reset"]), nullable=False),
    Column("display_name", String(LENGTHS["display_name"]), nullable=False),
    Column("home", String(400), nullable=False),
)

aliases = Table(
    "aliases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(128), nullable=False),
    Column("domain", String(253), nullable=False),
    Column("target", String(320), nullable=False),
    Column("may_send", Boolean, nullable=False),
)

retired_homes = Table(
    "retired_homes",
    metadata,
    Column("home", String(400), primary_key=True),
    Column("userid", String(128), nullable=False),
    Column("domain", String(253), nullable=False),
    Column("retired_at", TIMESTAMP, nullable=False, server_default=func.now()),
    Column("delete_mail", Boolean, nullable=False),
)
