"""Addresses that mean something else inside of a container are refused, with what to write instead."""

from typing import Any

import pytest

from tests.unit.form import accepted, form, refused

LOOPBACKS = ["127.0.0.1", "127.0.0.53", "::1", "0.0.0.0", "::ffff:127.0.0.1"]
NETWORK = {"subnet": "192.168.7.0/24", "subnet6": "fd00:7::/64"}


@pytest.mark.parametrize("address", LOOPBACKS)
def test_a_resolver_on_loopback_is_refused_and_the_hosts_own_is_offered(address: str) -> None:
    (line,) = refused(form(resolvers=[address]))
    assert line.startswith("server.resolvers.0: ")
    assert "is in Postfix's container the container itself" in line
    assert "write 'resolvers: host', which asks what the host's /etc/resolv.conf names" in line


def test_the_hosts_resolvers_are_the_default_and_have_a_name() -> None:
    assert accepted(form(resolvers="host")).resolvers == accepted(form()).resolvers == ()
    assert accepted(form(resolvers="host")).record()["resolvers"] == "host"


def test_another_word_for_resolvers_is_refused() -> None:
    said = "server.resolvers: must be 'host', 'root' or a list; given 'hots'"
    assert refused(form(resolvers="hots")) == [said]


def test_the_dns_itself_has_a_name() -> None:
    assert accepted(form(resolvers="root")).resolvers is None
    assert accepted(form(resolvers="root")).record()["resolvers"] == "root"


def test_dnssec_that_is_off_is_so_in_either_spelling() -> None:
    assert accepted(form(dnssec=False)).record()["dnssec"] == accepted(form(dnssec="off")).dnssec == "off"


def test_a_resolver_over_ipv6_needs_containers_that_have_it() -> None:
    (line,) = refused(form(resolvers=["2001:db8::53"]))
    assert line.startswith("server.resolvers.0: 2001:db8::53 is IPv6, and the containers have no IPv6; add")


@pytest.mark.parametrize(("key", "value"), [("resolvers", "root"), ("dnssec", "strict")])
def test_what_needs_the_dns_is_refused_where_there_is_none(key: str, value: str) -> None:
    (line,) = refused(form(**{key: value}, receiving={"checkDomains": False}))
    assert line.startswith(
        f"server.{key}: asks the DNS, and 'receiving.checkDomains' says that there is none"
    )


@pytest.mark.parametrize(
    ("given", "runs"),
    [
        ({}, True),
        ({"filtering": False}, True),
        ({"dnssec": "off"}, True),
        ({"filtering": False, "dnssec": "off"}, False),
        ({"filtering": False, "dnssec": "off", "resolvers": "root"}, True),
        ({"receiving": {"checkDomains": False}}, False),
    ],
)
def test_a_resolver_runs_where_somebody_asks_it(given: dict[str, Any], runs: bool) -> None:
    assert accepted(form(**given)).has_resolver() is runs


def test_a_resolver_on_the_networks_gateway_is_taken_and_no_other_address_of_the_network() -> None:
    assert accepted(form(resolvers=["192.168.7.1", "fd00:7::1"], network=NETWORK)).resolvers
    (line,) = refused(form(resolvers=["192.168.7.9"], network=NETWORK))
    assert "192.168.7.9 is inside of the containers' own network 192.168.7.0/24" in line


@pytest.mark.parametrize("host", ["localhost", *LOOPBACKS])
def test_a_smarthost_that_is_the_container_itself_is_refused(host: str) -> None:
    (line,) = refused(form(smarthost={"host": host}))
    assert line.startswith("server.smarthost.host: ")
    assert "is in Postfix's container the container itself, and mail would go round in circles; write" in line


@pytest.mark.parametrize("host", ["localhost", *LOOPBACKS])
def test_a_database_that_is_each_container_itself_is_refused(host: str) -> None:
    given = form(database={"external": {"host": host, "administrator": "admin"}})
    (line,) = refused(given, database_password=True)
    assert "is in each container the container itself" in line


@pytest.mark.parametrize("proxy", ["localhost", "127.0.0.0/8", *LOOPBACKS])
def test_a_reverse_proxy_on_loopback_is_refused_and_host_is_offered(proxy: str) -> None:
    (line,) = refused(form(webmail={"reverseProxy": proxy}))
    assert line.startswith("server.webmail.reverseProxy: ")
    assert "every visitor would be redirected in a circle; write 'host' for a proxy on this machine" in line


@pytest.mark.parametrize(
    ("given", "believed"),
    [
        ("host", ["192.168.7.1", "fd00:7::1"]),
        ("192.0.2.80", ["192.0.2.80"]),
        ("172.18.0.0/16", ["172.18.0.0/16"]),
        ("2001:db8::/64", ["2001:db8::/64"]),
    ],
)
def test_a_reverse_proxy_is_the_host_an_address_or_a_subnet(given: str, believed: list[str]) -> None:
    server = accepted(form(webmail={"reverseProxy": given}, network=NETWORK))
    assert server.webmail.proxies(server.network.gateways()) == believed


def test_without_a_reverse_proxy_nobody_is_believed() -> None:
    assert accepted(form()).webmail.proxies(["192.0.2.1"]) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("traefik", "is neither 'host' nor an address nor a subnet"),
        ("172.18.0.0/33", "is not a subnet; write one like '172.18.0.0/16'"),
        ("172.18.0.5/16", "must be written as the network itself: '172.18.0.0/16'"),
        ("0.0.0.0/0", "is in webmail's container the container itself"),
        ("128.0.0.0/1", "would believe half the world on who it is"),
        ("2000::/3", "would believe half the world on who it is"),
    ],
)
def test_what_no_proxy_can_come_from_is_refused(given: str, said: str) -> None:
    (line,) = refused(form(webmail={"reverseProxy": given}))
    assert said in line


def test_a_proxy_on_the_host_needs_the_host_to_listen_to_itself() -> None:
    assert accepted(form(webmail={"reverseProxy": "host"}, listen=["0.0.0.0"])).webmail.reverse_proxy
    assert refused(form(webmail={"reverseProxy": "host"}, listen=["192.0.2.1"])) == [
        "server.webmail.reverseProxy: asks at 127.0.0.1, and 'listen' does not name it; add '127.0.0.1' "
        "there, or write the address that the proxy's requests come from; given 'host'"
    ]
