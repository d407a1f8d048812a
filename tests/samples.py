"""One complete set of args for each daemon: plain values, so that its files are plain texts."""

from dataclasses import replace
from typing import Any

from mailinfra.components import resolver, rspamd, valkey
from mailinfra.components.acme import AcmeArgs
from mailinfra.components.database.server import OwnServer
from mailinfra.components.dovecot import INNER, PUBLISHED, DovecotArgs
from mailinfra.components.handles import DatabaseLogin, Identity, Peer, ReportsWay
from mailinfra.components.postfix import PORTS as POSTFIX_PORTS
from mailinfra.components.postfix import REPORTS_PORT, PostfixArgs
from mailinfra.components.resolver import ResolverArgs
from mailinfra.components.roundcube import RoundcubeArgs
from mailinfra.components.rspamd import RspamdArgs
from mailinfra.components.valkey import ValkeyArgs
from mailinfra.config.certificate import AcmeConfig
from mailinfra.config.filtering import FilteringConfig
from mailinfra.config.mail import (
    ForwardingConfig,
    LimitsConfig,
    ReceivingConfig,
    SendingConfig,
    SmarthostConfig,
    WebmailConfig,
)
from mailinfra.config.network import PortsConfig
from mailinfra.config.storage import MailStorageConfig
from mailinfra.containers.images import Pulled
from mailinfra.containers.place import Attachment, Place
from mailinfra.types import MIB, Dnssec

IDENTITY = Identity(certificate="certificate\n", key="private\n", ca="ca\n")
PLACE = Place(
    stack="mailinfra-test",
    alias="example",
    image=Pulled(reference="example:1@sha256:00"),
    attachments=[Attachment(network="net", name="example", address="192.0.2.3")],
    listen=["127.0.0.1"],
)
FILTER = Peer(host="rspamd", ports=rspamd.PORTS, ca="")
REPORTS = ReportsWay(taker="192.0.2.20", sender="192.0.2.18", resolver="192.0.2.22")
SMARTHOST = SmarthostConfig(host="smart.test", port=465, username="us")


def limits(**changes: Any) -> LimitsConfig:
    """Return limits with other values for some keys, as a person writes them."""
    return LimitsConfig.model_validate(changes)


def ports(**changes: Any) -> PortsConfig:
    """Return ports of the host with other values for some keys, as a person writes them."""
    return PortsConfig.model_validate(changes)


def login(user: str, **changes: Any) -> DatabaseLogin:
    sample = DatabaseLogin(
        host="mysql", port=3306, name="mail", user=user, password="sample-password", ca="ca\n"
    )
    return replace(sample, **changes)


def dovecot_peer(**changes: Any) -> Peer:
    return replace(Peer(host="dovecot", ports=PUBLISHED, ca="ca\n", certified="dovecot"), **changes)


def inner_dovecot(**changes: Any) -> Peer:
    return replace(
        Peer(host="dovecot-inner", ports=INNER, ca="ca\n", certified="dovecot", encrypted=False), **changes
    )


def own_server(**changes: Any) -> OwnServer:
    sample = OwnServer(
        place=replace(PLACE, alias="mysql"),
        gateway="192.0.2.1",
        port=13306,
        memory=512 * MIB,
        identity=IDENTITY,
    )
    return replace(sample, **changes)


def dovecot_args(**changes: Any) -> DovecotArgs:
    sample = DovecotArgs(
        place=replace(PLACE, alias="dovecot"),
        hostname="mail.example.test",
        identity=IDENTITY,
        inner_identity=IDENTITY,
        database=login("dovecot"),
        ports=ports(),
        fronts=["192.0.2.3", "2001:db8::3"],
        inner=Attachment(network="net-inner", name="dovecot-inner", address="192.0.2.19", encrypted=False),
        gateways=["192.0.2.1", "2001:db8::1"],
        webmail_addresses=["192.0.2.5", "2001:db8::5"],
        mail=MailStorageConfig(),
        limits=limits(),
        filter=FILTER,
        filter_password="sample-password",
    )
    return replace(sample, **changes)


def postfix_args(**changes: Any) -> PostfixArgs:
    sample = PostfixArgs(
        place=replace(PLACE, alias="postfix"),
        hostname="mail.example.test",
        identity=IDENTITY,
        inner_identity=IDENTITY,
        database=login("postfix"),
        dovecot=inner_dovecot(),
        filter=FILTER,
        ports=ports(),
        fronts=["192.0.2.4", "2001:db8::4"],
        webmail_addresses=["192.0.2.5", "2001:db8::5"],
        older=IDENTITY,
        postmaster="postmaster@example.test",
        local_mail="postmaster@example.test",
        widest_alias=10_000,
        limits=limits(),
        receiving=ReceivingConfig(),
        sending=SendingConfig(),
        forwarding=ForwardingConfig(),
        keeps_junk="postmaster@example.test",
        reports=REPORTS,
        resolvers=["192.0.2.22"],
        dnssec=Dnssec.PERMISSIVE,
    )
    return replace(sample, **changes)


def roundcube_args(**changes: Any) -> RoundcubeArgs:
    sample = RoundcubeArgs(
        place=replace(PLACE, alias="webmail"),
        hostname="mail.example.test",
        identity=IDENTITY,
        url="https://mail.example.test:8443",
        database=login("roundcube", name="roundcube"),
        passwords=login("passwords"),
        identities=login("identities"),
        dovecot=dovecot_peer(),
        postfix=Peer(host="postfix", ports=POSTFIX_PORTS, ca="ca\n", certified="postfix"),
        ports=ports(),
        webmail=WebmailConfig(),
        limits=limits(),
        sending=SendingConfig(),
    )
    return replace(sample, **changes)


def rspamd_args(**changes: Any) -> RspamdArgs:
    sample = RspamdArgs(
        place=replace(PLACE, alias="rspamd"),
        valkey=Peer(host="192.0.2.21", ports=valkey.PORTS, ca=""),
        valkey_password="sample-password",
        resolver=Peer(host="192.0.2.22", ports=resolver.PORTS, ca=""),
        gateways=["192.0.2.1", "2001:db8::1"],
        domains=["example.test", "second.test"],
        signing=[("rsa-1", "rsa-1.key"), ("ed25519-1", "ed25519-1.key")],
        seal=("rsa-1", "rsa-1.key"),
        keys={"rsa-1.key": "a key", "ed25519-1.key": "a seed"},
        names={"second.test": ["second.test", "third.test"]},
        filtering=FilteringConfig.model_validate(
            {
                "trustedForwarders": ["list.test"],
                "allowed": ["friend@peer.test"],
                "blocked": ["spam.test"],
                "domains": [{"name": "second.test", "allowed": ["spam.test"], "junkScore": 8.5}],
            }
        ),
        limits=limits(),
        hostname="mail.example.test",
        reports=REPORTS,
        reports_port=REPORTS_PORT,
    )
    return replace(sample, **changes)


def acme_args(**changes: Any) -> AcmeArgs:
    sample = AcmeArgs(
        place=replace(PLACE, alias="acme"),
        hostname="mail.example.test",
        acme=AcmeConfig.model_validate(
            {"email": "postmaster@example.test", "names": ["mta-sts.example.test", "mail.example.test"]}
        ),
        identity=IDENTITY,
        webmail="webmail:8000",
        addresses=["192.0.2.25", "2001:db8::25"],
    )
    return replace(sample, **changes)


def resolver_args(**changes: Any) -> ResolverArgs:
    sample = ResolverArgs(
        place=replace(PLACE, alias="resolver"),
        inner="192.0.2.22",
        clients="192.0.2.16/28",
        resolvers=["192.0.2.53"],
        dnssec=Dnssec.PERMISSIVE,
    )
    return replace(sample, **changes)


def valkey_args(**changes: Any) -> ValkeyArgs:
    return replace(ValkeyArgs(place=replace(PLACE, alias="valkey"), address="192.0.2.21"), **changes)
