"""The vocabulary: what one value may look like, and what a person reads when it does not."""

from ipaddress import IPv4Network, IPv6Network

import pytest

from mailinfra import addresses, types


@pytest.mark.parametrize(
    "value", ["example.org", "a.b", "mail-1.example.org", "xn--bcher-kva.test", f"{'a' * 63}.test"]
)
def test_a_domain_name_is_kept_as_it_is(value: str) -> None:
    assert addresses.ascii_domain(value) == value


def test_an_international_domain_name_becomes_its_ascii_form() -> None:
    assert addresses.ascii_domain("bücher.test") == "xn--bcher-kva.test"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("Example.org", "must be lower case; write 'example.org'"),
        ("BÜCHER.test", "must be lower case; write 'bücher.test'"),
        ("localhost", "is not a full domain name"),
        ("", "is not a full domain name"),
        ("example..org", "is not a domain name"),
        ("example.org.", "is not a domain name"),
        ("exa mple.org", "is not a domain name"),
        ("-a.org", "is not a domain name"),
        ("a-.org", "is not a domain name"),
        (f"{'a' * 64}.org", "is not a domain name"),
        (f"{'a.' * 126}org", "is not a domain name"),
        ("192.0.2.1", "is not a domain name"),
        ("example.org\n", "is not a domain name"),
        ("☃.test", "is not an international domain name"),
    ],
)
def test_a_malformed_domain_name_is_refused(value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        addresses.ascii_domain(value)


@pytest.mark.parametrize(
    "local",
    ["a", "first.last", "a_b-c.1", "a" * 64, "o'neil", "r&d", "user/with/slash", "a=b", "~x", "#1", "$^`{|}"],
)
def test_an_address_that_a_daemon_can_log_in_with_is_kept(local: str) -> None:
    assert addresses.email_address(f"{local}@b.org") == f"{local}@b.org"
    assert addresses.alias_address(f"{local}@b.org") == f"{local}@b.org"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("sales team@example.org", "has a name that mail does not reach; use a-z, 0-9"),
        ("sales.@example.org", "has a name that mail does not reach"),
        ("-sales@example.org", "has a name that mail does not reach.*'-' \\(not first\\)"),
        (
            "sales%b.org@example.org",
            "does not reach: Postfix refuses a '%' in it as a route to another server",
        ),
        (
            "b.org!sales@example.org",
            "does not reach: Postfix refuses a '!' in it as a route to another server",
        ),
        ("sales+eu@example.org", "holds a '\\+', which separates a detail .* declare 'sales'"),
        ('"sales"@example.org', "has a name that mail does not reach"),
        (f"{'a' * 65}@example.org", "has 65 characters before the @; at most 64"),
    ],
)
def test_an_alias_that_no_mail_could_reach_is_refused_in_other_words_than_a_mailbox(
    value: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        addresses.alias_address(value)


@pytest.mark.parametrize("character", "*?")
def test_what_dovecots_tools_take_for_a_pattern_is_an_alias_and_no_mailbox(character: str) -> None:
    address = f"who{character}@example.org"
    assert addresses.alias_address(address) == address
    with pytest.raises(ValueError, match=r"could not log in with: Dovecot's tools .* declare it as an alias"):
        addresses.email_address(address)


def test_an_address_in_an_international_domain_is_kept_in_ascii() -> None:
    assert addresses.email_address("alice@bücher.test") == "alice@xn--bcher-kva.test"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("alice", "is not a mail address; write it as 'name@domain'"),
        ("@example.org", "is not a mail address"),
        ("Alice@example.org", "must be lower case; write 'alice@example.org'"),
        ("alice@Example.org", "must be lower case; write 'alice@example.org'"),
        ("älice@example.org", "that a daemon could not log in with; use a-z, 0-9"),
        ("al ice@example.org", "that a daemon could not log in with"),
        ("alice!@example.org", "that a daemon could not log in with"),
        ("alice%b.org@example.org", "that a daemon could not log in with"),
        ("a@b@example.org", "that a daemon could not log in with"),
        (".alice@example.org", "that a daemon could not log in with"),
        ("alice.@example.org", "that a daemon could not log in with"),
        ("al..ice@example.org", "that a daemon could not log in with"),
        ("-alice@example.org", "that a daemon could not log in with"),
        ("../alice@example.org", "that a daemon could not log in with"),
        ("alice+sales@example.org", "holds a '\\+', which separates a detail .* declare 'alice'"),
        (f"{'a' * 65}@example.org", "has 65 characters before the @; at most 64"),
        (f"a@{'b.' * 124}example.org", "is not a domain name|has .* characters; at most 254"),
        ("alice@example", "its domain 'example' is not a full domain name"),
        ("alice@", "its domain '' is not a full domain name"),
    ],
)
def test_an_address_that_nobody_could_use_is_refused(value: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        addresses.email_address(value)


def test_an_address_is_measured_as_a_whole_in_its_ascii_form() -> None:
    domain = ".".join(["b" * 60] * 4)  # 243 characters
    assert addresses.email_address(f"{'a' * 10}@{domain}")
    with pytest.raises(ValueError, match="has 255 characters; at most 254"):
        addresses.email_address(f"{'a' * 11}@{domain}")


@pytest.mark.parametrize("local", ["o'neil", "a%b", "a!b", "r&d", "who?*", "{|}$^`", "prvs=1/2"])
def test_a_forward_may_hold_whatever_needs_no_quotes(local: str) -> None:
    assert addresses.foreign_address(f"{local}@elsewhere.example") == f"{local}@elsewhere.example"


def test_a_forward_may_hold_a_detail_and_no_quotes() -> None:
    assert addresses.foreign_address("alice+list@elsewhere.example") == "alice+list@elsewhere.example"
    with pytest.raises(ValueError, match="that mail is not forwarded to"):
        addresses.foreign_address('"|program"@elsewhere.example')


@pytest.mark.parametrize(("value", "size"), [("1K", 1024), ("50M", 52428800), ("2G", 2147483648)])
def test_a_size_counts_in_powers_of_1024(value: str, size: int) -> None:
    assert types.size_in_bytes(value) == size


@pytest.mark.parametrize("value", ["50", "50MB", "0M", "-1M", "1.5G", "50m", "", 50, None, True])
def test_a_size_without_number_or_unit_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a size; write a whole number and K, M or G, like '50M'"):
        types.size_in_bytes(value)


@pytest.mark.parametrize("value", [0, 65536, -1, "25", 25.0, True, None])
def test_a_port_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be a port, a whole number from 1 to 65535"):
        types.port(value)


def test_false_turns_a_port_off_and_nothing_else_does() -> None:
    assert types.port_or_off(False) is None
    assert types.port_or_off(993) == 993
    for value in (True, None, 0, "false"):
        with pytest.raises(ValueError, match="or false to turn it off"):
            types.port_or_off(value)


def test_an_ip_address_is_kept_in_its_usual_spelling() -> None:
    assert types.ip_address("2001:DB8:0::25") == "2001:db8::25"
    with pytest.raises(ValueError, match="is not an IP address; write one like"):
        types.ip_address("192.0.2.256")


def test_a_host_may_be_an_address_a_name_or_a_single_label() -> None:
    assert [types.host_name(one) for one in ("192.0.2.1", "::1", "db", "db.example.org")] == [
        "192.0.2.1",
        "::1",
        "db",
        "db.example.org",
    ]
    with pytest.raises(ValueError, match="is not a full domain name"):
        types.host_name("db:3306")


@pytest.mark.parametrize(
    "value",
    [
        f"registry.example:5000/a/b:1.2@sha256:{'0' * 64}",
        f"mysql@sha256:{'0' * 64}",
        f"mysql:9.7.2@sha256:{'a' * 64}",
    ],
)
def test_an_image_reference_with_a_digest_is_kept(value: str) -> None:
    assert types.image_reference(value) == value


@pytest.mark.parametrize("value", ["mysql", "mysql:9.7.2", "registry.example:5000/mysql:9"])
def test_an_image_that_a_registry_could_exchange_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=f"has no digest.*; write '{value}@sha256:…'"):
        types.image_reference(value)


def test_an_image_reference_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="is not an image reference"):
        types.image_reference("MySQL 9")


def test_a_subnet_is_an_ip_network() -> None:
    assert types.subnet4("192.168.94.0/27") == IPv4Network("192.168.94.0/27")
    assert types.subnet6("fd00:94::/64") == IPv6Network("fd00:94::/64")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("192.168.94.0", "is not a subnet of IPv4; write one like '192.168.94.0/24'"),
        ("192.168.94.0/33", "is not a subnet of IPv4"),
        ("fd00::/64", "is not a subnet of IPv4"),
        (24, "is not a subnet of IPv4"),
        ("192.168.94.1/24", "must be written as the network itself: '192.168.94.0/24'"),
        (
            "192.168.94.0/30",
            "is too small for four networks of eight addresses each; write a prefix of /27 or shorter",
        ),
    ],
)
def test_a_subnet_without_room_or_form_is_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        types.subnet4(value)
