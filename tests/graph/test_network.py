"""The Docker network, and who has which address in it."""

from ipaddress import IPv4Network, IPv6Network

from pulumi import ResourceOptions

from mailinfra.components.network import HOSTS, MYSQL, Network, addresses, docker_network
from mailinfra.config.network import NetworkConfig
from mailinfra.containers.images import Pulled
from mailinfra.types import subnet4, subnet6
from tests.graph.conftest import NETWORK, Engine, declare, plain

IMAGE = Pulled(reference="example:1@sha256:00")


def network(engine: Engine, **given: str) -> Network:
    made: list[Network] = []
    form = NetworkConfig.model_validate(given)
    declare(lambda: made.append(docker_network("net", "mailinfra-test", form, ResourceOptions())))
    return made[0]


def test_gateway_and_containers_get_the_first_addresses_of_the_subnet(engine: Engine) -> None:
    made = network(engine, subnet="10.9.8.0/24", subnet6="fd00:98::/64")
    assert made.hosts == {
        "gateway": "10.9.8.1",
        "mysql": "10.9.8.2",
        "dovecot": "10.9.8.3",
        "postfix": "10.9.8.4",
        "webmail": "10.9.8.5",
    }
    assert made.hosts6["webmail"] == "fd00:98::5"
    assert made.webmail_addresses == ["10.9.8.5", "fd00:98::5"]
    (request,) = engine.created(NETWORK)
    assert [each["gateway"] for each in plain(request.object)["ipamConfigs"]] == ["10.9.8.1", "fd00:98::1"]


def test_containers_have_no_ipv6_without_a_subnet_for_it(engine: Engine) -> None:
    made = network(engine)
    assert made.hosts6 == {}
    assert made.place("postfix", "mailinfra-test", IMAGE).address6 is None
    assert plain(engine.created(NETWORK)[0].object)["ipv6"] is False


def test_the_database_has_no_ipv6_for_its_users_are_tied_to_ipv4(engine: Engine) -> None:
    made = network(engine, subnet6="fd00:98::/64")
    assert made.place(MYSQL, "mailinfra-test", IMAGE).address6 is None
    assert made.place("dovecot", "mailinfra-test", IMAGE).address6 == "fd00:98::3"


def test_the_smallest_subnet_that_is_taken_has_room_for_everybody() -> None:
    smallest: list[IPv4Network | IPv6Network] = [subnet4("10.9.8.0/29"), subnet6("fd00:98::/125")]
    for subnet in smallest:
        last = addresses(subnet)[HOSTS[-1]]
        assert last in {str(address) for address in subnet}
        assert last != str(subnet[-1]), "that is everybody's"
