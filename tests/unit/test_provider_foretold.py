"""A preview says what the update does: the same rows, passwords and refusals, after drift too."""

from dataclasses import replace
from typing import Any

import pytest

from mailinfra.provider import mail_folders
from mailinfra.provider.errors import ProviderError
from mailinfra.provider.model import Accounts, Alias, Domain, Mailbox
from mailinfra.provider.outcome import (
    choose_passwords,
    dangling_lines,
    led_along_notes,
    next_state,
    returned_notes,
)
from mailinfra.provider.planning import plan
from mailinfra.provider.preview import foretell
from mailinfra.provider.records import Found
from mailinfra.provider.refresh import refreshed
from mailinfra.provider.renames import Renames, follow, renames_between, with_lost
from mailinfra.provider.state import Inputs, State, state_bag, state_from
from mailinfra.provider.undeclared import removable_rows, shadow_lines

ALICE, BOB, SMITH = "alice@example.test", "bob@example.test", "smith@example.test"
SALES = "sales@example.test"
ACCOUNTS = Accounts(
    domains={"example.test": Domain()}, mailboxes={ALICE: Mailbox(reset="once"), BOB: Mailbox()}
)
STATE = State(
    connection={},
    accounts=ACCOUNTS,
    initial_passwords={ALICE: "alices", BOB: "bobs"},
    homes={ALICE: "example.test/alice", BOB: "example.test/bob.2"},
    retired_homes={},
)
FOUND = Found(
    accounts=ACCOUNTS, hashes={}, homes=STATE.homes, retired={}, marked=frozenset()
)  # fmt: skip
WITHOUT_ALICE = replace(
    FOUND, accounts=replace(ACCOUNTS, mailboxes={BOB: Mailbox()}), homes={BOB: "example.test/bob.2"}
)


def declared(**mailboxes: Mailbox) -> Inputs:
    named = {f"{name}@example.test": one for name, one in mailboxes.items()}
    return Inputs(connection={}, accounts=replace(ACCOUNTS, mailboxes=named))


def updated(state: State, inputs: Inputs, found: Found) -> tuple[State, list[str]]:
    """Do what an update does, with the rows of `found` and no database."""
    lost = mail_folders.lost(found, state)
    renames = renames_between(with_lost(found.accounts, lost.values()), inputs.accounts)
    accounts = replace(
        found.accounts,
        mailboxes={renames.now(one): box for one, box in found.accounts.mailboxes.items()},
        domains={renames.domains.get(one, one): domain for one, domain in found.accounts.domains.items()},
    )
    moved = replace(
        found, accounts=accounts, homes={renames.now(one): home for one, home in found.homes.items()}
    )
    state = follow(state, renames)
    lost = mail_folders.lost(moved, state)
    todo = plan(
        found=moved,
        wanted=inputs.accounts,
        managed=state.accounts,
        lost=lost,
        removable=removable_rows(state, inputs),
        delete_mail=inputs.delete_mail,
    )
    chosen = choose_passwords(moved, todo.created, state, inputs, lambda: "generated")
    return next_state(state, inputs, todo, chosen, {}), returned_notes(lost.values(), chosen, state, inputs)


def refreshed_state(found: Found) -> State:
    return state_from(refreshed(STATE, Inputs(connection={}, accounts=ACCOUNTS), found).properties)


AFTERWARDS = {
    "nothing changes": declared(alice=Mailbox(reset="once"), bob=Mailbox()),
    "a rename": declared(smith=Mailbox(renamed_from=ALICE), bob=Mailbox()),
    "a removal": declared(bob=Mailbox()),
    "a reset": declared(alice=Mailbox(reset="twice"), bob=Mailbox()),
    "an addition": declared(alice=Mailbox(reset="once"), bob=Mailbox(), carol=Mailbox()),
    "a declared password": replace(
        declared(alice=Mailbox(reset="twice"), bob=Mailbox()), passwords={ALICE: "chosen for her"}
    ),
    "deleted mail": replace(declared(bob=Mailbox()), delete_mail=frozenset({ALICE})),
}
DRIFT = {
    "rows as they were": FOUND,
    "a row that was deleted by hand": WITHOUT_ALICE,
    "a row that somebody added": replace(
        FOUND,
        accounts=replace(ACCOUNTS, mailboxes={**ACCOUNTS.mailboxes, "zed@example.test": Mailbox()}),
        homes={**STATE.homes, "zed@example.test": "example.test/zed"},
    ),
}


@pytest.mark.parametrize("found", DRIFT.values(), ids=DRIFT)
@pytest.mark.parametrize("inputs", AFTERWARDS.values(), ids=AFTERWARDS)
def test_a_preview_after_a_refresh_foretells_what_the_update_leaves_behind(
    found: Found, inputs: Inputs
) -> None:
    state = refreshed_state(found)
    foretold = foretell(state, inputs)
    later, notes = updated(state, inputs, found)
    bag: dict[str, Any] = state_bag(later)
    if "generated" in later.initial_passwords.values():
        assert not isinstance(foretold.properties.pop("initialPasswords"), dict), "not known yet"
        bag.pop("initialPasswords")
    assert foretold.properties == bag
    assert [line for line in foretold.notes if "comes back" in line] == notes


def test_a_rename_of_a_row_that_was_deleted_by_hand_keeps_mail_and_password() -> None:
    for state in (STATE, refreshed_state(WITHOUT_ALICE)):
        later, notes = updated(state, AFTERWARDS["a rename"], WITHOUT_ALICE)
        assert later.homes[SMITH] == "example.test/alice"
        assert later.initial_passwords[SMITH] == "alices"
        assert later.retired_homes == {}
        assert notes == [
            f"mailbox {SMITH}, whose row was deleted by hand, comes back with its mail and the password that "
            "was given out for it"
        ]


def test_a_reset_of_a_row_that_was_deleted_by_hand_makes_a_new_password() -> None:
    for state in (STATE, refreshed_state(WITHOUT_ALICE)):
        assert updated(state, AFTERWARDS["a reset"], WITHOUT_ALICE)[0].initial_passwords[ALICE] == "generated"
        same = updated(state, AFTERWARDS["nothing changes"], WITHOUT_ALICE)[0]
        assert same.initial_passwords[ALICE] == "alices", "the same text resets nothing twice"


def test_a_preview_shows_no_password_of_a_removed_address() -> None:
    assert foretell(STATE, AFTERWARDS["a removal"]).properties["initialPasswords"] == {BOB: "bobs"}


def with_rows(*rows: str) -> State:
    return replace(STATE, undeclared_rows=rows)


CASES = [
    (f"alias {SALES}", declared(alice=Mailbox(), sales=Mailbox()), "takes all mail to sales@example.test"),
    (f"alias {SMITH}", declared(smith=Mailbox(renamed_from=ALICE)), "takes all mail to smith@example.test"),
    (
        f"mailbox {SALES}",
        Inputs(connection={}, accounts=replace(ACCOUNTS, aliases={SALES: Alias(targets=(BOB,))})),
        "gets no mail, for the declared alias",
    ),
    (
        "alias sales@b.test",
        Inputs(
            connection={},
            accounts=Accounts(
                domains={"example.test": Domain(), "b.test": Domain(alias_of="example.test")},
                mailboxes={SALES: Mailbox()},
            ),
        ),
        f"takes all mail to sales@b.test, of the declared mailbox {SALES}",
    ),
]


@pytest.mark.parametrize(("row", "inputs", "reason"), CASES)
def test_a_new_entry_with_the_name_of_an_undeclared_row_is_refused(
    row: str, inputs: Inputs, reason: str
) -> None:
    with pytest.raises(ProviderError, match="nothing was changed") as caught:
        foretell(with_rows(row), inputs)
    assert reason in str(caught.value)
    removing = replace(inputs, undeclared="remove")
    assert foretell(with_rows(row), removing).warnings == (), "that row goes in the same update"


def test_an_undeclared_row_with_the_name_of_an_old_entry_is_named_each_time() -> None:
    (line,) = foretell(with_rows(f"alias {ALICE}"), AFTERWARDS["nothing changes"]).warnings
    assert line == (
        f"alias {ALICE}, which nobody declared, takes all mail to {ALICE}, of the declared mailbox {ALICE}; "
        "declare it, or remove the row"
    )
    assert shadow_lines([f"alias {SALES}"], ACCOUNTS) == []


LEADING = replace(
    FOUND, accounts=replace(ACCOUNTS, aliases={"info@example.test": Alias(targets=(ALICE, "x@y.test"))})
)


def test_an_undeclared_alias_that_follows_a_rename_is_named() -> None:
    after = replace(
        LEADING, accounts=replace(ACCOUNTS, aliases={"info@example.test": Alias(targets=(SMITH, "x@y.test"))})
    )
    rows = ["alias info@example.test"]
    assert led_along_notes(LEADING, after, Renames(mailboxes={ALICE: SMITH}), rows) == [
        f"alias info@example.test, which nobody declared, leads to {SMITH} from now on, by its new name"
    ]
    assert led_along_notes(LEADING, LEADING, Renames(), rows) == []


def test_an_undeclared_row_that_leads_to_a_removed_mailbox_is_named() -> None:
    rows = ["alias info@example.test", "domain example.test"]
    wanted = replace(ACCOUNTS, mailboxes={BOB: Mailbox()})
    (line,) = dangling_lines(LEADING, LEADING, wanted, Renames(), rows)
    assert line.startswith(f"alias info@example.test, which nobody declared, leads to {ALICE}, which is gone")
    assert dangling_lines(LEADING, LEADING, ACCOUNTS, Renames(), rows) == []


def test_one_row_of_an_alias_that_differs_is_drift_and_the_only_one_that_is_written() -> None:
    for said in (True, False):
        accounts = replace(ACCOUNTS, aliases={SALES: Alias(targets=(ALICE, BOB), may_send=said)})
        found = replace(
            FOUND,
            accounts=replace(accounts, aliases={SALES: Alias(targets=(ALICE, BOB), may_send=False)}),
            may_send={SALES: {ALICE: said, BOB: not said}},
        )
        state = replace(STATE, accounts=accounts)
        answer = refreshed(state, Inputs(connection={}, accounts=accounts), found)
        assert answer.warnings == (f"alias {SALES}: edited by hand (maySend); the next `up` puts it right",)
        assert answer.properties["aliases"][SALES]["maySend"] is not said
        todo = plan(found=found, wanted=accounts, managed=accounts, lost={})
        assert todo.writes.update["aliases"] == [
            ({"name": "sales", "domain": "example.test", "target": BOB}, {"may_send": said})
        ]


def test_folders_that_were_changed_marked_or_forgotten_by_hand_are_named() -> None:
    state = replace(STATE, retired_homes={"x/a": "a@x.test", "x/b": "b@x.test", "x/c": "c@x.test"})
    found = replace(
        FOUND,
        homes={ALICE: "example.test/other", BOB: "example.test/bob.2"},
        retired={"x/a": "a@x.test", "x/b": "b@x.test"},
        marked=frozenset({"x/a"}),
    )
    answer = refreshed(state, Inputs(connection={}, accounts=ACCOUNTS), found)
    assert answer.warnings == (
        f"mailbox {ALICE}: its folder was changed by hand from /mail/example.test/alice to "
        "/mail/example.test/other; where that was a mistake, put it right in its row",
        "the mail of an earlier mailbox a@x.test in /mail/x/a was marked by hand: it is deleted",
        "the mail of an earlier mailbox c@x.test in /mail/x/c: its row was deleted by hand, and no "
        "`reuseMail` finds it any more",
    )
    assert answer.properties["homes"][ALICE] == "example.test/other"
