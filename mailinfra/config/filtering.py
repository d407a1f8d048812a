"""The filter: what checks arriving mail, and signs and counts what users hand in.

Owns thresholds, who is believed and whose mail is wanted. Does not own DKIM's keys, nor whether there is DNS
at all (mail.py).
"""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from mailinfra.config.model import Items, Mistake, Model
from mailinfra.types import DomainName, Sender

Score = Annotated[float, Field(ge=1, le=100)]

GREYLIST_SCORE = 4
"""From this score on a message is put off, with `greylisting` (configs/rspamd/override.d/actions.conf)."""


class DomainFilteringConfig(Model):
    """What holds for the mail to one hosted domain, and to those that are other names of it."""

    name: DomainName = Field(examples=["example.org"])
    """The domain."""

    allowed: Items[Sender] = Field(default=(), examples=[["news.example.net"]])
    """As `filtering.allowed`; goes before the server's lists."""

    blocked: Items[Sender] = Field(default=(), examples=[["offers@example.net"]])
    """As `filtering.blocked`; goes before the server's lists."""

    junk_score: Score | None = Field(default=None, examples=[8])
    """As `filtering.junkScore`, which holds without it."""

    refuse_score: Score | None = Field(default=None, examples=[20])
    """As `filtering.refuseScore`, which holds without it."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return senders that are wanted and not wanted."""
        yield from both(self.allowed, self.blocked)


class FilteringConfig(Model):
    """The filter, rspamd. `false` in place of the group leaves it out as a whole: then no container of
    it exists, nothing is signed, and arriving mail is checked as far as Postfix does. `true` takes all
    defaults.
    """

    junk_score: Score = Field(default=6, examples=[8])
    """From this score on a message is filed into Junk. Who fetches mail over POP3 does not see that
    folder."""

    refuse_score: Score = Field(default=15, examples=[20])
    """From this score on a message is refused."""

    greylisting: bool = False
    """Whether doubtful mail, from a score of 4 to `junkScore`, is put off once, for some minutes."""

    reputation: bool = False
    """Whether public lists are asked, through the DNS, about each sender and the links in a message. Their
    operators learn who writes to you; large servers need their leave, and large public resolvers get no
    answers. Needs `receiving.checkDomains`."""

    trusted_forwarders: Items[DomainName] = Field(default=(), examples=[["list.example.org"]])
    """Domains of forwarders and mailing lists that seal what they pass on (ARC), and whose word on its sender
    is taken: DMARC would refuse it."""

    dmarc_reports: bool = False
    """Whether domains that ask for it (DMARC's `rua`) are told once a day, by `postmaster@` of `hostname`,
    from which addresses mail in their name came, how much, and what was proved of it. Needs
    `receiving.checkDomains`."""

    recipients_per_hour: int = Field(default=200, ge=1, le=100_000, examples=[1000])
    """Recipients that one user may write to in an hour, and at once. Beyond it mail is put off, so that a
    stolen password sends to no thousands."""

    allowed: Items[Sender] = Field(default=(), examples=[["friend@example.net", "example.com"]])
    """Addresses, and domains with those below them, whose mail is never Junk for its points. It is the
    address in From, and SPF or DKIM has to prove its domain: who only writes it there is checked as
    everybody. What is refused whatever its points (DMARC, test spam) stays so. Needs
    `receiving.checkDomains`."""

    blocked: Items[Sender] = Field(default=(), examples=[["example.com"]])
    """Addresses, and domains with those below them, whose mail is refused: in From, or as the envelope's
    sender. Where a sender is in both lists, an address goes before a domain, and the longer domain before
    the shorter."""

    domains: Items[DomainFilteringConfig] = Field(
        default=(), examples=[[{"name": "example.org", "junkScore": 8}]]
    )
    """Hosted domains that want something of their own. A message to several domains at once has one
    verdict, by the server's scores; docs/operations.md says what holds then. With `accounts: external` a
    domain that is named here is signed for with all keys, and has its DNS records."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return scores at which nothing would reach Junk, and what is said twice."""
        yield from self._scores((), self.junk_score, self.refuse_score)
        if self.greylisting and self.junk_score <= GREYLIST_SCORE:
            reason = (
                f"puts off mail with a score of {GREYLIST_SCORE} to 'junkScore' {self.junk_score:g}, and "
                "there is none; raise that one, or remove this one"
            )
            yield Mistake(place=("greylisting",), reason=reason, about=("junkScore",))
        yield from both(self.allowed, self.blocked)
        names = [each.name for each in self.domains]
        for index, each in enumerate(self.domains):
            place = ("domains", index)
            yield from self._scores(
                place, each.junk_score or self.junk_score, each.refuse_score or self.refuse_score
            )
            if each.name in names[:index]:
                reason = f"{each.name} is named before; put what it wants into one entry"
                yield Mistake(place=(*place, "name"), reason=reason)

    @staticmethod
    def _scores(place: tuple[str | int, ...], junk: float, refuse: float) -> Iterator[Mistake]:
        if refuse <= junk:
            reason = (
                f"is {refuse:g}, and 'junkScore' {junk:g}: nothing would be filed into "
                "Junk before it is refused; raise this one or lower that one"
            )
            yield Mistake(place=(*place, "refuseScore"), reason=reason, about=("junkScore", "refuseScore"))


def both(allowed: Sequence[str], blocked: Sequence[str]) -> Iterator[Mistake]:
    """Return the senders that are in both lists."""
    for index, one in enumerate(allowed):
        if one in blocked:
            reason = f"{one} is in 'blocked', too; take it out of one of the two"
            yield Mistake(place=("allowed", index), reason=reason, about=("blocked",))
