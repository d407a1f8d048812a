"""What can be declared of a container: the program's share of the real provider's properties."""

from collections.abc import Mapping
from dataclasses import replace

from bootstrap.providers.declaration import Property
from bootstrap.providers.docker.daemon import LABELS

__all__ = ["OUTPUTS", "PROPERTIES"]

_REPLACES = Property(replaces=True)
_IN_PLACE = Property()
_COMPUTED = Property(replaces=True, computed=True)
_REQUIRED = Property(required=True)
_SET = Property(replaces=True, unordered=True)


def _list(*, itemwise: bool = False, **fields: Property) -> Property:
    return Property(replaces=True, unordered=True, itemwise=itemwise, fields=fields)


PROPERTIES: Mapping[str, Property] = {
    "name": _REPLACES,
    "image": Property(required=True, replaces=True),
    "command": _COMPUTED,
    "entrypoints": _COMPUTED,
    "envs": Property(replaces=True, computed=True, unordered=True),
    "user": _REPLACES,
    "workingDir": _REPLACES,
    "hostname": _COMPUTED,
    "domainname": _REPLACES,
    "labels": replace(LABELS, computed=True),
    "networkMode": Property(replaces=True, default="bridge"),
    "networksAdvanced": _list(
        name=_REQUIRED,
        aliases=_SET,
        ipv4Address=_IN_PLACE,
        ipv6Address=_IN_PLACE,
        linkLocalIps=_SET,
    ),
    "ports": _list(
        itemwise=True,
        internal=_REQUIRED,
        external=Property(computed=True),
        ip=Property(default="0.0.0.0"),  # noqa: S104 (the real provider's default)
        protocol=Property(default="tcp"),
    ),
    "hosts": _list(itemwise=True, host=_REQUIRED, ip=_REQUIRED),
    "dns": _REPLACES,
    "volumes": _list(containerPath=_IN_PLACE, volumeName=_IN_PLACE, hostPath=_IN_PLACE, readOnly=_IN_PLACE),
    "mounts": _list(
        type=_REQUIRED,
        target=_REQUIRED,
        source=_IN_PLACE,
        readOnly=_IN_PLACE,
        bindOptions=Property(fields={"propagation": _IN_PLACE}),
        tmpfsOptions=Property(fields={"mode": _IN_PLACE, "sizeBytes": _IN_PLACE}),
        volumeOptions=Property(fields={"noCopy": _IN_PLACE}),
    ),
    "uploads": _list(
        file=_REQUIRED,
        content=_IN_PLACE,
        contentBase64=_IN_PLACE,
        permissions=_IN_PLACE,
        executable=_IN_PLACE,
    ),
    "tmpfs": _IN_PLACE,
    "healthcheck": Property(
        computed=True,
        fields={
            "tests": _IN_PLACE,
            "interval": Property(default="0s"),
            "timeout": Property(default="0s"),
            "startPeriod": Property(default="0s"),
            "startInterval": Property(default="0s"),
            "retries": _IN_PLACE,
        },
    ),
    "wait": _IN_PLACE,
    "waitTimeout": Property(default=60),
    "mustRun": Property(default=True),
    "start": Property(default=True),
    "restart": Property(default="no", pattern="^(no|on-failure|always|unless-stopped)$"),
    "maxRetryCount": _IN_PLACE,
    "init": Property(computed=True),
    "readOnly": _REPLACES,
    "privileged": _REPLACES,
    "capabilities": Property(replaces=True, fields={"adds": _SET, "drops": _SET}),
    "securityOpts": Property(replaces=True, computed=True, unordered=True),
    "groupAdds": _SET,
    "memory": _IN_PLACE,
    "memorySwap": _IN_PLACE,
    "cpuShares": _IN_PLACE,
    "cpus": _REPLACES,
    "shmSize": _COMPUTED,
    "ulimits": _list(itemwise=True, name=_REQUIRED, soft=_REQUIRED, hard=_REQUIRED),
    "sysctls": _REPLACES,
    "stopSignal": _COMPUTED,
    "stopTimeout": _COMPUTED,
    "destroyGraceSeconds": _IN_PLACE,
    "removeVolumes": Property(default=True),
    "logDriver": _COMPUTED,
    "logOpts": _REPLACES,
    "containerReadRefreshTimeoutMilliseconds": Property(default=15000),
}

OUTPUTS = ("bridge", "containerLogs", "exitCode", "networkDatas", "ipcMode", "platform", "runtime")
