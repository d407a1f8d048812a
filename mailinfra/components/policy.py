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

from mailinfra.containers.durability import CACHE, ISSUED, LEARNED
from mailinfra.containers.images import has_digest
from mailinfra.containers.service import Service
from mailinfra.types import OnDestroy
from mailinfra.user_ids import FIRST, LAST

CAPABILITIES = frozenset({"CAP_DAC_OVERRIDE", "CAP_SETGID", "CAP_SETUID"})
"""All that any container may have; docs/containers.md says which one has which, and why."""

LIMITS = frozenset({"core", "nofile", "nproc"})

_FOREIGN_PORT = 25
_PORT_STEP = 10_000  # further addresses of the host: containers/place.py


class PolicyError(RunError):
    """A stack that must not be; the message has one line for each broken rule."""


@dataclass
class Policy:
    """Hears of every resource below the mail server, and reads what its daemons are told."""

    on_destroy: OnDestroy
    """What becomes of data when the stack is destroyed."""

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
            found = container_faults(given)
        elif isinstance(args.resource, docker.RemoteImage):
            found = image_faults(given)
        elif isinstance(args.resource, docker.Volume) and not isinstance(args.opts.parent, Service):
            found = volume_faults(args.name, args.opts, self.on_destroy)
        else:  # a volume of a service holds rendered files, which the next `up` makes anew
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


def container_faults(given: Mapping[str, Any]) -> Iterator[str]:
    """Return which rules a container breaks; `given` are its inputs by their names in Python."""
    memory = given.get("memory")
    if not (isinstance(memory, int) and memory > 0 and given.get("memory_swap") == memory):
        yield "has no limit of memory, and no swap beyond it; set `memory` and `memory_swap` to the same MiB"
    missing = LIMITS - {limit.name for limit in given.get("ulimits") or ()}
    if missing:
        yield f"has no limit {', '.join(sorted(missing))}; give it `ulimits()`"
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
    if "no-new-privileges:true" not in (given.get("security_opts") or ()):
        yield "may gain rights by set-uid programs; add `no-new-privileges:true`"
    if given.get("start") is not False and not _is_nobodys(given.get("user"), capabilities):
        yield (
            f"runs as {given.get('user') or 'the user that its image names'}, whose number a user of the "
            f"host may have, too; set `user` to a number of its own from {FIRST} to {LAST}"
        )
    yield from _group_faults(given.get("group_adds") or ())
    image = given.get("image")
    if isinstance(image, str) and not image.startswith("sha256:") and not has_digest(image):
        yield f"runs {image!r} by a name without a digest; {_DIGEST}"


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


@dataclass(frozen=True, kw_only=True)
class _Listener:
    """One `smtpd` of master.cf."""

    service: str
    settings: Mapping[str, str]
    """Those of main.cf, with its own over them."""

    @property
    def serves_strangers(self) -> bool:
        """Whether other servers come here: port 25 inside, also on a further address of the host."""
        port = {"smtp": "25"}.get(self.service, self.service)
        return port.isdigit() and int(port) % _PORT_STEP == _FOREIGN_PORT

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
    for value in dict.fromkeys(each.settings.get("mynetworks", "") for each in listeners):
        wide = _wide(value)
        if wide or not value.strip():
            said = ", ".join(wide) or "Postfix's own choice, the networks that it is in"
            yield (
                f"mynetworks trusts {said}, and through Docker's proxy strangers come from there: "
                "an open relay; mynetworks = 127.0.0.0/8 [::1]/128"
            )


def dovecot_faults(files: Mapping[str, str]) -> Iterator[str]:
    """Return which rules Dovecot's files break."""
    settings = [setting for _, text in sorted(files.items()) for setting in _dovecot_settings(text)]
    clear = {value for _, name, value in settings if name == "auth_allow_cleartext"}
    if clear != {"no"}:
        yield f"auth_allow_cleartext is {_said(clear)}: passwords would travel in clear text; write no"
    tls = {value for depth, name, value in settings if name == "ssl" and not depth}
    if tls != {"required"}:
        yield f"ssl is {_said(tls)}: a login could do without TLS; write required"
    for _, name, value in settings:
        wide = _wide(value, peers=True) if name == "login_trusted_networks" else []
        if wide:
            yield (
                f"login_trusted_networks names {', '.join(wide)}: whoever is there says for whom it asks, "
                "and may send passwords in clear text; name single containers, or nothing"
            )


def _parameters(text: str) -> dict[str, str]:
    """Return name -> value of a main.cf; the last one wins, as it does there."""
    logical = re.sub(r"\n[ \t]+", " ", re.sub(r"^#.*\n", "", text, flags=re.M))
    pairs = [line.partition("=") for line in logical.splitlines() if "=" in line]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _listeners(text: str, main: Mapping[str, str]) -> Iterator[_Listener]:
    """Return each `smtpd` that has a port."""
    logical = re.sub(r"\n[ \t]+", " ", re.sub(r"^#.*\n", "", text, flags=re.M))
    for line in logical.splitlines():
        words = line.split()
        if len(words) >= 8 and words[1] == "inet" and words[7] == "smtpd":
            own = dict(re.findall(r"-o ([\w-]+)=(\S*)", line))
            yield _Listener(service=words[0].rpartition(":")[2], settings={**main, **own})


def _dovecot_settings(text: str) -> Iterator[tuple[int, str, str]]:
    """Return how deep in sections, name and value of each setting."""
    depth = 0
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        if line.endswith("{"):
            depth += 1
        elif line == "}":
            depth -= 1
        elif "=" in line:
            name, _, value = line.partition("=")
            yield depth, name.strip(), value.strip()


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
