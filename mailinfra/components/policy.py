"""Policy: what no stack may be, whatever its settings say and whoever changes the program.

Owns the rules, and the moment: a preview names all that is wrong, and without one nothing is made that breaks
a rule, nor anything after it. Does not own the settings (mailinfra/config), nor what the daemons' files say.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pulumi_docker as docker
from pulumi import ResourceOptions, ResourceTransformationArgs, ResourceTransformationResult, RunError
from pulumi.runtime import is_dry_run

from mailinfra.containers.config_volumes import NO_NEW_PRIVILEGES, ulimits
from mailinfra.containers.durability import CACHE, ISSUED, LEARNED
from mailinfra.containers.images import has_digest
from mailinfra.containers.service import Service
from mailinfra.types import OnDestroy
from mailinfra.user_ids import FIRST, LAST

CAPABILITIES = frozenset({"CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID"})
"""All that any container may have; docs/containers.md says which one has which, and why."""

LIMITS: Mapping[str, int] = {str(limit.name): int(str(limit.hard)) for limit in ulimits()}
"""Limit -> the most that any container may have of it."""

OF_HOST: Mapping[str, str] = {
    "cgroupns_mode": "the groups of processes",
    "device_cgroup_rules": "devices",
    "device_requests": "devices",
    "devices": "devices",
    "gpus": "devices",
    "ipc_mode": "shared memory",
    "pid_mode": "the processes",
    "publish_all_ports": "ports on every address",
    "userns_mode": "the users",
    "volumes": "folders, perhaps (declare `mounts`)",
}
"""Input of a container -> what of the host's, or of another container's, it would share."""

_FOREIGN_PORT = 25
_PORT_STEP = 10_000  # further addresses of the host: containers/place.py


class PolicyError(RunError):
    """A stack that must not be; the message has one line for each broken rule."""


@dataclass
class Policy:
    """Hears of every resource below the mail server, and reads what its daemons are told."""

    on_destroy: OnDestroy
    """What becomes of data when the stack is destroyed."""

    host_folder: str | None = None
    """The one folder of the host that a container may have; None for none."""

    faults: list[str] = field(default_factory=list)
    """One line for each broken rule: what, which rule, which remedy."""

    @property
    def listening(self) -> ResourceOptions:
        """The options with which a component and all below it are heard."""
        return ResourceOptions(transformations=[self.hear])

    def hear(self, args: ResourceTransformationArgs) -> ResourceTransformationResult | None:
        """Note what is wrong with a resource; change nothing. Without a preview the first fault ends it."""
        given = vars(args.props) if not isinstance(args.props, Mapping) else dict(args.props)
        if isinstance(args.resource, docker.Container):
            found = container_faults(given, self.host_folder)
        elif isinstance(args.resource, docker.RemoteImage):
            found = image_faults(given)
        elif isinstance(args.resource, docker.Volume):
            if isinstance(args.opts.parent, Service) and not isinstance(given.get("name"), str):
                return None  # named by the rendered files in it, which the next `up` makes anew
            found = volume_faults(args.name, args.opts, self.on_destroy)
        elif isinstance(args.resource, docker.Network):
            found = network_faults(given)
        elif args.type_.startswith("docker:"):
            found = iter([f"is a {args.type_}, which no rule looks at; declare what has rules, or a rule"])
        else:
            return None
        self.faults += [f"{args.name}: {fault}" for fault in found]
        if not is_dry_run():
            self.enforce()
        return None

    def enforce(self) -> None:
        """Raise PolicyError with all that was heard."""
        refuse(self.faults)


def refuse(faults: Iterable[str]) -> None:
    """Raise PolicyError where there is any fault."""
    lines = [f"  {fault}" for fault in faults]
    if lines:
        raise PolicyError("\n".join(["this stack breaks rules that hold for every one:", *lines]))


def container_faults(given: Mapping[str, Any], host_folder: str | None = None) -> Iterator[str]:
    """Return which rules a container breaks; `given` are its inputs by their names in Python."""
    yield from _limit_faults(given)
    yield from _right_faults(given)
    yield from _host_faults(given, host_folder)
    image = given.get("image")
    if isinstance(image, str) and not image.startswith("sha256:") and not has_digest(image):
        yield f"runs {image!r} by a name without a digest; {_DIGEST}"


def _limit_faults(given: Mapping[str, Any]) -> Iterator[str]:
    memory = given.get("memory")
    if not (isinstance(memory, int) and memory > 0 and given.get("memory_swap") == memory):
        yield "has no limit of memory, and no swap beyond it; set `memory` and `memory_swap` to the same MiB"
    given_limits = given.get("ulimits") or ()
    missing = LIMITS.keys() - {limit.name for limit in given_limits}
    if missing:
        yield f"has no limit {', '.join(sorted(missing))}; give it `ulimits()`"
    for limit in given_limits:  # minus one is none
        most = LIMITS.get(limit.name)
        if most is not None and not 0 <= limit.soft <= limit.hard <= most:
            yield f"may have {limit.name} up to {limit.hard}, and the most is {most}; give it `ulimits()`"


def _right_faults(given: Mapping[str, Any]) -> Iterator[str]:
    capabilities = given.get("capabilities")
    if capabilities is None or list(capabilities.drops or ()) != ["ALL"]:
        yield "keeps Docker's own capabilities; drop ALL, and add what it needs"
    else:
        others = sorted(set(capabilities.adds or ()) - CAPABILITIES)
        if others:
            yield (
                f"has {', '.join(others)}, and no container may have more than "
                f"{', '.join(sorted(CAPABILITIES))}; do without"
            )
    if given.get("privileged"):
        yield "is privileged, which is root of the machine; take it out"
    options = list(given.get("security_opts") or ())
    if not set(NO_NEW_PRIVILEGES) <= set(options):
        yield "may gain rights by set-uid programs; add `no-new-privileges:true`"
    others = sorted(set(options) - set(NO_NEW_PRIVILEGES))
    if others:
        yield f"has {', '.join(others)} in place of Docker's own bounds of system calls; take it out"
    if given.get("start") is not False and not _is_nobodys(given.get("user"), capabilities):
        yield (
            f"runs as {given.get('user') or 'the user that its image names'}, whose number a user of the "
            f"host may have, too; set `user` to a number of its own from {FIRST} to {LAST}"
        )
    yield from _group_faults(given.get("group_adds") or ())


def _host_faults(given: Mapping[str, Any], host_folder: str | None) -> Iterator[str]:
    """Return what a container has of the host's: networks, processes, devices, folders."""
    network = given.get("network_mode")
    if network != "none" and (network is not None or not given.get("networks_advanced")):
        yield (
            f"is in {network or 'the network that Docker has by default'}, which is none of this stack; "
            "name networks of the stack, or network_mode none"
        )
    for name, what in OF_HOST.items():
        if given.get(name) and given[name] != "private":
            yield f"has {name}, and so {what} of the host; take it out"
    for mount in given.get("mounts") or ():
        if mount.type == "bind":
            if host_folder is None or mount.source != host_folder:
                yield (
                    f"has the host's folder {mount.source} at {mount.target}; the only one that there may be "
                    "is that of `storage.mail.hostPath`"
                )
        elif mount.type != "tmpfs" and (mount.type != "volume" or not mount.source):
            yield f"has at {mount.target} a {mount.type} without a name, which goes with it; name a volume"


def _group_faults(groups: Iterable[str]) -> Iterator[str]:
    for group in groups:
        if not (group.isdigit() and FIRST <= int(group) <= LAST):
            yield f"is in the group {group}, which the host may have, too; take one from {FIRST} to {LAST}"


def _is_nobodys(user: Any, capabilities: Any) -> bool:
    """Whether no host has the user that a container runs as; who starts as root and gives that up has
    none."""
    if user is None:
        return "CAP_SETUID" in (getattr(capabilities, "adds", None) or ())
    ids = str(user).split(":")
    return all(one.isdigit() and FIRST <= int(one) <= LAST for one in ids) and len(ids) == 2


def image_faults(given: Mapping[str, Any]) -> Iterator[str]:
    """Return which rules an image breaks: what is pulled, or built upon, is named by its content."""
    build, name = given.get("build"), given.get("name")
    if build is None:
        if not (isinstance(name, str) and has_digest(name)):
            yield f"{name!r} has no digest: a registry may answer with another image tomorrow; {_DIGEST}"
        return
    for name in ("dockerfile", "remote_context", "additional_contexts", "target"):
        if getattr(build, name):
            yield f"is built by {name} {getattr(build, name)!r}, which no rule reads; take it out"
    base = (build.build_args or {}).get("BASE")
    if not (isinstance(base, str) and has_digest(base)):
        yield f"is built on {base!r}, which has no digest; {_DIGEST}"


_DIGEST = "write `name:tag@sha256:…`, as `docker buildx imagetools inspect` prints it"


def volume_faults(name: str, opts: ResourceOptions, on_destroy: OnDestroy) -> Iterator[str]:
    """Return which rules a volume of data breaks."""
    if name.endswith(CACHE):
        return  # what is in it comes back by itself
    if on_destroy is not OnDestroy.DELETE and not opts.retain_on_delete:
        yield (
            f"goes with the stack, and `storage.onDestroy` says {on_destroy.value}; "
            "make it with the options of `durable`"
        )
    if on_destroy is OnDestroy.PROTECT and not opts.protect and not name.endswith((LEARNED, ISSUED)):
        yield "is not protected, and `storage.onDestroy` says protect; make it with the options of `durable`"


def network_faults(given: Mapping[str, Any]) -> Iterator[str]:
    """Return which rules a network breaks."""
    if given.get("driver") != "bridge":
        yield f"is of the driver {given.get('driver')}, and may be the host's own; write bridge"


@dataclass(frozen=True, kw_only=True)
class _Listener:
    """One service of master.cf that is reached over the network."""

    service: str
    command: str
    settings: Mapping[str, str]
    """Those of main.cf, with its own over them."""

    unread: Sequence[str] = ()
    """Arguments that are no settings."""

    @property
    def port(self) -> int | None:
        """The port that it listens on; None for one by a name, of which the system has several for each."""
        port = {"smtp": "25"}.get(self.service, self.service)
        return int(port) if port.isdigit() else None

    @property
    def serves_strangers(self) -> bool:
        """Whether other servers come here: port 25 inside, also on a further address of the host."""
        return self.port is not None and self.port % _PORT_STEP == _FOREIGN_PORT

    @property
    def takes_passwords(self) -> bool:
        return self.settings.get("smtpd_sasl_auth_enable", "no") != "no"

    @property
    def is_encrypted(self) -> bool:
        return (
            self.settings.get("smtpd_tls_wrappermode") == "yes"
            or self.settings.get("smtpd_tls_auth_only") == "yes"
            or self.settings.get("smtpd_tls_security_level") == "encrypt"
        )


def postfix_faults(files: Mapping[str, str]) -> Iterator[str]:
    """Return which rules Postfix's files break, main.cf and master.cf among them."""
    main = _parameters(files["main.cf"])
    listeners = list(_listeners(files["master.cf"], main))
    if not any(each.serves_strangers for each in listeners):
        yield "master.cf has no service at port 25 that could be held to the rules"
    for each in listeners:
        if each.serves_strangers and each.takes_passwords:
            yield (
                f"port 25 ({each.service}) takes passwords: guessers of the whole world come there; "
                "smtpd_sasl_auth_enable = no"
            )
        if each.takes_passwords and not each.is_encrypted:
            yield f"{each.service} takes passwords in clear text; smtpd_tls_auth_only = yes"
        yield from _readable(each)
        if each.serves_strangers:
            yield from _relay_faults(each)
    yield from _trust_faults(listeners)


def _trust_faults(listeners: Sequence[_Listener]) -> Iterator[str]:
    """Return who else than this container itself would be trusted."""
    for value in dict.fromkeys(each.settings.get("mynetworks", "") for each in listeners):
        wide = _wide(value)
        if wide or not value.strip():
            said = ", ".join(wide) or "Postfix's own choice, the networks that it is in"
            yield (
                f"mynetworks trusts {said}, and through Docker's proxy strangers come from there: "
                "an open relay; mynetworks = 127.0.0.0/8 [::1]/128"
            )
    for name in _BELIEVED:
        for value in dict.fromkeys(each.settings.get(name, "") for each in listeners):
            if _wide(value):
                yield (
                    f"{name} believes {', '.join(_wide(value))} on who a client is, and a client of "
                    f"mynetworks may relay; {name} = 127.0.0.1, or nothing"
                )


_BELIEVED = (
    "smtpd_authorized_xclient_hosts",
    "smtpd_authorized_xforward_hosts",
    "smtpd_upstream_proxy_protocol",
)
"""What lets a client say that it is another one."""


def _readable(each: _Listener) -> Iterator[str]:
    """Return what about a service no rule can judge."""
    if each.command != "smtpd":
        yield f"{each.service} is served by {each.command}, which no rule reads; smtpd"
    if each.port is None:
        yield f"{each.service} is a port by its name, and the system knows several for one; write its number"
    if each.unread:
        yield f"{each.service} is started with {' '.join(each.unread)}, which no rule reads; -o name=value"


def _relay_faults(each: _Listener) -> Iterator[str]:
    """Return how strangers at port 25 could send to other domains than ours."""
    said = each.settings.get("smtpd_relay_restrictions", "")
    first, _, _ = said.partition("reject_unauth_destination")
    if first == said or set(re.split(r"[\s,]+", first.strip())) - {"", "permit_mynetworks"}:
        yield (
            f"smtpd_relay_restrictions at {each.service} is {said or 'not said'}: an open relay, perhaps; "
            "permit_mynetworks, reject_unauth_destination"
        )
    if each.settings.get("relay_domains"):
        yield f"relay_domains at {each.service} takes mail for domains that are not hosted here; take it out"


def dovecot_faults(files: Mapping[str, str]) -> Iterator[str]:
    """Return which rules Dovecot's files break."""
    settings = [setting for _, text in sorted(files.items()) for setting in _dovecot_settings(text)]
    clear = {value for _, name, value in settings if name == "auth_allow_cleartext"}
    if clear != {"no"}:
        yield f"auth_allow_cleartext is {_said(clear)}: passwords would travel in clear text; write no"
    tls = {value for place, name, value in settings if name == "ssl" and not _has_own_tls(place)}
    if tls != {"required"}:
        yield f"ssl is {_said(tls)}: a login could do without TLS; write required"
    for _, name, value in settings:
        is_trust = name in {"login_trusted_networks", "haproxy_trusted_networks"}
        wide = _wide(value, peers=True) if is_trust else []
        if wide:
            yield (
                f"{name} names {', '.join(wide)}: whoever is there says for whom it asks, "
                "and may send passwords in clear text; name single containers, or nothing"
            )


def _has_own_tls(place: Sequence[str]) -> bool:
    """Whether `ssl` means something else in a section: a port with TLS from the first byte, the way to the
    database, and LMTP, where nobody logs in."""
    if not place:
        return False
    return place[-1].startswith(("inet_listener ", "mysql ")) or tuple(place) == ("protocol lmtp",)


def _logical(text: str) -> Iterator[str]:
    """Return the lines of main.cf or master.cf as Postfix puts them together (postconf(5))."""
    logical = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t":
            logical += line
            continue
        if logical:
            yield logical
        logical = line
    if logical:
        yield logical


def _parameters(text: str) -> dict[str, str]:
    """Return name -> value of a main.cf; the last one wins, as it does there."""
    pairs = [line.partition("=") for line in _logical(text) if "=" in line]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _listeners(text: str, main: Mapping[str, str]) -> Iterator[_Listener]:
    """Return each service that is reached over the network, or gets its connections from one that is."""
    for line in _logical(text):
        words = _words(line)
        if len(words) < 8 or words[1] not in {"inet", "pass"}:
            continue
        own: dict[str, str] = {}
        unread = []
        arguments = iter(words[8:])
        for word in arguments:
            if word != "-o":
                unread.append(word)
                continue
            said = next(arguments, "")
            name, _, value = (said[1:-1] if said.startswith("{") else said).partition("=")
            own[name.strip()] = value.strip()
        yield _Listener(
            service=words[0].rpartition(":")[2],
            command=words[7] if words[1] == "inet" else f"{words[7]} for another one",
            settings={**main, **own},
            unread=unread,
        )


def _words(line: str) -> list[str]:
    """Return the words of a line; what is in braces is one."""
    words, depth = [""], 0
    for character in line:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character.isspace() and not depth:
            words.append("")
        else:
            words[-1] += character
    return [word for word in words if word]


def _dovecot_settings(text: str) -> Iterator[tuple[Sequence[str], str, str]]:
    """Return the sections that it is in, name and value of each setting."""
    sections: list[str] = []
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        if line.endswith("{"):
            sections.append(" ".join(line[:-1].split()))
        elif line == "}":
            del sections[-1:]
        elif "=" in line:
            name, _, value = line.partition("=")
            yield tuple(sections), name.strip(), value.strip()


def _wide(value: str, *, peers: bool = False) -> Sequence[str]:
    """Return what in a list of networks is more than loopback; with `peers` single addresses are not."""
    found = []
    for word in re.split(r"[\s,]+", value.strip()) if value.strip() else ():
        try:
            network = ip_network(re.sub(r"[\[\]]", "", word))
        except ValueError:
            found.append(word)  # a table, another parameter: nobody can say what is in it
            continue
        if not network.is_loopback and not (peers and network.num_addresses == 1):
            found.append(word)
    return found


def _said(values: Collection[str]) -> str:
    return " and ".join(sorted(values)) or "not said"
