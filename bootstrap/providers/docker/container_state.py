"""A container's state: what was asked for, and what the daemon says of it."""

from typing import Any

from bootstrap.providers.docker.container_request import MEBIBYTE
from bootstrap.providers.docker.daemon import named_labels
from bootstrap.providers.values import Properties

__all__ = ["state_of"]


def state_of(container: dict[str, Any], known: Properties, *, refreshed: bool = False) -> Properties:
    """Return the state of an inspected container; `known` is what was asked for, or the state before.

    The daemon's answer wins where the real provider reads it back. Capabilities are as they were asked for
    until a refresh shows the daemon's spelling.
    """
    config, host = container["Config"], container["HostConfig"]
    running = container["State"]["Running"]
    state = {
        **known,
        "id": container["Id"],
        "name": container["Name"].lstrip("/"),
        "image": known.get("image") or container["Image"],
        "hostname": config["Hostname"],
        "domainname": config["Domainname"],
        "user": config["User"],
        "workingDir": known.get("workingDir") or "",
        "command": known.get("command") or config["Cmd"] or [],
        "entrypoints": known.get("entrypoints") or [],
        "envs": known.get("envs") or [],
        "labels": known.get("labels") or [],
        "bridge": "",
        "containerLogs": None,
        "exitCode": None if running else container["State"]["ExitCode"],
        "platform": container["Platform"],
        "mustRun": bool(known.get("mustRun", True)) and running,
        "networkDatas": _networks(container["NetworkSettings"]["Networks"]),
        "ports": _ports(container["NetworkSettings"]["Ports"] or {}),
        "stopSignal": config.get("StopSignal") if known.get("stopSignal") else "",
        "stopTimeout": config.get("StopTimeout") or 0,
        **_host(host, known),
    }
    if not known:
        state["labels"] = list(named_labels(config["Labels"]))
    if refreshed:
        adds, drops = _capabilities(host.get("CapAdd")), _capabilities(host.get("CapDrop"))
        state["capabilities"] = {"adds": adds, "drops": drops} if adds or drops else None
    return state


def _host(host: dict[str, Any], known: Properties) -> Properties:
    swap = host["MemorySwap"]
    return {
        "cpuShares": host["CpuShares"],
        "init": bool(host.get("Init")),
        "ipcMode": host["IpcMode"],
        "logDriver": host["LogConfig"]["Type"],
        "maxRetryCount": host["RestartPolicy"]["MaximumRetryCount"],
        "memory": host["Memory"] // MEBIBYTE,
        # Docker itself makes it twice the memory where only that was asked for.
        "memorySwap": (swap // MEBIBYTE if swap > 0 else swap) if known.get("memorySwap") else 0,
        "networkMode": host["NetworkMode"],
        "privileged": host["Privileged"],
        "readOnly": host["ReadonlyRootfs"],
        "restart": host["RestartPolicy"]["Name"] or "no",
        "runtime": host["Runtime"],
        "securityOpts": host["SecurityOpt"] or [],
        "shmSize": host["ShmSize"] // MEBIBYTE,
    }


def _capabilities(names: list[str] | None) -> list[str]:
    """Return capabilities in the long form that the real provider reads them back in."""
    return [name if name == "ALL" else f"CAP_{name.removeprefix('CAP_')}" for name in names or []]


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
    found = []
    for inner, published in ports.items():
        number, protocol = inner.split("/")
        for place in published or []:
            found.append(
                {
                    "internal": int(number),
                    "external": int(place["HostPort"]),
                    "ip": place["HostIp"],
                    "protocol": protocol,
                }
            )
    return sorted(found, key=lambda port: (port["internal"], port["protocol"], port["ip"]))
