"""The filter's settings: on, off or a group, and what contradicts what."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from mailinfra.config.filtering import FilteringConfig
from mailinfra.config.server import ServerConfig


def server(**changes: Any) -> ServerConfig:
    given = {"hostname": "mail.example.test", **changes}
    return ServerConfig.model_validate_json(json.dumps(given))


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        server(**changes)
    (mistake,) = refused.value.errors()
    return f"{'.'.join(map(str, mistake['loc']))} {mistake['msg']}"


def test_mail_is_filtered_unless_somebody_says_otherwise() -> None:
    assert server().filtering == server(filtering=True).filtering == FilteringConfig()
    assert server(filtering=False).filtering is None


def test_a_group_of_settings_switches_it_on() -> None:
    filtering = server(filtering={"junkScore": 8}).filtering
    assert filtering is not None
    assert (filtering.junk_score, filtering.refuse_score) == (8, 15)


@pytest.mark.parametrize("word", ["off", 0, None, []])
def test_nothing_else_is_taken_for_on_or_off(word: object) -> None:
    assert "filtering must be true, false or a group of settings" in refusal(filtering=word)


def test_a_preview_tells_that_it_is_off() -> None:
    assert server(filtering=False).record()["filtering"] is False
    assert server().record()["filtering"]["junkScore"] == 6


def test_spam_reaches_junk_before_it_is_refused() -> None:
    said = refusal(filtering={"junkScore": 15})
    assert said.startswith(
        "filtering.refuseScore is 15, and 'junkScore' 15: nothing would be filed into Junk"
    )


def test_lists_are_not_asked_where_there_is_no_dns() -> None:
    said = refusal(filtering={"reputation": True}, receiving={"checkDomains": False})
    assert said.startswith("filtering.reputation asks lists in the DNS")
    assert server(filtering={"reputation": True}).filtering
