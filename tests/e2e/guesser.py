"""Somebody who guesses passwords: an address of his own beside the stack, and one login over each protocol.

Owns the address and what a login is answered. Does not own how often he tries.
"""

import imaplib
import poplib
import re
import smtplib
import socket
import ssl
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from mailinfra.containers import labels
from tests.e2e.stack import Stack

WAYS = {
    "imap": ("dovecot", 993),
    "pop3": ("dovecot", 995),
    "smtp": ("postfix", 465),
    "webmail": ("webmail", 8443),
}
"""Protocol -> the daemon, and its port inside of the network."""

FIRST_PORT = 9000
PATIENCE = 90
"""Seconds for one answer: a login may wait for others, and then for the time that a refusal takes."""

WELCOME = "welcome"

# Who answers is not the question here; other tests check names and chains. Made once: it reads public CAs.
TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname, TRUSTING.verify_mode = False, ssl.CERT_NONE

RELAY = """
# Listens on each port that it is told, and passes on to the host that goes with it.
use strict; use warnings; use IO::Select; use IO::Socket::INET;
$SIG{CHLD} = 'IGNORE';
my (%to, $all); $all = IO::Select->new;
for (@ARGV) {
    my ($listen, $target) = split /=/;
    my $listener = IO::Socket::INET->new(LocalPort => $listen, Listen => 128) or die "$listen: $!";
    $to{$listener} = $target; $all->add($listener);
}
while (1) {
    for my $listener ($all->can_read) {
        my $here = $listener->accept or next;
        next if fork;
        my $there = IO::Socket::INET->new(PeerAddr => $to{$listener}) or exit;
        my $both = IO::Select->new($here, $there);
        while (my @ready = $both->can_read) {
            for my $from (@ready) {
                sysread($from, my $bytes, 65536) or exit;
                syswrite($from == $here ? $there : $here, $bytes);
            }
        }
        exit;
    }
}
"""


@dataclass(frozen=True, kw_only=True)
class Guesser:
    """One source of logins."""

    source: str
    """The address that the stack sees."""

    ports: Mapping[str, int]
    """Protocol -> the port at that address which leads to the stack's."""

    def log_in(self, way: str, user: str, password: str) -> str:
        """Return what a login is answered: `WELCOME`, or the words of the refusal."""
        return LOGINS[way](self.source, self.ports[way], user, password)


def _address(stack: Stack, container: str) -> str:
    found = stack.docker.containers.get(container)
    return str(found.attrs["NetworkSettings"]["Networks"][stack.network("front")]["IPAddress"])


@contextmanager
def guesser(stack: Stack) -> Iterator[Guesser]:
    """Give an address in the network of the clients that is nobody else's."""
    services = stack.containers()
    ports = {way: FIRST_PORT + number for number, way in enumerate(WAYS)}
    targets = [
        f"{ports[way]}={_address(stack, str(services[host].id))}:{port}" for way, (host, port) in WAYS.items()
    ]
    relay = stack.docker.containers.run(
        str(services["dovecot"].attrs["Image"]),
        ["-e", RELAY, "--", *targets],
        entrypoint="perl",
        network=stack.network("front"),
        detach=True,
        labels={labels.STACK: stack.full_name},
    )
    try:
        found = Guesser(source=_address(stack, str(relay.id)), ports=ports)
        _until_it_listens(found)
        yield found
    finally:
        relay.remove(force=True, v=True)


def _until_it_listens(found: Guesser) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((found.source, max(found.ports.values())), PATIENCE).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _imap(host: str, port: int, user: str, password: str) -> str:
    client = imaplib.IMAP4_SSL(host, port, ssl_context=TRUSTING, timeout=PATIENCE)
    try:
        client.login(user, password)
    except imaplib.IMAP4.error as refused:
        return str(refused)
    finally:
        with suppress(OSError):
            client.shutdown()
    return WELCOME


def _pop3(host: str, port: int, user: str, password: str) -> str:
    client = poplib.POP3_SSL(host, port, context=TRUSTING, timeout=PATIENCE)
    try:
        client.user(user)
        client.pass_(password)
    except poplib.error_proto as refused:
        return str(refused)
    finally:
        client.close()
    return WELCOME


def _smtp(host: str, port: int, user: str, password: str) -> str:
    # One mechanism: smtplib's own login tries another one after a refusal, with the same password.
    token = b64encode(f"\0{user}\0{password}".encode()).decode()
    with smtplib.SMTP_SSL(host, port, "guesser.example.net", context=TRUSTING, timeout=PATIENCE) as client:
        client.ehlo()
        code, text = client.docmd("AUTH", f"PLAIN {token}")
    return WELCOME if code == 235 else f"{code} {text.decode()}"


def browsing() -> urllib.request.OpenerDirector:
    """Return what asks webmail as one browser does, cookies and all."""
    return urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=TRUSTING), urllib.request.HTTPCookieProcessor()
    )


def _webmail(host: str, port: int, user: str, password: str) -> str:
    return enter(browsing(), host, port, user, password)


def enter(opener: urllib.request.OpenerDirector, host: str, port: int, user: str, password: str) -> str:
    """Log in to webmail; return `WELCOME`, or what it says instead."""
    url = f"https://{host}:{port}/?_task=login"
    token = re.search(r'name="_token" value="([^"]+)"', opener.open(url, timeout=PATIENCE).read().decode())
    if token is None:
        raise ValueError("webmail shows no form")
    form = {"_token": token[1], "_task": "login", "_action": "login", "_user": user, "_pass": password}
    try:
        answer = opener.open(url, urlencode(form).encode(), timeout=PATIENCE)
        text, shown = answer.read().decode(), answer.geturl()
    except urllib.error.HTTPError as error:
        text, shown = error.read().decode(), ""
    said = re.search(r'display_message\("([^"]*)"', text)
    return WELCOME if "_task=mail" in shown else said[1] if said else "refused"


LOGINS: Mapping[str, Callable[[str, int, str, str], str]] = {
    "imap": _imap,
    "pop3": _pop3,
    "smtp": _smtp,
    "webmail": _webmail,
}


def checked(stack: Stack, source: str, user: str, since: float) -> int:
    """Return how many wrong passwords for a user from a source Dovecot has compared with the hash."""
    lines = stack.journals(since=since, tail="all")["dovecot"].splitlines()
    return sum(f"({user},{source}" in line and "assword mismatch" in line for line in lines)
