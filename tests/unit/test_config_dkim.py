"""The setting `dkim`: which keys there are, and which of them sign."""

import pytest

from mailinfra.config.dkim import DkimConfig, KeyState, algorithm
from tests.unit.form import accepted, form, refused

RSA, ED = "rsa-1", "ed25519-1"


def keys(**states: str) -> dict[str, dict[str, str]]:
    """Return the section with these keys; an underscore stands for the hyphen of a selector."""
    return {"keys": {name.replace("_", "-"): state for name, state in states.items()}}


def test_without_a_setting_one_key_of_each_algorithm_signs() -> None:
    assert accepted(form()).dkim.signing() == [RSA, ED]


def test_a_rotation_is_a_sequence_of_forms() -> None:
    for given, signing in (
        (keys(rsa_1="signing"), ["rsa-1"]),
        (keys(rsa_1="signing", rsa_2="published"), ["rsa-1"]),
        (keys(rsa_1="retired", rsa_2="signing"), ["rsa-2"]),
        (keys(rsa_2="signing"), ["rsa-2"]),
    ):
        assert accepted(form(dkim=given)).dkim.signing() == signing


def test_a_server_whose_smarthost_signs_has_no_keys() -> None:
    assert accepted(form(dkim={"keys": {}})).dkim.keys == {}


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("s1", {"s1": "signing"}, "begins with the algorithm of its key"),
        ("RSA-1", {"RSA-1": "signing"}, "write one like 'rsa-2'"),
        ("rsa-", {"rsa-": "signing"}, "is not a selector"),
        ("rsa-1-", {"rsa-1-": "signing"}, "is not a selector"),
        ("rsa-a.b", {"rsa-a.b": "signing"}, "is not a selector"),
        (f"rsa-{'1' * 60}", {f"rsa-{'1' * 60}": "signing"}, "at most 63 characters"),
    ],
)
def test_a_selector_names_its_algorithm_and_is_one_label(name: str, given: dict[str, str], said: str) -> None:
    lines = refused(form(dkim={"keys": {RSA: "published", **given}}))
    assert any(line.startswith(f"server.dkim.keys.{name}: ") and said in line for line in lines), lines


def test_a_state_that_does_not_exist_is_answered_with_those_that_do() -> None:
    (line,) = refused(form(dkim={"keys": {RSA: "active"}}))
    assert line == "server.dkim.keys.rsa-1: must be 'published', 'signing' or 'retired'; given 'active'"


def test_two_signatures_of_one_algorithm_are_refused() -> None:
    (line,) = refused(form(dkim=keys(rsa_1="signing", rsa_2="signing")))
    assert line.startswith("server.dkim.keys.rsa-2: signs with RSA as 'rsa-1' does")
    assert "'published' or 'retired'" in line


def test_keys_of_which_none_signs_are_refused() -> None:
    (line,) = refused(form(dkim=keys(rsa_1="retired", ed25519_1="published")))
    assert line.startswith("server.dkim.keys: hold no key that is 'signing'")


def test_ed25519_alone_is_refused_as_few_verify_it() -> None:
    (line,) = refused(form(dkim=keys(rsa_1="published", ed25519_1="signing")))
    assert "'ed25519-1' alone" in line
    assert "let an RSA key sign, too" in line


def test_several_domains_point_to_the_one_record_of_the_host() -> None:
    given = DkimConfig()
    assert [given.points(domains) for domains in (0, 1, 2, 1000)] == [False, False, True, True]
    assert not DkimConfig.model_validate({"records": "txt"}).points(1000)
    assert DkimConfig.model_validate({"records": "cname"}).points(1)


def test_the_algorithm_of_a_selector_is_its_beginning() -> None:
    assert [algorithm(one) for one in ("rsa-2026-11", "ed25519-a")] == ["rsa", "ed25519"]
    with pytest.raises(ValueError, match="names no algorithm"):
        algorithm("mail")


def test_the_states_stand_in_the_record_that_the_next_preview_compares() -> None:
    recorded = accepted(form(dkim=keys(rsa_1="signing", rsa_2="published"))).record()
    assert recorded["dkim"]["keys"] == {"rsa-1": KeyState.SIGNING.value, "rsa-2": KeyState.PUBLISHED.value}
