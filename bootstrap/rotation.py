"""Rotation of keys that the DNS names: no edit that would leave mail which nobody can verify, or hands in.

Owns the refusals before an update. Does not own what a plan says of the keys (plan/keys.py, plan/tlsa.py),
nor the asking (mailinfra/cli/dns/).
"""

from collections.abc import Sequence

from bootstrap import records
from bootstrap.plan.engine import Plan
from bootstrap.plan.keys import asks_dns, faults, switched
from bootstrap.plan.tlsa import switch
from bootstrap.problem import Problem
from bootstrap.pulumi_cli import Pulumi


def refuse(pulumi: Pulumi, plan: Plan, resolvers: Sequence[str] = ()) -> None:
    """Raise Problem where a key would go while it is needed, or would sign before the DNS has it."""
    for fault in faults(plan):
        raise Problem(fault.what, fault.remedy)
    _refuse_unverified(pulumi, plan, resolvers)
    _refuse_another_key(pulumi, plan, resolvers)


def looked_up(pulumi: Pulumi, plan: Plan, resolvers: Sequence[str] = ()) -> str | None:
    """Return what the DNS has against the keys that port 25 would show: empty where nothing; None where they
    stay, or nobody is to be asked."""
    found = None if plan.errors else switch(plan)
    if found is None or not asks_dns(plan):
        return None
    return records.key_fault(pulumi, found.host, found.values, resolvers)


def _refuse_another_key(pulumi: Pulumi, plan: Plan, resolvers: Sequence[str]) -> None:
    """Raise Problem where port 25 would show a key, and the DNS names another one."""
    found = switch(plan)
    if found is None or found.is_beside or not asks_dns(plan):
        return
    pulumi.machine.report.say("\nAsking the DNS which key it names for port 25:\n")
    if records.check_key(pulumi, found.host, found.values, resolvers):
        raise Problem(
            f"port 25 of {found.host} would show a key that its records TLSA do not name: servers that look "
            "at them send no mail",
            f"{found.remedy}. 'receiving.checkDomains: false' asks no DNS at all",
        )


def _refuse_unverified(pulumi: Pulumi, plan: Plan, resolvers: Sequence[str]) -> None:
    """Raise Problem where a key would sign that the DNS does not have for every domain."""
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
