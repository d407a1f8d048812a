"""A rotation makes other secrets, and only whoever holds one of them is replaced: as the table in
docs/operations.md says."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime import mocks

from bootstrap.plan.data import HOLDERS
from mailinfra.config.rotation import RotationConfig
from tests.graph.conftest import CONTAINER, Answers, Engine, declare, listening, plain
from tests.graph.test_mailserver import build

PASSWORD, KEY = "random:index/randomPassword:RandomPassword", "tls:index/privateKey:PrivateKey"
SIGNED = {"tls:index/selfSignedCert:SelfSignedCert", "tls:index/locallySignedCert:LocallySignedCert"}
PAGE = Path(__file__).parents[2] / "docs/operations.md"

ROTATED = {
    "ca": {"certificates-ca-key"},
    "certificates": {
        "certificates-inner-key",
        "certificates-inner-mail-key",
        "certificates-older-key",
        "certificates-public-key",
        "certificates-webmail-key",
    },
    "mysql": {"database-deploy-password", "database-health-password", "database-root-password"},
    "dovecot": {"database-dovecot-password"},
    "postfix": {"database-postfix-password"},
    "webmail": {
        "database-identities-password",
        "database-passwords-password",
        "database-roundcube-password",
    },
    "sessions": {"roundcube-session-key"},
    "valkey": {"valkey-password"},
    "forwards": {"postfix-srs"},
    "filter": {"rspamd-password"},
}
"""Name in the form -> what is made anew."""

DAEMONS = {"database": "mysql", "roundcube": "webmail"}
"""Component -> name of its container on the pages, where that is another one."""


class Signing(Answers):
    """Certificates that are others where their CA or key is."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        identity, outputs = super().new_resource(args)
        if args.typ in SIGNED:
            digest = hashlib.sha256(repr(sorted(args.inputs.items())).encode()).hexdigest()
            outputs["certPem"] = f"certificate {digest}"
        if args.typ == "tls:index/certRequest:CertRequest":
            outputs["certRequestPem"] = f"request with {args.inputs['privateKeyPem']}"
        return identity, outputs


def made(**rotate: str) -> Engine:
    """Return the engine after it has heard a whole server with these rotations."""
    with listening() as engine:
        engine.mocks = Signing()
        declare(lambda: build(rotate=rotate))
    return engine


def secrets(engine: Engine) -> set[str]:
    """Return the name of each resource that makes a secret, DKIM's keys among them."""
    return {one.name.removeprefix("mail-") for token in (PASSWORD, KEY) for one in engine.created(token)}


def files(engine: Engine) -> dict[str, str]:
    """Return daemon -> all that it reads."""
    found: dict[str, str] = {}
    for request in sorted(engine.created(CONTAINER), key=lambda one: str(one.name)):
        component = request.name.removeprefix("mail-").partition("-service-")[0]
        daemon = DAEMONS.get(component, component)
        found[daemon] = found.get(daemon, "") + repr(plain(request.object).get("uploads"))
    return found


@pytest.fixture(scope="module")
def before() -> Engine:
    return made()


def rows() -> list[tuple[str, str]]:
    """Return name in the form and the cell that says who is replaced, of each row of the page's table."""
    section = PAGE.read_text().partition("## Rotating secrets\n")[2].partition("\n## ")[0]
    found = (re.match(r"\| `((?!rotate)\w+)` \| [^|]+ \| ([^|]+) \|", line) for line in section.splitlines())
    return [(match[1], match[2]) for match in found if match]


def test_every_rotation_has_a_row_on_the_page_and_every_row_is_a_rotation() -> None:
    assert [name for name, _ in rows()] == [name for name in RotationConfig.model_fields if name != "all"]
    assert set(ROTATED) == {name for name, _ in rows()}


@pytest.mark.parametrize(("name", "held"), rows())
def test_a_rotation_makes_its_secrets_anew_and_replaces_who_the_page_says(
    before: Engine, name: str, held: str
) -> None:
    after = made(**{name: "2"})
    assert secrets(before) - secrets(after) == ROTATED[name]
    assert secrets(after) - secrets(before) == {f"{one}-2" for one in ROTATED[name]}
    old, new = files(before), files(after)
    replaced = {daemon for daemon in old if old[daemon] != new[daemon]}
    assert replaced == {word.strip() for word in held.split(",")}


def test_one_word_rotates_all_but_dkims_keys(before: Engine) -> None:
    after = made(all="2026-11-26", dovecot="b")
    assert secrets(before) & secrets(after) == {"dkim-rsa-1", "dkim-ed25519-1"}
    assert "database-dovecot-password-2026-11-26+b" in secrets(after)
    assert len(secrets(before)) == len(secrets(after))
    assert sum(map(len, ROTATED.values())) == len(secrets(before)) - 2, "each secret has a name in the form"


def test_whoever_was_let_in_with_an_old_password_is_made_anew_before_that_ends(before: Engine) -> None:
    (request,) = before.created("mailinfra:index:SinglePasswords")
    for daemon in ("dovecot", "postfix", "roundcube"):
        assert any(urn.endswith(f"::mail-{daemon}-service-container") for urn in request.dependencies)
    assert set(plain(request.object)["passwords"]) == set(plain(request.object)["hosts"])
    assert plain(request.object)["second"] == {}


def test_make_knows_who_shows_each_certificate_that_may_come_anew(before: Engine) -> None:
    signed = before.created("tls:index/locallySignedCert:LocallySignedCert")
    names = {one.name.removeprefix("mail-certificates-").removesuffix("-certificate") for one in signed}
    assert names == set(HOLDERS)
