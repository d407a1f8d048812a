"""Stock: Postfix and Dovecot as Debian's packages bring them, with static maps and one mailbox.

Owns their containers, network and volumes. Does not own the load, nor what is measured (mail.py).
"""

import imaplib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker
from docker.models.containers import Container
from docker.types import LogConfig, Ulimit

from mailinfra.containers import labels

USER, PASSWORD = "reader@stock.example", "static"

DOVECOT_STARTS = f"""
# The image has no certificate to show.
sed -i /^ssl_server/d /etc/dovecot/conf.d/10-ssl.conf
cat > /etc/dovecot/local.conf <<END
protocols = imap lmtp
log_path = /dev/stdout
ssl = no
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/Maildir
mail_inbox_path = ~/Maildir
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 1000
passdb static {{
  password = {PASSWORD}
}}
userdb static {{
  fields {{
    home = /mail/%{{user | domain}}/%{{user | username}}
  }}
}}
# By default ten deliveries to one mailbox, while Postfix makes twenty at once: the others wait for minutes.
lmtp_user_concurrency_limit = unlimited
protocol lmtp {{
  auth_username_format = %{{user | lower}}
}}
service lmtp {{
  inet_listener lmtp {{
    port = 24
  }}
}}
END
exec dovecot -F
"""

POSTFIX_STARTS = f"""
# As the package ships it, apart from a port that is a number, where the log is, and where mail goes.
sed 's/^smtp  *inet/25 inet/' /usr/share/postfix/master.cf.dist > /etc/postfix/master.cf
cat > /etc/postfix/main.cf <<END
compatibility_level = 3.10
meta_directory = /usr/share/postfix
maillog_file = /dev/stdout
myhostname = stock.test
mydestination =
inet_protocols = ipv4
alias_maps =
virtual_mailbox_domains = {USER.partition("@")[2]}
virtual_mailbox_maps = inline:{{{USER}=here}}
virtual_transport = lmtp:inet:stock-dovecot:24
smtpd_client_connection_rate_limit = 0
END
exec postfix start-fg
"""


def address(container: Container) -> str:
    """Return where a container answers clients."""
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"]
    # Ours has more than one, named after the first one: `front`, where clients are.
    return str(networks[min(networks)]["IPAddress"])


@dataclass(frozen=True, kw_only=True)
class Stock:
    """Both, up and ready."""

    containers: Mapping[str, Container]
    """`postfix` and `dovecot`."""

    def address(self, daemon: str) -> str:
        """Return where one of them answers."""
        return address(self.containers[daemon])

    def imap(self) -> imaplib.IMAP4:
        """Return a client that is logged in to the one mailbox."""
        client = imaplib.IMAP4(self.address("dovecot"))
        client.login(USER, PASSWORD)
        return client


@contextmanager
def stock(like: Mapping[str, Container], stack: str) -> Iterator[Stock]:
    """Run both, each on the image and within the limits of ours, mail and queue on volumes as ours are."""
    client, own = docker.from_env(), {labels.STACK: stack}
    network = client.networks.create(f"{stack}-stock", driver="bridge", labels=own)
    made: dict[str, Container] = {}
    try:
        for daemon, script, folder in (
            ("dovecot", DOVECOT_STARTS, "/mail"),
            ("postfix", POSTFIX_STARTS, "/var/spool/postfix"),
        ):
            made[daemon] = client.containers.create(
                str(like[daemon].attrs["Image"]),
                ["-ec", script],
                entrypoint="sh",
                user="0",
                volumes=[folder],  # without a name: goes with its container
                labels=own,
                **_limits(like[daemon].attrs["HostConfig"]),
            )
            client.networks.get("bridge").disconnect(made[daemon])
            network.connect(made[daemon], aliases=[f"stock-{daemon}"])
            made[daemon].start()
        up = Stock(containers=made)
        _wait(up)
        yield up
    finally:
        for container in made.values():
            container.remove(force=True, v=True)
        network.remove()


def _limits(host: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Docker is to hold a container to, read from what it holds another one to."""
    return {
        "mem_limit": host["Memory"],
        "memswap_limit": host["MemorySwap"],
        "ulimits": [
            Ulimit(name=each["Name"], soft=each["Soft"], hard=each["Hard"]) for each in host["Ulimits"] or ()
        ],
        "log_config": LogConfig(type=host["LogConfig"]["Type"], config=host["LogConfig"]["Config"]),
    }


def _wait(up: Stock) -> None:
    """Wait until both have said that they are up."""
    deadline = time.monotonic() + 120
    for daemon, said in (("dovecot", b"starting up for"), ("postfix", b"daemon started")):
        while said not in up.containers[daemon].logs():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{daemon} does not start: {up.containers[daemon].logs(tail=5)!r}")
            time.sleep(0.2)
