"""The files that rspamd, Valkey and the resolver read: as expected, and none that believes strangers."""

from typing import Any

import pytest
from jinja2 import UndefinedError

from mailinfra.components import resolver, rspamd, valkey
from mailinfra.config.filtering import FilteringConfig
from mailinfra.containers.rendering import render
from tests.samples import resolver_args, rspamd_args
from tests.unit.templates import leaves, names_in, without

FILTER = rspamd.values(rspamd_args())
LOGINS = {"controller_password": "sample-controller", "valkey_password": "sample-valkey"}
RESOLVER = resolver.values(resolver_args())
VALKEY = {**valkey.values(), "password": "sample-valkey"}

VALUES: dict[str, dict[str, Any]] = {
    **{f"rspamd/{path}": FILTER for path in rspamd.templates(rspamd_args())},
    **{f"rspamd/{path}": LOGINS for path in rspamd.SECRETS},
    "rspamd/off.conf": {},
    **{f"resolver/{path}": RESOLVER for path in resolver.TEMPLATES},
    "valkey/valkey.conf": VALKEY,
}


def filter_file(path: str, **changes: Any) -> str:
    text = rspamd.configuration(rspamd_args(**changes))[path]
    assert isinstance(text, str), "plain values make a plain text"
    return text


@pytest.mark.parametrize(
    ("path", "missing"), [(path, name) for path in sorted(VALUES) for name in sorted(names_in(path))]
)
def test_a_missing_value_is_an_error_and_never_an_empty_setting(path: str, missing: str) -> None:
    with pytest.raises(UndefinedError, match=missing.rpartition(".")[2]):
        render(path, without(VALUES[path], missing))


@pytest.mark.parametrize(
    "given", [FILTER, LOGINS, RESOLVER, VALKEY], ids=["filter", "logins", "resolver", "valkey"]
)
def test_every_value_is_asked_for(given: dict[str, Any]) -> None:
    asked = set().union(*(names_in(path) for path, values in VALUES.items() if values is given))
    # These decide which modules there are.
    by_code = {"filtering.reputation"}
    assert set(leaves(given)) <= asked | by_code, "a value that no file asks for does nothing"


def test_only_this_machine_and_the_gateways_are_local() -> None:
    text = filter_file("override.d/options.inc")
    assert 'local_addrs = ["127.0.0.0/8", "::1", "192.0.2.1", "2001:db8::1"];' in text


def test_nothing_is_asked_of_others_unless_it_is_set() -> None:
    for module in rspamd.REPUTATION:
        assert filter_file(f"local.d/{module}.conf") == "enabled = false;\n"
    asking = rspamd.configuration(rspamd_args(filtering=FilteringConfig(reputation=True)))
    assert not [module for module in rspamd.REPUTATION if f"local.d/{module}.conf" in asking]


def test_greylisting_is_off_unless_it_is_set() -> None:
    assert filter_file("local.d/greylist.conf") == "enabled = false;\n"
    assert "greylist = null;" in filter_file("local.d/actions.conf")
    on = rspamd_args(filtering=FilteringConfig(greylisting=True))
    assert "local.d/greylist.conf" not in rspamd.configuration(on)
    assert "greylist = 4;" in str(rspamd.configuration(on)["local.d/actions.conf"])


def test_who_forwards_is_believed_only_where_the_form_names_it() -> None:
    nobody = FilteringConfig()
    for path in ("local.d/arc.conf", "local.d/composites.conf", "local.d/force_actions.conf"):
        assert "ARC_ALLOW_TRUSTED" in filter_file(path) or 'map = ["list.test"];' in filter_file(path)
        text = filter_file(path, filtering=nobody)
        assert "ARC_ALLOW_TRUSTED" not in text
        assert "whitelisted_signers_map" not in text


def test_a_resolver_without_servers_of_its_own_asks_docker() -> None:
    text = render("resolver/unbound.conf", resolver.values(resolver_args(resolvers=())))
    assert "forward-addr: 127.0.0.11\n" in text
    assert "do-not-query-localhost: no\n" in text


def test_the_resolver_answers_nobody_but_its_own_network() -> None:
    lines = [line.split() for line in render("resolver/unbound.conf", RESOLVER).splitlines()]
    allowed = [line[1] for line in lines if line[:1] == ["access-control:"] and line[2] == "allow"]
    assert allowed == ["127.0.0.0/8", "192.0.2.16/28"]
    assert ["access-control:", "0.0.0.0/0", "refuse"] in lines


def test_every_hosted_domain_is_signed_for_with_every_key() -> None:
    text = filter_file("local.d/dkim_signing.conf")
    for domain in ("example.test", "second.test"):
        assert f"\n  {domain} {{\n" in text
    assert text.count('{ selector = "rsa-1"; path = "/run/secrets/rsa-1.key"; },') == 2
    assert text.count('{ selector = "ed25519-1"; path = "/run/secrets/ed25519-1.key"; }') == 2


def test_only_who_logged_in_as_somebody_is_signed_for() -> None:
    lines = filter_file("local.d/dkim_signing.conf").splitlines()
    assert "sign_authenticated = true;" in lines
    for name in ("sign_local", "allow_envfrom_empty", "allow_hdrfrom_mismatch", "allow_hdrfrom_multiple"):
        assert f"{name} = false;" in lines, name


def test_domains_that_nobody_named_get_one_signature() -> None:
    text = filter_file("local.d/dkim_signing.conf", domains=())
    assert 'selector = "rsa-1";\npath = "/run/secrets/rsa-1.key";' in text
    assert "try_fallback = true;" in text


def test_without_keys_nothing_is_signed() -> None:
    assert filter_file("local.d/dkim_signing.conf", signing=()) == "enabled = false;\n"
