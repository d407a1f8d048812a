"""`python -m mailinfra.cli.endings`: until when the certificates hold that containers show and trust.

Reads what `make status` found in them, JSON: for each file its service, its path and what it holds; answers
with the day and whether it is near. Does not own what is near (mailinfra/config/endings.py), nor the page.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from cryptography import x509

from mailinfra.config import chain, endings


def answer(found: Sequence[dict[str, str]], now: datetime) -> list[dict[str, Any]]:
    """Return service, file, end and nearness of each file that holds a certificate."""
    return [
        {
            "service": one["service"],
            "file": one["file"],
            "end": first.not_valid_after_utc.isoformat(),
            "soon": endings.is_soon(first, now),
        }
        for one in found
        if (first := _first_to_end(PurePosixPath(one["file"]).name, one["pem"]))
    ]


def _first_to_end(name: str, text: str) -> x509.Certificate | None:
    """Return the certificate on which it depends until when a file is good."""
    try:
        held = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return None
    if name.endswith("ca.pem"):
        return endings.last(held)
    return min(chain.needed(held, []), key=lambda one: one.not_valid_after_utc)


if __name__ == "__main__":
    json.dump(answer(json.load(sys.stdin), datetime.now(UTC)), sys.stdout)
