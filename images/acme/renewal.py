"""Renewal: keeps the certificate that the mail server shows, and asks a CA for the next one in time.

Owns when to ask, what is looked at before, what a failure means and when to ask again, and how a pair of key
and certificate is placed. Does not own ACME itself (lego does), nor who shows the pair: Dovecot's and
webmail's containers follow /tls/current, Postfix's processes read it when they start.
"""

import base64
import contextlib
import hashlib
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dns.exception
import dns.resolver
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

SETTINGS = Path("/etc/mailinfra/acme.json")
SECRETS = Path("/run/secrets")
TLS, DATA = Path("/tls"), Path("/acme")
ALIVE = Path("/tmp/watching")  # noqa: S108 - a tmpfs of the container's own

LOOK_SECONDS = 600
"""How often the certificate is looked at while nothing is to be done."""

RECALL_SECONDS = 6 * 3600
"""How often the CA is asked whether it wants the certificate renewed before its time."""

EARLY_SECONDS = 15.0
"""The same while a certificate is there that is not valid by this machine's clock."""

EARLY_KEPT_SECONDS = 7 * 86400
"""For how long one that has ended by that clock is kept, and no other one asked for: the CA counts them."""

LEGO_SECONDS = 300

WEBMAIL_SECONDS = 5
"""Seconds to the next look where webmail does not answer yet: at the first `up` it begins after this one."""

UNSPENT = (30, 60, 120, 300, 600, 1800, 3600)
"""Seconds to the next look where no try was spent: the CA was away, or something here is not ready."""

SPENT = (900, 1800, 3600, 7200, 21600, 43200)
"""The same where the CA said no. Let's Encrypt takes five failed tries of a name in an hour."""

KEPT_SECONDS = 3600
"""How long a former pair stays: who shows it may read it once more."""

WRONG_TIMES = (9, 10)
"""What OpenSSL says of a certificate that has not begun, or has ended (X509_V_ERR_CERT_…)."""

CHALLENGES = "challenge/.well-known/acme-challenge"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the container is told (configs/acme/acme.json)."""

    names: Sequence[str]
    email: str
    directory: str
    ca_file: str | None
    addresses: Sequence[str]
    webmail: str
    """Where webmail answers in plain HTTP, inside: `webmail:8000`."""

    dns_provider: str = ""
    """Who serves the zone, where a record answers the CA; nothing, where webmail does."""

    check_propagation: bool = True
    """Whether the CA is asked only once all of the zone's servers have the record."""

    key_generation: str | None = None
    """Which key is meant, where nobody but this container's volume keeps it over `destroy`: another one that
    is given under the same name was made because the first was lost. None where somebody keeps it."""


@dataclass(kw_only=True)
class Status:
    """What became of the last try; kept, so that a new start of the container spends none."""

    asked_for: str = ""
    """The settings that it was about."""

    failures: int = 0
    kind: str = ""
    reason: str = ""
    next_try: float = 0
    """Seconds since 1970."""

    since: float = 0
    """When that was; later than now, where the clock was ahead then."""

    spent: bool = False
    """Whether the CA counts it."""


class Failed(Exception):  # noqa: N818 - what became of a try
    """A certificate that was not had: kind, reason, and whether a try was spent."""

    def __init__(self, kind: str, reason: str, *, spent: bool = False, not_before: float = 0) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.spent, self.not_before = kind, reason, spent, not_before


def say(text: str) -> None:
    """Write a line to the container's log."""
    print(f"mailinfra: {text}", flush=True)


def write(path: Path, told: dict[str, Any]) -> None:
    """Write a file anew, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(told))
    new.chmod(0o600)
    new.rename(path)


# --- the pair


def leaf(pem: bytes) -> x509.Certificate:
    """Return the certificate of a chain that is the server's."""
    return x509.load_pem_x509_certificates(pem)[0]


def chain_fault(pem: bytes) -> str | None:
    """Return what is wrong with the order of a chain; None where each certificate is signed by the next."""
    chain = x509.load_pem_x509_certificates(pem)
    for signed, signer in itertools.pairwise(chain):
        try:
            signed.verify_directly_issued_by(signer)
        except (ValueError, TypeError, InvalidSignature):
            names = [one.subject.rfc4514_string() or "the server's own" for one in (signed, signer)]
            return f"{names[0]} is not signed by the next one, {names[1]}"
    return None


def names_of(certificate: x509.Certificate) -> set[str]:
    """Return the DNS names that it covers."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {name.lower() for name in found.get_values_for_type(x509.DNSName)}


def belong_together(key_pem: bytes, chain_pem: bytes) -> bool:
    """Return whether the first certificate of a chain is that of the key."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = load_pem_private_key(key_pem, None).public_key()
    return bool(key.public_bytes(*form) == leaf(chain_pem).public_key().public_bytes(*form))


def place(folder: Path, key_pem: bytes, chain_pem: bytes, issuer: str = "") -> Path:
    """Put a pair where it is shown, by one rename; raise ValueError where it is none."""
    if not belong_together(key_pem, chain_pem):
        raise ValueError("the certificate is not that of the key; it is not shown")
    pair = folder / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    pair.mkdir(mode=0o750)
    # The key comes first: Postfix reads it so.
    files = {"key.pem": key_pem, "chain.pem": chain_pem, "all.pem": key_pem.rstrip() + b"\n" + chain_pem}
    for name, text in {**files, "issuer": issuer.encode()}.items():
        (pair / name).write_bytes(text)
        (pair / name).chmod(0o640)
    turned = folder / "next"
    turned.unlink(missing_ok=True)
    turned.symlink_to(pair.name)
    turned.rename(folder / "current")
    for old in folder.glob("2*"):
        if old != pair and old.stat().st_mtime < time.time() - KEPT_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return pair


def is_due(chain_pem: bytes, issuer: str, settings: Settings, key_pem: bytes, now: datetime) -> str | None:
    """Return why another certificate is needed; None while this one is good.

    `issuer` is the directory that it came from: nothing, for the stack's own.
    """
    shown = leaf(chain_pem)
    if issuer != settings.directory:
        return f"it is not from {settings.directory}"
    if missing := sorted(set(settings.names) - names_of(shown)):
        return f"it does not name {', '.join(missing)}"
    if not belong_together(key_pem, chain_pem):
        return "the key is another one, which was rotated"
    lifetime = shown.not_valid_after_utc - shown.not_valid_before_utc
    if shown.not_valid_after_utc - now < lifetime / 3:
        return f"it ends on {shown.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return None


def tlsa(chain_pem: bytes) -> str:
    """Return what a record TLSA says of the key of a certificate."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"3 1 1 {hashlib.sha256(leaf(chain_pem).public_key().public_bytes(*form)).hexdigest()}"


def clock_fault(chain_pem: bytes, now: datetime) -> str | None:
    """Return why a certificate that the CA has just given is none by this machine's clock; None where it
    is."""
    new = leaf(chain_pem)
    begin, end = new.not_valid_before_utc, new.not_valid_after_utc
    if begin <= now <= end:
        return None
    return (
        f"by this machine's clock, {now:%Y-%m-%d %H:%M} UTC, the new certificate, which holds from "
        f"{begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M}, {'has ended' if now > end else 'has not begun'}; "
        "set the clock, and it is shown"
    )


def request(names: Sequence[str], key_pem: bytes) -> bytes:
    """Return the PEM of a request for a certificate of these names and this key."""
    key = load_pem_private_key(key_pem, None)
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])] if len(names[0]) <= 64 else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    builder = builder.add_extension(
        x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
    )
    signer: CertificateIssuerPrivateKeyTypes = key  # type: ignore[assignment]
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


# --- before a try is spent


def resolved(name: str, kind: str) -> list[Any]:
    """Return what the DNS has of a kind for a name; nothing where it has none."""
    try:
        return list(dns.resolver.resolve(name, kind, lifetime=15))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise Failed("dns", f"the DNS says nothing about {name}: {type(error).__name__}") from None


def look_up(settings: Settings) -> None:
    """Raise Failed for a name that leads nowhere, or to somebody else."""
    for name in settings.names:
        found = {str(one) for kind in ("A", "AAAA") for one in resolved(name, kind)}
        if not found:
            raise Failed("name", f"{name} has no address in the DNS; write its A record (make dns)")
        if settings.addresses and not found <= set(settings.addresses):
            strange = ", ".join(sorted(found - set(settings.addresses)))
            raise Failed(
                "name",
                f"{name} leads to {strange}, and this server's `addresses` are "
                f"{', '.join(settings.addresses)}; correct its record, or `addresses`",
            )


def authorized(settings: Settings, identities: Sequence[str]) -> None:
    """Raise Failed where a CAA record forbids this CA a name (RFC 8659)."""
    for name in settings.names if identities else ():
        labels = name.split(".")
        for start in range(len(labels)):
            records = resolved(".".join(labels[start:]), "CAA")
            if records:
                break
        else:
            continue
        allowed = [
            one.value.decode().partition(";")[0].strip().lower() for one in records if one.tag == b"issue"
        ]
        if allowed and not set(allowed) & {one.lower() for one in identities}:
            raise Failed(
                "caa",
                f"the CAA record of {'.'.join(labels[start:])} allows "
                f"{', '.join(filter(None, allowed)) or 'nobody'}, and this CA is "
                f"{' or '.join(identities)}; add it there (make dns)",
            )


class _Unfollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def fetched(url: str) -> tuple[int, bytes] | None:
    """Return status and start of an answer in plain HTTP, following nowhere; None where nobody answers."""
    opener = urllib.request.build_opener(_Unfollowed, urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return answer.status, answer.read(200)
    except urllib.error.HTTPError as error:
        return error.code, b""
    except (OSError, ValueError):
        return None


Fetch = Callable[[str], tuple[int, bytes] | None]


@contextlib.contextmanager
def proof_of() -> Iterator[tuple[str, bytes]]:
    """Yield path and content of an answer like those that the CA asks for."""
    folder = TLS / CHALLENGES
    folder.mkdir(parents=True, exist_ok=True)
    token = f"mailinfra-{secrets.token_hex(8)}"
    proof = secrets.token_hex(16).encode()
    (folder / token).write_bytes(proof)
    try:
        yield f"/.well-known/acme-challenge/{token}", proof
    finally:
        (folder / token).unlink(missing_ok=True)


def webmail_answers(settings: Settings, fetch: Fetch = fetched) -> None:
    """Raise Failed while webmail does not give what the CA will ask for."""
    with proof_of() as (path, proof):
        if fetch(f"http://{settings.webmail}{path}") != (200, proof):
            raise Failed("webmail", "webmail does not answer yet, and it is what answers the CA")


def outside_answers(settings: Settings, fetch: Fetch = fetched) -> None:
    """Raise Failed where port 80 of a name leads to somebody else."""
    with proof_of() as (path, proof):
        for name in settings.names:
            got = fetch(f"http://{name}{path}")
            if got is None:
                # From behind some routers one's own address cannot be reached: the CA is to say.
                say(f"port 80 of {name} cannot be reached from here; if the CA cannot, either, open it")
            elif got != (200, proof):
                raise Failed(
                    "port 80",
                    f"port 80 of {name} answers {got[0]}, and not with what webmail has: somebody else "
                    "answers there, or redirects it; pass /.well-known/acme-challenge/ on to "
                    "ports.webmailRedirect",
                )


def asked(settings: Settings, url: str) -> dict[str, Any]:
    """Return what the CA answers at a public address of its own."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # lego takes a CA of a company's without key usage, too
    with urllib.request.urlopen(url, timeout=20, context=context) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
    return found


def known(settings: Settings) -> Sequence[str]:
    """Return by which domains CAA names the CA; raise Failed where it cannot be reached."""
    try:
        meta = asked(settings, settings.directory).get("meta") or {}
    except (OSError, ValueError, AttributeError) as error:
        reason = getattr(error, "reason", error)
        if getattr(reason, "verify_code", 0) in WRONG_TIMES:
            raise Failed(
                "clock",
                f"by this machine's clock, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, the CA's own certificate "
                "has ended or has not begun; set the clock",
            ) from None
        raise Failed("ca", f"the CA at {settings.directory} cannot be reached: {reason}") from None
    return [str(one) for one in meta.get("caaIdentities") or []]


def is_recalled(settings: Settings, chain_pem: bytes, now: datetime) -> bool:
    """Return whether the CA wants a certificate renewed by now (RFC 9773), as it does before it revokes many,
    and after it has revoked this one: whether the middle of the time that it suggests is past. False where
    it does not say."""
    shown = leaf(chain_pem)
    try:
        signer = shown.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        number = shown.serial_number.to_bytes(shown.serial_number.bit_length() // 8 + 1, "big")
        name = ".".join(
            base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (signer or b"", number)
        )
        where = asked(settings, settings.directory)["renewalInfo"]
        window = asked(settings, f"{where.rstrip('/')}/{name}")["suggestedWindow"]
        start, end = (datetime.fromisoformat(window[each]) for each in ("start", "end"))
        return start + (end - start) / 2 <= now
    except (OSError, ValueError, KeyError, TypeError, AttributeError, x509.ExtensionNotFound):
        return False


# --- the try

MEANINGS = (
    (":dns", "name", "the CA finds no address of the name; is the record written, and long enough ago?"),
    (":connection", "port 80", "the CA cannot reach port 80; open it in the firewall"),
    (":unauthorized", "port 80", "somebody else answers the CA at port 80 of the name"),
    (":incorrectResponse", "port 80", "somebody else answers the CA at port 80 of the name"),
    (":caa", "caa", "a CAA record forbids this CA the name; add it there (make dns)"),
    (":rateLimited", "limit", "the CA's limit is reached"),
    (":rejectedIdentifier", "name", "the CA gives nobody a certificate for this name"),
)
"""Error of ACME (RFC 8555, section 6.7) -> kind, and what it means here."""


PROVIDER = (
    "unrecognized DNS provider",
    "credentials information are missing",
    "[dns-01]",
    "acme: error presenting token",
)
"""What lego says where it could not write a record."""


def failure(said: str) -> Failed:
    """Return what lego's words mean."""
    lines = [line for line in said.splitlines() if line.strip()]
    last = next(
        (line for line in reversed(lines) if "urn:ietf:params:acme" in line), lines[-1] if lines else ""
    )
    detail = re.sub(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d ", "", last).strip()[:400]
    for mark, kind, meaning in MEANINGS:
        if f"urn:ietf:params:acme:error{mark}" in said:
            when = re.search(r"retry after (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", said)
            later = datetime.fromisoformat(when[1]).replace(tzinfo=UTC).timestamp() if when else 0
            return Failed(kind, f"{meaning} ({detail})", spent=True, not_before=later)
    spent = "urn:ietf:params:acme:error" in said
    if not spent and any(mark in said for mark in PROVIDER):
        return Failed("provider", f"who serves the zone was not told to write the record ({detail})")
    return Failed("ca", f"the CA gave none: {detail or 'lego says nothing'}", spent=spent)


def wait_for(process: "subprocess.Popen[str]") -> str:
    """Return what a program says, once it has ended; show meanwhile that somebody looks after things."""
    end = time.monotonic() + LEGO_SECONDS
    while True:
        ALIVE.touch()
        try:
            return process.communicate(timeout=5)[0]
        except subprocess.TimeoutExpired:
            if time.monotonic() > end:
                process.kill()
                return process.communicate()[0] + "\nit took too long"


def lego(settings: Settings) -> tuple[str, bytes | None]:
    """Ask the CA for what lies in `request.csr`; return what lego says, and the chain."""
    command = ["lego", "--path", str(DATA / "lego"), "--server", settings.directory]
    command += ["--email", settings.email, "--accept-tos", "--csr", str(DATA / "request.csr")]
    environment = dict(os.environ)
    if not settings.dns_provider:
        command += ["--http", "--http.webroot", str(TLS / "challenge")]
    else:
        command += ["--dns", settings.dns_provider]
        command += [] if settings.check_propagation else ["--dns.disable-cp"]
        environment |= json.loads((SECRETS / "credentials.json").read_text())
    if settings.ca_file:
        environment["LEGO_CA_CERTIFICATES"] = settings.ca_file
    made = DATA / "lego/certificates"
    shutil.rmtree(made, ignore_errors=True)
    process = subprocess.Popen(  # noqa: S603 - all of it comes from the checked form
        [*command, "run"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said = wait_for(process)
    found = sorted(path for path in made.glob("*.crt") if not path.name.endswith(".issuer.crt"))
    return said, None if process.returncode or not found else found[0].read_bytes()


def obtain(settings: Settings, key_pem: bytes) -> bytes:
    """Return the chain of a new certificate; raise Failed with the reason why there is none."""
    if not settings.dns_provider:
        webmail_answers(settings)
    identities = known(settings)
    if not settings.dns_provider:
        look_up(settings)
    authorized(settings, identities)
    if not settings.dns_provider:
        outside_answers(settings)
    (DATA / "request.csr").write_bytes(request(settings.names, key_pem))
    said, chain = lego(settings)
    if chain is None and "error:accountDoesNotExist" in said:
        say("the CA does not know our account any more: it gets another one")
        shutil.rmtree(DATA / "lego/accounts", ignore_errors=True)
        said, chain = lego(settings)
    if chain is None:
        raise failure(said)
    return chain


# --- over time


def pause(status: Status, failed: Failed, now: float) -> float:
    """Return when to try next: minutes at first, then longer, and never before the CA's own time."""
    steps = SPENT if failed.spent else (WEBMAIL_SECONDS,) if failed.kind == "webmail" else UNSPENT
    count = status.failures if status.kind == failed.kind else 0
    return max(now + steps[min(count, len(steps) - 1)], failed.not_before)


class Renewal:
    """One certificate over time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.given_key = (SECRETS / "key.pem").read_bytes()
        self.key = self.known_key() or self.given_key
        self.recalled, self.ask_again = False, 0.0
        self.asked_for = json.dumps(asdict(settings), sort_keys=True)
        self.status = self.kept()
        if self.status.asked_for != self.asked_for or not self.status.kind:
            self.status = Status(asked_for=self.asked_for)
        elif not self.status.spent:
            self.status.next_try = 0  # what was not ready may be

    @property
    def issuer(self) -> str:
        """The directory that the shown certificate came from; nothing for the stack's own."""
        try:
            return (TLS / "current/issuer").read_text()
        except OSError:
            return ""

    def known_key(self) -> bytes | None:
        """Return the key that is kept here; None where somebody else keeps it, or another one is meant."""
        if self.settings.key_generation is None:
            return None
        try:
            kept = json.loads((DATA / "key.json").read_text())
            return str(kept["key"]).encode() if kept["generation"] == self.settings.key_generation else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep_key(self) -> None:
        """Write down the key of which the CA gave a certificate, where nobody else keeps it."""
        if self.settings.key_generation is None:
            (DATA / "key.json").unlink(missing_ok=True)
        elif self.known_key() is None:
            kept = {"generation": self.settings.key_generation, "key": self.key.decode()}
            write(DATA / "key.json", kept)

    def early(self, now: datetime) -> bytes | None:
        """Return a certificate that was had while the clock was wrong, and waits for that to be set."""
        try:
            kept = json.loads((DATA / "early.json").read_text())
            chain = str(kept["chain"]).encode()
            is_meant = kept["asked_for"] == self.asked_for and belong_together(self.key, chain)
            has_ended = now > leaf(chain).not_valid_after_utc
            is_old = now.timestamp() - kept["since"] > EARLY_KEPT_SECONDS
            return chain if is_meant and not (has_ended and is_old) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def kept(self) -> Status:
        """Return what was written down of the last try."""
        try:
            return Status(**json.loads((DATA / "status.json").read_text()))
        except (OSError, ValueError, TypeError):
            return Status()

    def keep(self) -> None:
        """Write down what became of the last try."""
        write(DATA / "status.json", asdict(self.status))

    def begin(self) -> None:
        """Show something: what was had before, or else the stack's own."""
        own = (SECRETS / "certificate.pem").read_bytes()
        with contextlib.suppress(OSError, ValueError):
            chain = (TLS / "current/chain.pem").read_bytes()
            good = belong_together((TLS / "current/key.pem").read_bytes(), chain)
            ended = leaf(chain).not_valid_after_utc < datetime.now(UTC)
            if good and self.issuer and not ended:
                if belong_together(self.key, chain):
                    self.keep_key()
                return
            if good and not self.issuer and chain.strip() == own.strip():
                return
        place(TLS, self.given_key, own)
        say("the stack's own certificate is shown")

    def turn(self) -> float:
        """Do what is due; return for how many seconds there is nothing more to do."""
        chain, now = (TLS / "current/chain.pem").read_bytes(), datetime.now(UTC)
        reason = is_due(chain, self.issuer, self.settings, self.key, now)
        if reason is None and time.monotonic() >= self.ask_again:
            self.ask_again = time.monotonic() + RECALL_SECONDS
            self.recalled = is_recalled(self.settings, chain, now)
        if reason is None and self.recalled:
            reason = "the CA wants it renewed"
        if reason is None and self.status.kind:
            self.status = Status(asked_for=self.asked_for)  # as when the clock was set right
            self.keep()
        if reason is None:
            end = leaf(chain).not_valid_after_utc
            lifetime = (end - leaf(chain).not_valid_before_utc).total_seconds()
            return float(min(LOOK_SECONDS, max(1, (end - now).total_seconds() - lifetime / 3 + 1)))
        early = self.early(now)
        if early is not None and clock_fault(early, now):
            return EARLY_SECONDS
        if early is None and (left := self.left()) > 0:
            return min(left, self.look_seconds())
        if early is None:
            say(f"asking for a certificate of {', '.join(self.settings.names)}: {reason}")
        self.attempt(early)
        return max(1, min(self.left(), self.look_seconds()))

    def left(self) -> float:
        """Return for how many seconds nothing is to be tried."""
        if time.time() < self.status.since and self.status.kind != "limit":
            return 0  # the clock was set back
        return self.status.next_try - time.time()

    def attempt(self, early: bytes | None) -> None:
        """Show what was had early, or what the CA is asked for; write down what became of it."""
        try:
            pair = self.show(early or obtain(self.settings, self.key))
        except Failed as failed:
            self.fail(failed)
            return
        except ValueError as error:
            self.fail(Failed("ca", f"the CA's answer cannot be used: {error}", spent=True))
            return
        chain = (pair / "chain.pem").read_bytes()
        say(f"a new certificate is shown, until {leaf(chain).not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        if again := is_due(chain, self.issuer, self.settings, self.key, datetime.now(UTC)):
            # The next one would be no better, and the CA counts them.
            self.fail(Failed("clock", f"{again}, new as it is; is this machine's clock right?", spent=True))
            return
        self.status, self.recalled = Status(asked_for=self.asked_for), False
        self.keep()

    def look_seconds(self) -> float:
        """Return when to look again at the latest: soon, where a certificate only waits for the clock."""
        return EARLY_SECONDS if (DATA / "early.json").exists() else LOOK_SECONDS

    def show(self, chain: bytes) -> Path:
        """Place what the CA gave, with where it came from."""
        if missing := set(self.settings.names) - names_of(leaf(chain)):
            raise ValueError(f"it does not name {', '.join(sorted(missing))}")
        if fault := chain_fault(chain):
            raise ValueError(f"its chain is in the wrong order: {fault}")
        if not belong_together(self.key, chain):
            raise ValueError("it is not of the key that was asked for")
        if fault := clock_fault(chain, datetime.now(UTC)):
            kept = {"asked_for": self.asked_for, "chain": chain.decode(), "since": time.time()}
            write(DATA / "early.json", kept)
            raise Failed("clock", fault, spent=True)
        pair = place(TLS, self.key, chain, self.settings.directory)
        (DATA / "early.json").unlink(missing_ok=True)
        self.keep_key()
        return pair

    def fail(self, failed: Failed) -> None:
        """Write down why there is none, and when the next try is."""
        now = time.time()
        count = self.status.failures + 1 if self.status.kind == failed.kind else 1
        self.status = Status(
            asked_for=self.asked_for,
            failures=count,
            kind=failed.kind,
            reason=failed.reason,
            next_try=pause(self.status, failed, now),
            since=now,
            spent=failed.spent,
        )
        self.keep()
        if failed.kind == "webmail" and count > 1:
            return  # every few seconds, until it has begun
        when = datetime.fromtimestamp(self.status.next_try, UTC)
        say(f"no certificate ({failed.kind}): {failed.reason}. Next try at {when:%Y-%m-%d %H:%M:%S} UTC")


def told() -> str:
    """Return what is shown, and what is wrong, for `make` to read."""
    shown = leaf((TLS / "current/chain.pem").read_bytes())
    renewal, now = Renewal(read()), time.time()
    signer = {one.oid: str(one.value) for one in shown.issuer}
    name = signer.get(x509.NameOID.ORGANIZATION_NAME) or signer.get(x509.NameOID.COMMON_NAME, "")
    kept = renewal.kept()
    if kept.asked_for != renewal.asked_for:
        kept = Status()
    return json.dumps(
        {
            "issuer": name,
            "by_acme": bool(renewal.issuer),
            "until": shown.not_valid_after_utc.timestamp(),
            "kind": kept.kind,
            "reason": kept.reason,
            "next_try": max(kept.next_try, now),
        }
    )


def read() -> Settings:
    """Return what the container is told."""
    return Settings(**json.loads(SETTINGS.read_text()))


def main() -> None:
    """Look after the certificate for ever."""
    if sys.argv[1:] == ["status"]:
        print(told())
        return
    if sys.argv[1:] == ["tlsa"]:
        print(tlsa((TLS / "current/chain.pem").read_bytes()))
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    os.umask(0o027)
    if len(sys.argv) > 2:  # certificates that somebody else brings
        import files

        files.main(sys.argv[1:])
        return
    renewal = Renewal(read())
    renewal.begin()
    while True:
        ALIVE.touch()
        until = time.monotonic() + renewal.turn()
        while (left := until - time.monotonic()) > 0:
            ALIVE.touch()
            time.sleep(min(left, 10))


if __name__ == "__main__":
    main()
