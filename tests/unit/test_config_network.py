"""Ports, addresses and subnets that do not go together are refused before anything listens."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.form import accepted, form, refused


def test_a_port_that_is_used_twice_is_refused_with_both_its_names() -> None:
    assert refused(form(ports={"imap": 2143, "pop3": 2143})) == [
        "server.ports.pop3: port 2143 is already used by 'imap'; write another number"
    ]


def test_a_port_that_meets_another_ones_default_is_refused() -> None:
    assert refused(form(ports={"smtp": 3306})) == [
        "server.ports.database: port 3306 is already used by 'smtp'; write another number"
    ]


def test_a_port_out_of_range_is_refused_and_hides_no_other_mistake() -> None:
    assert refused(form(ports={"smtp": 70000, "imap": 5000, "imaps": 5000})) == [
        "server.ports.smtp: must be a port, a whole number from 1 to 65535; given 70000",
        "server.ports.imaps: port 5000 is already used by 'imap'; write another number",
    ]


def test_two_ports_that_are_off_do_not_meet() -> None:
    ports = accepted(form(ports={"pop3": False, "pop3s": False})).ports
    assert ports.pop3 is None
    assert ports.pop3s is None


@pytest.mark.parametrize("name", ["smtp", "webmail", "database"])
def test_a_server_is_never_without_mail_from_others_webmail_and_database(name: str) -> None:
    (line,) = refused(form(ports={name: False}))
    assert line == f"server.ports.{name}: must be a port, a whole number from 1 to 65535; given False"


def test_an_address_to_listen_on_that_is_listed_twice_is_refused() -> None:
    assert refused(form(listen=["127.0.0.1", "127.0.0.1"])) == [
        "server.listen.1: 127.0.0.1 is listed before; a port can be published on an address once, "
        "remove one of them"
    ]


def test_an_address_to_listen_on_that_another_one_covers_is_refused() -> None:
    assert refused(form(listen=["0.0.0.0", "192.0.2.1", "::1"])) == [
        "server.listen.1: 192.0.2.1 is covered by 0.0.0.0, and its ports would be taken twice; "
        "remove one of the two"
    ]


def test_a_server_listens_somewhere() -> None:
    assert refused(form(listen=[])) == [
        "server.listen: is empty, so nobody could reach the server; write ['0.0.0.0']"
    ]


def test_a_malformed_address_is_refused_with_its_position() -> None:
    assert refused(form(addresses=["192.0.2.1", "192.0.2"])) == [
        "server.addresses.1: is not an IP address; write one like '192.0.2.1' or '2001:db8::1'; "
        "given '192.0.2'"
    ]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"addresses": ["192.168.94.25"]}, "server.addresses.0"),
        ({"resolvers": ["192.168.94.53"]}, "server.resolvers.0"),
        ({"listen": ["192.168.94.7"]}, "server.listen.0"),
        ({"network": {"subnet": "192.0.2.0/24"}}, "server.addresses.0"),
        ({"network": {"subnet6": "2001:db8::/64"}, "addresses": ["2001:db8::25"]}, "server.addresses.0"),
    ],
)
def test_an_address_that_overlaps_the_containers_subnet_is_refused(
    changes: dict[str, object], place: str
) -> None:
    (line,) = refused(form(**changes))
    assert line.startswith(f"{place}: ")
    assert line.endswith("; choose another subnet")
    assert "is inside of the containers' own network" in line


def test_an_external_database_inside_of_the_containers_subnet_is_refused() -> None:
    external = {"external": {"host": "192.168.94.9", "administrator": "admin"}}
    assert refused(form(database=external), database_password=True) == [
        "server.database.external.host: 192.168.94.9 is inside of the containers' own network "
        "192.168.94.0/24; "
        "choose another subnet"
    ]


@pytest.mark.parametrize("subnet", ["127.0.0.0/24", "224.0.0.0/24", "0.0.0.0/8"])
def test_a_subnet_that_is_not_for_containers_is_refused(subnet: str) -> None:
    assert refused(form(network={"subnet": subnet}, listen=["192.0.2.1"])) == [
        f"server.network.subnet: {subnet} is not a network for containers; choose a private one"
    ]


def test_a_subnet_of_others_on_the_internet_is_refused() -> None:
    assert refused(form(network={"subnet": "198.51.0.0/16"})) == [
        "server.network.subnet: 198.51.0.0/16 is somebody's on the Internet, who would get no mail; "
        "choose a private one"
    ]


def test_an_ipv6_subnet_that_the_internet_reaches_is_refused() -> None:
    assert refused(form(network={"subnet6": "2a01:4f8::/64"})) == [
        "server.network.subnet6: 2a01:4f8::/64 is routed on the Internet, and a Docker before 27 lets "
        "everybody in to the containers' inner ports; choose a private one out of fd00::/8, like "
        "'fd00:94::/64'"
    ]


@pytest.mark.parametrize("subnet", ["fd00:94::/64", "2001:db8:94::/64"])
def test_an_ipv6_subnet_that_nobody_routes_is_taken(subnet: str) -> None:
    assert str(accepted(form(network={"subnet6": subnet})).network.subnet6) == subnet


@pytest.mark.parametrize("address", ["::", "2001:db8::25"])
def test_listening_on_ipv6_without_an_ipv6_subnet_is_refused(address: str) -> None:
    assert refused(form(listen=["127.0.0.1", address])) == [
        f"server.listen.1: {address} is IPv6, and the containers have no IPv6: every client over IPv6 would "
        "seem to come from the gateway's address; add 'network.subnet6', like 'fd00:94::/64'"
    ]
    given = form(listen=["127.0.0.1", address], network={"subnet6": "fd00:94::/64"})
    assert accepted(given).listen[1] == address


def test_ipv6_loopback_needs_no_ipv6_subnet() -> None:
    assert accepted(form(listen=["127.0.0.1", "::1"])).listen[1] == "::1"


def test_a_malformed_subnet_is_refused_with_its_place() -> None:
    assert refused(form(network={"subnet": "192.168.94.0/28"})) == [
        "server.network.subnet: is too small for four networks of eight addresses each; write a "
        "prefix of /27 or shorter; "
        "given '192.168.94.0/28'"
    ]


NOBODYS = ["224.0.0.1", "255.255.255.255", "240.0.0.1", "0.0.0.1", "ff02::1", "fe80::1", "fe80::1%eth0"]


@pytest.mark.parametrize("address", [*NOBODYS, "::ffff:192.0.2.1"])
@pytest.mark.parametrize(
    ("place", "settings"),
    [
        ("listen.0", lambda one: {"listen": [one]}),
        ("addresses.0", lambda one: {"addresses": [one]}),
        ("resolvers.0", lambda one: {"resolvers": [one]}),
        ("smarthost.host", lambda one: {"smarthost": {"host": one}}),
        ("webmail.reverseProxy", lambda one: {"webmail": {"reverseProxy": one}}),
    ],
)
def test_an_address_that_no_machine_has_is_refused_wherever_one_is_named(
    place: str, settings: Callable[[str], dict[str, Any]], address: str
) -> None:
    (line,) = refused(form(**settings(address)))
    assert line.startswith(f"server.{place}: ")
    assert line.endswith(f"given {address!r}")


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_an_address_that_means_all_is_none_for_the_dns(address: str) -> None:
    (line,) = refused(form(addresses=[address]))
    assert line.startswith("server.addresses.0: means every address of a machine")


@pytest.mark.parametrize("subnet", ["240.0.0.0/24", "255.255.255.0/24"])
def test_a_subnet_that_systems_refuse_is_refused(subnet: str) -> None:
    (line,) = refused(form(network={"subnet": subnet}))
    assert line == f"server.network.subnet: {subnet} is not a network for containers; choose a private one"


@pytest.mark.parametrize(
    "smarthost",
    [
        {"host": "192.168.94.67"},
        {"host": "192.168.94.1", "port": 25},
        {"host": "postfix"},
        {"host": "127.0.0.53"},
        {"host": "localhost.localdomain"},
        {"host": "ip6-localhost"},
        {"host": "smtp.localhost"},
    ],
)
def test_a_smarthost_that_is_this_server_is_refused(smarthost: dict[str, Any]) -> None:
    (line,) = refused(form(smarthost=smarthost, listen=["0.0.0.0"]))
    assert line.startswith("server.smarthost.host: ")


def test_another_server_on_the_host_may_be_the_smarthost() -> None:
    accepted(form(smarthost={"host": "192.168.94.1", "port": 2526}, listen=["0.0.0.0"]))
    accepted(form(smarthost={"host": "192.168.94.1", "port": 25}, listen=["127.0.0.1"]))
