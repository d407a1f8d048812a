"""What the real provider plugins do with each property that the program declares: a table, and nothing else.

Owns the facts: recorded on pulumi-docker 5.2 (upstream v4.5), pulumi-mysql 3.3, pulumi-random 4.21 and
pulumi-tls 5.6, with Docker 20.10. Does not own what the program declares, nor the tests (test_properties.py).
Whoever declares a new property tries on the plugin what a row says about it, and adds the row.
"""

import re
from dataclasses import dataclass
from enum import Enum

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/remoteImage:RemoteImage"
NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
DATABASE = "mysql:index/database:Database"
GRANT = "mysql:index/grant:Grant"
USER = "mysql:index/user:User"
PASSWORD = "random:index/randomPassword:RandomPassword"
KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"
CA = "tls:index/selfSignedCert:SelfSignedCert"
CERTIFICATE = "tls:index/locallySignedCert:LocallySignedCert"
ACCESS = "mailinfra:index:Access"
DIRECTORY, RIGHTS, SCHEMA = "mailinfra:index:Directory", "mailinfra:index:Rights", "mailinfra:index:Schema"

KEPT, KEPT_NAMES = "mailinfra:index:Kept", "mailinfra:index:KeptNames"
SINGLE_PASSWORDS = "mailinfra:index:SinglePasswords"


class Change(Enum):
    """What the provider makes of another value."""

    REPLACES = "the resource is made anew"
    UPDATES = "the provider changes it in place, and what runs has it then"
    PRETENDS = "the provider says that it updates, and what runs stays as it was: the program replaces"
    NOTHING = "no change of the resource"


class Refresh(Enum):
    """What a refresh makes of it."""

    READS = (
        "takes it from the daemon or the server: any other form than the one answered is a change for ever"
    )
    KEEPS = "keeps what the state says: what somebody changes by hand is never seen"


@dataclass(frozen=True)
class Fact:
    """One property."""

    change: Change
    refresh: Refresh
    form: re.Pattern[str] | None = None
    """How the text of each value has to look, where the provider answers one form and takes several."""
    removal_unseen: bool = False
    """Whether taking it away is no change for the provider, so that a container must have it always or
    never."""


def replaces(form: str | None = None, *, removal_unseen: bool = False) -> Fact:
    """Another value makes the resource anew; a refresh reads it."""
    return Fact(Change.REPLACES, Refresh.READS, re.compile(form) if form else None, removal_unseen)


def replaces_unread(form: str | None = None, *, removal_unseen: bool = False) -> Fact:
    """Another value makes the resource anew; a refresh keeps it."""
    return Fact(Change.REPLACES, Refresh.KEEPS, re.compile(form) if form else None, removal_unseen)


def pretends(form: str | None = None, *, removal_unseen: bool = False) -> Fact:
    """Another value is called an update that reaches nothing."""
    return Fact(Change.PRETENDS, Refresh.READS, re.compile(form) if form else None, removal_unseen)


UPDATES, UPDATES_UNREAD = Fact(Change.UPDATES, Refresh.READS), Fact(Change.UPDATES, Refresh.KEEPS)
REPLACES, REPLACES_UNREAD, PRETENDS = replaces(), replaces_unread(), pretends()

GO_DURATION = r"(?!0)(\d+h)?([0-5]?\dm)?[0-5]?\ds"
"""As Go's Duration.String writes it, https://pkg.go.dev/time#Duration.String: `5s`, `2m0s`, `1h0m0s`."""
ADDRESS = r"[0-9a-f.:]+"

FACTS: dict[str, dict[str, Fact]] = {
    CONTAINER: {
        "capabilities.adds": REPLACES,
        "capabilities.adds[*]": replaces(r"CAP_[A-Z_]+"),  # `CHOWN` is answered as `CAP_CHOWN`
        "capabilities.drops[*]": replaces(r"ALL"),
        "command[*]": replaces(removal_unseen=True),
        "destroyGraceSeconds": UPDATES_UNREAD,
        "dns[*]": replaces(ADDRESS),
        "envs": replaces_unread(removal_unseen=True),
        "envs[*]": replaces_unread(r"[A-Z_]+=.*", removal_unseen=True),
        "groupAdds[*]": replaces(r"\d+"),
        "healthcheck.interval": pretends(GO_DURATION, removal_unseen=True),
        "healthcheck.retries": pretends(removal_unseen=True),
        "healthcheck.startPeriod": pretends(GO_DURATION, removal_unseen=True),
        "healthcheck.tests[*]": pretends(removal_unseen=True),
        "healthcheck.timeout": pretends(GO_DURATION, removal_unseen=True),
        "hostname": REPLACES,
        "image": replaces(r"sha256:.+"),  # by name, another image under the same one would go unseen
        "init": pretends(removal_unseen=True),
        "labels[*].label": REPLACES_UNREAD,
        "labels[*].value": REPLACES_UNREAD,
        "logDriver": REPLACES,
        "logOpts.*": replaces(r"\d+m?"),
        "memory": UPDATES,  # with memorySwap: alone, the daemon refuses it
        "memorySwap": UPDATES,
        "mounts[*].readOnly": PRETENDS,  # with a mount more or less the container is made anew
        "mounts[*].source": PRETENDS,
        "mounts[*].target": PRETENDS,
        "mounts[*].type": pretends(r"volume|bind"),
        "mustRun": UPDATES,
        "networkMode": REPLACES,
        "networksAdvanced[*].aliases[*]": REPLACES_UNREAD,
        "networksAdvanced[*].ipv4Address": replaces_unread(ADDRESS),
        "networksAdvanced[*].ipv6Address": replaces_unread(ADDRESS),
        "networksAdvanced[*].name": REPLACES_UNREAD,
        "ports[*].external": REPLACES,
        "ports[*].internal": REPLACES,  # each once: two bindings of one come back in an order of Docker's
        "ports[*].ip": replaces(ADDRESS),
        "ports[*].protocol": replaces(r"tcp"),
        "readOnly": REPLACES,
        "restart": UPDATES,
        "securityOpts[*]": replaces(r"no-new-privileges:true"),
        "start": UPDATES_UNREAD,
        "stopTimeout": REPLACES,
        "tmpfs.*": PRETENDS,
        "ulimits[*].hard": REPLACES,
        "ulimits[*].name": REPLACES,  # Docker answers them in another order, which is no change: a set
        "ulimits[*].soft": REPLACES,
        "uploads[*].content": REPLACES_UNREAD,
        "uploads[*].file": REPLACES_UNREAD,
        "uploads[*].permissions": replaces_unread(r"0[0-7]{3}"),
        "user": replaces(r"\d+:\d+", removal_unseen=True),
        "wait": UPDATES_UNREAD,
        "waitTimeout": UPDATES_UNREAD,
    },
    IMAGE: {
        "build.buildArgs.*": REPLACES_UNREAD,
        "build.context": replaces_unread(r"images/\w+"),
        "build.tags[*]": UPDATES_UNREAD,
        "keepLocally": UPDATES_UNREAD,
        "name": REPLACES,
        "triggers.*": REPLACES_UNREAD,
    },
    NETWORK: {
        "driver": replaces(r"bridge"),
        "internal": REPLACES,
        "ipamConfigs[*].auxAddress.*": replaces(ADDRESS),
        "ipamConfigs[*].gateway": replaces(ADDRESS),
        "ipamConfigs[*].subnet": replaces(ADDRESS + r"/\d+"),
        "ipv6": REPLACES,
        "labels[*].label": REPLACES,
        "labels[*].value": REPLACES,
        "name": REPLACES,
    },
    VOLUME: {"driver": REPLACES, "driverOpts.*": REPLACES, "name": REPLACES},
    DATABASE: {
        "defaultCharacterSet": Fact(Change.UPDATES, Refresh.READS, re.compile(r"utf8mb4")),
        "defaultCollation": Fact(Change.UPDATES, Refresh.READS, re.compile(r"utf8mb4_0900_ai_ci")),
        "name": REPLACES,
    },
    GRANT: {
        "database": REPLACES_UNREAD,
        "host": REPLACES_UNREAD,
        "privileges[*]": REPLACES_UNREAD,  # Rights looks for drift
        "table": REPLACES_UNREAD,
        "user": REPLACES_UNREAD,
    },
    USER: {
        "host": REPLACES_UNREAD,
        "plaintextPassword": UPDATES_UNREAD,
        "tlsOption": replaces_unread(r"SSL"),
        "user": REPLACES_UNREAD,
    },
    PASSWORD: {"length": REPLACES_UNREAD, "special": REPLACES_UNREAD},
    KEY: {"algorithm": REPLACES_UNREAD, "ecdsaCurve": REPLACES_UNREAD, "rsaBits": REPLACES_UNREAD},
    REQUEST: {
        "dnsNames[*]": REPLACES_UNREAD,
        "ipAddresses": REPLACES_UNREAD,  # empty and absent are two
        "ipAddresses[*]": REPLACES_UNREAD,
        "privateKeyPem": REPLACES_UNREAD,
        "subject.commonName": REPLACES_UNREAD,
    },
    CA: {
        "allowedUses[*]": REPLACES_UNREAD,
        "earlyRenewalHours": UPDATES_UNREAD,
        "isCaCertificate": REPLACES_UNREAD,
        "privateKeyPem": REPLACES_UNREAD,
        "setSubjectKeyId": REPLACES_UNREAD,
        "subject.commonName": Fact(Change.NOTHING, Refresh.KEEPS),  # ignore_changes
        "validityPeriodHours": REPLACES_UNREAD,
    },
    CERTIFICATE: {
        "allowedUses[*]": REPLACES_UNREAD,
        "caCertPem": REPLACES_UNREAD,
        "caPrivateKeyPem": REPLACES_UNREAD,
        "certRequestPem": REPLACES_UNREAD,
        "earlyRenewalHours": UPDATES_UNREAD,
        "validityPeriodHours": REPLACES_UNREAD,
    },
    ACCESS: {"connection.*": UPDATES_UNREAD, "databases": UPDATES_UNREAD, "names[*]": UPDATES_UNREAD},
    SCHEMA: {"connection.*": UPDATES_UNREAD, "revision": UPDATES},
    RIGHTS: {"connection.*": UPDATES_UNREAD, "hosts.*": UPDATES_UNREAD, "rights.*.*": UPDATES},
    KEPT: {
        "candidate": UPDATES_UNREAD,
        "connection.*": UPDATES_UNREAD,
        "stored": UPDATES,
        "what": UPDATES_UNREAD,
    },
    KEPT_NAMES: {"connection.*": UPDATES_UNREAD, "names.*": UPDATES_UNREAD},
    SINGLE_PASSWORDS: {
        "connection.*": UPDATES_UNREAD,
        "hosts.*": UPDATES_UNREAD,
        "passwords.*": UPDATES_UNREAD,
        "second": UPDATES,
    },
    DIRECTORY: {
        "aliases.*.maySend": UPDATES,
        "aliases.*.targets[*]": UPDATES,
        "connection.*": UPDATES_UNREAD,
        "deleteMail": UPDATES,
        "deleteMail.*": UPDATES,
        "domains.*": UPDATES,
        "domains.*.aliasOf": UPDATES,
        "domains.*.catchAll": UPDATES,
        "domains.*.renamedFrom": UPDATES_UNREAD,
        "hashing.*": UPDATES_UNREAD,
        "mailboxes.*.claimant": UPDATES,
        "mailboxes.*.description": UPDATES,
        "mailboxes.*.displayName": UPDATES,
        "mailboxes.*.enabled": UPDATES,
        "mailboxes.*.imap": UPDATES,
        "mailboxes.*.password": UPDATES,
        "mailboxes.*.pop3": UPDATES,
        "mailboxes.*.receives": UPDATES,
        "mailboxes.*.renamedFrom": UPDATES_UNREAD,
        "mailboxes.*.reset": UPDATES_UNREAD,
        "mailboxes.*.reuseMail": UPDATES_UNREAD,
        "mailboxes.*.submission": UPDATES,
        "passwords.*": UPDATES_UNREAD,
        "undeclared": UPDATES_UNREAD,
    },
    "pulumi:providers:mailinfra": {},
    # Another endpoint or password, an unknown one too, shows every database, user and grant as updated.
    "pulumi:providers:mysql": dict.fromkeys(("endpoint", "password", "tls", "username"), UPDATES_UNREAD),
}
"""Type -> path of a property -> what is known of it. `[*]` is any element, `*` any key."""
