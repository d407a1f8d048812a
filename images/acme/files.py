"""Files: shows the certificate that an operator's files hold, and another one as soon as they are others.

Owns when a pair is taken, and what keeps one from being shown. The files come into the container in any order
and one by one, so what does not belong together is looked at again. Does not own how a pair is placed
(renewal.py), nor who shows it.
"""

import hashlib
import re
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import renewal
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

FILES = Path("/files")
SHOWN = {"mail": Path("/tls"), "webmail": Path("/webmail")}
"""Folder below FILES -> where its pair is shown."""

POLL_SECONDS = 2.0

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.S)
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----\n?", re.S)


def fault(key: bytes, chain: bytes, host: str) -> str | None:
    """Return why a pair is not to be shown; None where it is good."""
    try:
        if not renewal.belong_together(key, chain):
            return "the certificate is not that of the key"
        if order := renewal.chain_fault(chain):
            return f"the chain is in the wrong order: {order}"
        leaf = renewal.leaf(chain)
        names = renewal.names_of(leaf)
    except (ValueError, TypeError, renewal.x509.ExtensionNotFound) as error:
        return f"it is no pair of key and certificate: {error}"
    now = datetime.now(UTC)
    if now > leaf.not_valid_after_utc:
        return f"it has ended on {leaf.not_valid_after_utc:%Y-%m-%d}"
    if now < leaf.not_valid_before_utc:
        return f"it is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if not {host, f"*.{host.partition('.')[2]}"} & names:
        return f"it does not name {host}, but {', '.join(sorted(names))}"
    return None


class Shown:
    """One pair over time."""

    def __init__(self, source: Path, folder: Path, host: str) -> None:
        self.source, self.folder, self.host = source, folder, host
        self.refused, self.told = "", ""
        """What was no good at the last look, and what was told of: the second look tells, for files come one
        by one, and no later one does."""

    def look(self) -> None:
        """Show what the files hold, where that is another pair than when they were taken last."""
        try:
            key, chain = (self.source / "key.pem").read_bytes(), (self.source / "chain.pem").read_bytes()
        except OSError:
            return
        digest = hashlib.sha256(key + b"\0" + chain).hexdigest()
        if digest == self.taken():
            return
        if reason := fault(key, chain, self.host):
            if self.refused == digest != self.told:
                renewal.say(f"{self.source.name}: what the files hold is not shown: {reason}")
                self.told = digest
            self.refused = digest
            return
        self.show(key, chain)
        (self.folder / "taken").write_text(digest)

    def taken(self) -> str:
        """Return which files were taken last; none while nothing is shown, so that a lost pair comes back."""
        try:
            return (self.folder / "taken").read_text() if (self.folder / "current/all.pem").exists() else ""
        except OSError:
            return ""

    def show(self, key: bytes, chain: bytes) -> None:
        """Place a pair, unless it is the one that is shown."""
        whole = key.rstrip() + b"\n" + chain
        current = self.folder / "current/all.pem"
        if current.exists() and current.read_bytes() == whole:
            return
        pair = renewal.place(self.folder, key, chain)
        end = renewal.leaf((pair / "chain.pem").read_bytes()).not_valid_after_utc
        renewal.say(f"{self.source.name}: a certificate is shown, until {end:%Y-%m-%d %H:%M} UTC")


def every(host: str) -> list[Shown]:
    """Return each pair that there are files of."""
    return [Shown(FILES / name, folder, host) for name, folder in SHOWN.items() if (FILES / name).is_dir()]


def take(given: bytes, words: Iterable[str], shown: Iterable[Shown]) -> str:
    """Show a pair that is handed in, key and chain in one text; return what is wrong, or nothing."""
    wanted = [word for word in words if word in SHOWN] or ["mail"]
    pair = next((one for one in shown if one.source.name == wanted[0]), None)
    if pair is None:
        return f"nobody shows files under the name {wanted[0]}"
    key, chain = b"".join(KEY.findall(given)), b"".join(CERTIFICATE.findall(given))
    if reason := fault(key, chain, pair.host):
        return reason
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    new = load_pem_private_key(key, None).public_key().public_bytes(*form)
    old = (pair.folder / "current/key.pem").read_bytes()
    if "another-key" not in words and new != load_pem_private_key(old, None).public_key().public_bytes(*form):
        return (
            "the key is another one: where TLSA records name the old key, other servers send no mail then. "
            "Run `make up`, which asks the DNS; or add the word another-key where there are no such records"
        )
    pair.show(key, chain)
    return ""


def main(words: list[str]) -> None:
    """Look after the files for ever: `files HOST`; or show what stands in standard input: `take HOST [mail or
    webmail] [another-key]`."""
    command, host, *more = words
    shown = every(host)
    if command == "take":
        if reason := take(sys.stdin.buffer.read(), more, shown):
            sys.exit(f"not shown: {reason}")
        return
    while True:
        for one in shown:
            one.look()
        if all((one.folder / "current/all.pem").exists() for one in shown):
            renewal.ALIVE.touch()
        time.sleep(POLL_SECONDS)
