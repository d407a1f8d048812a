"""Every secret of a stack, read from its state in the clear.

Owns what is a secret there, and what of a key is looked for. Does not own the search (canaries.py).
"""

import base64
import json
from typing import Any

from mailinfra.components import dkim
from tests.canaries import Random


def clear(value: dict[str, Any]) -> str:
    """Return the text of a secret in the state."""
    return str(json.loads(value["plaintext"]))


def private(name: str, pem: str) -> dict[str, str | bytes]:
    """Return what is private in a key, as a line of its file and as bytes."""
    lines = pem.strip().splitlines()
    match lines[0]:
        case "-----BEGIN RSA PRIVATE KEY-----":  # begins with what stands in the public key, too
            return {name: Random(lines[-3]), f"{name}, bytes": base64.b64decode(lines[-3])}
        case "-----BEGIN EC PRIVATE KEY-----":  # ends with the name of the curve: RFC 5915
            return {name: lines[1], f"{name}, bytes": base64.b64decode(lines[1])[7:39]}
        case "-----BEGIN PRIVATE KEY-----" if len(lines) == 3:  # Ed25519, in one line: RFC 8410
            return {name: lines[1], f"{name}, bytes": base64.b64decode(dkim.seed(pem))}
    raise ValueError(f"{name} is a key of a kind that the tests do not know: {lines[0]}")


def in_state(exported: str) -> dict[str, str | bytes]:
    """Return what it is -> the secret, of all that `pulumi stack export --show-secrets` prints."""
    found: dict[str, str | bytes] = {}
    for resource in json.loads(exported[exported.index("{") :])["deployment"].get("resources", []):
        name, outputs = resource["urn"].rpartition("::")[2], resource.get("outputs", {})
        match resource["type"]:
            case "random:index/randomPassword:RandomPassword":
                found[name] = Random(clear(outputs["result"]))
            case "tls:index/privateKey:PrivateKey":
                found |= private(name, clear(outputs["privateKeyPem"]))
            case "mailinfra:index:Kept":  # perhaps of before this state
                found |= private(f"kept {outputs['what']}", json.loads(clear(outputs["kept"]))["private"])
            case "pulumi:pulumi:Stack" if "mailboxes" in outputs:
                generated = json.loads(outputs["mailboxes"]["plaintext"])
                found |= {f"generated password of {one}": Random(text) for one, text in generated.items()}
    return found
