"""A stack of accounts and nothing else; the configuration says where the database is and who is in it."""

import pulumi
from pulumi import ResourceOptions

from mailinfra.components.own_provider import Connection, Directory, DirectoryArgs, Provider, Schema

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
directory = Directory(
    "accounts-directory",
    DirectoryArgs(
        connection=connection,
        domains=declared["domains"],
        mailboxes=declared["mailboxes"],
        aliases=declared["aliases"],
        passwords=config.get_secret_object("passwords") or {},
        undeclared="keep",
        delete_mail=dict.fromkeys(declared.get("deleteMail", ()), True),
        hashing={"memoryKib": 8192, "iterations": 1, "parallelism": 1},
    ),
    ResourceOptions(provider=ours, depends_on=[schema]),
)
pulumi.export("mailboxes", pulumi.Output.secret(directory.initial_passwords))
