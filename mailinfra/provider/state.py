"""What was declared, and what is kept of it: a Directory's property bags as typed things, with a version.

Owns every key of both bags, the forms that earlier versions wrote, and the one sentence about a form that
only a later one knows. Does not own a row (rows.py) or the engine's marks of secrets (values.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mailinfra.provider.errors import ProviderError
from mailinfra.provider.model import KINDS, Accounts, accounts_bag, accounts_from, camel, usual_home
from mailinfra.provider.passwords import Hashing
from mailinfra.provider.values import is_known

Bag = dict[str, Any]

KEEP, REMOVE = "keep", "remove"
"""What becomes of rows that nobody declared."""

UNVERSIONED = 1
"""The form that was written before there were versions."""

VERSION = 2
"""The form that an update writes; raised with each new key, and where one changes its meaning."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a person declared."""

    connection: Any = None
    """Property bag with the way to the database; a text where it is not known yet, None before an import."""

    accounts: Accounts = field(default_factory=Accounts)
    """Domains, mailboxes and aliases."""

    passwords: Mapping[str, str] | None = field(default_factory=dict)
    """Address -> password, or hash with its scheme; None while another resource still decides one of them."""

    undeclared: str = KEEP
    """What becomes of rows that nobody declared."""

    delete_mail: frozenset[str] = frozenset()
    """Addresses whose former mailboxes keep no mail."""

    hashing: Hashing = field(default_factory=Hashing)
    """Cost of hashes that are made from now on."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What the last update or refresh left behind. Each update writes all of it anew."""

    version: int = VERSION
    """A refresh that finds nothing keeps the version that it read, so that it changes nothing."""

    connection: Any = None
    """Way to the database at that time; None before the first update, and during an import."""

    accounts: Accounts = field(default_factory=Accounts)
    """What was declared; after a refresh, what is there of it. Only these rows may be taken away unasked."""

    undeclared: str = KEEP
    delete_mail: frozenset[str] = frozenset()
    hashing: Hashing = field(default_factory=Hashing)

    held_passwords: Mapping[str, str] = field(default_factory=dict)
    """Address -> declared password that was really set. One that is declared later and does nothing is never
    entered, so it goes on being named."""

    initial_passwords: Mapping[str, str] = field(default_factory=dict)
    """Address -> password that was generated here; never of an address that is not declared, nor one that a
    declared password replaced."""

    adopted_passwords: tuple[str, ...] = ()
    """Addresses whose rows came with a password that is not known here, sorted."""

    fingerprints: Mapping[str, str] = field(default_factory=dict)
    """Address -> fingerprint of the hash in its row, for each `owned` password."""

    homes: Mapping[str, str] = field(default_factory=dict)
    """Address -> folder below /mail, of each mailbox. The bag leaves out the usual ones, which are computed
    from the address at each reading: so `usual_home` may never change."""

    retired_homes: Mapping[str, str] | None = None
    """Folder that holds the mail of a former mailbox, and keeps it -> address; None where that is not known,
    in a state that was written before such folders were kept."""

    lost_homes: Mapping[str, str] = field(default_factory=dict)
    """Folder of a mailbox whose row was deleted by hand -> address. A refresh enters it, an update empties
    it: by then each folder has its row again, or is retired."""

    lost_resets: Mapping[str, str] = field(default_factory=dict)
    """Address of such a mailbox -> the `reset` that its row had: another text sets a new password."""

    undeclared_rows: tuple[str, ...] = ()
    """Rows that nobody declared, like `mailbox zed@example.org`, sorted, as the last update or refresh met
    them; no other may be removed."""

    @property
    def is_new(self) -> bool:
        """Return whether no update or refresh has written it."""
        return self.connection is None

    def names(self, noun: str) -> list[str]:
        """Return the name of each known undeclared row of one kind: `domain`, `mailbox` or `alias`."""
        rows = (row.partition(" ") for row in self.undeclared_rows)
        return [name for kind, _, name in rows if kind == noun]


def inputs_from(bag: Mapping[str, Any]) -> Inputs:
    """Return checked inputs as a typed thing."""
    passwords = bag.get("passwords") or {}
    return Inputs(
        connection=bag.get("connection"),
        accounts=accounts_from(bag),
        passwords=dict(passwords) if is_known(passwords) else None,
        undeclared=bag.get("undeclared") or KEEP,
        delete_mail=frozenset(bag.get("deleteMail") or ()),
        hashing=hashing_from(bag),
    )


COMPUTED = {
    "stateVersion",
    "initialPasswords",
    "adoptedPasswords",
    "fingerprints",
    "homes",
    "retiredHomes",
    "lostHomes",
    "lostResets",
    "undeclaredRows",
}
"""Keys of a state beside the declared ones."""

DECLARED = {*KINDS, "connection", "passwords", "undeclared", "deleteMail", "hashing"}


def state_from(bag: Mapping[str, Any]) -> State:
    """Return the state that any version up to this one wrote; raise ProviderError for a later one's."""
    version = int(bag.get("stateVersion") or UNVERSIONED)
    if version > VERSION:
        raise _newer(f"it has version {version}, and {VERSION} is the latest known here")
    # The engine keeps notes of its own under names like `__defaults`.
    strangers = sorted(name for name in {*bag} - COMPUTED - DECLARED if not name.startswith("__"))
    if strangers:
        raise _newer(f"it has the unknown property {strangers[0]!r}")
    try:
        accounts = accounts_from(bag)
        hashing = hashing_from(bag)
    except ValueError as error:
        raise _newer(str(error)) from None
    usual = {address: usual_home(address) for address in accounts.mailboxes}
    return State(
        version=version,
        # Only a bag that nothing has written yet has no connection.
        connection=bag.get("connection", {}) if bag else None,
        accounts=accounts,
        undeclared=bag.get("undeclared") or KEEP,
        delete_mail=frozenset(bag.get("deleteMail") or ()),
        hashing=hashing,
        held_passwords=bag.get("passwords") or {},
        initial_passwords=bag.get("initialPasswords") or {},
        adopted_passwords=tuple(bag.get("adoptedPasswords") or ()),
        fingerprints=bag.get("fingerprints") or {},
        homes=usual | (bag.get("homes") or {}),
        retired_homes=bag.get("retiredHomes"),
        lost_homes=bag.get("lostHomes") or {},
        lost_resets=bag.get("lostResets") or {},
        undeclared_rows=tuple(bag.get("undeclaredRows") or ()),
    )


def _newer(reason: str) -> ProviderError:
    return ProviderError(
        f"the accounts in this stack's state were written by a newer version of this program ({reason}); go "
        "on with that version; nothing was changed"
    )


def state_bag(state: State) -> Bag:
    """Return the property bag of `state`, in the form of its version."""
    bag: Bag = {
        "connection": state.connection,
        **accounts_bag(state.accounts),
        "passwords": dict(state.held_passwords),
        "undeclared": state.undeclared,
        "deleteMail": delete_mail_bag(state.delete_mail),
        "hashing": hashing_bag(state.hashing),
        "initialPasswords": dict(state.initial_passwords),
        "adoptedPasswords": list(state.adopted_passwords),
        "fingerprints": dict(state.fingerprints),
        "homes": {address: home for address, home in state.homes.items() if home != usual_home(address)},
        "lostHomes": dict(state.lost_homes),
        "undeclaredRows": list(state.undeclared_rows),
    }
    if state.retired_homes is not None:
        bag["retiredHomes"] = dict(state.retired_homes)
    if state.version > UNVERSIONED:
        bag |= {"stateVersion": state.version, "lostResets": dict(state.lost_resets)}
    return bag


def inputs_bag(inputs: Inputs) -> Bag:
    """Return the property bag of inputs whose passwords are known."""
    return {
        "connection": inputs.connection,
        **accounts_bag(inputs.accounts),
        "passwords": dict(inputs.passwords or {}),
        "undeclared": inputs.undeclared,
        "deleteMail": delete_mail_bag(inputs.delete_mail),
        "hashing": hashing_bag(inputs.hashing),
    }


def compared(declared: Inputs | State) -> Bag:
    """Return what a preview compares property by property; passwords are judged on their own."""
    return {
        **accounts_bag(declared.accounts),
        "connection": declared.connection or {},
        "undeclared": declared.undeclared,
        "deleteMail": delete_mail_bag(declared.delete_mail),
        "hashing": hashing_bag(declared.hashing),
    }


def delete_mail_bag(addresses: frozenset[str]) -> dict[str, bool]:
    """Return a map rather than a list, so that a preview shows the address that changes."""
    return dict.fromkeys(sorted(addresses), True)


def hashing_from(bag: Mapping[str, Any]) -> Hashing:
    """Return the declared cost of a hash; raise ValueError where it is not a whole number."""
    given = bag.get("hashing") or {}
    values: dict[str, int] = {}
    for name, default in vars(Hashing()).items():
        value = given.get(camel(name), default)
        if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
            raise ValueError(f"hashing.{camel(name)}: must be a whole number; given {value!r}")
        values[name] = int(value)
    return Hashing(**values)


def hashing_bag(hashing: Hashing) -> dict[str, int]:
    """Return the property bag of the cost of a hash."""
    return {camel(name): value for name, value in vars(hashing).items()}


def newest(state: State, before: State) -> State:
    """Return `state` in the form of this version, or as it was read where nothing in it is new."""
    return before if state == before else replace(state, version=VERSION)
