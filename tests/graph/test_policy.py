"""Each rule that holds for every stack refuses what breaks it, before anything is touched."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pulumi
import pulumi_docker as docker
import pytest
from pulumi import ResourceOptions

from mailinfra.components import policy
from mailinfra.components.dovecot import TEMPLATES
from mailinfra.components.dovecot import values as dovecot_values
from mailinfra.components.policy import Policy, PolicyError
from mailinfra.components.policy.files import dovecot_faults, postfix_faults
from mailinfra.components.postfix import values as postfix_values
from mailinfra.containers.config_volumes import ulimits
from mailinfra.containers.durability import durable
from mailinfra.containers.images import ROOT
from mailinfra.containers.rendering import sketch
from mailinfra.containers.service import Service
from mailinfra.types import OnDestroy
from tests.graph.conftest import CONTAINER as CONTAINER_TOKEN
from tests.graph.conftest import Engine, declare
from tests.graph.test_mailserver import build
from tests.samples import dovecot_args, postfix_args

IMAGES = ROOT / "images"
IMAGE = f"sha256:{'0' * 64}"
DIGEST = f"@sha256:{'0' * 64}"
CONTAINER: dict[str, Any] = {
    "image": IMAGE,
    "user": "61000:61000",
    "memory": 64,
    "memory_swap": 64,
    "capabilities": docker.ContainerCapabilitiesArgs(adds=[], drops=["ALL"]),
    "security_opts": ["no-new-privileges:true"],
    "network_mode": "none",
}


def container(**changes: Any) -> Callable[[ResourceOptions], object]:
    def made(opts: ResourceOptions) -> object:
        given = {**CONTAINER, "ulimits": ulimits(), **changes}
        return docker.Container("one", opts=opts, **{k: v for k, v in given.items() if v is not None})

    return made


def image(name: str, base: str | None = None) -> Callable[[ResourceOptions], object]:
    def made(opts: ResourceOptions) -> object:
        built = base and docker.RemoteImageBuildArgs(context="images/one", build_args={"BASE": base})
        return docker.RemoteImage("one", name=name, build=built or None, opts=opts)

    return made


def volume(protection: ResourceOptions) -> Callable[[ResourceOptions], object]:
    return lambda opts: docker.Volume("one", opts=ResourceOptions.merge(opts, protection))


def heard(made: Callable[[ResourceOptions], object], on_destroy: OnDestroy = OnDestroy.RETAIN) -> list[str]:
    """Return what a preview says of a resource below a component that the policy listens to."""
    found = Policy(on_destroy, HOST_FOLDER)

    def program() -> None:
        outer = pulumi.ComponentResource("test:index:Outer", "outer", None, found.listening)
        inner = pulumi.ComponentResource("test:index:Inner", "inner", None, ResourceOptions(parent=outer))
        made(ResourceOptions(parent=inner))

    with preview():
        declare(program)
    return found.faults


@contextmanager
def preview() -> Iterator[None]:
    """Let the policy take this for a preview."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy, "is_dry_run", lambda: True)
        yield


CAPABILITIES = docker.ContainerCapabilitiesArgs
MOUNT = docker.ContainerMountArgs
HOST_FOLDER = "/srv/mail"


def limits(name: str, soft: int, hard: int) -> list[docker.ContainerUlimitArgs]:
    """Return all limits, one of them another one."""
    others = [limit for limit in ulimits() if limit.name != name]
    return [*others, docker.ContainerUlimitArgs(name=name, soft=soft, hard=hard)]


def network(driver: str) -> Callable[[ResourceOptions], object]:
    return lambda opts: docker.Network("one", driver=driver, opts=opts)


def service(opts: ResourceOptions) -> object:
    spec = docker.ServiceTaskSpecContainerSpecArgs(image="mysql:9")
    return docker.Service("one", task_spec=docker.ServiceTaskSpecArgs(container_spec=spec), opts=opts)


def volume_of_a_service(opts: ResourceOptions) -> object:
    """Make what holds data where volumes of rendered files are."""

    class Another(Service):
        def __init__(self, opts: ResourceOptions) -> None:
            pulumi.ComponentResource.__init__(self, "test:index:Another", "another", None, opts)

    return docker.Volume("one", name="mailinfra-test-data", opts=ResourceOptions(parent=Another(opts)))


BROKEN = {
    "no memory limit": (container(memory=None), "has no limit of memory"),
    "swap": (container(memory_swap=128), "has no limit of memory, and no swap beyond it"),
    "no ulimits": (container(ulimits=None), "has no limit core, nofile, nproc"),
    "no limit of processes": (container(ulimits=ulimits()[:1]), "has no limit core, nproc"),
    "Docker's capabilities": (container(capabilities=None), "keeps Docker's own capabilities"),
    "a capability": (
        container(capabilities=CAPABILITIES(adds=["CAP_NET_ADMIN"], drops=["ALL"])),
        "has CAP_NET_ADMIN, and no container may have more than CAP_DAC_OVERRIDE",
    ),
    "a user of many hosts": (container(user="1000:1000"), "runs as 1000:1000, whose number"),
    "a user with a group of many hosts": (container(user="61000:33"), "runs as 61000:33, whose number"),
    "a user that only the image knows": (container(user="mysql"), "runs as mysql, whose number"),
    "the image's own user": (container(user=None), "runs as the user that its image names"),
    "ulimits without an end": (
        container(ulimits=limits("nofile", -1, -1)),
        "may have nofile up to -1, and the most is 16384",
    ),
    "core dumps": (container(ulimits=limits("core", 0, 1)), "may have core up to 1, and the most is 0"),
    "the host's network": (container(network_mode="host"), "is in host, which is none of this stack"),
    "another one's network": (container(network_mode="container:one"), "is in container:one"),
    "Docker's own network": (container(network_mode=None), "is in the network that Docker has by default"),
    "the host's processes": (container(pid_mode="host"), "has pid_mode, and so the processes"),
    "the host's shared memory": (container(ipc_mode="host"), "has ipc_mode, and so shared memory"),
    "the host's users": (container(userns_mode="host"), "has userns_mode, and so the users"),
    "a device": (
        container(devices=[docker.ContainerDeviceArgs(host_path="/dev/kmsg")]),
        "has devices, and so devices",
    ),
    "all devices": (container(device_cgroup_rules=["a *:* rwm"]), "has device_cgroup_rules"),
    "every port": (container(publish_all_ports=True), "has publish_all_ports"),
    "Docker's socket": (
        container(mounts=[MOUNT(type="bind", source="/var/run/docker.sock", target="/run/docker.sock")]),
        "has the host's folder /var/run/docker.sock",
    ),
    "a folder in another spelling": (
        container(volumes=[docker.ContainerVolumeArgs(host_path="/", container_path="/host")]),
        "has volumes, and so folders",
    ),
    "data in a volume without a name": (
        container(mounts=[MOUNT(type="volume", target="/data")]),
        "has at /data a volume without a name",
    ),
    "every system call": (
        container(security_opts=["no-new-privileges:true", "seccomp=unconfined"]),
        "has seccomp=unconfined in place of Docker's own bounds",
    ),
    "a cut digest": (image("mysql:9@sha256:"), "'mysql:9@sha256:' has no digest"),
    "a driver that is the host's": (network("macvlan"), "is of the driver macvlan"),
    "what no rule looks at": (service, "is a docker:index/service:Service, which no rule looks at"),
    "data below a service": (volume_of_a_service, "goes with the stack"),
    "privileged": (container(privileged=True), "is privileged"),
    "new privileges": (container(security_opts=None), "may gain rights"),
    "a tag that runs": (container(image="mysql:9"), "runs 'mysql:9' by a name without a digest"),
    "a tag that is pulled": (image("mysql:9"), "'mysql:9' has no digest"),
    "a base by its tag": (image("ours:1", base="debian:trixie-slim"), "is built on 'debian:trixie-slim'"),
    "a volume": (volume(ResourceOptions()), "goes with the stack, and `storage.onDestroy` says retain"),
}

KEPT = {
    "container": container(),
    "a capability of the list": container(capabilities=CAPABILITIES(adds=["CAP_SETUID"], drops=["ALL"])),
    "a root that gives its rights up": container(
        user=None, capabilities=CAPABILITIES(adds=["CAP_SETUID"], drops=["ALL"])
    ),
    "a folder for mail": container(mounts=[MOUNT(type="bind", source=HOST_FOLDER, target="/mail")]),
    "networks of the stack": container(
        network_mode=None, networks_advanced=[docker.ContainerNetworksAdvancedArgs(name="front")]
    ),
    "a network": network("bridge"),
    "a container that never starts": container(user="65534:65534", start=False),
    "a digest": image(f"mysql:9{DIGEST}"),
    "a digest below": image("ours:1", base=f"debian:trixie-slim{DIGEST}"),
    "a base of this machine": image("ours:1", base="mailinfra-base:trixie"),
    "a volume": volume(durable(OnDestroy.RETAIN)),
}


@pytest.mark.parametrize(("made", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_resource_that_breaks_a_rule_is_heard_wherever_it_is_made(
    engine: Engine, made: Callable[[ResourceOptions], object], reason: str
) -> None:
    (fault,) = heard(made)
    assert fault.startswith(f"one: {reason}")


@pytest.mark.parametrize("made", KEPT.values(), ids=KEPT)
def test_a_resource_that_keeps_the_rules_is_let_through(
    engine: Engine, made: Callable[[ResourceOptions], object]
) -> None:
    assert heard(made) == []


@pytest.mark.parametrize(
    ("said", "made", "faults"),
    [
        (OnDestroy.PROTECT, OnDestroy.RETAIN, 1),
        (OnDestroy.PROTECT, OnDestroy.PROTECT, 0),
        (OnDestroy.DELETE, OnDestroy.DELETE, 0),
    ],
)
def test_data_is_as_safe_as_the_setting_says(
    engine: Engine, said: OnDestroy, made: OnDestroy, faults: int
) -> None:
    assert len(heard(volume(durable(made)), said)) == faults


@pytest.mark.parametrize("folder", sorted(one.parent.name for one in IMAGES.glob("*/Dockerfile")))
def test_an_image_is_built_on_its_base_and_on_nothing_else(folder: str) -> None:
    text = (IMAGES / folder / "Dockerfile").read_text()
    assert re.findall(r"^\s*FROM\s+(.*)$", text, re.M | re.I) == ["${BASE}"]
    assert not re.findall(r"--from=|^\s*ADD\s|^\s*#\s*syntax\s*=", text, re.M | re.I)


def postfix_texts(**changes: tuple[str, str]) -> dict[str, str]:
    """Return main.cf and master.cf, with one text in place of another."""
    texts = {path: sketch(f"postfix/{path}", postfix_values(postfix_args())) for path in PATHS.values()}
    return replaced(texts, {PATHS[name]: change for name, change in changes.items()})


PATHS = {"main": "main.cf", "master": "master.cf"}


def dovecot_texts(**changes: tuple[str, str]) -> dict[str, str]:
    texts = {path: sketch(f"dovecot/{path}", dovecot_values(dovecot_args())) for path in TEMPLATES}
    return replaced(texts, {f"conf.d/{name}.conf": change for name, change in changes.items()})


def replaced(texts: Mapping[str, str], changes: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    found = dict(texts)
    for path, (old, new) in changes.items():
        assert old in found[path], f"{path} says {old!r} no more: this test would prove nothing"
        found[path] = found[path].replace(old, new)
    return found


def before(line: str, added: str) -> tuple[str, str]:
    """Return a change: some lines more before one that begins so."""
    return line, f"{added}\n{line}"


OF_25, NEXT, AMONG = "  -o tls_medium_cipherlist", "pickup  ", "smtpd_helo_required"
"""How a setting of port 25 begins, the first service that no port is for, and a setting of main.cf."""

OF_POSTFIX = {
    "AUTH everywhere": (
        {"main": ("smtpd_sasl_auth_enable = no", "smtpd_sasl_auth_enable = yes")},
        "port 25 (25) takes passwords",
    ),
    "AUTH on 25": (
        {"master": before(OF_25, "  -o smtpd_sasl_auth_enable=yes")},
        "port 25 (25) takes passwords",
    ),
    "the container network": (
        {"main": ("[::1]/128\nsmtpd_banner", "[::1]/128 192.168.94.0/24\nsmtpd_banner")},
        "mynetworks trusts 192.168.94.0/24",
    ),
    "its networks by themselves": (
        {"main": ("mynetworks = 127.0.0.0/8 [::1]/128\n", "")},
        "mynetworks trusts Postfix's own choice",
    ),
    "a table of networks": (
        {"main": ("127.0.0.0/8 [::1]/128\nsmtpd_banner", "cidr:/etc/networks\nsmtpd_banner")},
        "mynetworks trusts cidr:/etc/networks",
    ),
    "networks of one service": (
        {"master": ("  -o max_use=30\n", "  -o max_use=30\n  -o mynetworks=0.0.0.0/0\n")},
        "mynetworks trusts 0.0.0.0/0",
    ),
    "clear text": (
        {
            "main": ("smtpd_tls_auth_only = yes", "smtpd_tls_auth_only = no"),
            "master": ("  -o smtpd_tls_security_level=encrypt\n", ""),
        },
        "587 takes passwords in clear text",
    ),
    "AUTH on 25 with more blanks": (
        {"master": before(OF_25, "  -o  smtpd_sasl_auth_enable=yes")},
        "port 25 (25) takes passwords",
    ),
    "AUTH on 25 in braces": (
        {"master": before(OF_25, "  -o { smtpd_sasl_auth_enable = yes }")},
        "port 25 (25) takes passwords",
    ),
    "AUTH on 25 without a blank": (
        {"master": before(OF_25, "  -osmtpd_sasl_auth_enable=yes")},
        "25 is started with -osmtpd_sasl_auth_enable=yes",
    ),
    "other files": (
        {"master": before(OF_25, "  -c /tmp")},
        "25 is started with -c /tmp",
    ),
    "AUTH behind a screen": (
        {"master": before(NEXT, "smtpd pass - - n - - smtpd\n  -o smtpd_sasl_auth_enable=yes")},
        "smtpd is served by smtpd for another one",
    ),
    "another program": (
        {"master": before(NEXT, "628 inet n - n - - qmqpd")},
        "628 is served by qmqpd",
    ),
    "another name for 25": (
        {"master": before(NEXT, "192.0.2.9:mail inet n - n - - smtpd")},
        "mail is a port by its name",
    ),
    "encryption that is a comment": (
        {
            "main": ("smtpd_tls_auth_only = yes", "smtpd_tls_auth_only = no"),
            "master": (
                "  -o smtpd_tls_security_level=encrypt\n",
                "  # -o smtpd_tls_security_level=encrypt\n",
            ),
        },
        "587 takes passwords in clear text",
    ),
    "networks in braces": (
        {"master": ("  -o max_idle=10s\n", "  -o { mynetworks = 127.0.0.0/8 10.0.0.0/8 }\n")},
        "mynetworks trusts 10.0.0.0/8",
    ),
    "who says that he is another": (
        {"main": before(AMONG, "smtpd_authorized_xclient_hosts = 192.168.94.0/24")},
        "smtpd_authorized_xclient_hosts believes 192.168.94.0/24",
    ),
    "a proxy that everybody may be": (
        {"main": before(AMONG, "smtpd_upstream_proxy_protocol = haproxy")},
        "smtpd_upstream_proxy_protocol believes haproxy",
    ),
    "relaying before the lock": (
        {
            "main": (
                "= permit_mynetworks, reject_unauth",
                "= permit_mynetworks, permit_mx_backup, reject_unauth",
            )
        },
        "smtpd_relay_restrictions at 25 is permit_mynetworks, permit_mx_backup",
    ),
    "relaying without the lock": (
        {"main": ("smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination", "x = y")},
        "smtpd_relay_restrictions at 25 is not said",
    ),
    "relaying for other domains": (
        {"main": before(AMONG, "relay_domains = static:all")},
        "relay_domains at 25 takes mail for domains",
    ),
    "no port 25": (
        {"master": ("25          inet", "26          inet")},
        "master.cf has no service at port 25",
    ),
}


@pytest.mark.parametrize(("changes", "reason"), OF_POSTFIX.values(), ids=OF_POSTFIX)
def test_files_of_postfix_that_break_a_rule_are_refused(
    changes: dict[str, tuple[str, str]], reason: str
) -> None:
    faults = list(postfix_faults(postfix_texts(**changes)))
    assert [fault for fault in faults if fault.startswith(reason)], faults


OF_DOVECOT = {
    "clear text": (
        {"auth": ("auth_allow_cleartext = no", "auth_allow_cleartext = yes")},
        "auth_allow_cleartext is yes",
    ),
    "clear text for some": (
        {"ssl": ("ssl = required", "ssl = required\nremote 192.0.2.1 {\n  auth_allow_cleartext = yes\n}")},
        "auth_allow_cleartext is no and yes",
    ),
    "clear text by what is not said": (
        {"auth": ("auth_allow_cleartext = no", "")},
        "auth_allow_cleartext is not said",
    ),
    "TLS for who likes": ({"ssl": ("ssl = required", "ssl = yes")}, "ssl is yes"),
    "TLS for who likes, over one protocol": (
        {"ssl": ("ssl = required", "ssl = required\nprotocol imap {\n  ssl = yes\n}")},
        "ssl is required and yes",
    ),
    "a proxy that everybody may be": (
        {"ssl": ("ssl = required", "ssl = required\nhaproxy_trusted_networks = 0.0.0.0/0")},
        "haproxy_trusted_networks names 0.0.0.0/0:",
    ),
    "a trusted network": (
        {"ssl": ("ssl = required", "ssl = required\nlogin_trusted_networks = 127.0.0.1 10.0.0.0/8")},
        "login_trusted_networks names 10.0.0.0/8:",
    ),
}


@pytest.mark.parametrize(("changes", "reason"), OF_DOVECOT.values(), ids=OF_DOVECOT)
def test_files_of_dovecot_that_break_a_rule_are_refused(
    changes: dict[str, tuple[str, str]], reason: str
) -> None:
    (fault,) = dovecot_faults(dovecot_texts(**changes))
    assert fault.startswith(reason)


def test_the_files_as_they_are_keep_the_rules() -> None:
    assert list(postfix_faults(postfix_texts())) == []
    assert list(dovecot_faults(dovecot_texts())) == []


def without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each container lack one of its limits."""
    monkeypatch.setattr("mailinfra.containers.service.ulimits", lambda: ulimits()[:1])


def refusal(build: Callable[[], object]) -> str:
    """Return why a stack is refused."""
    with pytest.raises(PolicyError) as refused:
        declare(build)
    return str(refused.value)


def test_a_preview_names_every_rule_that_is_broken(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    without_limits(monkeypatch)
    monkeypatch.setattr(policy, "CAPABILITIES", frozenset({"CAP_SETUID"}))
    with preview():
        said = refusal(build)
    assert "mail-postfix-service-container: has CAP_DAC_OVERRIDE, CAP_SETGID" in said
    assert "mail-database-service-container: has no limit core, nproc" in said


def test_without_a_preview_nothing_is_made_that_breaks_a_rule(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_limits(monkeypatch)
    said = refusal(build)
    assert "mail-database-service-container: has no limit core, nproc" in said
    made = [request.name for request in engine.created(CONTAINER_TOKEN)]
    assert not [name for name in made if name.endswith("-container")]
    assert not [name for name in made if "dovecot" in name or "postfix" in name], "these come after it"


def test_a_stack_that_keeps_the_rules_is_made(engine: Engine) -> None:
    declare(build)
    made = [request.name for request in engine.created(CONTAINER_TOKEN)]
    assert len([name for name in made if name.endswith("-container")]) == 7


@pytest.mark.parametrize("daemon", ["postfix", "dovecot"])
def test_a_daemon_whose_files_break_a_rule_is_not_made(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, daemon: str
) -> None:
    changed = {
        "postfix/main.cf": ("smtpd_sasl_auth_enable = no", "smtpd_sasl_auth_enable = yes"),
        "dovecot/conf.d/ssl.conf": ("ssl = required", "ssl = yes"),
    }

    def careless(path: str, values: Mapping[str, Any]) -> str:
        text = sketch(path, values)
        return text.replace(*changed[path]) if path in changed else text

    monkeypatch.setattr(f"mailinfra.components.{daemon}.sketch", careless)
    said = refusal(build)
    assert {"postfix": "port 25 (25) takes passwords", "dovecot": "ssl is yes"}[daemon] in said
    made = [request.name for request in engine.created(CONTAINER_TOKEN)]
    assert not [name for name in made if daemon in name]
