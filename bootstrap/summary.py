"""Summary: where the mail server is and what to do next, read from the stack's outputs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NAMES = {
    "smtp": "SMTP, mail from other servers",
    "submission": "sending mail, STARTTLS",
    "submissions": "sending mail, TLS",
    "imap": "IMAP, STARTTLS",
    "imaps": "IMAP, TLS",
    "pop3": "POP3, STARTTLS",
    "pop3s": "POP3, TLS",
}
"""Output `endpoints`, in the order in which a person wants them."""


def lines(outputs: Mapping[str, Any], *, stack: str, certificate: Path | None) -> Iterator[str]:
    """Return what a person needs next; no password is among it."""
    endpoints: Mapping[str, Mapping[str, Any]] = outputs.get("endpoints") or {}
    yield f"The mail server of stack {stack} is up."
    yield ""
    if webmail := endpoints.get("webmail"):
        yield _row("webmail", str(webmail["url"]))
    for name, meaning in NAMES.items():
        if endpoint := endpoints.get(name):
            yield _row(name, f"{endpoint['host']}:{endpoint['port']}  ({meaning})")
    yield ""
    if addresses := sorted(outputs.get("mailboxes") or {}):
        more = f" (and {len(addresses) - 1} more)" if len(addresses) > 1 else ""
        yield _row("first address", addresses[0] + more)
        yield _row("its password", "pulumi stack output mailboxes --show-secrets")
    if certificate:
        yield _row("CA certificate", f"{certificate}  (for mail programs and browsers to trust)")
    if outputs.get("dns_records"):
        yield _row("DNS records", "pulumi stack output dns_records")
    yield ""
    yield 'Next: eval "$(make env)" puts pulumi on the PATH, for pulumi preview, up, refresh, destroy.'
    yield f"Edit Pulumi.{stack}.yaml, see what would change with make preview, and make it so with make up."


def write_certificate(outputs: Mapping[str, Any], path: Path) -> Path | None:
    """Write the CA certificate to `path` and return that; None where a public CA signed."""
    pem = str(outputs.get("ca_certificate") or "")
    if not pem:
        path.unlink(missing_ok=True)
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pem)
    return path


def _row(name: str, value: str) -> str:
    return f"  {name:<15} {value}"
