"""Scale: how the cost of looking, changing and refreshing grows with the number of mailboxes.

Owns stacks that are nothing but accounts in a database. Does not own mail (mail.py).
"""

from collections.abc import Callable
from typing import Any

import yaml

from bench.figures import Figure, seconds
from tests.e2e.stack import Stack

SIZES = (100, 1_000, 10_000)


def accounts(count: int, changed: str = "") -> dict[str, Any]:
    """Return that many mailboxes in one domain, one of them with a description."""
    mailboxes: list[dict[str, Any]] = [{"address": f"user{number}@example.test"} for number in range(count)]
    mailboxes[count // 2]["description"] = changed
    return {"domains": [{"name": "example.test"}], "mailboxes": mailboxes}


def growth(stack: Stack, settings: dict[str, Any], tell: Callable[[str], None]) -> list[Figure]:
    """Measure a stack with 100, 1,000 and 10,000 mailboxes; it keeps the most."""
    figures = []
    # So many outgrow the stack file: Pulumi hands its settings on in one environment variable.
    file = stack.workspace.program / "accounts.yaml"
    stack.configure({**settings, "accounts": file.name})
    for count in SIZES:
        tell(f"{count} mailboxes: first `up`")
        file.write_text(yaml.safe_dump(accounts(count)))
        first = seconds(lambda: stack.up(seconds=1800, settled=False))
        tell(f"{count} mailboxes: preview, one change, refresh")
        looks = [seconds(stack.preview) for _ in range(3)]
        changes = []
        for number in range(3):
            file.write_text(yaml.safe_dump(accounts(count, f"change {number}")))
            changes.append(seconds(lambda: stack.up(settled=False)))
        refreshes = [seconds(lambda: stack.preview("--refresh")) for _ in range(3)]
        figures += [
            Figure(name=f"{count:,} mailboxes: first `up`, passwords hashed", values=[first], unit="s"),
            Figure(name=f"{count:,} mailboxes: preview without a change", values=looks, unit="s"),
            Figure(name=f"{count:,} mailboxes: `up` of one change", values=changes, unit="s"),
            Figure(name=f"{count:,} mailboxes: preview with refresh", values=refreshes, unit="s"),
        ]
    return figures
