"""The stack's declaration of a database that was there before."""

from typing import Any

import yaml

from mailinfra import adopt
from mailinfra.settings.accounts import AccountsConfig

HASH = "$argon2id$v=19$m=65536,t=3,p=1$RmLSeYCr45SE84sqJqv/wA$jGB2u2M9TjZckWR+McZwJredi3Tzqlx3+cipgEcE4BI"
SOUND = "{ARGON2ID}" + HASH


def row(userid: str = "usermail", **changes: Any) -> dict[str, Any]:
    columns = {"id": 19, "domain": "example.com", "password": SOUND, "claimant": "", "description": ""}
    return {"userid": userid, **columns, **changes}


def test_every_row_is_declared_with_its_texts_and_its_domain() -> None:
    rows = [row(claimant="admin", description="sales"), row("Bob", domain="Example.ORG")]
    adoption = adopt.declaration(rows)
    assert adoption.remarks == []
    assert adoption.accounts == {
        "domains": [{"name": "example.com"}, {"name": "example.org"}],
        "mailboxes": [
            {"address": "usermail@example.com", "claimant": "admin", "description": "sales"},
            {"address": "bob@example.org"},
        ],
        "aliases": [],
    }


def test_what_is_written_is_what_the_configuration_takes() -> None:
    adoption = adopt.declaration([row(description="for: #sales"), row("true")])
    accounts = AccountsConfig.model_validate(yaml.safe_load(adopt.as_yaml(adoption)))
    assert [one.address for one in accounts.mailboxes] == ["true@example.com", "usermail@example.com"]


def test_a_doubled_scheme_prefix_is_reported() -> None:
    doubled = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p={ARGON2ID}" + HASH
    (remark,) = adopt.declaration([row(password=doubled)]).remarks
    assert remark.startswith("usermail@example.com: its password has a doubled scheme prefix")
    assert "repairs the row" in remark


def test_a_password_in_clear_text_is_reported_and_not_shown() -> None:
    (remark,) = adopt.declaration([row(password="hunter2")]).remarks
    assert "is no hash" in remark
    assert "hunter2" not in remark


def test_a_description_that_confides_a_password_never_reaches_the_stack_file() -> None:
    adoption = adopt.declaration([row(description="for test and password is 1234qwer")])
    assert "1234qwer" not in adopt.as_yaml(adoption) + " ".join(adoption.remarks)
    assert "speaks of a password" in adoption.remarks[0]


def test_a_row_that_could_never_log_in_is_reported_and_left_out() -> None:
    adoption = adopt.declaration([row("zoë"), row()])
    assert [one["address"] for one in adoption.accounts["mailboxes"]] == ["usermail@example.com"]
    assert "mailbox zoë@example.com: cannot be declared" in adoption.remarks[0]
