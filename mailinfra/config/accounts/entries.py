"""One entry of each list of accounts: a domain, a mailbox, an alias.

Owns the shape of one entry. Does not own the rules between entries (rules.py).
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from mailinfra.addresses import LENGTHS
from mailinfra.config.model import Items, Mistake, Model
from mailinfra.types import (
    AliasAddress,
    DomainName,
    EmailAddress,
    ForeignAddress,
    PasswordPolicy,
    Protocol,
)


class DomainConfig(Model):
    """A domain whose mail ends here."""

    name: DomainName
    """The domain; an international one in either form."""

    alias_of: DomainName | None = None
    """Another domain of this list: every address there is then an address here too, for receiving and
    sending."""

    catch_all: AliasAddress | None = None
    """Mailbox or alias that gets what no other address of the domain takes. It invites spam: no
    address is refused as unknown any more."""

    postmaster: AliasAddress | None = None
    """Mailbox or alias that gets mail to `postmaster` and `abuse`, which every domain must answer for (RFC
    2142). Declare it: by default it is the domain's mailbox `postmaster`, `admin`, `administrator` or
    `hostmaster`, else its first mailbox in alphabetical order, else the first one of the server. So one more
    mailbox may change who gets this mail. The order of the list changes nothing."""

    renamed_from: DomainName | None = Field(default=None, examples=["old.example.org"])
    """Its name until now: everything in it moves along, mail included. It is done once; the line may stay. To
    go on receiving mail to the old name, declare it in the same edit, with this domain as its `aliasOf`."""


class MailboxConfig(Model):
    """A person's mailbox, or a program's account."""

    address: EmailAddress
    """Address and login name: a-z, 0-9, dots, and any of ``#$&'-/=^_`{|}~`` before the @."""

    enabled: bool = True
    """Whether its owner may log in; mail is received and kept either way."""

    password: Annotated[PasswordPolicy, Field(strict=False)] = Field(
        default=PasswordPolicy.INITIAL, examples=["owned"]
    )
    """`initial`: set once, when the mailbox is created, then its owner's; `owned`: the stack enforces the
    one in `mailinfra:passwords` at every `up`."""

    protocols: Items[Annotated[Protocol, Field(strict=False)]] = Field(
        default=(Protocol.IMAP, Protocol.POP3, Protocol.SUBMISSION), examples=[["imap", "submission"]]
    )
    """Ways in which its owner may log in; webmail needs `imap`, and `submission` to send."""

    receives: bool = True
    """Whether it receives mail; false is for a program that only sends, and leaves `submission` alone."""

    display_name: str = Field(default="", max_length=LENGTHS["display_name"], examples=["Alice Example"])
    """Name of its owner, up to 200 characters."""

    description: str = Field(default="", max_length=LENGTHS["description"], examples=["Sales, until 2027"])
    """A note, up to 200 characters."""

    claimant: str = Field(default="", max_length=LENGTHS["claimant"], examples=["it"])
    """Who asked for the mailbox, up to 20 characters."""

    reset: str = Field(default="", max_length=LENGTHS["reset"], examples=["2026-11-22, forgotten"])
    """Any new text, up to 100 characters, sets the password once more: a declared or a generated one.
    With `password: owned` change that one instead."""

    reuse_mail: bool = False
    """Whether a mailbox that is added gets the mail that an earlier one of the same address left behind;
    otherwise it begins empty."""

    renamed_from: EmailAddress | None = Field(default=None, examples=["alice.old@example.org"])
    """Its address until now: mail and password move along. It is done once; the line may stay. To go on
    receiving mail to the old address, declare it as an alias of this mailbox, in the same edit."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return mail to read that never arrives, no way to use the mailbox at all, or an idle reset."""
        if self.reset and self.password is PasswordPolicy.OWNED:
            reason = (
                "sets nothing with 'password: owned', for the stack decides that password; change the one in "
                "mailinfra:passwords, and remove this line"
            )
            yield Mistake(place=("reset",), reason=reason, about=("password",))
        if not self.receives and Protocol.SUBMISSION not in self.protocols:
            reason = "leaves no use: it neither receives mail nor sends it; add 'submission', or receive mail"
            yield Mistake(place=("protocols",), reason=reason, about=("receives",))
        elif not self.receives and "protocols" in self.model_fields_set and len(self.protocols) > 1:
            reason = "has mail to read, but 'receives' is false; write [submission] alone, or receive mail"
            yield Mistake(place=("protocols",), reason=reason, about=("receives",))


class AliasConfig(Model):
    """An address that is not a mailbox: its mail goes to others."""

    address: AliasAddress
    """The address that mail is sent to: any name of RFC 5321 without quotes, but for `+`, `%` and `!`."""

    targets: Items[AliasAddress] = ()
    """Mailboxes or aliases of this server that get the mail."""

    forwards: Items[ForeignAddress] = ()
    """Addresses on other servers that get the mail."""

    may_send: bool = True
    """Whether the owners of the mailboxes that this alias leads to may send under it; over other aliases,
    where those allow it too."""

    def contradictions(self) -> Iterator[Mistake]:
        """Return an alias that leads nowhere."""
        if not self.targets and not self.forwards:
            reason = (
                "has no target, so its mail would be refused; add 'targets' (here) or 'forwards' (elsewhere)"
            )
            yield Mistake(place=("targets",), reason=reason, about=("forwards",))
