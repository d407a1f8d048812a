"""The filter's settings: on, off or a group, and what contradicts what."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from mailinfra.config.filtering import FilteringConfig
from mailinfra.config.server import ServerConfig
from tests.unit.form import accepted, form, refused


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


ACCOUNTS = {
    "domains": [
        {"name": "example.test"},
        {"name": "second.test"},
        {"name": "twin.test", "aliasOf": "second.test"},
    ],
    "mailboxes": [{"address": "alice@example.test"}, {"address": "dora@second.test"}],
}


def test_senders_are_addresses_or_domains() -> None:
    filtering = server(
        filtering={"allowed": ["friend@peer.test", "bücher.test"], "blocked": ["spam.test"]}
    ).filtering
    assert filtering is not None
    assert filtering.allowed == ("friend@peer.test", "xn--bcher-kva.test")
    for given, said in {
        "@peer.test": "write 'peer.test' for the domain",
        "peer": "is not a full domain name",
        "Friend@peer.test": "write 'friend@peer.test'",
        "*.peer.test": "is not a domain name",
    }.items():
        assert said in refusal(filtering={"blocked": [given]})


def test_nobody_is_wanted_and_not_wanted() -> None:
    said = refusal(filtering={"allowed": ["a.test", "b.test"], "blocked": ["b.test"]})
    assert said == "filtering.allowed.1 b.test is in 'blocked', too; take it out of one of the two"
    domain = {"name": "second.test", "allowed": ["b.test"], "blocked": ["b.test"]}
    assert "filtering.domains.0.allowed.0 b.test" in refusal(
        filtering={"domains": [domain]}, accounts=ACCOUNTS
    )
    other = {"name": "second.test", "allowed": ["b.test"]}
    assert server(filtering={"blocked": ["b.test"], "domains": [other]}, accounts=ACCOUNTS)


def test_only_a_proved_sender_is_allowed_so_there_has_to_be_dns() -> None:
    no_dns = {"checkDomains": False}
    said = refusal(filtering={"allowed": ["a.test"]}, receiving=no_dns)
    assert said.startswith("filtering.allowed needs SPF and DKIM")
    domain = {"name": "second.test", "allowed": ["b.test"]}
    said = refusal(filtering={"domains": [domain]}, accounts=ACCOUNTS, receiving=no_dns)
    assert said.startswith("filtering.domains.0.allowed needs SPF and DKIM")
    assert server(filtering={"blocked": ["a.test"]}, receiving=no_dns)


def test_what_holds_for_a_domain_is_said_once_and_of_a_hosted_one() -> None:
    domain = {"name": "second.test", "junkScore": 3}
    assert "is named before" in refusal(filtering={"domains": [domain, domain]}, accounts=ACCOUNTS)
    said = refusal(filtering={"domains": [{"name": "secnd.test"}]}, accounts=ACCOUNTS)
    assert said.startswith("filtering.domains.0.name secnd.test is none of 'accounts.domains'")


def test_a_domain_s_spam_reaches_junk_before_it_is_refused() -> None:
    for own in ({"junkScore": 15}, {"refuseScore": 6}, {"junkScore": 4, "refuseScore": 4}):
        said = refusal(filtering={"domains": [{"name": "second.test", **own}]}, accounts=ACCOUNTS)
        assert said.startswith("filtering.domains.0.refuseScore is "), said


def test_other_names_of_a_domain_have_what_it_has_unless_they_have_their_own() -> None:
    second, twin = {"name": "second.test", "junkScore": 3}, {"name": "twin.test", "junkScore": 4}
    assert server(filtering={"domains": [second]}, accounts=ACCOUNTS).filtered_names() == {
        "second.test": ["second.test", "twin.test"]
    }
    assert server(filtering={"domains": [second, twin]}, accounts=ACCOUNTS).filtered_names() == {
        "second.test": ["second.test"],
        "twin.test": ["twin.test"],
    }


def test_somebody_elses_domains_are_known_where_the_filter_is_told_of_them() -> None:
    told = {"domains": [{"name": "elsewhere.test"}]}
    assert server(filtering=told, accounts="external").hosted() == ["elsewhere.test"]
    assert server(accounts="external").hosted() == []
    assert server(accounts=ACCOUNTS).hosted() == ["example.test", "second.test", "twin.test"]


def test_reports_of_what_the_dns_proved_need_a_dns() -> None:
    said = refusal(filtering={"dmarcReports": True}, receiving={"checkDomains": False})
    assert said.startswith("filtering.dmarcReports tells domains what the DNS proved")
    assert server(filtering={"dmarcReports": True}).filtering


@pytest.mark.parametrize("score", [3, 4])
def test_greylisting_that_would_put_off_nothing_is_refused(score: float) -> None:
    (line,) = refused(form(filtering={"greylisting": True, "junkScore": score}))
    assert line == (
        f"server.filtering.greylisting: puts off mail with a score of 4 to 'junkScore' {score}, and there is "
        "none; raise that one, or remove this one"
    )
    accepted(form(filtering={"greylisting": False, "junkScore": score}))
    accepted(form(filtering={"greylisting": True, "junkScore": 4.5}))
