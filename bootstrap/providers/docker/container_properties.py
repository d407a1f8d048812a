"""What a container has: every property of the real provider, and what a change of each means.

Those marked `foreign` the program does not declare; the others it may. What is read back from the daemon, and
in which form, `container_state` says.
"""

from collections.abc import Mapping
from dataclasses import replace

from bootstrap.providers.declaration import Property
from bootstrap.providers.docker.daemon import LABELS

__all__ = ["IN_PLACE", "OUTPUTS", "PROPERTIES"]

_TEXT = Property()
_NUMBER = Property(kind="number")
_TRUTH = Property(kind="truth")
_LIST = Property(kind="list")
_MAP = Property(kind="map")
_SET = replace(_LIST, unordered=True)
_REQUIRED = Property(required=True, replaces=True)


def _new(declared: Property = _TEXT) -> Property:
    return replace(declared, replaces=True)


def _computed(declared: Property = _TEXT) -> Property:
    return replace(declared, replaces=True, computed=True)


def _foreign(declared: Property, resting: object = None, falls_to: object = None) -> Property:
    return replace(declared, foreign=True, resting=resting, falls_to=falls_to)


def _items(*, unordered: bool = True, **fields: Property) -> Property:
    return Property(kind="list", replaces=True, unordered=unordered, fields=fields)


def _object(*, unordered: bool = False, computed: bool = False, **fields: Property) -> Property:
    return Property(kind="object", unordered=unordered, computed=computed, fields=fields)


_DEVICES = _foreign(_SET, [], [])
_OFF = _foreign(_TRUTH, resting=False, falls_to=False)

PROPERTIES: Mapping[str, Property] = {
    "name": _new(),
    "image": _REQUIRED,
    "command": _computed(_LIST),
    "entrypoints": _computed(_LIST),
    "envs": _computed(_SET),
    "user": Property(replaces=True, lenient=True),
    "workingDir": Property(replaces=True, lenient=True),
    "hostname": _computed(),
    "domainname": _new(),
    "labels": replace(LABELS, computed=True),
    "networkMode": Property(replaces=True, default="bridge"),
    "networksAdvanced": _items(
        name=_REQUIRED,
        aliases=_new(_SET),
        ipv4Address=_new(),
        ipv6Address=_new(),
        linkLocalIps=_new(_SET),
        macAddress=_foreign(_new()),
        driverOpts=_foreign(_new(_SET)),
        gwPriority=_foreign(_new(_NUMBER)),
    ),
    "ports": _items(
        unordered=False,
        internal=replace(_REQUIRED, kind="number"),
        external=_computed(_NUMBER),
        ip=Property(replaces=True, default="0.0.0.0"),  # noqa: S104 (the real provider's default)
        protocol=Property(replaces=True, default="tcp"),
    ),
    "hosts": _items(host=_REQUIRED, ip=_REQUIRED),
    "dns": _new(_SET),
    "volumes": _items(
        containerPath=_new(),
        volumeName=_new(),
        hostPath=_new(),
        readOnly=_new(_TRUTH),
        fromContainer=_foreign(_new()),
        selinuxRelabel=_foreign(_new()),
    ),
    # A mount that changes, the real one changes in the state only. Where their number changes it replaces.
    "mounts": _items(
        type=Property(required=True, pattern="^(bind|volume|tmpfs)$"),
        target=Property(required=True),
        source=_TEXT,
        readOnly=_TRUTH,
        bindOptions=_object(propagation=_TEXT),
        tmpfsOptions=replace(_object(mode=_NUMBER, sizeBytes=_NUMBER), replaces=True),
        volumeOptions=_foreign(_object()),
    ),
    "uploads": _items(
        file=_REQUIRED,
        content=_new(),
        contentBase64=_new(),
        permissions=replace(_new(), pattern="^0[0-7]{3}$"),
        executable=Property(kind="truth", replaces=True, falls_to=False),
        source=_foreign(_new()),
        sourceHash=_foreign(_new()),
    ),
    "tmpfs": _MAP,
    "healthcheck": _object(
        computed=True,
        tests=_LIST,
        interval=Property(default="0s"),
        timeout=Property(default="0s"),
        startPeriod=Property(default="0s"),
        startInterval=Property(default="0s"),
        retries=Property(kind="number", falls_to=0),
    ),
    "wait": Property(kind="truth", falls_to=False),
    "waitTimeout": Property(kind="number", default=60),
    "mustRun": Property(kind="truth", default=True),
    "start": Property(kind="truth", default=True),
    "restart": Property(default="no", pattern="^(no|on-failure|always|unless-stopped)$"),
    "maxRetryCount": _NUMBER,
    "init": Property(kind="truth", computed=True),
    "readOnly": Property(kind="truth", replaces=True, falls_to=False),
    "privileged": _new(_TRUTH),
    "capabilities": replace(_object(unordered=True, adds=_new(_SET), drops=_new(_SET)), replaces=True),
    "securityOpts": _computed(_SET),
    "groupAdds": _new(_SET),
    "memory": _NUMBER,
    "memorySwap": _NUMBER,
    "cpuShares": _NUMBER,
    "cpus": _new(),
    "shmSize": _computed(_NUMBER),
    "ulimits": _items(
        name=_REQUIRED, soft=replace(_REQUIRED, kind="number"), hard=replace(_REQUIRED, kind="number")
    ),
    "sysctls": _new(_MAP),
    "usernsMode": _new(),
    "stopSignal": _computed(),
    "stopTimeout": _computed(_NUMBER),
    "destroyGraceSeconds": _NUMBER,
    "removeVolumes": Property(kind="truth", default=True),
    "logDriver": _computed(),
    "logOpts": _new(_MAP),
    "containerReadRefreshTimeoutMilliseconds": Property(kind="number", default=15000),
    # What only the real one takes.
    "attach": _OFF,
    "cgroupParent": _foreign(_new()),
    "cgroupnsMode": _foreign(_new()),
    "cpuPeriod": _foreign(_NUMBER),
    "cpuQuota": _foreign(_NUMBER),
    "cpuSet": _foreign(_TEXT, ""),
    "deviceReadBps": _DEVICES,
    "deviceReadIops": _DEVICES,
    "deviceRequests": _new(_DEVICES),
    "deviceWriteBps": _DEVICES,
    "deviceWriteIops": _DEVICES,
    "devices": _new(_DEVICES),
    "dnsOpts": _foreign(_new(_SET)),
    "dnsSearches": _foreign(_new(_SET)),
    "gpus": _foreign(_new()),
    "ipcMode": _foreign(_computed()),
    "logs": _OFF,
    "memoryReservation": _foreign(_NUMBER, 0, 0),
    "pidMode": _foreign(_new()),
    "platform": _foreign(_computed()),
    "publishAllPorts": _foreign(_new(_TRUTH), resting=False),
    "rm": _OFF,
    "runtime": _foreign(_computed()),
    "stdinOpen": _new(_OFF),
    "storageOpts": _foreign(_new(_MAP)),
    "tty": _new(_OFF),
}

OUTPUTS = ("bridge", "containerLogs", "exitCode", "networkDatas")

IN_PLACE = ("restart", "maxRetryCount", "cpuShares", "memory", "memorySwap")
"""What an update carries to the container; all else that it changes, it changes in the state alone."""
