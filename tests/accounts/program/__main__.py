"""A stack of accounts and nothing else; the configuration says where the database is and who is in it."""

import pulumi
from pulumi import ResourceOptions

from mailinfra.components.accounts import Accounts, AccountsArgs, Hashing
from mailinfra.components.own_provider import Connection, Provider, Schema

config = pulumi.Config()
where = config.require_object("where")
declared = config.require_object("declared")
ours = Provider("mailinfra")

connection = Connection(
    host=where["host"],
    port=where["port"],
    user=where["user"],
    password=config.require_secret("databasePassword"),
    ca=where["ca"],
    database=where["database"],
)
schema = Schema("schema", connection, ResourceOptions(provider=ours))
accounts = Accounts(
    "accounts",
    AccountsArgs(
        connection=connection,
        domains=declared["domains"],
        mailboxes=declared["mailboxes"],
        aliases=declared["aliases"],
        delete_mail=declared.get("deleteMail", ()),
        passwords=config.get_secret_object("passwords") or {},
        hashing=Hashing(memory_kib=8192, iterations=1, parallelism=1),
    ),
    ResourceOptions(providers=[ours], depends_on=[schema]),
)
pulumi.export("mailboxes", accounts.initial_passwords)
