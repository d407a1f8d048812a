"""mailinfra: a complete mail server on Docker as one Pulumi program; `MailServer` composes it."""
