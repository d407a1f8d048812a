"""mailinfra: read what one stack says, construct its mail server, export where it is."""

import pulumi

from mailinfra import MailServer, MailServerArgs, load, load_secrets

config = pulumi.Config()
server = MailServer(
    "mail",
    MailServerArgs(
        stack=f"{pulumi.get_project()}-{pulumi.get_stack()}",
        server=load(config),
        secrets=load_secrets(config),
    ),
)
pulumi.export("endpoints", server.endpoints)
pulumi.export("mailboxes", server.mailboxes)
pulumi.export("ca_certificate", server.ca_certificate)
pulumi.export("dns_records", server.dns_records)
