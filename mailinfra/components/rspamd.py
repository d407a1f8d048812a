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

from mailinfra.components.handles import Peer, ReportsWay
from mailinfra.components.passwords import password
from mailinfra.config.filtering import DomainFilteringConfig, FilteringConfig
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
    "lua.local.d/senders.lua",
    "override.d/mime_types.conf",
    "override.d/options.inc",
    "override.d/whitelist.conf",
)
"""Files below configs/rspamd/, the same as below FILES."""

HOSTED_TEMPLATES = ("hosted/senders.json", "hosted/settings.inc", "hosted/signing.inc")
"""Files below configs/rspamd/ that tell of hosted domains; the same below /etc. They change while it runs."""

SIGNING = ("local.d/dkim_signing.conf",)
"""More of them, where there are keys."""

WITH_DNS = ("local.d/arc.conf", "local.d/composites.conf", "local.d/force_actions.conf")
"""More of them, where the senders' domains can be asked."""

REPORTING = ("local.d/dmarc.conf",)
"""More of them, where other domains are told of mail in their name."""

SECRETS = ("controller.inc", "valkey.inc")
"""Files below configs/rspamd/ that hold passwords."""

OFF = ("fuzzy_check", "mid", "history_redis", "known_senders", "multimap", "neural", "phishing", "replies")
"""Modules that need a way out, which there is none, or that nothing here needs."""

REPUTATION = ("asn", "rbl")
"""Modules that ask others about a message, through the DNS."""

NEEDING_DNS = ("arc", "dkim", "dmarc", "hfilter", "spf")
"""Modules that ask the senders' domains."""

FILES = "/etc/mailinfra"
HOSTED = "/etc/hosted"
WORKERS = 2
"""Processes that look at messages."""

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

    all_domains_known: bool = True
    """Whether these are all that there are; somebody else's accounts may have others."""

    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Each domain that wants something of its own -> itself, and those that are other names of it."""

    signing: Sequence[tuple[str, str]] = ()
    """Selector and file name of each key that signs, RSA first."""

    seal: tuple[str, str] | None = None
    """Those of the key that seals what arrives (ARC); None where there is no RSA key."""

    keys: Input[Mapping[str, str]] = field(default_factory=dict, repr=False)
    """File name -> private key of each of them; become files of their own."""

    filtering: FilteringConfig
    """Thresholds, and who is believed."""

    limits: LimitsConfig
    """How large a message may be."""

    generation: str = ""
    """Which password who teaches it has."""

    hostname: str
    """The mail server's name, in whose postmaster's name reports are sent."""

    reports: ReportsWay | None = None
    """How its reports to other domains leave; None where it sends none."""

    reports_port: int
    """TCP port at which they are taken."""


class Rspamd(ComponentResource):
    """The filter of one mail server."""

    peer: Peer
    """How Postfix and Dovecot reach it; known once it is healthy."""

    password: Output[str]
    """Of who teaches it; secret."""

    def __init__(self, name: str, args: RspamdArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("mailinfra:index:Rspamd", name, None, opts)
        child = ResourceOptions(parent=self)

        self.password = password(f"{name}-password", child, args.generation)
        # Compiled patterns, at first those of the image, and counters: nobody misses it.
        cache = docker.Volume(f"{name}-cache", name=f"{args.place.stack}-rspamd", opts=child)
        service = Service(
            f"{name}-service",
            ServiceArgs(
                place=args.place,
                folders=[
                    Folder(path=FILES, files=configuration(args)),
                    Folder(path=HOSTED, files=hosted(args), reread=True),
                    Folder(path="/run/secrets", files=secrets(args, self.password), secret=True),
                ],
                mounts=[Mount(path="/var/lib/rspamd", source=cache.name)],
                tmpfs={"/tmp": f"uid={RSPAMD},gid={RSPAMD},mode=0700,size=64m"},  # noqa: S108
                health=Health(command=["healthy"], startup_seconds=240),
                memory_mib=BASE_MEMORY_MIB + WORKERS * 4 * -(-args.limits.message_size // MIB),
                user=f"{RSPAMD}:{RSPAMD}",
                # Who makes the reports asks the system's resolver, and from `inner` no other one is reached.
                resolvers=[args.reports.resolver] if args.reports else [],
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
        *(REPORTING if args.reports is not None else ()),
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


def hosted(args: RspamdArgs) -> dict[str, Input[str]]:
    """Return path below HOSTED -> text of each file that it reads anew when it has changed."""
    given = values(args)
    return {path.removeprefix("hosted/"): rendered(f"rspamd/{path}", given) for path in HOSTED_TEMPLATES}


def own_lists(args: RspamdArgs) -> list[tuple[str, DomainFilteringConfig]]:
    """Return each domain that wants something of its own, and each of its other names, with what it wants."""
    return [(name, each) for each in args.filtering.domains for name in args.names[each.name]]


def thresholds(args: RspamdArgs) -> list[dict[str, Any]]:
    """Return the domains, each by all its names, that have scores of their own."""
    server = args.filtering
    return [
        {
            "names": args.names[each.name],
            "junk": each.junk_score or server.junk_score,
            "refuse": each.refuse_score or server.refuse_score,
        }
        for each in server.domains
        if each.junk_score is not None or each.refuse_score is not None
    ]


def values(args: RspamdArgs) -> dict[str, Any]:
    """Return what the templates may ask for."""
    return {
        "ports": PORTS,
        "valkey": args.valkey.address(),
        "resolver": args.resolver and args.resolver.address(),
        "gateways": args.gateways,
        "domains": args.domains,
        "all_domains_known": args.all_domains_known,
        "own_lists": own_lists(args),
        "thresholds": thresholds(args),
        "signing": args.signing,
        "seal": args.seal,
        "filtering": args.filtering,
        "hostname": args.hostname,
        "reports": args.reports,
        "reports_port": args.reports_port,
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
