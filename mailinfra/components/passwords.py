"""Passwords: those that programs use among themselves, generated once and the same in every run.

Owns their length and letters. Does not own who uses one, nor people's passwords (accounts.py).
"""

import pulumi_random as random
from pulumi import Output, ResourceOptions

LENGTH = 32
"""Letters and digits alone: SQL, DSNs and files take them unescaped. A change rotates every password."""


def password(name: str, child: ResourceOptions, generation: str = "", *, length: int = LENGTH) -> Output[str]:
    """Return a generated password of so many characters; secret."""
    generated = random.RandomPassword(
        generated_name(name, generation), length=length, special=False, opts=child
    )
    return Output.secret(generated.result)


def generated_name(name: str, generation: str) -> str:
    """Return the name of the resource that makes one generation of a secret.

    Another generation is another resource: the new secret is made first, whoever holds it follows, and the
    old one goes last. It needs no property of a provider's (a key of the tls provider has no keepers), and
    the engine's replacement trigger would do nothing at its first value.
    """
    return f"{name}-{generation}" if generation else name
