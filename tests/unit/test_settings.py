"""The way of a setting: from its field in the form straight into the files that daemons read."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from mailinfra.components import postfix, roundcube
from mailinfra.config.mail import (
    LimitsConfig,
    ReceivingConfig,
    SendingConfig,
    SmarthostConfig,
    WebmailConfig,
)
from mailinfra.containers.rendering import CONFIGS, render
from tests.samples import limits, postfix_args, roundcube_args
from tests.unit.templates import names_in

SECTIONS: dict[str, type[BaseModel]] = {
    "limits": LimitsConfig,
    "receiving": ReceivingConfig,
    "sending": SendingConfig,
    "smarthost": SmarthostConfig,
    "webmail": WebmailConfig,
}


def fields(section: type[BaseModel], start: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields(inner, f"{start}.{name}")
        else:
            yield f"{start}.{name}"


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_of_the_mail_service_is_asked_for_by_a_file(name: str) -> None:
    files = [str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*") if path.is_file()]
    asked = set().union(*(names_in(path) for path in files))
    # That file's text becomes a file of its own, and main.cf names it; a proxy on the host comes from the
    # gateway, and a certificate's files are files as they are. A policy is a file of its own.
    by_code = {"receiving.mta_sts", "smarthost.ca_file", "webmail.certificate", "webmail.reverse_proxy"}
    assert set(fields(SECTIONS[name], name)) <= asked | by_code, "a setting that nothing enforces"


def test_the_largest_message_is_the_same_for_postfix_and_for_webmail() -> None:
    given = limits(messageSize="25M")
    main_cf = postfix.configuration(postfix_args(limits=given))["main.cf"]
    program = render("roundcube/mailinfra.php", roundcube.values(roundcube_args(limits=given)))
    assert "\nmessage_size_limit = 26214400\n" in str(main_cf)
    assert "$config['max_message_size'] = 26214400;" in program


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b"])
def test_a_line_break_is_found_however_deep_a_value_is(bad: str) -> None:
    smarthost = SmarthostConfig.model_construct(host=bad, port=25, username=None, ca_file=None)
    places: dict[str, dict[str, Any]] = {
        "hostname": {"hostname": bad},
        "smarthost.host": {"smarthost": smarthost},
        "webmail_addresses": {"webmail_addresses": [bad]},
    }
    for name, changes in places.items():
        with pytest.raises(ValueError, match=rf"^configs/postfix/[\w.-]+: {name} holds a line break"):
            postfix.configuration(postfix_args(**changes))
