"""The DNS records that a person copies into their zones."""

from typing import Any

import pytest

from mailinfra.components.dns import DnsArgs, DnsRecord, Urgency, dns_records, zone_of
from mailinfra.config.certificate import authorities
from mailinfra.config.dkim import DkimConfig
from mailinfra.config.mta_sts import MtaSts, policy_id
from mailinfra.config.network import PortsConfig
from mailinfra.docgen.declared import sample_key

HOST = "mail.example.org"
TEXTS = {"rsa-1": "v=DKIM1; k=rsa; p=AAAA", "ed25519-1": "v=DKIM1; k=ed25519; p=BBBB"}


def records(**given: Any) -> list[DnsRecord]:
    """Return the records of a server with one domain, or as given."""
    values: dict[str, Any] = {
        "hostname": HOST,
        "addresses": ["192.0.2.25"],
        "domains": ["example.org"],
        "dkim": DkimConfig(),
        "dkim_records": TEXTS,
        **given,
    }
    return dns_records(DnsArgs(**values))


def rows(found: list[DnsRecord], kind: str) -> list[tuple[str, str]]:
    return [(one.name, one.value) for one in found if one.type == kind]


def one(found: list[DnsRecord], name: str, kind: str) -> DnsRecord:
    (record,) = [each for each in found if (each.name, each.type) == (name, kind)]
    return record


def test_the_host_has_an_address_record_and_a_name_for_each_of_its_addresses() -> None:
    found = records(addresses=["2001:db8::25", "192.0.2.25"])
    assert rows(found, "A") == [(HOST, "192.0.2.25")]
    assert rows(found, "AAAA") == [(HOST, "2001:db8::25")]
    reverse = "5.2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    assert rows(found, "PTR") == [("25.2.0.192.in-addr.arpa", HOST), (reverse, HOST)]
    assert one(found, "25.2.0.192.in-addr.arpa", "PTR").zone == "2.0.192.in-addr.arpa"
    assert "not in your zone" in one(found, reverse, "PTR").purpose


def test_an_output_is_plain_and_has_a_priority_only_where_there_is_one() -> None:
    first, *_, mx = [each.output() for each in records() if each.type in {"A", "MX"}]
    assert first == {
        "zone": "example.org",
        "name": HOST,
        "type": "A",
        "value": "192.0.2.25",
        "ttl": 3600,
        "purpose": "Address of the server: where all domains' mail and all mail programs go.",
        "urgency": "required",
    }
    assert (mx["name"], mx["value"], mx["priority"]) == ("example.org", HOST, 10)


def test_every_record_says_what_it_is_for_in_one_sentence_and_how_urgent_it_is() -> None:
    found = records(mta_sts=MtaSts.TESTING, authorities=["letsencrypt.org"], by_smarthost=True)
    for each in found:
        assert each.purpose[0].isupper(), each
        assert each.purpose.endswith("."), each
        assert ". " not in each.purpose, each
    assert {each.urgency for each in found} == set(Urgency)


def test_no_mail_without_what_is_required() -> None:
    assert {each.type for each in records() if each.urgency is Urgency.REQUIRED} == {"A", "PTR", "MX", "TXT"}
    required = [each.name for each in records() if each.urgency is Urgency.REQUIRED and each.type == "TXT"]
    assert required == ["example.org", "rsa-1._domainkey.example.org", "ed25519-1._domainkey.example.org"]


def test_the_order_of_domains_and_addresses_changes_nothing() -> None:
    turned = {"domains": ["b.example", "a.example"], "addresses": ["192.0.2.26", "192.0.2.25"]}
    assert records(**turned) == records(**{key: value[::-1] for key, value in turned.items()})


def test_the_domain_and_the_host_have_spf_of_their_own() -> None:
    texts = dict(rows(records(), "TXT"))
    assert texts["example.org"] == "v=spf1 mx ~all"
    assert texts[HOST] == "v=spf1 a -all"


def test_a_host_that_is_a_domain_has_one_spf_record() -> None:
    found = records(hostname="example.org")
    assert [value for name, value in rows(found, "TXT") if name == "example.org"] == ["v=spf1 mx ~all"]


def test_who_sends_through_a_smarthost_is_told_to_add_it() -> None:
    assert "include:" in one(records(by_smarthost=True), "example.org", "TXT").purpose
    assert "include:" not in one(records(), "example.org", "TXT").purpose


def test_one_domain_holds_the_keys_itself() -> None:
    texts = dict(rows(records(), "TXT"))
    assert texts["rsa-1._domainkey.example.org"] == TEXTS["rsa-1"]
    assert f"rsa-1._domainkey.{HOST}" not in texts


def test_several_domains_point_to_the_keys_of_the_host() -> None:
    found = records(domains=["example.org", "second.example"])
    texts = dict(rows(found, "TXT"))
    assert texts[f"ed25519-1._domainkey.{HOST}"] == TEXTS["ed25519-1"]
    names = dict(rows(found, "CNAME"))
    for domain in ("example.org", "second.example"):
        assert names[f"rsa-1._domainkey.{domain}"] == f"rsa-1._domainkey.{HOST}"
        assert f"rsa-1._domainkey.{domain}" not in texts


def test_a_host_that_is_one_of_several_domains_holds_the_keys() -> None:
    found = records(hostname="example.org", domains=["example.org", "second.example"])
    names = [name for name, _ in rows(found, "TXT") + rows(found, "CNAME") if name.startswith("rsa-1.")]
    assert sorted(names) == ["rsa-1._domainkey.example.org", "rsa-1._domainkey.second.example"]


@pytest.mark.parametrize(
    ("state", "said", "urgency"),
    [
        ("published", "will sign", Urgency.RECOMMENDED),
        ("retired", "leave it for 7 days", Urgency.RECOMMENDED),
    ],
)
def test_a_key_that_does_not_sign_is_published_and_says_why(state: str, said: str, urgency: Urgency) -> None:
    dkim = DkimConfig.model_validate({"keys": {"rsa-1": "signing", "rsa-2": state}})
    texts = {"rsa-1": "one", "rsa-2": "two"}
    found = one(records(dkim=dkim, dkim_records=texts), "rsa-2._domainkey.example.org", "TXT")
    assert said in found.purpose
    assert found.urgency is urgency


def test_where_nothing_signs_no_key_is_named() -> None:
    assert not [each for each in records(dkim=None, dkim_records={}) if "_domainkey" in each.name]


def test_mail_programs_find_each_protocol_and_hear_what_is_off() -> None:
    ports = PortsConfig.model_validate({"imap": 2143, "pop3": False, "pop3s": False})
    found = {
        each.name: (each.priority, each.value)
        for each in records(ports=ports)
        if each.type == "SRV" and "autodiscover" not in each.name
    }
    assert found == {
        "_submissions._tcp.example.org": (0, f"0 465 {HOST}"),
        "_submission._tcp.example.org": (10, f"0 587 {HOST}"),
        "_imaps._tcp.example.org": (0, f"0 993 {HOST}"),
        "_imap._tcp.example.org": (10, f"0 2143 {HOST}"),
        "_pop3s._tcp.example.org": (0, "0 0 ."),
        "_pop3._tcp.example.org": (0, "0 0 ."),
    }


def test_mail_programs_find_their_settings() -> None:
    found = records(https_port=8443)
    names = dict(rows(found, "CNAME"))
    assert names["autoconfig.example.org"] == names["autodiscover.example.org"] == HOST
    assert one(found, "_autodiscover._tcp.example.org", "SRV").value == f"0 8443 {HOST}"


def test_a_policy_of_tls_is_named_by_its_id() -> None:
    assert not [each for each in records() if "mta-sts" in each.name]
    found = records(mta_sts=MtaSts.ENFORCE)
    assert one(found, "_mta-sts.example.org", "TXT").value == f"v=STSv1; id={policy_id(MtaSts.ENFORCE, HOST)}"
    assert one(found, "mta-sts.example.org", "CNAME").value == HOST


def test_a_name_that_has_an_address_already_gets_no_alias() -> None:
    found = records(
        hostname="mta-sts.example.org",
        domains=["example.org", "autoconfig.example.org"],
        mta_sts=MtaSts.TESTING,
    )
    alias = {name for name, _ in rows(found, "CNAME")}
    others = {each.name for each in found if each.type != "CNAME"}
    assert not alias & others, "a CNAME beside another record is refused by name servers"


def test_reports_go_to_the_domains_own_postmaster() -> None:
    texts = dict(rows(records(domains=["a.example", "b.example"]), "TXT"))
    for domain in ("a.example", "b.example"):
        assert texts[f"_dmarc.{domain}"] == f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"
        assert texts[f"_smtp._tls.{domain}"] == f"v=TLSRPTv1; rua=mailto:postmaster@{domain}"


def test_each_key_that_port_25_shows_is_named_once() -> None:
    pem = [sample_key("RSA", "")["publicKeyPem"], sample_key("ECDSA", "")["publicKeyPem"]]
    found = rows(records(certificate_keys=[*pem, pem[0]]), "TLSA")
    assert len(found) == 2
    assert all(name == f"_25._tcp.{HOST}" and value.startswith("3 1 1 ") for name, value in found)
    assert len({value for _, value in found}) == 2


def test_the_authority_of_the_certificate_may_sign_and_no_other() -> None:
    (record,) = [each for each in records(authorities=["letsencrypt.org"]) if each.type == "CAA"]
    assert (record.name, record.value) == (HOST, '0 issue "letsencrypt.org"')
    (record,) = [each for each in records(authorities=[";"]) if each.type == "CAA"]
    assert record.value == '0 issue ";"'
    assert "before you get one" in record.purpose
    assert not [each for each in records(authorities=[]) if each.type == "CAA"]


def test_the_stacks_own_ca_leaves_the_authority_of_the_documentation() -> None:
    assert authorities([None, None]) == ["letsencrypt.org"]


@pytest.mark.parametrize(
    ("name", "hostname", "domains", "zone"),
    [
        ("_dmarc.example.org", HOST, ["example.org"], "example.org"),
        (HOST, HOST, ["example.org"], "example.org"),
        ("example.org", "example.org", ["example.org"], "example.org"),
        (HOST, HOST, ["other.example"], "example.org"),
        ("example.org", "example.org", ["other.example"], "example.org"),
        ("sub.example.org", HOST, ["sub.example.org", "example.org"], "example.org"),
    ],
)
def test_a_record_goes_into_the_shortest_domain_above_it(
    name: str, hostname: str, domains: list[str], zone: str
) -> None:
    assert zone_of(name, hostname, domains) == zone


def test_records_of_an_existing_zone_stay_below_it() -> None:
    for each in records(domains=["example.org", "second.example", "sub.example.org"]):
        assert each.name == each.zone or each.name.endswith(f".{each.zone}"), each
