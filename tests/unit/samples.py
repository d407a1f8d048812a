"""One complete set of values for every template of Dovecot and Postfix."""

from typing import Any

from mailinfra.components.dovecot import DovecotFiles
from mailinfra.components.postfix_files import ClientLimits, MapFiles, PostfixFiles


def dovecot_files(**changes: Any) -> DovecotFiles:
    values: dict[str, Any] = {
        "hostname": "mail.example.test",
        "pop3": True,
        "imap_ports": [143],
        "imaps_ports": [993],
        "pop3_ports": [110],
        "pop3s_ports": [995],
        "webmail_addresses": ["192.0.2.5", "2001:db8::5"],
        "database_host": "mysql",
        "database_port": 3306,
        "database_user": "dovecot",
        "database_ca_file": "/etc/dovecot/tls/database-ca.pem",
    }
    return DovecotFiles(**{**values, **changes})


def postfix_files(**changes: Any) -> PostfixFiles:
    values: dict[str, Any] = {
        "smtp_ports": [25],
        "submission_ports": [587],
        "submissions_ports": [465],
        "hostname": "mail.example.test",
        "postmaster": "postmaster@example.test",
        "message_size": 52428800,
        "recipients": 100,
        "submission_recipients": 1000,
        "limits": ClientLimits(),
        "check_domains": True,
        "webmail_addresses": ["192.0.2.5", "[2001:db8::5]"],
        "dovecot_host": "dovecot",
        "dovecot_ca_file": "/etc/postfix/tls/dovecot-ca.pem",
        "outbound_tls": "may",
        "outbound_ca_file": "/etc/ssl/certs/ca-certificates.crt",
        "smarthost_host": None,
        "smarthost_port": None,
        "smarthost_login": False,
    }
    return PostfixFiles(**{**values, **changes})


def map_files(**changes: Any) -> MapFiles:
    values: dict[str, Any] = {
        "database_host": "mysql",
        "database_port": 3306,
        "database_user": "postfix",
        "database_password": "sample-password",
        "database_ca_file": "/etc/postfix/tls/database-ca.pem",
    }
    return MapFiles(**{**values, **changes})
