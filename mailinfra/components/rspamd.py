"""rspamd: the filter. Checks what arrives, signs and counts what users hand in, learns from what they move.

Owns the container, the rendered configuration and the password of who teaches it. Does not own what Postfix
does with its verdict (postfix.py), the folder Junk (dovecot.py), its memory (valkey.py) or DKIM's keys.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import pulumi_docker as docker
from pulumi import ComponentResource, Input, Output, ResourceOptions

from mailinfra.components.handles import Peer
from mailinfra.components.passwords import password
from mailinfra.config.filtering import FilteringConfig
from mailinfra.config.mail import LimitsConfig
from mailinfra.containers.config_volumes import Folder
from mailinfra.containers.place import Place
from mailinfra.containers.rendering import rendered
from mailinfra.containers.service import Health, Mount, Service, ServiceArgs
from mailinfra.types import MIB
from mailinfra.user_ids import RSPAMD

PORTS: Mapping[str, int] = {"milter": 11332, "controller": 11334}
"""Protocol -> the port that it listens on: Postfix asks at the first, Dovecot teaches at the second."""

TEMPLATES = (
    "local.d/actions.conf",
    "local.d/logging.inc",
    "local.d/milter_headers.conf",
    "local.d/ratelimit.conf",
    "local.d/redis.conf",
    "local.d/settings.conf",
    "local.d/worker-controller.inc",
    "local.d/worker-normal.inc",
    "local.d/worker-proxy.inc",
    "override.d/mime_types.conf",
    "override.d/options.inc",
    "override.d/whitelist.conf",
)
"""Files below configs/rspamd/, the same as below FILES."""

SIGNING = ("local.d/dkim_signing.conf",)
"""More of them, where there are keys."""

WITH_DNS = ("local.d/arc.conf", "local.d/composites.conf", "local.d/force_actions.conf")
"""More of them, where the senders' domains can be asked."""

SECRETS = ("controller.inc", "valkey.inc")
"""Files below configs/rspamd/ that hold passwords."""

OFF = ("fuzzy_check", "mid", "history_redis", "known_senders", "multimap", "neural", "phishing", "replies")
"""Modules that need a way out, which there is none, or that nothing here needs."""

REPUTATION = ("asn", "rbl")
"""Modules that ask others about a message, through the DNS."""

NEEDING_DNS = ("arc", "dkim", "dmarc", "hfilter", "spf")
"""Modules that ask the senders' domains."""

FILES = "/etc/mailinfra"
BASE_MEMORY_MIB = 640
"""Where patterns have to be compiled, on another processor than the image's, it takes 300 MiB; else 60."""


@dataclass(frozen=True, kw_only=True)
class RspamdArgs:
    """What the filter needs from its neighbours, and its section of the form."""

    place: Place
    """Where it runs."""

    valkey: Peer
    """Where it remembers what it learned and who sent how much, by its address."""

    valkey_password: Input[str] = field(repr=False)
    """What lets it in there; becomes a file of its own."""

    resolver: Peer | None
    """The DNS server that it asks, by its address; None where there is no DNS."""

    gateways: Sequence[str]
    """Addresses that strangers seem to come from where Docker hides who they are."""

    domains: Sequence[str]
    """Hosted domains, as far as they are known."""

    signing: Sequence[tuple[str, str]] = ()
    """Selector and file name of each key that signs, RSA first."""

    keys: Input[Mapping[str, str]] = field(default_factory=dict, repr=False)
    """File name -> private key of each of them; become files of their own."""

    filtering: FilteringConfig
    """Thresholds, and who is believed."""

    limits: LimitsConfig
    """How large a message may be."""


class Rspamd(ComponentResource):
    """The filter of one mail server."""

    peer: Peer
    """How Postfix and Dovecot reach it; known once it is healthy."""

    password: Output[str]
    """Of who teaches it; secret."""

    def __init__(self, name: str, args: RspamdArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Rspamd", name, None, opts)
        child = ResourceOptions(parent=self)

        self.password = password(f"{name}-password", child)
        # Compiled patterns, at first those of the image, and counters: nobody misses it.
        cache = docker.Volume(f"{name}-cache", name=f"{args.place.stack}-rspamd", opts=child)
        service = Service(
            f"{name}-service",
            ServiceArgs(
                place=args.place,
                folders=[
                    Folder(path=FILES, files=configuration(args)),
                    Folder(path="/run/secrets", files=secrets(args, self.password), secret=True),
                ],
                mounts=[Mount(path="/var/lib/rspamd", source=cache.name)],
                tmpfs={"/tmp": f"uid={RSPAMD},gid={RSPAMD},mode=0700,size=64m"},  # noqa: S108
                health=Health(command=["healthy"], startup_seconds=240),
                memory_mib=BASE_MEMORY_MIB + 4 * -(-args.limits.message_size // MIB),
                user=f"{RSPAMD}:{RSPAMD}",
            ),
            opts=child,
        )
        self.peer = Peer(host=service.host, ports=PORTS, ca="")
        self.register_outputs({"host": service.host, "cache_volume": cache.name})


def templates(args: RspamdArgs) -> Sequence[str]:
    """Return which files below configs/rspamd/ it gets, but those with secrets."""
    return (
        *TEMPLATES,
        *(WITH_DNS if args.resolver is not None else ()),
        *(SIGNING if args.signing else ()),
    )


def switched_off(args: RspamdArgs) -> Sequence[str]:
    """Return the modules that do nothing."""
    return sorted(
        [
            *OFF,
            *(() if args.filtering.reputation else REPUTATION),
            *(() if args.filtering.greylisting else ("greylist",)),
            *(() if args.resolver is not None else NEEDING_DNS),
            *(() if args.signing else ("dkim_signing",)),
        ]
    )


def configuration(args: RspamdArgs) -> dict[str, Input[str]]:
    """Return path below FILES -> text of each file that holds no secret."""
    given = values(args)
    return {
        **{path: rendered(f"rspamd/{path}", given) for path in templates(args)},
        **{f"local.d/{module}.conf": rendered("rspamd/off.conf", {}) for module in switched_off(args)},
    }


def values(args: RspamdArgs) -> dict[str, Any]:
    """Return what the templates may ask for."""
    return {
        "ports": PORTS,
        "valkey": args.valkey.address(),
        "resolver": args.resolver and args.resolver.address(),
        "gateways": args.gateways,
        "domains": args.domains,
        "signing": args.signing,
        "filtering": args.filtering,
        "limits": args.limits,
    }


def secrets(args: RspamdArgs, controller_password: Input[str]) -> dict[str, Input[str]]:
    """Return path below /run/secrets -> text of each file that nobody else may read."""
    given = {"controller_password": controller_password, "valkey_password": args.valkey_password}
    keys = Output.secret(args.keys)
    return {
        **{path: rendered(f"rspamd/{path}", given) for path in SECRETS},
        **{file: keys.apply(itemgetter(file)) for _, file in args.signing},
    }
