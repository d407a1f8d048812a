"""DKIM keys: one set for the server, secret, and in the forms that the filter and the DNS want."""

import base64
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from pulumi import Output

from mailinfra.components.dkim import DkimKeys, DkimKeysArgs
from mailinfra.components.keeping import Keeper
from mailinfra.components.own_provider import Connection
from mailinfra.config.dkim import DkimConfig
from mailinfra.docgen.declared import sample_key
from tests.graph.conftest import Engine, declare, is_secret, plain

KEY = "tls:index/privateKey:PrivateKey"
BEFORE = {"rsa-1": "signing", "ed25519-1": "signing"}


def declared(engine: Engine, keys: dict[str, str] = BEFORE, keeper: Keeper | None = None) -> dict[str, Any]:
    """Declare the keys; return what others read of them."""
    found: dict[str, Any] = {}

    def program() -> None:
        args = DkimKeysArgs(dkim=DkimConfig.model_validate({"keys": keys}), keeper=keeper)
        made = DkimKeys("dkim", args)
        found["signing"] = made.signing
        for name, value in (("private", made.private_files), ("public", made.public_records)):
            Output.from_input(value).apply(partial(found.__setitem__, name))

    declare(program)
    return found


def test_the_server_has_one_key_of_each_algorithm_however_many_domains_it_has(engine: Engine) -> None:
    declared(engine)
    assert {request.name: plain(request.object) for request in engine.created(KEY)} == {
        "dkim-rsa-1": {"algorithm": "RSA", "rsaBits": 2048},
        "dkim-ed25519-1": {"algorithm": "ED25519"},
    }


def test_a_key_that_the_dns_names_is_not_replaced_by_a_later_version_of_the_program(engine: Engine) -> None:
    declared(engine)
    for request in engine.created(KEY):
        assert set(request.ignoreChanges) >= {"algorithm", "ecdsaCurve", "rsaBits"}, request.name
        assert not request.protect, "`destroy` could not take it along"


def test_the_filter_reads_rsa_as_it_was_made_and_ed25519_as_a_seed(engine: Engine) -> None:
    found = declared(engine)
    assert found["signing"] == [("rsa-1", "rsa-1.key"), ("ed25519-1", "ed25519-1.key")]
    assert found["private"]["rsa-1.key"] == "key of dkim-rsa-1"
    seed = base64.b64decode(found["private"]["ed25519-1.key"], validate=True)
    assert len(seed) == 32
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert found["public"]["ed25519-1"] == f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}"


def test_the_record_of_an_rsa_key_is_its_public_half(engine: Engine) -> None:
    record = declared(engine)["public"]["rsa-1"]
    assert record.startswith("v=DKIM1; k=rsa; p=")
    key = load_pem_public_key(sample_key("RSA", "")["publicKeyPem"].encode())
    der = base64.b64decode(record.partition("p=")[2], validate=True)
    assert der == key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("state", ["published", "retired"])
def test_a_key_that_does_not_sign_is_in_the_dns_and_not_with_the_filter(engine: Engine, state: str) -> None:
    found = declared(engine, {"rsa-1": "signing", "rsa-2": state})
    assert found["signing"] == [("rsa-1", "rsa-1.key")]
    assert set(found["private"]) == {"rsa-1.key"}
    assert set(found["public"]) == {"rsa-1", "rsa-2"}


def test_a_change_of_state_makes_no_key_anew(engine: Engine) -> None:
    """Selector and inputs are all that a key is made of; no state is among them."""
    inputs: list[dict[str, Any]] = []
    for state in ("published", "signing", "retired"):
        engine.requests.clear()
        keys = {"rsa-1": "signing", "rsa-2": state}
        declared(engine, {**keys, "rsa-1": "retired"} if state == "signing" else keys)
        inputs.append({request.name: plain(request.object) for request in engine.created(KEY)})
    assert inputs[0] == inputs[1] == inputs[2]


def test_without_keys_nothing_is_made_and_nothing_signs(engine: Engine) -> None:
    assert declared(engine, {})["private"] == {}
    assert engine.created(KEY) == []


@pytest.mark.parametrize("keys", [BEFORE, {}])
def test_the_database_is_told_which_keys_there_are_so_that_it_forgets_the_others(
    engine: Engine, keys: dict[str, str]
) -> None:
    declared(engine, keys, Keeper(connection=Connection(host="h", port=1, user="u", password="p")))
    (request,) = engine.created("mailinfra:index:KeptNames")
    kept = {plain(each.object)["what"] for each in engine.created("mailinfra:index:Kept")}
    assert plain(request.object)["names"] == dict.fromkeys(kept, True)
    assert len(kept) == len(keys)


def test_private_keys_are_secret_and_public_ones_are_not(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    register = engine.RegisterResourceOutputs

    def hear(request: Any) -> Any:
        told.append(request)
        return register(request)

    monkeypatch.setattr(engine, "RegisterResourceOutputs", hear)
    declared(engine)
    (outputs,) = [request.outputs for request in told if request.urn.endswith("::dkim")]
    assert is_secret(outputs.fields["private_files"])
    assert not is_secret(outputs.fields["public_records"])
