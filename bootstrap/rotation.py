"""Rotation of DKIM keys: no edit that would leave mail which nobody can verify.

Owns the refusal before an update. Does not own what a plan says of the keys (plan/keys.py), nor the asking
(mailinfra/cli/dns/).
"""

from collections.abc import Sequence

from bootstrap import records
from bootstrap.plan.engine import Plan
from bootstrap.plan.keys import asks_dns, faults, switched
from bootstrap.problem import Problem
from bootstrap.pulumi_cli import Pulumi


def refuse(pulumi: Pulumi, plan: Plan, resolvers: Sequence[str] = ()) -> None:
    """Raise Problem where a key would go while it is needed, or would sign before the DNS has it."""
    for fault in faults(plan):
        raise Problem(fault.what, fault.remedy)
    selectors = switched(plan)
    if not selectors or not asks_dns(plan):
        return
    named = ", ".join(selectors)
    pulumi.machine.report.say(f"\nAsking the DNS for {named}, which is to sign:\n")
    if records.check(pulumi, plan.stack, resolvers, selectors):
        raise Problem(
            f"{named} would sign, and the DNS does not have its key everywhere: no receiver could verify it",
            "Write the records above, wait until this finds them, and run it again; "
            "'receiving.checkDomains: false' asks no DNS at all",
        )
