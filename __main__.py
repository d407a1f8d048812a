"""mailinfra: read what one stack says, construct its mail server, export where it is."""

import os
import signal

import pulumi

from mailinfra import MailServer, MailServerArgs, load, load_secrets, refuse_former_owners, warn_of_endings

# An interrupted engine ends its program so, and shows what it says. 32 is Pulumi's status for nothing to add.
signal.signal(signal.SIGINT, lambda *_: os._exit(32))
config = pulumi.Config()
full_name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
form = load(config)
refuse_former_owners(full_name, form)
warn_of_endings(form)
server = MailServer("mail", MailServerArgs(stack=full_name, server=form, secrets=load_secrets(config)))
pulumi.export("endpoints", server.endpoints)
pulumi.export("mailboxes", server.mailboxes)
pulumi.export("ca_certificate", server.ca_certificate)
pulumi.export("dns_records", server.dns_records)
