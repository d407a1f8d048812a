"""The Docker networks, who is in which, and with which address."""

from functools import partial
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import pytest
from pulumi import ResourceOptions

from mailinfra.components import network
from mailinfra.components.network import (
    HOSTS,
    MEMBERS,
    MYSQL,
    NUMBERS,
    RSPAMD,
    UNHEARD,
    VALKEY,
    Networks,
    addresses,
    docker_networks,
    nobody,
)
from mailinfra.components.policy import CAPABILITIES
from mailinfra.config.network import DATABASE, DEPLOYMENT, FRONT, INNER, NETWORKS, NetworkConfig
from mailinfra.containers.images import Pulled
from mailinfra.containers.labels import NETWORK as LABEL
from mailinfra.containers.place import Attachment
from mailinfra.types import subnet6
from tests.graph.conftest import CONTAINER, NETWORK, Engine, declare, heard, plain
from tests.graph.test_mailserver import ACME, build

IMAGE = Pulled(reference="example:1@sha256:00")


def networks(engine: Engine, **given: Any) -> Networks:
    own_database = given.pop("own_database", True)
    made: list[Networks] = []
    form = NetworkConfig.model_validate(given)
    options = ResourceOptions()
    declare(
        lambda: made.append(
            docker_networks("net", "mailinfra-test", form, options, own_database=own_database)
        )
    )
    return made[0]


def declared(engine: Engine) -> dict[str, Any]:
    """Return network -> its inputs."""
    inputs = [plain(request.object) for request in engine.created(NETWORK)]
    return {label["value"]: one for one in inputs for label in one["labels"] if label["label"] == LABEL}


def attached(made: Networks, alias: str) -> list[Attachment]:
    return list(made.place(alias, "mailinfra-test", IMAGE).attachments)


def test_each_network_has_a_quarter_of_the_subnet_in_a_fixed_order(engine: Engine) -> None:
    networks(engine, subnet="10.9.8.0/24", subnet6="fd00:98::/64")
    pools = {
        name: [(each["subnet"], each["gateway"]) for each in one["ipamConfigs"]]
        for name, one in declared(engine).items()
    }
    assert pools == {
        "front": [("10.9.8.0/26", "10.9.8.1"), ("fd00:98::/64", "fd00:98::1")],
        "inner": [("10.9.8.64/26", "10.9.8.65")],
        "database": [("10.9.8.128/26", "10.9.8.129")],
        "deployment": [("10.9.8.192/26", "10.9.8.193")],
    }


def test_a_container_has_the_same_number_in_every_network(engine: Engine) -> None:
    made = networks(engine, subnet="10.9.8.0/24", subnet6="fd00:98::/64")
    assert [(one.address, one.address6) for one in attached(made, "dovecot")] == [
        ("10.9.8.3", "fd00:98::3"),
        ("10.9.8.67", None),
        ("10.9.8.131", None),
    ]
    assert made.fronts("webmail") == ["10.9.8.5", "fd00:98::5"]
    assert made.address(DEPLOYMENT, "gateway") == "10.9.8.193"


def test_containers_have_no_ipv6_without_a_subnet_for_it(engine: Engine) -> None:
    made = networks(engine)
    assert {one.address6 for alias in HOSTS[1:] for one in attached(made, alias)} == {None}
    assert {one["ipv6"] for one in declared(engine).values()} == {False}


def test_the_database_has_no_ipv6_for_its_users_are_tied_to_ipv4(engine: Engine) -> None:
    made = networks(engine, subnet6="fd00:98::/64")
    assert {one.address6 for one in attached(made, MYSQL)} == {None}


def test_only_networks_without_published_ports_are_internal(engine: Engine) -> None:
    networks(engine)
    internal = {name for name, one in declared(engine).items() if one.get("internal")}
    assert internal == {INNER, DATABASE}


def test_each_container_is_in_one_network_that_publishes_and_routes() -> None:
    for alias in HOSTS[1:]:
        outward = [name for name in (FRONT, DEPLOYMENT) if alias in MEMBERS[name]]
        shut_in = alias in {RSPAMD, VALKEY}  # they publish nothing, and ask nobody outside
        assert len(outward) == (0 if shut_in else 1), f"{alias}: the order of networks would decide"


def test_no_two_in_a_network_have_the_same_address() -> None:
    for name, members in MEMBERS.items():
        numbers = [NUMBERS["gateway"], *(NUMBERS[alias] for alias in members)]
        assert len(set(numbers)) == len(numbers), name


def test_the_database_has_no_way_out_and_answers_nobody_but_the_host(engine: Engine) -> None:
    networks(engine, subnet="10.9.8.0/24")
    (pool,) = declared(engine)[DEPLOYMENT]["ipamConfigs"]
    assert pool["auxAddress"] == {"DefaultGatewayIPv4": "10.9.8.254"}
    assert "auxAddress" not in declared(engine)[FRONT]["ipamConfigs"][0], "mail could not leave"


@pytest.mark.parametrize("subnet", ["10.9.8.0/24", "10.9.8.0/27"])
def test_nobody_has_the_address_that_leads_nowhere(subnet: str) -> None:
    part = NetworkConfig.model_validate({"subnet": subnet}).parts()[DEPLOYMENT]
    known = addresses(part)
    assert nobody(part) not in {known["gateway"], *(known[alias] for alias in MEMBERS[DEPLOYMENT])}
    assert nobody(part) != str(part.broadcast_address)


def test_all_networks_go_before_one_comes_back(engine: Engine) -> None:
    networks(engine, subnet="10.9.8.0/24")
    first, *others = engine.created(NETWORK)
    assert first.name == "net"
    for request in others:
        assert request.propertyDependencies["name"].urns, (
            "part of the new subnet may be another one's old part"
        )
        assert request.deleteBeforeReplace


def test_who_meets_whom() -> None:
    engine = heard(partial(build, **ACME))
    names = {plain(one.object).get("name", one.name): one for one in engine.created(NETWORK)}
    found: dict[str, set[str]] = {name: set() for name in NETWORKS}
    for request in engine.created(CONTAINER):
        container = plain(request.object)
        for each in container.get("networksAdvanced") or []:
            labels = plain(names[each["name"]].object)["labels"]
            (network,) = [label["value"] for label in labels if label["label"] == LABEL]
            found[network].add(container["hostname"])
    assert found == {name: set(members) for name, members in MEMBERS.items()}


def test_a_name_leads_to_one_address() -> None:
    engine = heard(build)
    names = [
        name
        for request in engine.created(CONTAINER)
        for each in plain(request.object).get("networksAdvanced") or []
        for name in each.get("aliases") or []
    ]
    assert sorted(names) == ["dovecot", "dovecot-inner", "mysql", "postfix", "rspamd", "webmail"]


def test_tls_is_left_out_only_where_a_bridge_of_this_machine_lets_nobody_else_in(engine: Engine) -> None:
    made = networks(engine)
    clear = {
        name for name in NETWORKS for alias in MEMBERS[name] if not made.attachment(name, alias).encrypted
    }
    assert clear == UNHEARD == {INNER}
    for name in clear:
        given = declared(engine)[name]
        assert (given["driver"], given["internal"]) == ("bridge", True)
    assert "CAP_NET_RAW" not in CAPABILITIES, "with it one container hears what others there say"


@pytest.mark.parametrize(
    ("unheard", "said"),
    [
        (frozenset({INNER}), {"lmtp_tls_security_level = none", "ssl = no"}),
        (frozenset(), {"lmtp_tls_security_level = secure"}),
    ],
    ids=["one machine", "two machines"],
)
def test_one_place_decides_for_both_ends(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, unheard: frozenset[str], said: set[str]
) -> None:
    monkeypatch.setattr(network, "UNHEARD", unheard)
    declare(build)
    lines = {
        line.strip()
        for request in engine.created(CONTAINER)
        for upload in plain(request.object).get("uploads") or []
        if upload["file"].endswith(("/main.cf", "/ssl.conf"))
        for line in upload["content"].splitlines()
    }
    assert {line for line in lines if line.startswith(("lmtp_tls_security_level", "ssl = no"))} == said


def test_an_existing_database_needs_no_network_of_its_own(engine: Engine) -> None:
    made = networks(engine, own_database=False)
    assert set(declared(engine)) == {FRONT, INNER}
    assert len(attached(made, "webmail")) == 1


def test_the_smallest_subnet_that_is_taken_has_room_for_everybody() -> None:
    parts: list[IPv4Network | IPv6Network] = [
        *NetworkConfig.model_validate({"subnet": "10.9.8.0/27"}).parts().values(),
        subnet6("fd00:98::/125"),
    ]
    for subnet in parts:
        room = {str(address) for address in subnet} - {str(subnet[0]), str(subnet[-1])}
        assert set(addresses(subnet).values()) <= room, "the last one is everybody's"
