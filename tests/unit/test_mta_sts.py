"""The policy that other mail servers fetch, and its id in DNS."""

import re

import pytest

from mailinfra.config.mta_sts import MAX_AGE, MtaSts, policy, policy_id

MX = "mail.example.org"


def test_the_policy_is_what_rfc_8461_describes() -> None:
    assert policy(MtaSts.ENFORCE, MX) == (
        "version: STSv1\nmode: enforce\nmx: mail.example.org\nmax_age: 604800\n"
    )


def test_a_policy_that_is_being_tried_is_forgotten_after_a_day() -> None:
    assert policy(MtaSts.TESTING, MX).endswith("mode: testing\nmx: mail.example.org\nmax_age: 86400\n")


@pytest.mark.parametrize("mode", MAX_AGE)
def test_an_id_is_what_the_record_may_hold(mode: MtaSts) -> None:
    assert re.fullmatch("[A-Za-z0-9]{1,32}", policy_id(mode, MX)), "RFC 8461, section 3.1"


def test_every_other_policy_has_another_id_and_the_same_one_the_same() -> None:
    given = [
        (MtaSts.TESTING, MX, None),
        (MtaSts.ENFORCE, MX, None),
        (MtaSts.ENFORCE, "other.example.org", None),
        (MtaSts.ENFORCE, MX, 3600),
    ]
    assert len({policy_id(*one) for one in given}) == len(given)
    assert policy_id(*given[0]) == policy_id(*given[0])


def test_there_is_no_policy_while_it_is_off() -> None:
    with pytest.raises(ValueError, match="off"):
        policy(MtaSts.OFF, MX)
    with pytest.raises(ValueError, match="off"):
        policy_id(MtaSts.OFF, MX)
