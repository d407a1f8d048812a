"""Policy: what no stack may be, whatever its settings say and whoever changes the program.

Owns the rules for what Docker is asked for, and the moment: a preview names all that is wrong, and without
one nothing is made that breaks a rule, nor anything after it. Does not own the rules for the daemons' files
(files.py), nor the settings (mailinfra/config).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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
