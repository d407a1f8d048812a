"""A container's inputs in the words of Docker's API (https://docs.docker.com/engine/api/v1.41/)."""

import re
from typing import Any

from bootstrap.providers.docker.daemon import labels_of
from bootstrap.providers.resource import Refused
from bootstrap.providers.values import Properties

__all__ = ["MEBIBYTE", "nanoseconds", "request", "restart_policy", "swap_bytes"]

MEBIBYTE = 1024 * 1024
_UNITS = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}


def request(inputs: Properties, image: str) -> dict[str, Any]:
    """Return the body of the request that creates the container from the image of this id or name."""
    ports = inputs.get("ports") or []
    return _given(
        {
            "Image": image,
            "Hostname": inputs.get("hostname"),
            "Domainname": inputs.get("domainname"),
            "User": inputs.get("user"),
            "WorkingDir": inputs.get("workingDir"),
            "Cmd": inputs.get("command"),
            "Entrypoint": inputs.get("entrypoints"),
            "Env": inputs.get("envs"),
            "Labels": labels_of(inputs),
            "Healthcheck": _health(inputs.get("healthcheck")),
            "ExposedPorts": {_port(port): {} for port in ports},
            "StopSignal": inputs.get("stopSignal"),
            "StopTimeout": inputs.get("stopTimeout"),
            "HostConfig": _host(inputs),
        }
    )


def swap_bytes(mebibytes: int) -> int:
    """Return a limit of memory and swap in bytes; -1 means no limit."""
    return mebibytes * MEBIBYTE if mebibytes > 0 else mebibytes


def restart_policy(inputs: Properties) -> dict[str, Any]:
    """Return when Docker starts the container again."""
    return {"Name": inputs["restart"], "MaximumRetryCount": inputs.get("maxRetryCount") or 0}


def nanoseconds(duration: str) -> int:
    """Return a duration such as `1m30s` in nanoseconds."""
    parts = re.findall(r"([0-9.]+)(h|ms|us|µs|ns|m|s)", duration)
    if "".join(number + unit for number, unit in parts) != duration:
        raise Refused(
            f"healthcheck: {duration!r} is not a duration; write numbers with a unit, such as 1m30s"
        )
    return sum(int(float(number) * _UNITS[unit]) for number, unit in parts)


def _host(inputs: Properties) -> dict[str, Any]:
    capabilities = inputs.get("capabilities") or {}
    binds: dict[str, list[dict[str, str]]] = {}
    for port in inputs.get("ports") or []:
        published = {"HostIp": port["ip"], "HostPort": str(port.get("external") or "")}
        binds.setdefault(_port(port), []).append(published)
    given = _given(
        {
            "RestartPolicy": restart_policy(inputs),
            "Memory": (inputs.get("memory") or 0) * MEBIBYTE,
            "MemorySwap": swap_bytes(inputs.get("memorySwap") or 0),
            "CpuShares": inputs.get("cpuShares"),
            "NetworkMode": inputs["networkMode"],
            "PortBindings": binds,
            "ExtraHosts": [f"{item['host']}:{item['ip']}" for item in inputs.get("hosts") or []],
            "Dns": inputs.get("dns"),
            "Binds": [_bind(volume) for volume in inputs.get("volumes") or [] if _source(volume)],
            "Mounts": [_mount(mount) for mount in inputs.get("mounts") or []],
            "Tmpfs": inputs.get("tmpfs"),
            "ReadonlyRootfs": inputs.get("readOnly"),
            "Privileged": inputs.get("privileged"),
            "CapAdd": _long_names(capabilities.get("adds")),
            "CapDrop": _long_names(capabilities.get("drops")),
            "SecurityOpt": inputs.get("securityOpts"),
            "GroupAdd": inputs.get("groupAdds"),
            "NanoCpus": int(float(inputs.get("cpus") or 0) * 10**9),
            "ShmSize": (inputs.get("shmSize") or 0) * MEBIBYTE,
            "Ulimits": [
                {"Name": limit["name"], "Soft": limit["soft"], "Hard": limit["hard"]}
                for limit in inputs.get("ulimits") or []
            ],
            "Sysctls": inputs.get("sysctls"),
            "LogConfig": _given({"Type": inputs.get("logDriver"), "Config": inputs.get("logOpts")}),
            "UsernsMode": inputs.get("usernsMode"),
        }
    )
    return {**given, "Init": bool(inputs.get("init"))}


def _long_names(capabilities: list[str] | None) -> list[str]:
    """Return capabilities as Docker's client sends them: `CAP_CHOWN`, sorted, each once, `ALL` alone."""
    names = {name.upper() for name in capabilities or []}
    return ["ALL"] if "ALL" in names else sorted(f"CAP_{name.removeprefix('CAP_')}" for name in names)


def _health(check: Properties | None) -> dict[str, Any] | None:
    if not check:
        return None
    return {
        "Test": check.get("tests"),
        "Interval": nanoseconds(check["interval"]),
        "Timeout": nanoseconds(check["timeout"]),
        "StartPeriod": nanoseconds(check["startPeriod"]),
        "StartInterval": nanoseconds(check["startInterval"]),
        "Retries": check.get("retries") or 0,
    }


def _port(port: Properties) -> str:
    return f"{port['internal']}/{port['protocol']}"


def _source(volume: Properties) -> str:
    return str(volume.get("volumeName") or volume.get("hostPath") or "")


def _bind(volume: Properties) -> str:
    mode = "ro" if volume.get("readOnly") else "rw"
    return f"{_source(volume)}:{volume['containerPath']}:{mode}"


def _mount(mount: Properties) -> dict[str, Any]:
    tmpfs = mount.get("tmpfsOptions") or {}
    return _given(
        {
            "Type": mount["type"],
            "Target": mount["target"],
            "Source": mount.get("source"),
            "ReadOnly": mount.get("readOnly"),
            "BindOptions": _given({"Propagation": (mount.get("bindOptions") or {}).get("propagation")}),
            "TmpfsOptions": _given({"Mode": tmpfs.get("mode"), "SizeBytes": tmpfs.get("sizeBytes")}),
        }
    )


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
