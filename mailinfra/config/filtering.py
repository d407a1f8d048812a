"""The filter: what checks arriving mail, and signs and counts what users hand in.

Owns thresholds and who is believed. Does not own DKIM's keys, nor whether there is DNS at all (mail.py).
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from mailinfra.config.model import Items, Mistake, Model
from mailinfra.types import DomainName

Score = Annotated[float, Field(ge=1, le=100)]


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

    recipients_per_hour: int = Field(default=200, ge=1, le=100_000, examples=[1000])
    """Recipients that one user may write to in an hour, and at once. Beyond it mail is put off, so that a
    stolen password sends to no thousands."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return a score at which nothing would reach Junk."""
        if self.refuse_score <= self.junk_score:
            reason = (
                f"is {self.refuse_score:g}, and 'junkScore' {self.junk_score:g}: nothing would be filed into "
                "Junk before it is refused; raise this one or lower that one"
            )
            yield Mistake(place=("refuseScore",), reason=reason, about=("junkScore",))
