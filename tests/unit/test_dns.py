"""The DNS records that a person copies into their zones."""

from mailinfra.components.dns import dns_records


def test_the_host_has_a_record_for_each_of_its_addresses() -> None:
    assert [one.output() for one in dns_records("mail.example.org", ["192.0.2.25", "2001:db8::25"], [])] == [
        {"name": "mail.example.org", "type": "A", "ttl": 3600, "value": "192.0.2.25"},
        {"name": "mail.example.org", "type": "AAAA", "ttl": 3600, "value": "2001:db8::25"},
    ]


def test_every_domain_sends_its_mail_to_the_host() -> None:
    records = [one.output() for one in dns_records("mail.example.org", [], ["b.example", "a.example"])]
    assert records == [
        {"name": "a.example", "type": "MX", "ttl": 3600, "value": "mail.example.org", "priority": 10},
        {"name": "b.example", "type": "MX", "ttl": 3600, "value": "mail.example.org", "priority": 10},
    ]


def test_the_order_of_domains_changes_nothing() -> None:
    assert dns_records("m.example", [], ["a.example", "b.example"]) == dns_records(
        "m.example", [], ["b.example", "a.example"]
    )
