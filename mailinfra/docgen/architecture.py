"""Architecture: the parts of docs/architecture.md that are made from the program, so that they stay true.

Owns the table of packages, the picture of the containers, and the list of what one setting reaches. Does not
own the sentences around them: those are written by hand, between the marks.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from mailinfra.docgen import declared, packages

SETTINGS: Mapping[str, Any] = {
    "hostname": "mail.example.org",
    "addresses": ["192.0.2.25"],
    "accounts": {
        "domains": [{"name": "example.org"}],
        "mailboxes": [{"address": "alice@example.org"}],
    },
}
"""A public server with nothing but defaults."""

INNER = {
    24: "LMTP",
    53: "DNS",
    465: "submissions",
    993: "IMAPS",
    3306: "MySQL",
    4523: "logins (SASL)",
    6379: "Valkey",
    11332: "milter",
    11334: "learning",
}
"""Port between containers -> what it is called."""

CLIENTS = {
    "smtp": "other mail servers",
    "webmail": "browsers",
    "webmailRedirect": "browsers",
    "database": "pulumi, on this machine",
}
"""Published port by its name in the stack file -> who connects; everything else is for mail programs."""


def page(text: str) -> str:
    """Return the page with what stands between the marks made anew."""
    for name, make in BLOCKS.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        found = re.findall(pattern, text, re.DOTALL)
        if len(found) != 1:
            raise ValueError(f"docs/architecture.md has {len(found)} places for {name!r}; it needs one")
        text = re.sub(pattern, partial(_filled, made=make()), text, flags=re.DOTALL)
    return text


def _filled(found: re.Match[str], *, made: str) -> str:
    return f"{found[1]}{made}{found[2]}"


def package_table() -> str:
    """Return the packages from the ground up, each with what it is for and what it imports."""
    rows = ["| `mailinfra/` | what it is | imports |", "| --- | --- | --- |"]
    for part in packages.parts():
        imports = ", ".join(f"`{name}`" for name in sorted(part.imports)) or "nothing of ours"
        rows.append(f"| `{part.name}` | {part.purpose} | {imports} |")
    return "\n".join(rows) + "\n"


def container_picture() -> str:
    """Return a Mermaid picture: containers, their volumes, who connects to whom and on which port."""
    found = declared.containers(SETTINGS)
    names = _port_names()
    outside: dict[tuple[str, str], list[str]] = {}
    for one in found:
        for published in one.published:
            name = names[published.port]
            client = CLIENTS.get(name, "mail programs")
            outside.setdefault((client, one.alias), []).append(f"{name} {published.port}")
    clients = sorted({client for client, _ in outside})
    lines = ["```mermaid", "flowchart TB"]
    lines += [f'    {_key(client)}(["{client}"])' for client in clients]
    lines += [f'    subgraph networks ["networks of the stack, {_subnet()}"]']
    lines += [f"        {one.alias}[{one.alias}]" for one in found]
    lines += ["    end"]
    lines += [
        f'    {_key(volume)}[("{volume}<br/>{path}")]' for one in found for volume, path in one.data.items()
    ]
    lines += [
        f'    {_key(client)} -->|"{", ".join(ports)}"| {alias}' for (client, alias), ports in outside.items()
    ]
    lines += [
        f'    {link.client} -->|"{link.network}: {INNER[link.port]} {link.port}"| {link.server}'
        for link in declared.links(found)
    ]
    lines += [f'    {alias} -->|"smtp 25, by MX"| {_key(CLIENTS["smtp"])}' for alias in _senders(found)]
    lines += [f"    {one.alias} --- {_key(volume)}" for one in found for volume in one.data]
    return "\n".join([*lines, "```", ""])


def network_table() -> str:
    """Return the networks, each with its part of the default subnet and who is in it."""
    found = declared.containers(SETTINGS)
    rows = ["| network | part of the default subnet | who is in it |", "| --- | --- | --- |"]
    for name, part in declared.form(SETTINGS).network.parts().items():
        members = ", ".join(one.alias for one in found if name in one.networks)
        rows.append(f"| `{name}` | {part} | {members} |")
    return "\n".join(rows) + "\n"


def setting_reach() -> str:
    """Return what `limits.messageSize: 25M` changes: daemon, file, line."""
    before, after = (
        {one.alias: one for one in declared.containers({**SETTINGS, **changes})}
        for changes in ({}, {"limits": {"messageSize": "25M"}})
    )
    rows = ["| daemon | file | line |", "| --- | --- | --- |"]
    for alias, container in after.items():
        if container.memory_mib != before[alias].memory_mib:
            rows.append(f"| {alias} | the container itself | memory limit {container.memory_mib} MiB |")
        for path, text in container.files.items():
            old = before[alias].files[path].splitlines()
            rows += [f"| {alias} | `{path}` | `{line}` |" for line in text.splitlines() if line not in old]
    return "\n".join(rows) + "\n"


BLOCKS: Mapping[str, Callable[[], str]] = {
    "packages": package_table,
    "containers": container_picture,
    "networks": network_table,
    "messageSize": setting_reach,
}
"""Mark in the page -> what is made for it."""


def _port_names() -> dict[int, str]:
    """Return default port on the host -> its name in the stack file."""
    ports = declared.form(SETTINGS).ports
    return {
        port: str(field.alias)
        for name, field in type(ports).model_fields.items()
        if isinstance(port := getattr(ports, name), int)
    }


def _subnet() -> str:
    return str(declared.form(SETTINGS).network.subnet)


def _senders(found: list[declared.Container]) -> list[str]:
    """Return who sends to other servers: the MTA, whose table of services has a client of SMTP."""
    master = "/etc/postfix/master.cf"
    return [
        one.alias
        for one in found
        if re.search(r"^smtp +unix .* smtp$", one.files.get(master, ""), re.MULTILINE)
    ]


def _key(name: str) -> str:
    """Return a name for Mermaid: letters and underscores."""
    return re.sub(r"\W+", "_", name)
