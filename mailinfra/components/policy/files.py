"""What the files of Postfix and Dovecot may not say; pure.

Owns how much of main.cf, master.cf and Dovecot's files is read for that: what no rule can read is a fault.
Does not own what becomes of one (`refuse`).
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

_FOREIGN_PORT = 25
_PORT_STEP = 10_000  # further addresses of the host: containers/place.py


@dataclass(frozen=True, kw_only=True)
class _Listener:
    """One service of master.cf that is reached over the network."""

    service: str
    command: str
    settings: Mapping[str, str]
    """Those of main.cf, with its own over them."""

    unread: Sequence[str] = ()
    """Arguments that are no settings."""

    @property
    def port(self) -> int | None:
        """The port that it listens on; None for one by a name, of which the system has several for each."""
        port = {"smtp": "25"}.get(self.service, self.service)
        return int(port) if port.isdigit() else None

    @property
    def serves_strangers(self) -> bool:
        """Whether other servers come here: port 25 inside, also on a further address of the host."""
        return self.port is not None and self.port % _PORT_STEP == _FOREIGN_PORT

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
        yield from _readable(each)
        if each.serves_strangers:
            yield from _relay_faults(each)
    yield from _trust_faults(listeners)


def _trust_faults(listeners: Sequence[_Listener]) -> Iterator[str]:
    """Return who else than this container itself would be trusted."""
    for value in dict.fromkeys(each.settings.get("mynetworks", "") for each in listeners):
        wide = _wide(value)
        if wide or not value.strip():
            said = ", ".join(wide) or "Postfix's own choice, the networks that it is in"
            yield (
                f"mynetworks trusts {said}, and through Docker's proxy strangers come from there: "
                "an open relay; mynetworks = 127.0.0.0/8 [::1]/128"
            )
    for name in _BELIEVED:
        for value in dict.fromkeys(each.settings.get(name, "") for each in listeners):
            if _wide(value):
                yield (
                    f"{name} believes {', '.join(_wide(value))} on who a client is, and a client of "
                    f"mynetworks may relay; {name} = 127.0.0.1, or nothing"
                )


_BELIEVED = (
    "smtpd_authorized_xclient_hosts",
    "smtpd_authorized_xforward_hosts",
    "smtpd_upstream_proxy_protocol",
)
"""What lets a client say that it is another one."""


def _readable(each: _Listener) -> Iterator[str]:
    """Return what about a service no rule can judge."""
    if each.command != "smtpd":
        yield f"{each.service} is served by {each.command}, which no rule reads; smtpd"
    if each.port is None:
        yield f"{each.service} is a port by its name, and the system knows several for one; write its number"
    if each.unread:
        yield f"{each.service} is started with {' '.join(each.unread)}, which no rule reads; -o name=value"


def _relay_faults(each: _Listener) -> Iterator[str]:
    """Return how strangers at port 25 could send to other domains than ours."""
    said = each.settings.get("smtpd_relay_restrictions", "")
    first, _, _ = said.partition("reject_unauth_destination")
    if first == said or set(re.split(r"[\s,]+", first.strip())) - {"", "permit_mynetworks"}:
        yield (
            f"smtpd_relay_restrictions at {each.service} is {said or 'not said'}: an open relay, perhaps; "
            "permit_mynetworks, reject_unauth_destination"
        )
    if each.settings.get("relay_domains"):
        yield f"relay_domains at {each.service} takes mail for domains that are not hosted here; take it out"


def dovecot_faults(files: Mapping[str, str]) -> Iterator[str]:
    """Return which rules Dovecot's files break."""
    settings = [setting for _, text in sorted(files.items()) for setting in _dovecot_settings(text)]
    clear = {value for _, name, value in settings if name == "auth_allow_cleartext"}
    if clear != {"no"}:
        yield f"auth_allow_cleartext is {_said(clear)}: passwords would travel in clear text; write no"
    tls = {value for place, name, value in settings if name == "ssl" and not _has_own_tls(place)}
    if tls != {"required"}:
        yield f"ssl is {_said(tls)}: a login could do without TLS; write required"
    for _, name, value in settings:
        is_trust = name in {"login_trusted_networks", "haproxy_trusted_networks"}
        wide = _wide(value, peers=True) if is_trust else []
        if wide:
            yield (
                f"{name} names {', '.join(wide)}: whoever is there says for whom it asks, "
                "and may send passwords in clear text; name single containers, or nothing"
            )


def _has_own_tls(place: Sequence[str]) -> bool:
    """Whether `ssl` means something else in a section: a port with TLS from the first byte, the way to the
    database, and LMTP, where nobody logs in."""
    if not place:
        return False
    return place[-1].startswith(("inet_listener ", "mysql ")) or tuple(place) == ("protocol lmtp",)


def _logical(text: str) -> Iterator[str]:
    """Return the lines of main.cf or master.cf as Postfix puts them together (postconf(5))."""
    logical = ""
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t":
            logical += line
            continue
        if logical:
            yield logical
        logical = line
    if logical:
        yield logical


def _parameters(text: str) -> dict[str, str]:
    """Return name -> value of a main.cf; the last one wins, as it does there."""
    pairs = [line.partition("=") for line in _logical(text) if "=" in line]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _listeners(text: str, main: Mapping[str, str]) -> Iterator[_Listener]:
    """Return each service that is reached over the network, or gets its connections from one that is."""
    for line in _logical(text):
        words = _words(line)
        if len(words) < 8 or words[1] not in {"inet", "pass"}:
            continue
        own: dict[str, str] = {}
        unread = []
        arguments = iter(words[8:])
        for word in arguments:
            if word != "-o":
                unread.append(word)
                continue
            said = next(arguments, "")
            name, _, value = (said[1:-1] if said.startswith("{") else said).partition("=")
            own[name.strip()] = value.strip()
        yield _Listener(
            service=words[0].rpartition(":")[2],
            command=words[7] if words[1] == "inet" else f"{words[7]} for another one",
            settings={**main, **own},
            unread=unread,
        )


def _words(line: str) -> list[str]:
    """Return the words of a line; what is in braces is one."""
    words, depth = [""], 0
    for character in line:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character.isspace() and not depth:
            words.append("")
        else:
            words[-1] += character
    return [word for word in words if word]


def _dovecot_settings(text: str) -> Iterator[tuple[Sequence[str], str, str]]:
    """Return the sections that it is in, name and value of each setting."""
    sections: list[str] = []
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        if line.endswith("{"):
            sections.append(" ".join(line[:-1].split()))
        elif line == "}":
            del sections[-1:]
        elif "=" in line:
            name, _, value = line.partition("=")
            yield tuple(sections), name.strip(), value.strip()


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
