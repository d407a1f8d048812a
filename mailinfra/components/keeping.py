"""Keeping: keys that somebody outside relies on outlive `destroy`, as the mail does.

Owns how a pair is written down as one secret. Does not own where that lies (mailinfra/provider/kept.py), nor
which ones are kept (certificates.py, dkim.py).
"""

import json
from dataclasses import dataclass, field

from pulumi import Output, ResourceOptions

from mailinfra.components.own_provider import Connection, Kept


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A private key, and what everybody may know that belongs to it."""

    private: Output[str] = field(repr=False)
    """PEM; secret."""

    public: Output[str]
    """PEM of its public half, or of a certificate."""


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """What keeps pairs: the database of our own server, whose volume stays."""

    connection: Connection
    """How this machine reaches it; may be known later than the pairs."""


def kept(keeper: Keeper | None, name: str, made: Pair, child: ResourceOptions) -> Pair:
    """Return the pair of before, or the one that was `made` where there is none, or nobody who keeps it.

    `name` is the same for every generation: a rotated pair takes the place of the old one.
    """
    if keeper is None:
        return made
    candidate = Output.json_dumps({"private": made.private, "public": made.public}, sort_keys=True)
    both = Kept(f"{name}-kept", keeper.connection, name, candidate, child).kept.apply(json.loads)
    return Pair(
        private=Output.secret(both.apply(lambda pair: str(pair["private"]))),
        public=Output.unsecret(both.apply(lambda pair: str(pair["public"]))),
    )
