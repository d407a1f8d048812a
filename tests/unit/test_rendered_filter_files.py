"""The files that rspamd, Valkey and the resolver read: as expected, and none that believes strangers."""

import json
import re
from typing import Any

import pytest
from jinja2 import UndefinedError

from mailinfra.components import acme, postfix, resolver, rspamd, valkey
from mailinfra.config.filtering import FilteringConfig
from mailinfra.containers.rendering import render
from mailinfra.types import Dnssec
from tests.samples import acme_args, postfix_args, resolver_args, rspamd_args
from tests.unit.templates import leaves, names_in, without

ACME = acme.values(acme_args())
FILTER = rspamd.values(rspamd_args())
LOGINS = {"controller_password": "sample-controller", "valkey_password": "sample-valkey"}
RESOLVER = resolver.values(resolver_args())
VALKEY = {**valkey.values(), "password": "sample-valkey"}

VALUES: dict[str, dict[str, Any]] = {
    **{f"rspamd/{path}": FILTER for path in rspamd.templates(rspamd_args())},
    **{f"rspamd/{path}": FILTER for path in rspamd.HOSTED_TEMPLATES},
    **{f"rspamd/{path}": LOGINS for path in rspamd.SECRETS},
    "rspamd/off.conf": {},
    **{f"acme/{path}": ACME for path in acme.TEMPLATES},
    **{f"resolver/{path}": RESOLVER for path in resolver.TEMPLATES},
    "valkey/valkey.conf": VALKEY,
}


def filter_file(path: str, **changes: Any) -> str:
    text = rspamd.configuration(rspamd_args(**changes))[path]
    assert isinstance(text, str), "plain values make a plain text"
    return text


def hosted_file(path: str, **changes: Any) -> str:
    return str(rspamd.hosted(rspamd_args(**changes))[path])


@pytest.mark.parametrize(
    ("path", "missing"), [(path, name) for path in sorted(VALUES) for name in sorted(names_in(path))]
)
def test_a_missing_value_is_an_error_and_never_an_empty_setting(path: str, missing: str) -> None:
    with pytest.raises(UndefinedError, match=missing.rpartition(".")[2]):
        render(path, without(VALUES[path], missing))


@pytest.mark.parametrize(
    "given",
    [ACME, FILTER, LOGINS, RESOLVER, VALKEY],
    ids=["acme", "filter", "logins", "resolver", "valkey"],
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


def test_nobody_is_reported_to_and_no_door_is_open_unless_it_is_set() -> None:
    assert "local.d/dmarc.conf" not in rspamd.configuration(rspamd_args(reports=None))
    quiet = postfix.configuration(postfix_args(reports=None))
    assert "report" not in str(quiet["master.cf"]) + str(quiet["main.cf"])


def test_reports_are_taken_from_the_filter_alone_and_in_the_postmasters_name() -> None:
    text = str(postfix.configuration(postfix_args())["main.cf"])
    assert "reports_client = check_client_access inline:{ {192.0.2.18 = permit} }, reject\n" in text
    assert "check_sender_access inline:{ {postmaster@mail.example.test = permit} }, reject\n" in text
    assert f"smtp_port = {postfix.REPORTS_PORT};" in filter_file("local.d/dmarc.conf")


def test_what_arrives_is_sealed_with_an_rsa_key_or_not_at_all() -> None:
    text = filter_file("local.d/arc.conf")
    assert "sign_inbound = true;" in text
    assert 'try_fallback = true;\nselector = "rsa-1";' in text
    assert text == filter_file("local.d/arc.conf", domains=[]), "another domain replaces no filter"
    other = filter_file("local.d/arc.conf", seal=None)
    assert "sign_inbound = false;" in other


def test_a_resolver_without_servers_of_its_own_asks_docker() -> None:
    text = render("resolver/unbound.conf", resolver.values(resolver_args(resolvers=())))
    assert "forward-addr: 127.0.0.11\n" in text
    assert "do-not-query-localhost: no\n" in text


def unbound(**changes: Any) -> list[str]:
    text = render("resolver/unbound.conf", resolver.values(resolver_args(**changes)))
    return [line.strip() for line in text.splitlines()]


def test_a_resolver_that_asks_the_dns_itself_begins_at_its_root_and_passes_nothing_on() -> None:
    lines = unbound(resolvers=None, dnssec=Dnssec.STRICT)
    assert 'root-hints: "/usr/share/dns/root.hints"' in lines
    assert not [line for line in lines if line.startswith(("forward-", "do-not-query", "unblock-lan"))]


def test_servers_that_everything_is_asked_of_are_never_given_up() -> None:
    assert "infra-keep-probing: yes" in unbound()
    assert "infra-keep-probing: yes" in unbound(resolvers=())
    assert "infra-keep-probing: yes" not in unbound(resolvers=None), "there, others are asked meanwhile"


def test_signatures_are_verified_as_the_form_says() -> None:
    anchor = 'trust-anchor-file: "/usr/share/dns/root.key"'
    off, permissive, strict = (unbound(dnssec=one) for one in Dnssec)
    assert 'module-config: "iterator"' in off
    assert anchor not in off
    for one in (permissive, strict):
        assert 'module-config: "validator iterator"' in one
        assert anchor in one
    assert "val-permissive-mode: yes" in permissive
    assert "val-permissive-mode: yes" not in strict


def test_ipv6_is_used_only_for_servers_that_have_no_other_address() -> None:
    assert "do-ip6: no" in unbound()
    assert "do-ip6: no" in unbound(resolvers=None)
    assert "do-ip6: yes" in unbound(resolvers=["2001:db8::53"])


def test_the_resolver_answers_nobody_but_its_own_network() -> None:
    lines = [line.split() for line in render("resolver/unbound.conf", RESOLVER).splitlines()]
    allowed = [line[1] for line in lines if line[:1] == ["access-control:"] and line[2] == "allow"]
    assert allowed == ["127.0.0.0/8", "192.0.2.16/28"]
    assert ["access-control:", "0.0.0.0/0", "refuse"] in lines


def test_who_renews_the_certificate_is_answered_at_an_address_of_its_own_and_nobody_beside_it() -> None:
    lines = unbound(resolvers=None, certificate=("192.0.2.6", "192.0.2.2"))
    assert "interface: 192.0.2.6" in lines
    assert "access-control: 192.0.2.2/32 allow" in lines
    assert [line for line in unbound(resolvers=None) if line.startswith("interface: ")] == [
        "interface: 127.0.0.1",
        "interface: 192.0.2.22",
    ]


def test_every_hosted_domain_is_signed_for_with_every_key() -> None:
    text = hosted_file("signing.inc")
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
    text = filter_file("local.d/dkim_signing.conf", domains=(), all_domains_known=False)
    assert 'selector = "rsa-1";\npath = "/run/secrets/rsa-1.key";' in text
    assert "try_fallback = true;" in text


def test_without_keys_nothing_is_signed() -> None:
    assert filter_file("local.d/dkim_signing.conf", signing=()) == "enabled = false;\n"


def test_what_is_known_of_somebody_elses_domains_is_signed_for_with_every_key() -> None:
    given: dict[str, Any] = {"domains": ["example.test"], "all_domains_known": False}
    assert hosted_file("signing.inc", **given).count("selector = ") == 2
    assert "try_fallback = true;" in filter_file("local.d/dkim_signing.conf", **given)


def test_no_file_of_hosted_domains_is_ever_empty() -> None:
    nothing: dict[str, Any] = {"domains": (), "signing": (), "filtering": FilteringConfig(), "names": {}}
    for path in rspamd.hosted(rspamd_args()):
        assert hosted_file(path, **nothing).strip(), "the Docker provider takes no empty file"


def test_files_that_change_with_hosted_domains_are_those_that_are_read_anew() -> None:
    more: dict[str, Any] = {
        "domains": ["example.test", "second.test", "new.test"],
        "names": {"second.test": ["second.test"]},
        "filtering": FilteringConfig.model_validate(
            {
                "trustedForwarders": ["list.test"],
                "blocked": ["other.test"],
                "domains": [{"name": "second.test", "refuseScore": 9}],
            }
        ),
    }
    assert rspamd.configuration(rspamd_args(**more)) == rspamd.configuration(rspamd_args())
    for path, text in rspamd.hosted(rspamd_args()).items():
        assert hosted_file(path, **more) != text, path


def test_a_domains_lists_and_scores_hold_for_its_other_names() -> None:
    known = json.loads(hosted_file("senders.json"))
    assert known["server"] == {"allowed": ["friend@peer.test"], "blocked": ["spam.test"]}
    own = {"allowed": ["spam.test"], "blocked": []}
    assert known["domains"] == {"second.test": own, "third.test": own}
    (pattern,) = re.findall(r'rcpt = "/(.*)/i";', hosted_file("settings.inc"))
    recipients = ("a@second.test", "a@THIRD.test", "a@secondxtest", "a@x.second.test", "a@second.test.x")
    outside = [one for one in recipients if re.search(pattern, one, re.IGNORECASE)]
    assert outside == ["a@secondxtest", "a@x.second.test", "a@second.test.x"]
    assert 'reject = 15;\n      "add header" = 8.5;' in hosted_file("settings.inc")


def test_a_domain_without_scores_of_its_own_has_the_servers() -> None:
    lists = FilteringConfig.model_validate({"domains": [{"name": "second.test", "blocked": ["spam.test"]}]})
    assert "rcpt" not in hosted_file("settings.inc", filtering=lists)


def test_where_nothing_can_be_proved_no_proof_is_waited_for() -> None:
    assert json.loads(hosted_file("senders.json"))["proofs"] is True
    assert json.loads(hosted_file("senders.json", resolver=None))["proofs"] is False
