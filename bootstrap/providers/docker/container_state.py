"""A container's state: what the daemon says of it, in the real provider's form.

Owns what is read back. All is, but for environment, labels, networks, uploads, volumes, and what is the
provider's alone. Sets are as they were planned until a refresh.
"""

from typing import Any

from bootstrap.providers.docker.container_properties import PROPERTIES
from bootstrap.providers.docker.container_request import MEBIBYTE
from bootstrap.providers.order import ordered
from bootstrap.providers.plan import filled, zeroed
from bootstrap.providers.values import Properties

__all__ = ["go_duration", "made", "refreshed"]

_SECOND = 10**9


def made(container: dict[str, Any], given: Properties) -> Properties:
    """Return the state of a container that was made from `given`."""
    read = _read(container, given)
    state = {**given, **read}
    for name, declared in PROPERTIES.items():
        if declared.foreign:
            continue
        wanted = given.get(name)
        if declared.unordered and wanted:
            whole = declared.kind == "list"
            state[name] = (
                ordered([filled(item, declared) for item in wanted], declared)
                if whole
                else filled(wanted, declared)
            )
        elif declared.kind in ("list", "map") and not state.get(name):
            state[name] = [] if declared.fields or declared.computed else None
    return state


def refreshed(container: dict[str, Any], before: Properties) -> Properties:
    """Return the state of a container after a refresh; `before` is the state until now."""
    state = {**before, **_read(container, before)}
    for name, declared in PROPERTIES.items():
        value = state.get(name)
        if declared.kind == "list" and declared.unordered and value:
            items = [zeroed(item, declared) if isinstance(item, dict) else item for item in value]
            state[name] = ordered(items, declared)
        elif declared.kind in ("list", "map") and value is None:
            state[name] = {} if declared.kind == "map" else []
    return state


def go_duration(nanoseconds: int) -> str:
    """Return a duration as Go writes it: hours and minutes split off, `2m0s`, `1h0m0s`, `1.5s`, `500ms`."""
    if 0 < nanoseconds < _SECOND:
        for unit, size in (("ms", 10**6), ("µs", 10**3), ("ns", 1)):
            if nanoseconds >= size:
                return f"{_decimal(nanoseconds, size)}{unit}"
    minutes, rest = divmod(nanoseconds, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, _SECOND)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    digits = f"{part:0{len(str(unit)) - 1}d}".rstrip("0") if part else ""
    return f"{whole}.{digits}" if digits else str(whole)


def _read(container: dict[str, Any], known: Properties) -> Properties:
    config, network = container["Config"], container["NetworkSettings"]
    running = container["State"]["Running"]
    state = {
        "id": container["Id"],
        "name": container["Name"].lstrip("/"),
        "image": container["Image"] if str(known["image"]).startswith("sha256:") else config["Image"],
        "hostname": config["Hostname"],
        "domainname": config["Domainname"],
        "user": config["User"],
        "workingDir": config["WorkingDir"],
        "command": config["Cmd"] or [],
        "entrypoints": config["Entrypoint"] or [],
        "bridge": network["Bridge"],
        "containerLogs": None,
        "exitCode": known.get("exitCode") if running else container["State"]["ExitCode"],
        "platform": container["Platform"],
        "mustRun": bool(known.get("mustRun")) and running,
        "networkDatas": _networks(network["Networks"]),
        "healthcheck": _health(config.get("Healthcheck"), known.get("healthcheck")),
        "stopSignal": config.get("StopSignal") or "",
        "stopTimeout": config.get("StopTimeout") or 0,
        **_host(container["HostConfig"], known),
    }
    if known.get("ports") and (running or known.get("mustRun")):
        state["ports"] = _ports(network["Ports"] or {})
    return state


def _host(host: dict[str, Any], known: Properties) -> Properties:
    state = {
        "cpuShares": host["CpuShares"],
        "dns": host["Dns"] or [],
        "groupAdds": host["GroupAdd"] or [],
        "hosts": [_extra_host(entry) for entry in host["ExtraHosts"] or []],
        "init": bool(host.get("Init")),
        "ipcMode": host["IpcMode"],
        "logDriver": host["LogConfig"]["Type"],
        "logOpts": host["LogConfig"]["Config"] if known.get("logOpts") else {},
        "maxRetryCount": host["RestartPolicy"]["MaximumRetryCount"],
        "memory": host["Memory"] // MEBIBYTE,
        "memorySwap": _mebibytes(host["MemorySwap"]),
        "mounts": [_mount(mount) for mount in host.get("Mounts") or []],
        "networkMode": host["NetworkMode"],
        "privileged": host["Privileged"],
        "readOnly": host["ReadonlyRootfs"],
        "restart": host["RestartPolicy"]["Name"],
        "runtime": host["Runtime"],
        "securityOpts": host["SecurityOpt"] or [],
        "shmSize": host["ShmSize"] // MEBIBYTE,
        "sysctls": host.get("Sysctls") or {},
        "tmpfs": host.get("Tmpfs") or {},
        "usernsMode": host["UsernsMode"],
    }
    if known.get("ulimits"):
        state["ulimits"] = [_limit(limit) for limit in host["Ulimits"] or []]
    if host["CapAdd"] or host["CapDrop"]:
        state["capabilities"] = {
            "adds": _capabilities(host["CapAdd"]),
            "drops": _capabilities(host["CapDrop"]),
        }
    if host["NanoCpus"]:
        state["cpus"] = _decimal(host["NanoCpus"], _SECOND)
    return state


def _mebibytes(number: int) -> int:
    return number // MEBIBYTE if number > 0 else number


def _extra_host(entry: str) -> Properties:
    # The real provider cuts at every colon, too: of an IPv6 address it keeps the first group.
    name, address, *_ = entry.split(":")
    return {"host": name, "ip": address}


def _limit(limit: dict[str, Any]) -> Properties:
    return {"name": limit["Name"], "soft": limit["Soft"], "hard": limit["Hard"]}


def _mount(mount: dict[str, Any]) -> Properties:
    bind, tmpfs = mount.get("BindOptions"), mount.get("TmpfsOptions")
    return {
        "type": mount["Type"],
        "target": mount["Target"],
        "source": mount.get("Source", ""),
        "readOnly": mount.get("ReadOnly", False),
        "bindOptions": {"propagation": bind.get("Propagation", "")} if bind else None,
        "tmpfsOptions": {"mode": tmpfs.get("Mode", 0), "sizeBytes": tmpfs.get("SizeBytes", 0)}
        if tmpfs
        else None,
        "volumeOptions": None,
    }


def _health(check: dict[str, Any] | None, known: Properties | None) -> Properties | None:
    if check is None:
        return known
    durations = ("interval", "Interval"), ("timeout", "Timeout"), ("startPeriod", "StartPeriod")
    return {
        "tests": check.get("Test") or [],
        "retries": check.get("Retries", 0),
        "startInterval": go_duration(check.get("StartInterval", 0)),
        **{name: go_duration(check.get(theirs, 0)) for name, theirs in durations},
    }


def _capabilities(names: list[str] | None) -> list[str]:
    return sorted(names or [])


def _networks(networks: dict[str, Any]) -> list[Properties]:
    return [
        {
            "networkName": name,
            "ipAddress": network["IPAddress"],
            "ipPrefixLength": network["IPPrefixLen"],
            "gateway": network["Gateway"],
            "globalIpv6Address": network["GlobalIPv6Address"],
            "globalIpv6PrefixLength": network["GlobalIPv6PrefixLen"],
            "ipv6Gateway": network["IPv6Gateway"],
            "macAddress": network["MacAddress"],
        }
        for name, network in sorted(networks.items())
    ]


def _ports(ports: dict[str, Any]) -> list[Properties]:
    """Return the published ports by number; those of one number as the daemon lists them: in reverse."""
    return [
        {
            "internal": int(inner.partition("/")[0]),
            "external": int(place["HostPort"]),
            "ip": place["HostIp"],
            "protocol": inner.partition("/")[2],
        }
        for inner, published in sorted(ports.items(), key=lambda item: int(item[0].partition("/")[0]))
        for place in published or []
    ]
