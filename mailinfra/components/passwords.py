"""Passwords: those that programs use among themselves, generated once and the same in every run.

Owns their length and letters. Does not own who uses one, nor people's passwords (accounts.py).
"""

import pulumi_random as random
from pulumi import Output, ResourceOptions

LENGTH = 32
"""Letters and digits alone: SQL, DSNs and files take them unescaped. A change rotates every password."""


def password(name: str, child: ResourceOptions) -> Output[str]:
    """Return a generated password; secret."""
    generated = random.RandomPassword(name, length=LENGTH, special=False, opts=child)
    return Output.secret(generated.result)
