"""What every container of ours has in common."""

import re
from dataclasses import replace
from functools import partial

import pytest

from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.images import ROOT, Built, ImageSource
from mailinfra.containers.place import PublishedPort
from mailinfra.containers.service import Health, Mount, Service, ServiceArgs
from tests.graph.conftest import CONTAINER, IMAGE, VOLUME, Engine, declare, heard, is_secret, plain
from tests.samples import PLACE


def sample_args(image: ImageSource = PLACE.image, **changes: object) -> ServiceArgs:
    values: dict[str, object] = {
        "place": replace(PLACE, alias="imap", image=image),
        "folders": [
            Folder(path="/etc/dovecot", files={"dovecot.conf": "a = b\n"}),
            Folder(path="/run/secrets", files={"password": "hunter2"}, secret=True),
        ],
        "mounts": [Mount(path="/mail", source="mailinfra-test-mail")],
        "ports": [PublishedPort(internal=993, external=2993, address="127.0.0.1")],
        "tmpfs": {"/tmp": "size=16m"},
        "health": Health(command=["imap-greets"]),
        "memory_mib": 64,
    }
    return ServiceArgs(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def service() -> Engine:
    return heard(lambda: Service("mail-imap", sample_args()))


def test_every_container_drops_all_capabilities_and_may_not_gain_privileges(service: Engine) -> None:
    container = plain(service.one(CONTAINER, "mail-imap-container").object)
    assert container["capabilities"] == {"adds": [], "drops": ["ALL"]}
    assert container["securityOpts"] == ["no-new-privileges:true"]
    assert container["readOnly"] is True


def test_every_container_has_a_memory_limit_and_no_swap_beyond_it(service: Engine) -> None:
    container = plain(service.one(CONTAINER, "mail-imap-container").object)
    assert container["memory"] == container["memorySwap"] == 64


def test_every_container_has_a_limit_of_open_files_and_of_processes_and_dumps_no_memory(
    service: Engine,
) -> None:
    for request in service.created(CONTAINER):
        limits = {each["name"]: each for each in plain(request.object)["ulimits"]}
        core = limits.pop("core")
        assert core["soft"] == core["hard"] == 0, request.name
        assert set(limits) == {"nofile", "nproc"}, request.name
        assert all(each["soft"] == each["hard"] > 0 for each in limits.values()), request.name


def test_a_daemon_comes_back_after_the_machine_did(service: Engine) -> None:
    container = plain(service.one(CONTAINER, "mail-imap-container").object)
    assert container["restart"] == "unless-stopped", "`on-failure` stays down when Docker itself was ended"


def test_an_added_capability_is_declared_as_the_engine_reads_it_back(engine: Engine) -> None:
    declare(lambda: Service("mta", sample_args(capabilities=["CAP_SETUID", "CAP_CHOWN"])))
    container = plain(engine.one(CONTAINER, "mta-container").object)
    assert container["capabilities"]["adds"] == ["CAP_CHOWN", "CAP_SETUID"]


def test_a_changed_health_check_replaces_the_container(service: Engine) -> None:
    request = service.one(CONTAINER, "mail-imap-container")
    assert sorted(request.replaceOnChanges) == ["healthcheck", "init", "mounts", "tmpfs"], (
        "the provider updates these in place and the running container never sees them"
    )
    assert request.deleteBeforeReplace, "two containers cannot have the one address and the same ports"


def test_the_deployment_waits_until_the_service_is_proved(service: Engine) -> None:
    container = plain(service.one(CONTAINER, "mail-imap-container").object)
    assert container["wait"] is True
    assert container["healthcheck"]["tests"] == ["CMD", "imap-greets"]


def test_files_reach_the_container_through_a_read_only_volume_named_by_their_content(engine: Engine) -> None:
    def both() -> None:
        Service("a", sample_args())
        Service("b", sample_args(folders=[Folder(path="/etc/dovecot", files={"dovecot.conf": "a = c\n"})]))

    declare(both)
    first = plain(engine.one(VOLUME, "a-etc-dovecot").object)["name"]
    other = plain(engine.one(VOLUME, "b-etc-dovecot").object)["name"]
    assert first.startswith("mailinfra-test-imap-etc-dovecot-")
    assert first != other, "a changed file must not appear under a running daemon"
    mounts = {
        mount["target"]: mount for mount in plain(engine.one(CONTAINER, "a-container").object)["mounts"]
    }
    assert mounts["/etc/dovecot"] == {
        "type": "volume",
        "source": first,
        "target": "/etc/dovecot",
        "readOnly": True,
    }
    assert "readOnly" not in mounts["/mail"]


def test_files_that_are_read_anew_stay_in_their_volume_and_another_set_of_files_does_not(
    engine: Engine,
) -> None:
    def one(name: str, **files: str) -> None:
        Service(name, sample_args(folders=[Folder(path="/etc/hosted", files={**files}, reread=True)]))

    def three() -> None:
        one("a", senders="x")
        one("b", senders="y")
        one("c", senders="y", more="z")

    declare(three)
    first, second, third = (plain(engine.one(VOLUME, f"{name}-etc-hosted").object)["name"] for name in "abc")
    assert first == second, "its container stays"
    assert first != third, "a file that is gone would stay in it"
    assert engine.one(CONTAINER, "b-etc-hosted-filler").object["uploads"]


def test_the_container_that_fills_a_volume_never_starts_and_has_no_network(service: Engine) -> None:
    filler = plain(service.one(CONTAINER, "mail-imap-etc-dovecot-filler").object)
    assert (filler["start"], filler["mustRun"], filler["networkMode"]) == (False, False, "none")
    assert filler["uploads"] == [
        {"file": "/mailinfra/dovecot.conf", "content": "a = b\n", "permissions": "0444"}
    ]


def test_the_container_that_fills_a_volume_is_hardened_as_the_others_are(service: Engine) -> None:
    container = plain(service.one(CONTAINER, "mail-imap-container").object)
    for name in ("mail-imap-etc-dovecot-filler", "mail-imap-run-secrets-filler"):
        filler = plain(service.one(CONTAINER, name).object)
        for key in ("capabilities", "securityOpts", "ulimits"):
            assert filler[key] == container[key], f"{key} of {name}"
        assert filler["memory"] == filler["memorySwap"] == 16
        assert filler["user"] == "65534:65534", "it never runs; whoever starts it starts nobody"
        assert filler["restart"] == "no"


def test_secret_files_are_marked_and_plain_ones_stay_readable_in_the_diff(service: Engine) -> None:
    assert is_secret(service.one(CONTAINER, "mail-imap-run-secrets-filler").object.fields["uploads"])
    assert not is_secret(service.one(CONTAINER, "mail-imap-etc-dovecot-filler").object)


def test_a_secret_never_becomes_an_environment_variable_or_a_name(service: Engine) -> None:
    for request in service.requests:
        if request.name != "mail-imap-run-secrets-filler":
            assert "hunter2" not in str(request), request.name


def test_ports_are_sorted_so_that_their_order_is_no_change(engine: Engine) -> None:
    ports = [
        PublishedPort(internal=993, external=993, address="127.0.0.1"),
        PublishedPort(internal=143, external=143, address="127.0.0.1"),
    ]
    declare(lambda: Service("imap", sample_args(ports=ports)))
    declared = plain(engine.one(CONTAINER, "imap-container").object)["ports"]
    assert [port["internal"] for port in declared] == [143, 993]


def test_a_built_image_is_named_by_its_context_and_a_pulled_one_by_its_digest(engine: Engine) -> None:
    source = Built(folder="dovecot", base="debian:trixie-slim", stack="mailinfra-test")
    declare(lambda: Service("imap", sample_args(image=source)))
    image = plain(engine.one(IMAGE, "imap-image").object)
    assert image["name"] == source.tag == f"mailinfra/dovecot:mailinfra-test-{source.hash}"
    assert image["triggers"] == {"context": source.hash}, "a fixed tag fails at the second build"
    assert image["build"]["context"] == "images/dovecot"
    assert image["build"]["buildArgs"] == {"BASE": "debian:trixie-slim"}
    assert Built(folder="dovecot", base="debian:sid", stack="mailinfra-test").hash != source.hash


def test_two_stacks_that_build_the_same_move_no_tag_under_each_other(engine: Engine) -> None:
    for stack in ("mailinfra-one", "mailinfra-two"):
        source = Built(folder="dovecot", base="debian:trixie-slim", stack=stack)
        declare(partial(Service, stack, sample_args(image=source)))
    names = [plain(request.object)["name"] for request in engine.created(IMAGE)]
    assert len(names) == len(set(names)) == 2
    tags = [tag for request in engine.created(IMAGE) for tag in plain(request.object)["build"]["tags"]]
    assert tags == names, "a tag that both have would replace the other's containers"


def test_another_revision_is_another_image_and_never_what_docker_built_before(engine: Engine) -> None:
    source = Built(folder="dovecot", base="debian:trixie-slim", stack="mailinfra-test")
    later = replace(source, revision="2026-11-26")
    declare(lambda: Service("imap", sample_args(image=later)))
    image = plain(engine.one(IMAGE, "imap-image").object)
    assert image["name"] == later.tag != source.tag
    assert image["triggers"] == {"context": later.hash} != {"context": source.hash}
    assert image["build"]["buildArgs"] == {"BASE": "debian:trixie-slim", "REVISION": "2026-11-26"}


@pytest.mark.parametrize("folder", ["dovecot", "mysql", "postfix", "roundcube"])
def test_what_is_built_here_has_the_updates_of_the_day_of_its_revision(folder: str) -> None:
    text = (ROOT / "images" / folder / "Dockerfile").read_text()
    start, _, rest = text.partition("FROM ${BASE}\nARG REVISION\n")
    assert "ARG BASE" in start, "without the argument before it Docker takes what it built before"
    update, upgrade, install = (
        re.search(rf"apt-get .*{word}", rest) for word in ("update", "upgrade", "install")
    )
    assert update is not None
    assert upgrade is not None
    assert install is not None
    assert update.start() < upgrade.start() < install.start()


def test_whoever_asks_for_the_host_name_waits_for_the_container(engine: Engine) -> None:
    def program() -> None:
        first = Service("imap", sample_args())
        Service("mta", sample_args(environment={"IMAP": first.host}))

    declare(program)
    order = [request.name for request in engine.created(CONTAINER)]
    assert order.index("imap-container") < order.index("mta-container")
    assert plain(engine.one(CONTAINER, "mta-container").object)["envs"] == ["IMAP=imap"], (
        "known in every preview"
    )


def test_a_daemon_is_not_replaced_because_its_neighbour_is(engine: Engine) -> None:
    def program() -> None:
        first = Service("imap", sample_args())
        Service("mta", sample_args(environment={"IMAP": first.host}))

    declare(program)
    container = engine.one(CONTAINER, "mta-container")
    assert not [urn for urn in container.dependencies if "imap-container" in urn], (
        "the engine replaces with a container whatever has a property of it"
    )
